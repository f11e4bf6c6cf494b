-- allocate_rate, allocate_rate_detail: a ratio target pushed down
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

-- win rates: 95 of 430 deals, 22.09 %; 26 % is wanted
CREATE TEMP TABLE person (name text, won int, closed int);
INSERT INTO person VALUES ('Ann', 30, 100), ('Bo', 44, 220), ('Cai', 20, 60), ('Dan', 1, 40), ('Eva', 0, 10), ('Fay', 0, 0);

SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(0.26, won::numeric / nullif(closed, 0), closed, m) OVER (PARTITION BY m ORDER BY name) AS d
	FROM person, unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;
-- the promise, at every scale
SELECT m AS method, scale, sum(r * closed) / sum(closed) AS mean, round(sum(r * closed) / sum(closed), scale) AS rounded FROM (
	SELECT m, scale, closed, allocate_rate(round(0.26, scale), won::numeric / nullif(closed, 0), closed, m, scale => scale) OVER (PARTITION BY m, scale ORDER BY name) AS r
	FROM person, unnest(enum_range(NULL::rate_method)) m, generate_series(2, 8, 2) scale) s
WHERE r IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;
-- nobody above 35 %, Dan at least at 10 %
SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(0.26, won::numeric / nullif(closed, 0), closed, m, floor => CASE name WHEN 'Dan' THEN 0.1 END, cap => 0.35)
		OVER (PARTITION BY m ORDER BY name) AS d
	FROM person, unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;

-- lower is better: churn from 5 % to 4 %, DSO from 52 days to 45
SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(0.04, churn, customers, m) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', 0.02, 400), ('B', 0.05, 300), ('C', 0.09, 300)) v (name, churn, customers), unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;
SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(45, dso, sales, m, floor => 30, scale => 0) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', 35, 120000.50), ('B', 62, 80000), ('C', 71, 41000.25)) v (name, dso, sales), unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;

-- what was never below 0 stays so: A's shift stops at 0, the others make up
SELECT name, (allocate_rate_detail(0.01, churn, 100, 'shift') OVER (ORDER BY name)).*
FROM (VALUES ('A', 0.001), ('B', 0.02), ('C', 0.03)) v (name, churn);
-- unless something is below 0, as margins are
SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(0.12, margin, revenue, m) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', -0.05, 100), ('B', 0.20, 300), ('C', 0.05, 200)) v (name, margin, revenue), unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;
SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(-0.02, margin, revenue, m, scale => 6) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', -0.05, 100), ('B', -0.01, 300), ('C', -0.03, 200)) v (name, margin, revenue), unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;
-- nothing above 0: a missing cap is 0
SELECT name, (allocate_rate_detail(-0.01, margin, 100, 'shift') OVER (ORDER BY name)).*
FROM (VALUES ('A', -0.001), ('B', -0.02), ('C', -0.03)) v (name, margin);
-- a target on the other side of 0
SELECT name, m AS method, allocate_rate(-0.02, margin, revenue, m) OVER (PARTITION BY m ORDER BY name)
FROM (VALUES ('A', 0.05, 100), ('B', 0.01, 300)) v (name, margin, revenue), unnest('{scale,shift}'::rate_method[]) m ORDER BY m, name;

-- all baselines 0: everybody the same
SELECT name, m AS method, (d).amount, (d).rule FROM (
	SELECT name, m, allocate_rate_detail(0.10, 0, volume, m, cap => CASE name WHEN 'B' THEN 0.04 END) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', 1), ('B', 2), ('C', 1)) v (name, volume), unnest('{scale,shift}'::rate_method[]) m) s ORDER BY m, name;
-- nothing to do, one row, target 0
SELECT name, m AS method, (d).* FROM (
	SELECT name, m, allocate_rate_detail(0.3, base, 10, m) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', 0.25), ('B', 0.35)) v (name, base), unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;
SELECT m AS method, (d).* FROM (SELECT m, allocate_rate_detail(0.3, 0.2, 7, m) OVER (PARTITION BY m) AS d FROM unnest('{scale,shift}'::rate_method[]) m) s;
SELECT name, m AS method, (d).amount, (d).rule FROM (
	SELECT name, m, allocate_rate_detail(0, base, 10, m) OVER (PARTITION BY m ORDER BY name) AS d
	FROM (VALUES ('A', 0.25), ('B', 0)) v (name, base), unnest(enum_range(NULL::rate_method)) m) s ORDER BY m, name;
-- everybody at the best already: the target is theirs, rounded
SELECT name, (allocate_rate_detail(0.2346, 0.23456, v, 'close_gap') OVER (ORDER BY name)).* FROM (VALUES ('A', 1), ('B', 3)) s (name, v);
-- a target that only the rounding reaches: caps at 0.25 and 0.26, their mean is 0.2567
SELECT name, (allocate_rate_detail(0.26, 0.2, v, cap => c, scale => 2) OVER (ORDER BY name)).* FROM (VALUES ('A', 1, 0.25), ('B', 2, 0.26)) s (name, v, c);

-- all at the half: not all may be rounded up, and peers that only their physical order tells apart say so
SELECT n, (allocate_rate_detail(1, b, 1, 'shift', scale => 0) OVER (ORDER BY n)).* FROM (VALUES (1, 0.5), (2, 0.5), (3, 1.5), (4, 1.5)) s (n, b);
SELECT b, (allocate_rate_detail(1, b, 1, 'shift', scale => 0) OVER (ORDER BY b)).* FROM (VALUES (0.5), (0.5), (1.5), (1.5)) s (b);
SELECT n, (allocate_rate_detail(-1, b, v, 'shift', scale => 0) OVER (ORDER BY n)).* FROM (VALUES (1, -0.5, 2), (2, -1.5, 1), (3, -1.5, 1)) s (n, b, v);

-- bounds are rounded inwards
SELECT n, (allocate_rate_detail(0.5, 0.5, 1, floor => f, cap => c, scale => 2) OVER (ORDER BY n)).* FROM (VALUES (1, 0.501, NULL), (2, NULL, 0.489), (3, NULL, NULL)) s (n, f, c);
-- rates are as fine as 18 digits allow; volumes of any scale
SELECT n, (allocate_rate_detail(0.123456789012345, b, v, scale => 15) OVER (ORDER BY n)).* FROM (VALUES (1, 0.1111111111111111111111, 12.3456789), (2, 0.2222222222222222222222, 1000000)) s (n, b, v);
SELECT n, (allocate_rate_detail(123456, b, v, scale => 2) OVER (ORDER BY n)).* FROM (VALUES (1, 99999.999999999999999999999999, 0.000000001), (2, 200000, 1e-12)) s (n, b, v);
-- volumes beyond 62 bits are cut to 16 digits of the largest
SELECT n, (allocate_rate_detail(0.3, b, v) OVER (ORDER BY n)).* FROM (VALUES (1, 0.1234567890123456789012345678901234567890, 1e-20), (2, 1e-50, 5), (3, 0.9, 1e20)) v (n, b, v);

-- NULLs: no rate, no rates; without a baseline or a volume a row takes no part
SELECT allocate_rate(NULL, 0.2, 1) OVER (), allocate_rate_detail(NULL, 0.2, 1) OVER ();
SELECT n, b, v, allocate_rate(0.3, b, v) OVER (ORDER BY n), allocate_rate_detail(0.3, b, v) OVER (ORDER BY n) IS NULL AS no_detail
FROM (VALUES (1, 0.2, 10), (2, NULL, 10), (3, 0.2, NULL), (4, 0.2, 0), (5, NULL, NULL)) s (n, b, v);
SELECT n, allocate_rate(0.3, b, v) OVER (ORDER BY n) FROM (VALUES (1, 0.2, 0), (2, NULL, 10)) s (n, b, v);
-- bounds of a row that takes no part do not count
SELECT n, allocate_rate(0.3, b, v, floor => 0.1, cap => 0.4) OVER (ORDER BY n) FROM (VALUES (1, 0.2, 10), (2, NULL, 10), (3, 0.2, 0)) s (n, b, v);

-- partitions
SELECT team, name, allocate_rate(goal, b, v) OVER (PARTITION BY team ORDER BY name) FROM (VALUES ('East', 'A', 0.3, 0.2, 5), ('East', 'B', 0.3, 0.25, 7), ('West', 'C', 0.5, 0.4, 1)) s (team, name, goal, b, v);

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
