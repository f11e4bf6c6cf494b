-- disaggregate, disaggregate_detail: totals of long periods over shorter ones
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

-- two halves of two pieces: 12 and 24 are 5, 7, 11, 13 (by hand)
SELECT i, (disaggregate_detail(t, t, unit => 1) OVER (ORDER BY i)).* FROM (VALUES (1, 12), (2, 12), (3, 24), (4, 24)) v (i, t);
-- quarters into months; without a step, which splitting by thirds has
CREATE TEMP VIEW month AS
SELECT c.period, c.label, c.fiscal_quarter AS quarter, (ARRAY[900, 1200, 1500, 1350])[c.fiscal_quarter]::numeric AS total, c.working_days
FROM calendar('[2026-01-01,2027-01-01)', 'month') AS c;
SELECT label, quarter, total, (disaggregate_detail(total, quarter, unit => 1) OVER (ORDER BY period)).* FROM month ORDER BY period;
SELECT quarter, total, sum(a) FROM (SELECT quarter, total, disaggregate(total, quarter) OVER (ORDER BY period) AS a FROM month) s GROUP BY 1, 2 ORDER BY 1;
-- along a season, proportional and additive
SELECT label, season, disaggregate(total, quarter, season) OVER w AS proportional, disaggregate(total, quarter, season, method => 'additive') OVER w AS additive
FROM (SELECT *, (ARRAY[80, 70, 110, 95, 100, 115, 90, 60, 120, 105, 130, 160])[row_number() OVER (ORDER BY period)] AS season FROM month) s
WINDOW w AS (ORDER BY period) ORDER BY period;
-- the indicator's level does not matter to proportional
SELECT count(*) FILTER (WHERE a = b) AS same FROM (SELECT disaggregate(total, quarter, working_days) OVER w AS a, disaggregate(total, quarter, working_days * 1000) OVER w AS b
FROM month WINDOW w AS (ORDER BY period)) s;

-- weeks that cross month ends: two rows, days say how long each is
SELECT label, month, total, days, (disaggregate_detail(total, month, days => days, unit => 1) OVER (ORDER BY period)).*
FROM (SELECT period, label, to_char(lower(period), 'YYYY-MM') AS month, upper(period) - lower(period) AS days,
	(ARRAY[3100, 2900, 3600])[extract(month FROM lower(period))::int] AS total FROM calendar('[2026-01-01,2026-04-01)', 'month_week')) s ORDER BY period;
-- a constant rate a day stays one, whatever the lengths
SELECT count(DISTINCT a / days) AS rates, min(a / days) FROM (SELECT days, disaggregate(total, month, days => days, unit => 1) OVER (ORDER BY period) AS a
FROM (SELECT period, to_char(lower(period), 'YYYY-MM') AS month, upper(period) - lower(period) AS days,
	7 * extract(day FROM date_trunc('month', lower(period)) + interval '1 month - 1 day')::numeric AS total FROM calendar('[2026-01-01,2027-01-01)', 'month_week')) s) s;

-- no total: beyond the ends the last ratio goes on, between two it changes evenly
SELECT i, b, t, (disaggregate_detail(t, b, unit => 1) OVER (ORDER BY i)).*
FROM (SELECT i, (i - 1) / 2 AS b, (ARRAY[NULL, 12, NULL, 60, NULL])[(i + 1) / 2] AS t FROM generate_series(1, 10) i) s;
SELECT i, b, t, (disaggregate_detail(t, b, z, unit => 1) OVER (ORDER BY i)).*
FROM (SELECT i, (i - 1) / 2 AS b, (ARRAY[NULL, 12, NULL, 60, NULL])[(i + 1) / 2] AS t, 1 + i % 2 AS z FROM generate_series(1, 10) i) s;
-- the rounded amounts of a bucket without a total sum to what its exact ones do, rounded
SELECT i, (disaggregate_detail(t, b, unit => 1) OVER (ORDER BY i)).* FROM (VALUES (1, 1, 10), (2, 1, 10), (3, 1, 10), (4, 2, NULL), (5, 2, NULL), (6, 2, NULL)) v (i, b, t);

-- one bucket; one row; totals of 0 and below 0
SELECT i, (disaggregate_detail(100, 'all', unit => 1) OVER (ORDER BY i)).* FROM generate_series(1, 3) i;
SELECT (disaggregate_detail(100, 1) OVER (ORDER BY 1)).*;
SELECT i, (disaggregate_detail(t, b, unit => 1) OVER (ORDER BY i)).* FROM (VALUES (1, 1, -10), (2, 1, -10), (3, 1, -10), (4, 2, 0), (5, 2, 0), (6, 3, 7)) v (i, b, t);
-- what falls steeply may fall below 0: the method says so, nothing is clipped
SELECT i, disaggregate(t, b, unit => 1) OVER (ORDER BY i) FROM (VALUES (1, 1, 900), (2, 1, 900), (3, 1, 900), (4, 2, 30), (5, 2, 30), (6, 2, 30)) v (i, b, t);
-- an indicator of 0 is 0, and never gets a unit; additive knows no such thing
SELECT i, z, (disaggregate_detail(t, b, z, unit => 1) OVER w).*, disaggregate(t, b, z, unit => 1, method => 'additive') OVER w AS additive
FROM (VALUES (1, 1, 100, 3), (2, 1, 100, 0), (3, 1, 100, 4), (4, 2, 50, 0), (5, 2, 50, 1), (6, 2, 50, 1)) v (i, b, t, z) WINDOW w AS (ORDER BY i);
SELECT i, z, disaggregate(t, b, z, unit => 1, method => 'additive') OVER (ORDER BY i)
FROM (VALUES (1, 1, 10, -3), (2, 1, 10, 0), (3, 1, 10, 4), (4, 2, -5, 0), (5, 2, -5, 1), (6, 2, -5, 1)) v (i, b, t, z);
-- 0 days likewise
SELECT i, d, (disaggregate_detail(t, b, days => d, unit => 1, method => m) OVER (PARTITION BY m ORDER BY i)).*
FROM (VALUES (1, 1, 100, 3), (2, 1, 100, 0), (3, 1, 100, 4)) v (i, b, t, d), unnest(enum_range(NULL::disaggregation_method)) m ORDER BY m, i;

-- NULLs: a row without an indicator takes no part; without any total there is nothing to say
SELECT i, (disaggregate_detail(t, b, z, unit => 1) OVER (ORDER BY i)).* FROM (VALUES (1, 1, 100, 3), (2, 1, 100, NULL), (3, 1, 100, 4), (4, 2, 50, 2), (5, 2, 50, 1)) v (i, b, t, z);
SELECT i, disaggregate(NULL, b) OVER (ORDER BY i), disaggregate_detail(NULL, b) OVER (ORDER BY i) IS NULL AS no_detail FROM (VALUES (1, 1), (2, 1)) v (i, b);
SELECT i, disaggregate(100, b, NULL) OVER (ORDER BY i) FROM (VALUES (1, 1), (2, 1)) v (i, b) WHERE false;
SELECT i, disaggregate(0, b, z) OVER (ORDER BY i) FROM (VALUES (1, 1, NULL::numeric), (2, 1, NULL), (3, 1, 0)) v (i, b, z);
-- where only the totals of 0 of buckets with nobody in them are left, there is no level
SELECT i, disaggregate(t, b, z) OVER (ORDER BY i) FROM (VALUES (1, 1, 0, 0), (2, 2, NULL, 1)) v (i, b, t, z);

-- buckets of any hashable type; a NULL in a composite one is part of it
SELECT i, disaggregate(t, b, unit => 1) OVER (ORDER BY i) FROM (VALUES (1, daterange('2026-01-01', '2026-04-01'), 10), (2, '[2026-01-01,2026-04-01)', 10), (3, '[2026-04-01,2026-07-01)', 30)) v (i, b, t);
SELECT i, disaggregate(t, ARRAY[y, q], unit => 1) OVER (ORDER BY i) FROM (VALUES (1, '2026', 'Q4', 10), (2, '2026', 'Q4', 10), (3, '2027', NULL, 30)) v (i, y, q, t);
SELECT i, disaggregate(t, b::numeric, unit => 1) OVER (ORDER BY i) FROM (VALUES (1, '1', 10), (2, '1.0', 10), (3, '1.00', 10), (4, '2', 1)) v (i, b, t);
-- units
SELECT i, disaggregate(t, b, unit => 1000) OVER (ORDER BY i), disaggregate(t, b, unit => 0.25) OVER (ORDER BY i) FROM (VALUES (1, 1, 10000), (2, 1, 10000), (3, 1, 10000), (4, 2, 13000), (5, 2, 13000)) v (i, b, t);
-- partitions: none knows of the others
SELECT p, i, disaggregate(t * p, b, unit => 1) OVER (PARTITION BY p ORDER BY i) FROM generate_series(1, 2) p, (VALUES (1, 1, 12), (2, 1, 12), (3, 2, 24), (4, 2, 24)) v (i, b, t) ORDER BY p, i;

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
