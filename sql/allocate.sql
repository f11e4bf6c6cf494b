-- allocate: one target, its split, and why each amount is what it is
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp;

-- the simple split: by weight, to the cent
SELECT region, weight, allocate(1000, weight) OVER (ORDER BY region)
FROM (VALUES ('East', 5), ('North', 3), ('South', 1), ('West', 2)) AS sales (region, weight)
ORDER BY region;

-- 102 over 4: not 25, 25, 25, 27
SELECT n, allocate(102, unit => 1) OVER (ORDER BY n) FROM generate_series(1, 4) n;
-- the order says who comes first
SELECT n, allocate(102, unit => 1) OVER (ORDER BY n DESC) FROM generate_series(1, 4) n ORDER BY n;
-- and where it cannot tell, the detail says so
SELECT place, sum(amount), array_agg(DISTINCT rule) FROM (
	SELECT n / 4 AS place, (allocate_detail(103, unit => 1) OVER (ORDER BY n / 4)).* FROM generate_series(1, 6) n) s
GROUP BY place ORDER BY place;

-- one total for each partition
SELECT team, rep, allocate(target, sold, unit => 1) OVER (PARTITION BY team ORDER BY rep)
FROM (VALUES ('A', 'Ann', 30, 100), ('A', 'Bob', 30, 100), ('A', 'Cid', 40, 100), ('B', 'Dan', 1, 7), ('B', 'Eva', 2, 7)) AS s (team, rep, sold, target)
ORDER BY rep;

-- a unit of 1000, of 5 cents, of 3
SELECT unit, array_agg(amount ORDER BY n), sum(amount) FROM (
	SELECT unit, n, allocate(total, n, unit => unit) OVER (PARTITION BY unit ORDER BY n) AS amount
	FROM (VALUES (100000, 1000), (1, 0.05), (300, 3), (7, 1.00), (7, 0.5)) AS u (total, unit), generate_series(1, 4) n) s
GROUP BY unit ORDER BY unit;

-- weight 0 takes part and gets nothing; a NULL weight takes no part
SELECT n, weight, (allocate_detail(10, weight, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 2), (2, 0), (3, NULL), (4, 1)) AS s (n, weight);
-- all weights 0: equally
SELECT n, (allocate_detail(10, 0, unit => 1) OVER (ORDER BY n)).* FROM generate_series(1, 3) n;
-- judged over those that are not locked
SELECT n, (allocate_detail(10, weight, locked => locked, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 5, 4), (2, 0, NULL), (3, 0, NULL)) AS s (n, weight, locked);

-- a floor lifts one, the others keep their proportions
SELECT n, weight, floor, (allocate_detail(100, weight, floor) OVER (ORDER BY n)).*
FROM (VALUES (1, 60, NULL), (2, 30, NULL), (3, 10, 25)) AS s (n, weight, floor);
-- a cap holds one, the others take the rest
SELECT n, weight, cap, (allocate_detail(100, weight, cap => cap) OVER (ORDER BY n)).*
FROM (VALUES (1, 60, 40), (2, 30, NULL), (3, 10, NULL)) AS s (n, weight, cap);
-- both at once: what the cap sets free lifts a row above its floor
SELECT n, weight, floor, cap, (allocate_detail(100, weight, floor, cap, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 70, NULL, 40), (2, 20, 30, NULL), (3, 10, NULL, NULL)) AS s (n, weight, floor, cap);
-- what the floor takes lets a row stay below its cap
SELECT n, weight, floor, cap, (allocate_detail(100, weight, floor, cap, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 50, NULL, 45), (2, 40, NULL, NULL), (3, 10, 40, NULL)) AS s (n, weight, floor, cap);
-- between units: floors go up, caps down
SELECT n, (allocate_detail(10, 1, floor, cap, unit => 1) OVER (ORDER BY n)).amount
FROM (VALUES (1, 4.2, NULL), (2, NULL, 1.9), (3, NULL, NULL)) AS s (n, floor, cap);
-- weight 0 stays at its floor
SELECT n, (allocate_detail(100, weight, floor) OVER (ORDER BY n)).*
FROM (VALUES (1, 3, NULL), (2, 0, 20), (3, 1, NULL)) AS s (n, weight, floor);

-- a lock is exactly that; the rest share what is left
SELECT n, weight, locked, (allocate_detail(100, weight, locked => locked) OVER (ORDER BY n)).*
FROM (VALUES (1, 1, NULL), (2, 1, 12.34), (3, 2, NULL), (4, NULL, 7.66), (5, 1, -10)) AS s (n, weight, locked);
-- all locked, to the sum
SELECT n, allocate(10, locked => n) OVER (ORDER BY n) FROM generate_series(1, 4) n;

-- a negative total mirrors
SELECT n, weight, allocate(10, weight, unit => 1) OVER w AS plus, allocate(-10, weight, unit => 1) OVER w AS minus
FROM (VALUES (1, 3), (2, 3), (3, 1), (4, 0)) AS s (n, weight) WINDOW w AS (ORDER BY n);
-- there a missing cap is 0, a floor the most that is taken
SELECT n, (allocate_detail(-100, weight, floor, cap, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 70, -40, NULL), (2, 20, NULL, -30), (3, 10, NULL, NULL), (4, 0, NULL, -5)) AS s (n, weight, floor, cap);
-- a correction that is spread, within floors below 0
SELECT n, (allocate_detail(5, weight, floor, locked => locked, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 1, -10, NULL), (2, 3, -10, NULL), (3, 1, NULL, 12)) AS s (n, weight, floor, locked);

-- nothing to split
SELECT n, (allocate_detail(0, n) OVER (ORDER BY n)).* FROM generate_series(0, 2) n;

-- the three roundings: the same exact shares
SELECT n, weight, (h).amount AS hamilton, (w).amount AS webster, (c).amount AS cumulative, (h).exact, (w).rule, sum((c).amount) OVER (ORDER BY n) AS running
FROM (
	SELECT n, weight, allocate_detail(26, weight, unit => 1) OVER (ORDER BY n) AS h,
		allocate_detail(26, weight, unit => 1, rounding => 'webster') OVER (ORDER BY n) AS w,
		allocate_detail(26, weight, unit => 1, rounding => 'cumulative') OVER (ORDER BY n) AS c
	FROM (VALUES (1, 9061), (2, 7179), (3, 5259), (4, 3319), (5, 1182)) AS s (n, weight)) s
ORDER BY n;
-- hamilton: with one unit more the third gets less
SELECT n, weight, allocate(10, weight, unit => 1) OVER w AS ten, allocate(11, weight, unit => 1) OVER w AS eleven,
	allocate(10, weight, unit => 1, rounding => 'webster') OVER w AS ten_webster, allocate(11, weight, unit => 1, rounding => 'webster') OVER w AS eleven_webster
FROM (VALUES (1, 6), (2, 6), (3, 2)) AS s (n, weight) WINDOW w AS (ORDER BY n);
-- webster within bounds
SELECT n, weight, floor, cap, (allocate_detail(20, weight, floor, cap, unit => 1, rounding => 'webster') OVER (ORDER BY n)).*
FROM (VALUES (1, 100, NULL, 9), (2, 33, NULL, NULL), (3, 12, NULL, NULL), (4, 1, 2, NULL)) AS s (n, weight, floor, cap);
-- cumulative, for months in order: a third of 100 each
SELECT n, amount, sum(amount) OVER (ORDER BY n) FROM (
	SELECT n, allocate(100, unit => 1, rounding => 'cumulative') OVER (ORDER BY n) AS amount FROM generate_series(1, 12) n) s ORDER BY n;
-- halves away from zero
SELECT n, allocate(2, unit => 1, rounding => 'cumulative') OVER w AS plus, allocate(-2, unit => 1, rounding => 'cumulative') OVER w AS minus
FROM generate_series(1, 4) n WINDOW w AS (ORDER BY n);

-- ties: the larger remainder, then the larger weight, then the order
SELECT n, weight, (allocate_detail(4, weight, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, 1), (2, 3), (3, 1), (4, 3)) AS s (n, weight);
-- rows alike, which the order cannot tell apart
SELECT weight, array_agg(amount ORDER BY amount), array_agg(DISTINCT rule) FROM (
	SELECT weight, (allocate_detail(6, weight, unit => 1) OVER ()).*
	FROM (VALUES (1), (1), (1), (5)) AS s (weight)) s GROUP BY weight ORDER BY weight;
-- where the cut falls between rows that differ, nothing is left to chance
SELECT DISTINCT weight, rule FROM (
	SELECT weight, (allocate_detail(4, weight, unit => 1) OVER ()).*
	FROM (VALUES (1), (1), (3), (3)) AS s (weight)) s ORDER BY weight;
-- the other roundings
SELECT place, sum(amount), array_agg(DISTINCT rule) FROM (
	SELECT n / 3 AS place, (allocate_detail(5, unit => 1, rounding => 'webster') OVER (ORDER BY n / 3)).* FROM generate_series(1, 4) n) s
GROUP BY place ORDER BY place;
SELECT n, (allocate_detail(1, unit => 1, rounding => 'cumulative') OVER (ORDER BY n / 2)).rule FROM generate_series(1, 4) n ORDER BY n;

-- arrays: the same, without a window
SELECT allocate_array(102, '{1,1,1,1}', unit => 1);
SELECT allocate_array(100, '{5,3,0,NULL,2}', floors => '{NULL,40,5,NULL,NULL}', caps => '{30,NULL,NULL,NULL,NULL}', locked => '{NULL,NULL,NULL,7,NULL}');
SELECT allocate_array(-10, '{1,2,4}', unit => 1, rounding => 'webster');
SELECT allocate_array(10, '[5:7]={1,1,1}');
SELECT allocate_array(0, '{}'), allocate_array(7, '{}');
SELECT allocate_array(10, ARRAY[1.5, 2.5]::numeric[], unit => 0.5);

-- what the results look like: the scale of the unit; shares to six digits more
SELECT unit, (allocate_detail(6, 1, unit => unit) OVER (PARTITION BY unit)).* FROM (VALUES (1), (0.01), (0.0010), (0.5), (6)) AS u (unit) ORDER BY unit, 2;
SELECT (allocate_detail(6000, n, unit => 1000) OVER (ORDER BY n)).* FROM generate_series(1, 4) n;

-- empty input
SELECT allocate(1, n) OVER () FROM generate_series(1, 0) n;

RESET ROLE;
DROP ROLE regress_quota_user;

-- Many peers whose rows have left memory: ties are found in one pass over them
SET work_mem = '64kB';
SET statement_timeout = '30s';
SELECT r AS rounding,
	(SELECT count(*) FROM (SELECT quota_decomp.allocate_detail(100, 1, rounding => r) OVER (ORDER BY k) AS a
		FROM (SELECT 1 AS k FROM generate_series(1, 20011) OFFSET 0) AS s) AS t WHERE (a).rule = 'tie') AS ties
FROM unnest(enum_range(NULL::quota_decomp.rounding_rule)) AS r;
RESET statement_timeout;
RESET work_mem;
