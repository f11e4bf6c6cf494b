-- reconcile_tree: what is asked from above and expected from below, one plan
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

-- the company asks for 100, its people expect 87
CREATE TEMP TABLE org (pos int, node text, boss text, asked numeric, expected numeric, floor numeric, cap numeric, trust float8);
INSERT INTO org (pos, node, boss, asked, expected) VALUES
	(1, 'Company', NULL, 100, NULL),
	(2, 'North', 'Company', NULL, NULL),
	(3, 'Ann', 'North', NULL, 30),
	(4, 'Bob', 'North', NULL, 20),
	(5, 'South', 'Company', NULL, NULL),
	(6, 'Cid', 'South', NULL, 25),
	(7, 'Dan', 'South', NULL, 12);
SELECT node, reconcile_tree(node, boss, asked, expected) OVER (ORDER BY pos) FROM org ORDER BY pos;
SELECT node, (reconcile_tree_detail(node, boss, asked, expected, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- only one side
SELECT node, reconcile_tree(node, boss, bottom_up => expected) OVER (ORDER BY pos) AS up, reconcile_tree(node, boss, asked) OVER (ORDER BY pos) AS down FROM org ORDER BY pos;
-- trust: the company insists; it does not care
SELECT node, (reconcile_tree_detail(node, boss, asked, expected, 'Infinity', unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
SELECT node, reconcile_tree(node, boss, asked, expected, 0) OVER (ORDER BY pos) FROM org ORDER BY pos;
-- Ann is known to be right, Bob is nine times as reliable as Cid and Dan
UPDATE org SET trust = CASE node WHEN 'Ann' THEN float8 'Infinity' WHEN 'Bob' THEN 9 ELSE 1 END;
SELECT node, (reconcile_tree_detail(node, boss, asked, expected, 1, trust, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- MinT with structural trust: one over the number of leaves below
SELECT node, reconcile_tree(node, boss, asked, expected, 1 / leaves, 1 / leaves) OVER (ORDER BY pos) FROM (
	SELECT *, rollup_tree(CASE WHEN boss IN ('North', 'South') THEN 1 END, node, boss) OVER (ORDER BY pos)::float8 AS leaves FROM org) s ORDER BY pos;
-- both opinions on one node: (3 * 40 + 1 * 20) / 4
SELECT reconcile_tree(1, NULL, 40, 20, 3, 1) OVER ();
-- an opinion in the middle
UPDATE org SET asked = 55 WHERE node = 'South';
SELECT node, (reconcile_tree_detail(node, boss, asked, expected) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
UPDATE org SET asked = NULL WHERE node = 'South';

-- floors and caps at any level
UPDATE org SET cap = 32 WHERE node = 'Ann';
UPDATE org SET floor = 50 WHERE node = 'South';
SELECT node, floor, cap, (reconcile_tree_detail(node, boss, asked, expected, floor => floor, cap => cap, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
UPDATE org SET cap = NULL, floor = NULL;
-- no negative quotas, unless asked for
SELECT node, (reconcile_tree_detail(node, boss, asked - 85, expected, 'Infinity', unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
SELECT node, (reconcile_tree_detail(node, boss, asked - 85, expected, 'Infinity', unit => 1, floor => -1000) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- floors are rounded up, caps down
SELECT n, reconcile_tree(n, p, NULL, v, floor => 2.2, unit => 1) OVER (ORDER BY n) AS up, reconcile_tree(n, p, NULL, v, cap => 8.8, unit => 1) OVER (ORDER BY n) AS down
FROM (VALUES (1, NULL, NULL), (2, 1, 1), (3, 1, 9)) AS s (n, p, v) ORDER BY n;

-- without an opinion: an equal share of what is left, by leaf
SELECT node, (reconcile_tree_detail(node, boss, asked, CASE WHEN node = 'Dan' THEN 10 END, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- and 0 where nothing is left or nobody asks
SELECT node, (reconcile_tree_detail(node, boss, NULL, CASE WHEN node = 'Dan' THEN 10 END, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- nobody says anything: no answer
SELECT node, (reconcile_tree_detail(node, boss, floor => 7) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
SELECT node, reconcile_tree(node, boss, asked, expected, 0, 0) OVER (ORDER BY pos) FROM org ORDER BY pos;
-- a trust without a value is none either; nor a missing trust beside a missing value
SELECT n, reconcile_tree(n, p, t, b, tt, bt) OVER (ORDER BY n)
FROM (VALUES (1, NULL, NULL, NULL, 5, NULL), (2, 1, NULL, 3, NULL, 2), (3, 1, 4, NULL, 1, 'Infinity'::float8)) AS s (n, p, t, b, tt, bt) ORDER BY n;

-- opinions need not be multiples of the unit; to 36 digits
SELECT n, (reconcile_tree_detail(n, p, NULL, v, unit => 1000) OVER (ORDER BY n)).* FROM (VALUES (1, NULL, NULL), (2, 1, 1499.99), (3, 1, 1500.01), (4, 1, -0.5)) AS s (n, p, v) ORDER BY n;
SELECT (reconcile_tree_detail(1, NULL, 123456789012.123456789012345678901234, unit => 0.000001) OVER ()).*;
SELECT (reconcile_tree_detail(1, NULL, 2 / 3.0, unit => 0.1) OVER ()).*;
SELECT (reconcile_tree_detail(1, NULL, -2 / 3.0, unit => 0.3, floor => -3) OVER ()).*;
-- a value beyond any digit of the unit
SELECT (reconcile_tree_detail(1, NULL, 0.5 + 1e-60, unit => 1) OVER ()).*;

-- several roots, rows in any order, partitions
SELECT n, reconcile_tree(n, p, t, b) OVER (ORDER BY n) FROM (VALUES (1, NULL, 10, NULL), (2, NULL, NULL, NULL), (11, 1, NULL, 4), (12, 1, NULL, 4), (21, 2, NULL, NULL), (3, NULL, NULL, 7)) AS s (n, p, t, b) ORDER BY n;
SELECT k, node, reconcile_tree(node, boss, asked * k, expected) OVER (PARTITION BY k ORDER BY pos DESC) FROM org, generate_series(1, 2) k ORDER BY k, pos;
-- ties are broken by the window's order; where it cannot, the rule says so
SELECT n, (d).amount, (d).rule FROM (SELECT n, reconcile_tree_detail(n, p, t, unit => 1) OVER (ORDER BY n) AS d FROM (VALUES (1, NULL, 10), (2, 1, NULL), (3, 1, 1), (4, 1, 1)) AS s (n, p, t)) q ORDER BY n;
SELECT n > 1 AS child, array_agg((d).amount ORDER BY (d).amount), array_agg(DISTINCT (d).rule) FROM (
	SELECT n, reconcile_tree_detail(n, p, t, unit => 1) OVER () AS d FROM (VALUES (1, NULL, 10), (2, 1, 1), (3, 1, 1), (4, 1, 1)) AS s (n, p, t)) q GROUP BY 1 ORDER BY 1;

-- empty input
SELECT reconcile_tree(n, n) OVER () FROM generate_series(1, 0) n;

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
