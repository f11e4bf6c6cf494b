-- root_cause, root_cause_ratio, root_causes
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

-- 4 regions, 3 products, 12 months; sales within 3 % of the plan
CREATE TEMP TABLE sale AS
SELECT region, product, month, 1000 + (r * 37 + p * 11 + month * 7) % 50 * 10 AS plan,
	round((1000 + (r * 37 + p * 11 + month * 7) % 50 * 10) * (0.97 + (r * 29 + p * 13 + month * 17) % 61 * 0.001), 2) AS actual
FROM unnest('{East,North,South,West}'::text[]) WITH ORDINALITY AS a (region, r),
	unnest('{A,B,C}'::text[]) WITH ORDINALITY AS b (product, p), generate_series(1, 12) AS month;

-- nothing stands out
SELECT * FROM root_causes((SELECT root_cause(actual, plan, region, product, month::text) FROM sale));
-- product A in the East falls by 30 %
UPDATE sale SET actual = round(actual * 0.7, 2) WHERE region = 'East' AND product = 'A';
SELECT * FROM root_causes((SELECT root_cause(actual, plan, region, product, month::text) FROM sale), '{region,product,month}');
-- names are optional; the sums are those of the slice
SELECT slice, dimensions FROM root_causes((SELECT root_cause(actual, plan, region, product, month::text) FROM sale));
SELECT sum(actual) AS actual, sum(plan) AS expected, sum(actual) - sum(plan) AS deviation, count(*) AS leaves FROM sale WHERE region = 'East' AND product = 'A';
-- within each region, as any aggregate
SELECT region, c.slice, c.deviation, c.change, c.share
FROM (SELECT region, root_cause(actual, plan, product, month::text) AS state FROM sale GROUP BY region) AS s,
	root_causes(s.state, '{product,month}') AS c
ORDER BY region;
-- a surplus that hides it: the total is as planned
UPDATE sale SET actual = round(actual * 1.3, 2) WHERE region = 'West' AND product = 'B';
SELECT sum(actual) AS actual, sum(plan) AS plan FROM sale;
SELECT rank, slice, deviation, change, share FROM root_causes((SELECT root_cause(actual, plan, region, product, month::text) FROM sale), '{region,product,month}');
-- everything falls by a fifth on top of that
SELECT rank, slice, dimensions, change, share, leaves FROM root_causes((SELECT root_cause(actual * 0.8, plan, region, product, month::text) FROM sale), '{region,product,month}');

-- rows of one leaf add up, NULL is nothing, in any order
CREATE FUNCTION pg_temp.same(a root_cause_state, b root_cause_state) RETURNS boolean LANGUAGE sql AS $$ SELECT a::text = b::text $$;
SELECT pg_temp.same((SELECT root_cause(actual, plan, region, product) FROM sale),
	(SELECT root_cause(a, p, region, product) FROM (SELECT actual AS a, NULL AS p, region, product FROM sale UNION ALL SELECT NULL, plan, region, product FROM sale) s));
SELECT bool_and(pg_temp.same((SELECT root_cause(actual, plan, region, product, month::text) FROM sale),
	(SELECT root_cause(actual, plan, region, product, month::text ORDER BY md5(k || region || product || month)) FROM sale))) AS any_order
FROM generate_series(1, 5) AS k;
-- a NULL is an element of its own, and so is the empty text
CREATE TEMP TABLE hole AS SELECT nullif(region, 'East') AS region, CASE product WHEN 'B' THEN '' ELSE product END AS product, month, plan, actual FROM sale;
SELECT slice, dimensions, leaves FROM root_causes((SELECT root_cause(actual, plan, region, product, month::text) FROM hole), '{region,product,month}');
-- values are told apart by their bytes
SELECT v, (SELECT length(root_cause(1, 1, e)::text) > length(root_cause(1, 1, 'a')::text) FROM unnest(v) AS e) AS different
FROM (VALUES ('{a,a}'::text[]), ('{a,A}'), ('{a,"a "}'), ('{a,NULL}'), ('{a,""}')) AS t (v);

-- parallel workers
CREATE TEMP VIEW by_one AS SELECT md5(root_cause(actual, plan, region, product, month::text)::text) FROM sale;
RESET ROLE;
CREATE TABLE parallel_sale AS SELECT * FROM sale;
ALTER TABLE parallel_sale SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT root_cause(actual, plan, region, product, month::text) FROM parallel_sale;
SELECT (SELECT md5(root_cause(actual, plan, region, product, month::text)::text) FROM parallel_sale) = (SELECT * FROM by_one) AS same_as_one;
EXPLAIN (COSTS OFF) SELECT root_cause_ratio(actual, 1, plan, 1, region, product, month::text) FROM parallel_sale;
SELECT length(root_cause_ratio(actual, 1, plan, 1, region, product, month::text)::text) FROM parallel_sale;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
DROP TABLE parallel_sale;
SET ROLE regress_quota_user;

-- a window: the state of a partition so far
SELECT month, (SELECT count(*) FROM root_causes(s)) AS causes, length(s::text) AS length
FROM (SELECT month, root_cause(actual, plan, region, product) OVER (ORDER BY month ROWS UNBOUNDED PRECEDING) AS s FROM sale WHERE region = 'East' AND product = 'A') x;

-- stored, and back again
CREATE TEMP TABLE kept (id int, state root_cause_state);
INSERT INTO kept SELECT 1, root_cause(actual, plan, region, product, month::text) FROM sale;
INSERT INTO kept SELECT 2, state::text::root_cause_state FROM kept WHERE id = 1;
SELECT count(DISTINCT state::text) FROM kept;
SELECT slice FROM kept, root_causes(state, '{region,product,month}') WHERE id = 2;
SELECT root_cause(1.50, 2, 'a', NULL);
SELECT root_cause_ratio(1, 2, 3, 4.25, '');

-- ratios: the share of deals won falls in one region
CREATE TEMP TABLE deal AS
SELECT region, product, 60 + (r * 7 + p * 3 + month) % 9 AS closed,
	round((60 + (r * 7 + p * 3 + month) % 9) * 0.30) + (r * 5 + p * 11 + month * 7) % 5 - 2 AS won, month
FROM unnest('{East,North,South,West}'::text[]) WITH ORDINALITY AS a (region, r),
	unnest('{A,B,C}'::text[]) WITH ORDINALITY AS b (product, p), generate_series(1, 12) AS month;
UPDATE deal SET won = floor(won * 0.5) WHERE region = 'South' AND month > 6;
SELECT * FROM root_causes((SELECT root_cause_ratio(CASE WHEN month > 6 THEN won END, CASE WHEN month > 6 THEN closed END,
	CASE WHEN month <= 6 THEN won END, CASE WHEN month <= 6 THEN closed END, region, product) FROM deal), '{region,product}');
SELECT sum(won) FILTER (WHERE month > 6) / sum(closed) FILTER (WHERE month > 6) AS actual, sum(won) FILTER (WHERE month <= 6) / sum(closed) FILTER (WHERE month <= 6) AS expected FROM deal WHERE region = 'South';

-- honest empty answers
SELECT root_cause(actual, plan, region) IS NULL AS no_row FROM sale WHERE false;
SELECT count(*) AS no_state FROM root_causes(NULL);
SELECT count(*) AS one_row FROM root_causes((SELECT root_cause(1, 1000, 'a', 'b')));
SELECT count(*) AS all_null FROM root_causes((SELECT root_cause(NULL, NULL, region) FROM sale));
SELECT count(*) AS all_equal FROM root_causes((SELECT root_cause(7, 7, region, product, month::text) FROM sale));
SELECT count(*) AS all_zero FROM root_causes((SELECT root_cause(0, 0, region, product, month::text) FROM sale));
SELECT count(*) AS nothing_expected FROM root_causes((SELECT root_cause_ratio(won, closed, NULL, NULL, region, product) FROM deal));
SELECT count(*) AS nothing_at_all FROM root_causes((SELECT root_cause_ratio(0, 0, 0, 0, region, product) FROM deal));
SELECT count(*) AS one_element FROM root_causes((SELECT root_cause(actual, plan, 'the only one') FROM sale));
-- returns: amounts below zero
SELECT slice, actual, expected, deviation, change FROM root_causes((SELECT root_cause(-actual, -plan, region, product, month::text) FROM sale WHERE region <> 'West'), '{region,product,month}');
-- a slice that is new, and one that is gone
SELECT slice, actual, expected, deviation, change FROM root_causes((SELECT root_cause(CASE WHEN region <> 'North' THEN plan END, CASE WHEN region <> 'South' THEN plan END, region, product, month::text) FROM sale), '{region,product,month}');
-- large and small amounts
SELECT slice, change FROM root_causes((SELECT root_cause(actual * 1e20, plan * 1e20, region, product, month::text) FROM sale), '{region,product,month}');
SELECT slice, change FROM root_causes((SELECT root_cause(actual * 1e-20, plan * 1e-20, region, product, month::text) FROM sale), '{region,product,month}');

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
