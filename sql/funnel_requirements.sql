-- funnel_requirements: what a target needs at each stage, and by when
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;
SET datestyle = ISO;

-- 1.2 million in the fourth quarter: deals of 25,000, 24 % of opportunities are won, 8 % of leads become one
SELECT * FROM funnel_requirements(1200000, 25000, ARRAY[0.08, 0.24], ARRAY[20, 57],
	due => '2026-12-31', as_of => '2026-10-01', stages => ARRAY['lead', 'opportunity']);
-- on 16 October it is too late for leads, on 5 November for opportunities, on 1 January for all
SELECT as_of, array_agg(too_late ORDER BY step) AS too_late, array_agg(from_open ORDER BY step) AS from_open
FROM unnest('{2026-10-15,2026-10-16,2026-11-04,2026-11-05,2026-12-31,2027-01-01}'::date[]) d (day), funnel_requirements(1200000, 25000, ARRAY[0.08, 0.24], ARRAY[20, 57], '2026-12-31', day) f, LATERAL (SELECT day AS as_of) a
GROUP BY as_of ORDER BY as_of;
-- today is the default
SELECT bool_and(too_late) FROM funnel_requirements(1, 1, ARRAY[0.5], ARRAY[1], due => current_date - 1);
SELECT array_agg(too_late ORDER BY step) FROM funnel_requirements(1, 1, ARRAY[0.5], ARRAY[1], due => current_date);
-- names: for the stages, or for the deals won too
SELECT array_agg(stage ORDER BY step) FROM funnel_requirements(1, 1, ARRAY[0.5, 0.5], NULL, stages => ARRAY['a', 'b', 'gewonnen']);
SELECT array_agg(stage ORDER BY step) FROM funnel_requirements(1, 1, ARRAY[0.5, 0.5], NULL);
-- no stages: deals only
SELECT * FROM funnel_requirements(100, 30, '{}', '{}', due => '2026-12-31', as_of => '2026-01-01');

-- counts are rounded up once, from the exact need
SELECT step, required, exact FROM funnel_requirements(1000000, 30000, ARRAY[0.3, 0.7], NULL);
-- to the last digit: 3 * 1/3 is not 1
SELECT required, exact FROM funnel_requirements(1, 1, ARRAY[1 / 3.0], NULL) WHERE step = 1;
SELECT required, exact FROM funnel_requirements(0.99999999999999999999, 1, ARRAY[1 / 3.0], NULL) WHERE step = 1;
SELECT required, exact FROM funnel_requirements(1e30, 1e-5, ARRAY[0.001, 1], NULL) WHERE step = 1;
SELECT round(exact, 6) = exact, exact FROM funnel_requirements(0.0000005, 1, '{}', NULL) UNION ALL SELECT true, exact FROM funnel_requirements(0.00000049999, 1, '{}', NULL);

-- 0.3 deals a week are 16 a year, not 52
SELECT sum(required) AS year, min(required), max(required), sum(exact) AS exact
FROM generate_series(0, 51) week, funnel_requirements(300, 1000, '{}', NULL, earlier => 300 * week);
SELECT sum(required) FROM generate_series(0, 51) week, funnel_requirements(300, 1000, '{}', NULL);
-- any months: running sums are the running need, rounded up
WITH m AS (SELECT month, target, coalesce(sum(target) OVER (ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), NULL) AS earlier
	FROM unnest(ARRAY[70000, 95000, 110000, 0, 40000.50]) WITH ORDINALITY u (target, month))
SELECT month, target, earlier, step, required, sum(required) OVER w AS so_far, ceil(sum(exact) OVER w) AS need
FROM m, funnel_requirements(target, 25000, ARRAY[0.08, 0.24], NULL, earlier => earlier) WINDOW w AS (PARTITION BY step ORDER BY month) ORDER BY step, month;
-- months that are too late must come from open deals
SELECT sum(from_open) AS from_open, sum(required) FILTER (WHERE NOT too_late) AS leads
FROM generate_series(1, 12) m, funnel_requirements(100000, 25000, ARRAY[0.08, 0.24], ARRAY[20, 57], due => (make_date(2026, m, 1) + interval '1 month - 1 day')::date, as_of => '2026-03-01', earlier => 100000 * (m - 1))
WHERE step = 1;

-- reached already, or more than that
SELECT target, earlier, step, required, exact, too_late, from_open
FROM (VALUES (0, 0), (-5000, 0), (-5000, 30000), (30000, -5000), (3000, -5000), (-50000, 30000)) v (target, earlier),
	funnel_requirements(target, 10000, ARRAY[0.5], ARRAY[30], due => '2026-01-01', as_of => '2026-06-01', earlier => earlier) ORDER BY target, earlier, step;

-- NULLs: rows are there, what cannot be known is NULL
SELECT 'target' AS missing, f.* FROM funnel_requirements(NULL, 10, ARRAY[0.5], ARRAY[7], '2026-12-31', '2026-12-30') f
UNION ALL SELECT 'deal_size', f.* FROM funnel_requirements(95, NULL, ARRAY[0.5], ARRAY[7], '2026-12-31', '2026-12-30') f
UNION ALL SELECT 'stage_days', f.* FROM funnel_requirements(95, 10, ARRAY[0.5], NULL, '2026-12-31', '2026-12-30') f
UNION ALL SELECT 'due', f.* FROM funnel_requirements(95, 10, ARRAY[0.5], ARRAY[7], NULL, '2026-12-30') f
UNION ALL SELECT 'as_of', f.* FROM funnel_requirements(95, 10, ARRAY[0.5], ARRAY[7], '2026-12-31', NULL) f
UNION ALL SELECT 'stages', f.* FROM funnel_requirements(95, 10, ARRAY[0.5], ARRAY[7], '2026-12-31', '2026-12-30', NULL) f
UNION ALL SELECT 'earlier', f.* FROM funnel_requirements(95, 10, ARRAY[0.5], ARRAY[7], '2026-12-31', '2026-12-30', NULL, NULL) f;

-- named arguments in any order, and a table's rows
SELECT v.name, f.stage, f.required FROM (VALUES ('Ann', 50000), ('Bo', NULL), ('Cy', 75000)) v (name, target)
CROSS JOIN LATERAL funnel_requirements(conversion => ARRAY[0.25], stage_days => ARRAY[30], target => v.target, deal_size => 10000) f ORDER BY name, step;

-- errors
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION pg_temp.err(arguments text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	detail text;
	hint text;
BEGIN
	EXECUTE format('SELECT * FROM funnel_requirements(%s)', arguments);
	RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT SQLSTATE || ': ' || said;
	IF detail <> '' THEN RETURN NEXT '  detail: ' || detail; END IF;
	IF hint <> '' THEN RETURN NEXT '  hint: ' || hint; END IF;
END $$;
SELECT pg_temp.err(a) FROM unnest(ARRAY[
	$$1, 0, ARRAY[0.5], NULL$$, $$1, -10, ARRAY[0.5], NULL$$, $$1, 'NaN', ARRAY[0.5], NULL$$,
	$$'NaN', 10, ARRAY[0.5], NULL$$, $$1, 10, ARRAY[0.5], NULL, earlier => 'NaN'$$,
	$$1, 10, ARRAY[0.5, 0], NULL$$, $$1, 10, ARRAY[0.5, -0.1], NULL$$, $$1, 10, ARRAY[24, 0.5], NULL$$, $$1, 10, ARRAY[0.5, 'NaN'], NULL$$, $$1, 10, ARRAY[0.5, NULL], NULL$$, $$1, 10, NULL, NULL$$,
	$$NULL, 10, ARRAY[0.5, 7], NULL$$, $$1, 10, '{{0.5,0.5}}', NULL$$, $$1, 10, array_fill(0.5, ARRAY[101]), NULL$$,
	$$1, 10, ARRAY[0.5, 0.5], ARRAY[7]$$, $$1, 10, ARRAY[0.5], ARRAY[7, 8]$$, $$1, 10, ARRAY[0.5], ARRAY[-7]$$, $$1, 10, ARRAY[0.5], ARRAY[NULL::int]$$,
	$$1, 10, ARRAY[0.5], ARRAY[7], due => 'infinity'$$, $$1, 10, ARRAY[0.5], ARRAY[2147483647], due => '2026-12-31'$$,
	$$1, 10, ARRAY[0.5], NULL, stages => ARRAY['a', 'b', 'c']$$, $$1, 10, ARRAY[0.5, 0.5], NULL, stages => ARRAY['a']$$, $$1, 10, ARRAY[0.5], NULL, stages => ARRAY[NULL]$$,
	$$1, 10::float8, ARRAY[0.5], NULL$$]) a;

DROP FUNCTION pg_temp.err(text);
RESET ROLE;
DROP ROLE regress_quota_user;
