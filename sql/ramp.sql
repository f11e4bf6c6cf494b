--
-- ramp(): the share of full productivity of a newcomer
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

-- hired on the 1st: month by month the curve, then 1
SELECT c.label, ramp('2026-03-01', c.period, '{0, 0.25, 0.5, 0.75}') FROM calendar('[2026-01-01,2026-09-01)', 'month') c;
-- hired on the 16th: each month has days of two months of service
SELECT c.label, ramp('2026-03-16', c.period, '{0, 0.25, 0.5, 0.75}') AS ramp,
	round((a * 15 + b * (n - 15)) / n, 10) AS by_hand
FROM calendar('[2026-03-01,2026-09-01)', 'month') c
JOIN (VALUES (3, 0, 0, 31), (4, 0, 0.25, 30), (5, 0.25, 0.5, 31), (6, 0.5, 0.75, 30), (7, 0.75, 1, 31), (8, 1, 1, 31)) v (m, a, b, n)
	ON c.number = v.m;
-- a quarter is the mean of its days, not of its months
SELECT ramp('2026-03-01', '[2026-03-01,2026-06-01)', '{0, 0.25, 0.5}') AS ramp, round((0 * 31 + 0.25 * 30 + 0.5 * 31) / 92, 10) AS by_hand;

-- months of service begin on the day of hire, or the last day of a shorter
-- month; they are counted from the hire date, not one from the other
SELECT d::date, ramp('2026-01-31', daterange(d::date, d::date, '[]'), '{0.1, 0.2, 0.3, 0.4}')
FROM unnest('{2026-01-30,2026-01-31,2026-02-27,2026-02-28,2026-03-30,2026-03-31,2026-04-29,2026-04-30,2026-05-30,2026-05-31}'::date[]) d;
SELECT d::date, ramp('2024-02-29', daterange(d::date, d::date, '[]'), array_fill(0.5, '{12}'))
FROM unnest('{2024-02-28,2024-02-29,2025-02-27,2025-02-28}'::date[]) d;
-- the same months as the server's own date arithmetic
SELECT count(*), bool_and(ramp(hired::date, daterange(start::date, stop::date), array_fill(0, ARRAY[i - 1]) || 1000000 || array_fill(0, ARRAY[40 - i])) = 1000000) AS whole,
	bool_and(ramp(hired::date, daterange(start::date - 1, start::date), array_fill(0, ARRAY[i - 1]) || 1000000 || array_fill(0, ARRAY[40 - i])) = 0) AS before,
	bool_and(ramp(hired::date, daterange(stop::date, stop::date + 1), array_fill(0, ARRAY[i - 1]) || 1000000 || array_fill(0, ARRAY[40 - i])) = 0) AS after
FROM generate_series('2023-01-01'::timestamp, '2024-12-31', '1 day') hired, generate_series(1, 39, 3) i,
	LATERAL (SELECT hired + make_interval(months => i - 1) AS start, hired + make_interval(months => i) AS stop) s;

-- before hire, after the curve, around both
SELECT ramp('2026-07-01', '[2026-01-01,2026-07-01)', '{0.5}') AS before,
	ramp('2026-07-01', '[2026-08-01,2026-09-01)', '{0.5}') AS after,
	ramp('2026-07-01', '[2026-06-01,2026-09-01)', '{0.5}') AS around,
	round((0.5 * 31 + 31) / 92, 10) AS by_hand;
-- no curve: full from the first day
SELECT ramp('2026-07-17', '[2026-07-01,2026-08-01)', '{}'), round(15 / 31.0, 10) AS by_hand;
-- more than full is taken as given
SELECT ramp('2026-07-01', '[2026-07-01,2026-08-01)', '{1.2}');
-- array subscripts are no months
SELECT ramp('2026-07-01', '[2026-07-01,2026-08-01)', '[0:1]={0.3,0.6}');

-- ten digits, half away from zero, no trailing zeros
SELECT ramp('2026-07-01', '[2026-07-01,2026-08-01)', '{0.00000000005}') AS half_up,
	ramp('2026-07-01', '[2026-07-01,2026-08-01)', '{0.00000000004999999999999999999999999999999999999999}') AS below_half,
	ramp('2026-07-01', '[2026-07-01,2026-08-01)', '{0.250000000000}') AS trimmed,
	ramp('2026-07-01', '[2026-07-01,2026-07-04)', '{1e30}') AS large,
	ramp('2026-06-30', '[2026-06-29,2026-07-02)', '{2}') AS thirds;

-- not hired by date: full; not yet, and always been
SELECT ramp(NULL, '[2026-01-01,2026-02-01)', '{0.5}') AS no_date,
	ramp('infinity', '[2026-01-01,2026-02-01)', '{0.5}') AS never,
	ramp('-infinity', '[2026-01-01,2026-02-01)', '{0.5}') AS always;
-- nothing to say
SELECT ramp('2026-01-01', NULL, '{0.5}') IS NULL AS span, ramp('2026-01-01', '[2026-01-01,2026-02-01)', NULL) IS NULL AS curve,
	ramp('2026-01-01', 'empty', '{0.5}') IS NULL AS empty, ramp(NULL, 'empty', '{0.5}') IS NULL AS empty_no_date,
	ramp(NULL, NULL, NULL) IS NULL AS nothing;

-- the ends of time
SELECT ramp('4714-11-24 BC', '[4714-11-24 BC,4714-12-25 BC)', '{0.5}') AS first,
	ramp('5874897-12-30', '[5874897-12-01,5874897-12-31)', '{0.3, 0.5}') AS last,
	ramp('2026-01-01', '[4714-11-24 BC,5874897-12-31)', '{0.5}') AS all_time;

-- a newcomer's weight beside his peers'
SELECT name, allocate(total => 100000, weight => ramp(hired, '[2026-01-01,2027-01-01)', '{0, 0.25, 0.5, 0.75}'), unit => 1) OVER (ORDER BY name)
FROM (VALUES ('Ann', '2019-05-01'::date), ('Bo', '2026-01-01'), ('Chen', '2026-07-01'), ('Dai', NULL), ('Eve', '2027-02-01')) p (name, hired)
ORDER BY name;

--
-- Errors
--
\pset format unaligned
\pset expanded on
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,)', '{0.5}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '(,2026-01-01)', '{0.5}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp(NULL, '(,)', '{0.5}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,infinity)', '{0.5}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[-infinity,2026-01-01)', '{0.5}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,2026-02-01)', '{0.5,NULL}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,2026-02-01)', '{0.5,-0.1}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,2026-02-01)', '{NaN}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,2026-02-01)', '{0,0.25,0.5,1,-1e50}')$$);
SELECT * FROM pg_temp.error_of($$SELECT ramp('2026-01-01', '[2026-01-01,2026-02-01)', '{{0.5,0.6},{0.7,0.8}}')$$);
-- also where it would not matter
SELECT * FROM pg_temp.error_of($$SELECT ramp(NULL, 'empty', '{-1}')$$);
