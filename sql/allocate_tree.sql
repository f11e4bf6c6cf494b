-- allocate_tree, bounds_tree, rollup_tree: one target down the organisation
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

-- who reports to whom, what they sold, what is agreed on
CREATE TEMP TABLE org (pos int, node text, boss text, sold numeric, total numeric, floor numeric, cap numeric, locked numeric, uplift numeric);
INSERT INTO org (pos, node, boss, sold, total) VALUES
	(1, 'Company', NULL, NULL, 100000),
	(2, 'North', 'Company', NULL, NULL),
	(3, 'Ann', 'North', 30, NULL),
	(4, 'Bob', 'North', 20, NULL),
	(5, 'South', 'Company', NULL, NULL),
	(6, 'Cid', 'South', 25, NULL),
	(7, 'Dan', 'South', 10, NULL),
	(8, 'Eva', 'South', 0, NULL),
	(9, 'Fay', 'South', NULL, NULL);

-- interior nodes weigh what is below them; Eva's weight is 0, Fay takes no part
SELECT node, allocate_tree(total, node, boss, sold, unit => 1) OVER (ORDER BY pos) FROM org ORDER BY pos;
SELECT node, (allocate_tree_detail(total, node, boss, sold, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;

-- without a weight leaves weigh 1
SELECT node, allocate_tree(total, node, boss, unit => 100) OVER (ORDER BY pos) FROM org ORDER BY pos;
SELECT node, (allocate_tree_detail(total, node, boss, NULL, unit => 100) OVER (ORDER BY pos)).* FROM org ORDER BY pos;

-- an interior weight counts instead of those below
SELECT node, weight, allocate_tree(total, node, boss, weight, unit => 1) OVER (ORDER BY pos) FROM (
	SELECT *, CASE node WHEN 'North' THEN 60 WHEN 'South' THEN 40 ELSE sold END AS weight FROM org) s ORDER BY pos;

-- floors, caps and locks at any level
UPDATE org SET floor = 58000 WHERE node = 'North';
UPDATE org SET cap = 22000 WHERE node = 'Bob';
UPDATE org SET locked = 5000 WHERE node = 'Fay';
UPDATE org SET floor = 1000 WHERE node = 'Eva';
SELECT node, sold, floor, cap, locked, (allocate_tree_detail(total, node, boss, sold, floor, cap, locked, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- they are lifted: South cannot be less than Eva and Fay together
SELECT node, (bounds_tree(node, boss, sold, floor, cap, locked, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- a floor far below decides at the top
SELECT node, (d).amount, (d).rule FROM (
	SELECT pos, node, allocate_tree_detail(total, node, boss, sold, CASE node WHEN 'Dan' THEN 60000 END, unit => 1) OVER (ORDER BY pos) AS d FROM org) s ORDER BY pos;

-- a lock in the middle
SELECT node, (allocate_tree_detail(total, node, boss, sold, locked => CASE node WHEN 'South' THEN 30000 END, unit => 1) OVER (ORDER BY pos)).* FROM org WHERE node <> 'Fay' ORDER BY pos;

-- uplift: what is below North sums to 5 % more than North
UPDATE org SET floor = NULL, cap = NULL, locked = NULL;
UPDATE org SET uplift = 0.05 WHERE node = 'North';
SELECT node, uplift, (allocate_tree_detail(total, node, boss, sold, uplift => uplift, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- on every level it multiplies; at a leaf there is nobody to uplift
SELECT node, (allocate_tree_detail(total, node, boss, sold, uplift => 0.1, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;
-- no more than they can hold
SELECT node, (allocate_tree_detail(total, node, boss, sold, cap => CASE node WHEN 'Ann' THEN 36000 WHEN 'Bob' THEN 24000 END, uplift => uplift, unit => 1) OVER (ORDER BY pos)).*
FROM org ORDER BY pos;
-- half a unit more is a unit more
SELECT n, allocate_tree(10, n, p, uplift => u, unit => 1) OVER (ORDER BY n) AS plus, allocate_tree(-10, n, p, uplift => u, unit => 1) OVER (ORDER BY n) AS minus
FROM (VALUES (1, NULL, 0.05), (2, 1, NULL)) AS s (n, p, u);

-- all weights 0 below one parent: equally
SELECT node, (allocate_tree_detail(total, node, boss, CASE WHEN boss = 'South' THEN 0 WHEN boss = 'North' THEN 1 WHEN node = 'South' THEN 1 END, unit => 1) OVER (ORDER BY pos)).*
FROM org ORDER BY pos;
-- and everywhere
SELECT node, (allocate_tree_detail(total, node, boss, CASE WHEN sold IS NOT NULL THEN 0 END, unit => 1) OVER (ORDER BY pos)).* FROM org ORDER BY pos;

-- every node within a unit of its own share, not of its parent's rounding
CREATE TEMP VIEW third AS SELECT i AS n, CASE WHEN i > 1 THEN (i + 1) / 3 END AS p FROM generate_series(1, 13) i;
SELECT n, p, (allocate_tree_detail(100, n, p, unit => 1) OVER (ORDER BY n)).* FROM third ORDER BY n;
-- webster parent by parent
SELECT n, p, (allocate_tree_detail(100, n, p, unit => 1, rounding => 'webster') OVER (ORDER BY n)).* FROM third ORDER BY n;
-- cumulative over the leaves, depth first: 100 / 9, 200 / 9, ...
SELECT n, p, amount, exact, sum(amount) FILTER (WHERE n > 4) OVER (ORDER BY p, n) AS running FROM (
	SELECT n, p, (allocate_tree_detail(100, n, p, unit => 1, rounding => 'cumulative') OVER (ORDER BY n)).* FROM third) s ORDER BY p NULLS FIRST, n;

-- a negative total mirrors the tree
SELECT n, allocate_tree(-100, n, p, unit => 1) OVER (ORDER BY n), allocate_tree(100, n, p, unit => 1) OVER (ORDER BY n) AS mirrored FROM third ORDER BY n;
-- several roots, each with its own total and sign; one without any
SELECT n, p, (allocate_tree_detail(t, n, p, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, NULL, 10), (2, NULL, -10), (3, NULL, NULL), (11, 1, NULL), (12, 1, NULL), (13, 1, NULL), (21, 2, NULL), (22, 2, NULL), (23, 2, NULL), (31, 3, NULL)) AS s (n, p, t)
ORDER BY n;
-- a total is read at the roots only
SELECT n, allocate_tree(CASE n WHEN 1 THEN 10 ELSE 'NaN'::numeric END, n, p, unit => 1) OVER (ORDER BY n) FROM (VALUES (1, NULL), (2, 1), (3, 1)) AS s (n, p) ORDER BY n;
-- a root alone
SELECT (allocate_tree_detail(10, 1, NULL, unit => 1) OVER ()).*;

-- rows in any order: children before parents; another tree in each partition
SELECT tree, node, allocate_tree(total, node, boss, sold, unit => 1) OVER (PARTITION BY tree ORDER BY pos DESC)
FROM org, generate_series(1, 2) tree WHERE node NOT IN ('Eva', 'Fay') ORDER BY tree, pos;

-- ties are broken by the window's order; where it cannot, the rule says so
SELECT n, (d).amount, (d).rule FROM (SELECT n, allocate_tree_detail(10, n, p, unit => 1) OVER (ORDER BY n) AS d FROM (VALUES (1, NULL), (2, 1), (3, 1), (4, 1)) AS s (n, p)) q ORDER BY n;
SELECT n > 1 AS child, array_agg((d).amount ORDER BY (d).amount), array_agg(DISTINCT (d).rule) FROM (
	SELECT n, allocate_tree_detail(10, n, p, unit => 1) OVER () AS d FROM (VALUES (1, NULL), (2, 1), (3, 1), (4, 1)) AS s (n, p)) q GROUP BY 1 ORDER BY 1;

-- what a subtree can hold
SELECT n, floor, cap, locked, (bounds_tree(n, p, w, floor, cap, locked, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, NULL, NULL, NULL, NULL, NULL), (2, 1, NULL, 10, 90, NULL), (3, 1, NULL, NULL, 40.5, NULL),
	(4, 2, 1, 12.2, NULL, NULL), (5, 2, 1, NULL, 30, NULL), (6, 2, 0, 3, 50, NULL),
	(7, 3, 1, NULL, NULL, 7), (8, 3, NULL, NULL, NULL, NULL), (9, 3, 1, NULL, 20, NULL)) AS s (n, p, w, floor, cap, locked)
ORDER BY n;
-- what cannot be held is a report, not an error
SELECT n, floor, cap, locked, (bounds_tree(n, p, NULL, floor, cap, locked, unit => 1) OVER (ORDER BY n)).feasible
FROM (VALUES (1, NULL, NULL, NULL, NULL), (2, 1, NULL, 10, NULL), (3, 1, NULL, NULL, 5), (4, 2, 11, NULL, NULL), (5, 3, NULL, 4, NULL), (6, 1, NULL, NULL, NULL), (7, 6, 3, NULL, NULL)) AS s (n, p, floor, cap, locked)
ORDER BY n;

-- rolled up: own value plus all below
SELECT node, sold, rollup_tree(sold, node, boss) OVER (ORDER BY pos) FROM org ORDER BY pos;
SELECT n, v, rollup_tree(v, n, p) OVER (ORDER BY n)
FROM (VALUES (1, NULL, 1.5), (2, 1, NULL), (3, 1, 0.25), (4, 2, NULL), (5, 3, -2), (6, NULL, NULL), (7, 6, NULL)) AS s (n, p, v) ORDER BY n;
SELECT n, rollup_tree(v, n, p) OVER (ORDER BY n)
FROM (VALUES (1, NULL, 1), (2, 1, 4), (3, 1, 2), (4, 3, 'NaN'::numeric), (5, 2, 7)) AS s (n, p, v) ORDER BY n;
SELECT n, rollup_tree(n / 10.0 ^ n, n, p) OVER (ORDER BY n) = (SELECT sum(m / 10.0 ^ m) FROM generate_series(n, 5) m) AS exact
FROM (SELECT n, nullif(n - 1, 0) AS p FROM generate_series(1, 5) n) s;

-- empty input
SELECT allocate_tree(1, n, n) OVER () FROM generate_series(1, 0) n;
SELECT rollup_tree(1, n, n) OVER () FROM generate_series(1, 0) n;
SELECT bounds_tree(n, n) OVER () FROM generate_series(1, 0) n;

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
