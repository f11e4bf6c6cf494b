--
-- calendar(): the periods of a span
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
SET search_path = quota_decomp, public;
SET datestyle = ISO;

-- what a statement fails with
CREATE FUNCTION pg_temp.error_of(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	message := 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;

--
-- Years of calendar months
--
SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month');
SELECT * FROM calendar('[2025-01-01,2027-01-01)', 'year');
SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'quarter');
-- a span that begins and ends within periods cuts them
SELECT * FROM calendar('[2026-02-10,2026-04-03]', 'month');
SELECT * FROM calendar('[2026-02-10,2026-02-10]', 'year');
-- leap years
SELECT period, working_days FROM calendar('[2024-02-01,2024-03-01)', 'month');
SELECT period, number FROM calendar('[2000-12-31,2001-01-01]', 'day');
SELECT period, number FROM calendar('[1900-12-31,1900-12-31]', 'day');

-- a fiscal year from April is named after the year it ends in
SELECT * FROM calendar('[2025-04-01,2026-04-01)', 'month', first_month => 4);
SELECT * FROM calendar('[2025-01-01,2026-07-01)', 'quarter', first_month => 4);
SELECT * FROM calendar('[2025-01-01,2026-07-01)', 'year', first_month => 4);
SELECT * FROM calendar('[2025-11-30,2025-12-02)', 'day', first_month => 12);

-- a week belongs to the year and quarter that have most of its days
SELECT * FROM calendar('[2025-12-20,2026-01-20)', 'week');
SELECT * FROM calendar('[2026-12-21,2027-01-18)', 'week');
SELECT * FROM calendar('[2027-09-20,2027-10-11)', 'week');
-- the last week start on or before the 1st: to those that have its last day
SELECT * FROM calendar('[2026-12-21,2027-01-18)', 'week', year_anchor => 'last');
SELECT * FROM calendar('[2027-09-20,2027-10-11)', 'week', year_anchor => 'last');
-- weeks from Sunday, of a fiscal year
SELECT * FROM calendar('[2026-03-20,2026-04-20)', 'week', first_month => 4, week_start => 7);

-- weeks cut at month ends
SELECT * FROM calendar('[2026-01-01,2026-03-05)', 'month_week');
SELECT * FROM calendar('[2026-03-27,2026-04-07)', 'month_week', first_month => 4, week_start => 7);
-- they sum to months and to weeks
SELECT left(label, 7) AS month, sum(working_days), min(lower(period)) AS first, max(upper(period)) AS until
FROM calendar('[2026-01-01,2026-04-01)', 'month_week') GROUP BY 1 ORDER BY 1;
SELECT w.label, sum(p.working_days) = w.working_days AS same, string_agg(p.label, ', ' ORDER BY p.period) AS pieces
FROM calendar('[2026-01-26,2026-03-09)', 'week') w JOIN calendar('[2026-01-26,2026-03-09)', 'month_week') p ON w.period @> p.period
GROUP BY w.label, w.working_days ORDER BY 1;
-- February 2021 has four whole weeks, August 2026 has six pieces
SELECT label, period, number FROM calendar('[2021-02-01,2021-03-01)', 'month_week');
SELECT label, period, number FROM calendar('[2026-08-01,2026-09-01)', 'month_week');

--
-- ISO weeks
--
SELECT * FROM calendar('[2026-12-14,2027-01-18)', 'week', 'iso');
-- years of 53 weeks
SELECT label, (upper(period) - lower(period)) / 7 AS weeks, period
FROM calendar('[2014-12-29,2027-01-04)', 'year', 'iso');
SELECT * FROM calendar('[2025-12-29,2027-01-04)', 'quarter', 'iso');
SELECT *, (upper(period) - lower(period)) / 7 AS weeks FROM calendar('[2025-12-29,2027-01-04)', 'month', 'iso');
-- the server's own ISO weeks, day by day over 400 years
SELECT count(*), bool_and(fiscal_year = extract(isoyear FROM lower(period)) AND number = extract(week FROM lower(period))
	AND label = to_char(lower(period), 'IYYY"-W"IW')) AS same
FROM calendar('[1800-01-01,2200-01-01)', 'week', 'iso');
-- the same weeks in a year of months, where the quarter is that of the Thursday
SELECT count(*), bool_and(m.label = i.label AND m.fiscal_year = i.fiscal_year AND m.number = i.number AND m.working_days = i.working_days) AS same,
	bool_and(m.fiscal_quarter = extract(quarter FROM lower(period) + 3)) AS by_thursday,
	bool_and(i.fiscal_quarter = least(ceil(i.number / 13.0), 4)) AS by_13
FROM calendar('[1801-12-28,2199-12-30)', 'week', 'iso') i JOIN calendar('[1801-12-28,2199-12-30)', 'week') m USING (period);
SELECT * FROM calendar('[2026-12-31,2027-01-01]', 'day', 'iso');

--
-- Years of weeks
--
-- National Retail Federation, from the Sunday nearest 1 February; its "2023"
-- had 53 weeks, to 3 February 2024
SELECT label, period, (upper(period) - lower(period)) / 7 AS weeks
FROM calendar('[2017-01-29,2026-02-01)', 'year', '454', 2, week_start => 7);
SELECT label, fiscal_quarter, number, period, (upper(period) - lower(period)) / 7 AS weeks
FROM calendar('[2023-01-29,2024-02-04)', 'month', '454', 2, week_start => 7);
SELECT * FROM calendar('[2023-01-29,2024-02-04)', 'quarter', '454', 2, week_start => 7);
SELECT label, fiscal_year, fiscal_quarter, number, period
FROM calendar('[2024-01-20,2024-02-12)', 'week', '454', 2, week_start => 7);
SELECT label, fiscal_year, fiscal_quarter, number, period
FROM calendar('[2024-02-03,2024-02-04]', 'day', '454', 2, week_start => 7);
-- Apple, to the last Saturday of September: from the last Sunday on or before 1 October
SELECT label, period, (upper(period) - lower(period)) / 7 AS weeks
FROM calendar('[2021-09-26,2025-09-28)', 'year', '445', 10, week_start => 7, year_anchor => 'last');
-- Intel, to the last Saturday of December: its 2022 began in 2021
SELECT label, period, (upper(period) - lower(period)) / 7 AS weeks
FROM calendar('[2020-12-27,2024-12-29)', 'year', '445', week_start => 7, year_anchor => 'last');

-- the three patterns
SELECT pattern, string_agg(((upper(period) - lower(period)) / 7)::text, ' ' ORDER BY number) AS weeks
FROM (VALUES ('445'), ('454'), ('544'), ('4-4-5'), ('4-5-4'), ('5-4-4'), ('iso')) p (pattern),
	calendar('[2026-12-28,2029-01-01)', 'month', pattern) WHERE fiscal_year = 2027 GROUP BY 1 ORDER BY 1;
-- week 53 is the last month's
SELECT pattern, string_agg(((upper(period) - lower(period)) / 7)::text, ' ' ORDER BY number) AS weeks
FROM (VALUES ('445'), ('454'), ('544'), ('iso')) p (pattern),
	calendar('[2025-12-29,2027-01-04)', 'month', pattern) WHERE fiscal_year = 2026 GROUP BY 1 ORDER BY 1;
-- whole weeks in whole months
SELECT label, number, period FROM calendar('[2026-11-23,2027-01-11)', 'month_week', '445');

--
-- Working days
--
-- China 2026: 248 working days (365 less 104 at weekends less 13 holidays)
CREATE TEMP TABLE china AS SELECT
	ARRAY(SELECT d::date FROM (VALUES
		('2026-01-01', '2026-01-03'), ('2026-02-15', '2026-02-23'), ('2026-04-04', '2026-04-06'), ('2026-05-01', '2026-05-05'),
		('2026-06-19', '2026-06-21'), ('2026-09-25', '2026-09-27'), ('2026-10-01', '2026-10-07')) h (a, b),
		generate_series(a::date, b::date, '1 day') d) AS holidays,
	'{2026-01-04,2026-02-14,2026-02-28,2026-05-09,2026-09-20,2026-10-10}'::date[] AS extra_workdays;
SELECT c.label, c.working_days FROM china, calendar('[2026-01-01,2027-01-01)', 'month', holidays => holidays, extra_workdays => extra_workdays) c;
SELECT grain, sum(working_days) FROM china, unnest('{year,quarter,month,week,month_week,day}'::text[]) grain,
	calendar('[2026-01-01,2027-01-01)', grain, holidays => holidays, extra_workdays => extra_workdays) GROUP BY 1 ORDER BY 1;
SELECT c.period, c.label, c.working_days FROM china, calendar('[2026-02-09,2026-03-02)', 'week', 'iso', holidays => holidays, extra_workdays => extra_workdays) c;
SELECT string_agg(label, ' ' ORDER BY period) AS worked FROM china,
	calendar('[2026-02-12,2026-03-02)', 'day', holidays => holidays, extra_workdays => extra_workdays) WHERE working_days = 1;

-- a week is Monday 5 to Sunday 11 January 2026.  Repeated days count once, in any order
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', holidays => '{2026-01-07,2026-01-06,2026-01-07}');
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', extra_workdays => '{2026-01-10,2026-01-10,2026-01-10}');
-- holidays at the weekend and extra workdays on weekdays change nothing
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', holidays => '{2026-01-10}', extra_workdays => '{2026-01-05}');
-- a day in both lists is worked
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', holidays => '{2026-01-07,2026-01-10}', extra_workdays => '{2026-01-10,2026-01-07}');
-- those outside the span do not matter; the edges do
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', holidays => '{2026-01-02,2026-01-12,2027-01-01}', extra_workdays => '{2026-01-04,2026-01-17}');
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', holidays => '{2026-01-05}', extra_workdays => '{2026-01-11}');
-- the weekend is Saturday and Sunday whatever the week starts on
SELECT label, working_days FROM calendar('[2026-01-01,2026-01-12)', 'week', week_start => 6);
-- a list of several dimensions is a list
SELECT working_days FROM calendar('[2026-01-05,2026-01-12)', 'year', holidays => '{{2026-01-05,2026-01-06},{2026-01-07,2026-01-08}}');
-- long lists
CREATE TEMP TABLE days_off AS SELECT '1600-01-01'::date + (i::bigint * 7919 % 292194)::int AS day FROM generate_series(1, 200000) i;
CREATE TEMP TABLE days_on AS SELECT '2400-01-01'::date - i AS day FROM generate_series(1, 292194, 5) i;
SELECT count(*), sum(working_days), min(working_days), max(working_days) FROM calendar('[1600-01-01,2400-01-01)', 'month',
	holidays => ARRAY(SELECT day FROM days_off), extra_workdays => ARRAY(SELECT day FROM days_on));
SELECT sum(n), min(n), max(n) FROM (SELECT count(*) AS n
	FROM (SELECT d::date AS day FROM generate_series('1600-01-01', '2399-12-31', interval '1 day') d
		WHERE extract(isodow FROM d) < 6 EXCEPT SELECT day FROM days_off UNION SELECT day FROM days_on) w
	GROUP BY date_trunc('month', day)) m;

--
-- Names are not case sensitive
--
SELECT label FROM calendar('[2026-01-01,2026-01-05)', 'WEEK', 'ISO', year_anchor => 'Nearest');

--
-- No rows
--
SELECT * FROM calendar('empty', 'month');
SELECT * FROM calendar('[2026-01-01,2026-01-01)', 'month');
SELECT * FROM calendar(NULL, 'month');
SELECT * FROM calendar('[2026-01-01,2027-01-01)', NULL);
SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', NULL);
SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', first_month => NULL);
SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', week_start => NULL);
SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', year_anchor => NULL);
-- but a NULL list is what array_agg() makes of no rows
SELECT label, working_days FROM calendar('[2026-01-01,2027-01-01)', 'year', holidays => NULL, extra_workdays => NULL);
SELECT label, working_days FROM calendar('[2026-01-01,2027-01-01)', 'year', holidays => '{}', extra_workdays => NULL);

--
-- The ends of time
--
SELECT * FROM calendar('[4714-11-24 BC,4714-11-27 BC)', 'week');
SELECT * FROM calendar('[4714-11-24 BC,4714-12-02 BC)', 'month_week', '454', 2, week_start => 7);
SELECT * FROM calendar('[4714-11-24 BC,4712-01-01 BC)', 'year', 'iso');
SELECT * FROM calendar('[5874897-12-27,5874897-12-31)', 'week');
SELECT * FROM calendar('[5874897-12-27,5874897-12-31)', 'quarter', '445', 12);
SELECT * FROM calendar('[0002-12-31 BC,0001-01-03)', 'year');
-- in a select list rows come one by one, without the rest
SELECT (calendar('[4714-11-24 BC,5874897-12-31)', 'day')).label LIMIT 2;

--
-- Other ways to call it
--
-- once per row
SELECT f.first_month, c.label, c.period FROM (VALUES (1), (4), (12)) f (first_month),
	calendar('[2026-03-25,2026-04-05)', 'quarter', first_month => f.first_month) c ORDER BY 1, 3;
CREATE VIEW pg_temp.months AS SELECT label, working_days FROM calendar('[2026-01-01,2026-03-01)', 'month');
SELECT * FROM pg_temp.months;
-- read again from its start
SELECT a.label, b.label FROM calendar('[2026-01-01,2026-03-01)', 'month') a CROSS JOIN calendar('[2026-01-01,2026-03-01)', 'month') b;

--
-- Errors
--
\pset format unaligned
\pset expanded on
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'fortnight')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', '')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', '4-4-4')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', year_anchor => 'first')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', first_month => 0)$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', first_month => 13)$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', week_start => 0)$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', week_start => 8)$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'week', 'iso', first_month => 4)$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'week', 'iso', week_start => 7)$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'week', 'iso', year_anchor => 'last')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,)', 'month')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('(,2026-01-01)', 'month')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('(,)', 'month')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,infinity)', 'month')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[-infinity,2026-01-01)', 'month')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', holidays => '{2026-01-01,NULL}')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', extra_workdays => '{NULL}')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', holidays => '{infinity}')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('[2026-01-01,2027-01-01)', 'month', extra_workdays => '{2026-01-01,-infinity}')$$);
-- also where there would be no rows
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('empty', 'fortnight')$$);
SELECT * FROM pg_temp.error_of($$SELECT * FROM calendar('empty', 'month', holidays => '{NULL}')$$);
