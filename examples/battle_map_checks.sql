-- battle_map_checks.sql: does every level sum?  Shows two tables of checks and
-- fails, with psql's exit status 3, if one of them does.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset numericlocale on

SET search_path = quota_decomp, pg_catalog;

CREATE TEMP TABLE sum_check AS
WITH level AS (
	-- levels of the tree: here hamilton promises to stay within one unit of
	-- the exact share at every node
	SELECT array_position('{company,region,team,person,month,cell}', level) AS place,
		   CASE level WHEN 'company' THEN 'company' WHEN 'region' THEN 'region' WHEN 'team' THEN 'manager' WHEN 'person' THEN 'person'
					  WHEN 'month' THEN 'person x month' ELSE 'person x month x product' END AS name,
		   count(*) AS cells, sum(amount) AS total, max(abs(amount - exact)) AS farthest, true AS in_tree
	FROM battle.node GROUP BY level
), rolled AS (
	-- sums of cells by any other dimension: exact too, but not nodes of
	-- the tree, so that the roundings of their cells may add up
	SELECT *, false FROM (
		SELECT 11, 'region x quarter', count(*), sum(amount), max(abs(off)) FROM (
			SELECT sum(amount) AS amount, sum(amount - exact) AS off FROM battle.cell GROUP BY region, quarter) AS t
		UNION ALL
		SELECT 12, 'manager x month', count(*), sum(amount), max(abs(off)) FROM (
			SELECT sum(amount) AS amount, sum(amount - exact) AS off FROM battle.cell GROUP BY team, month) AS t
		UNION ALL
		SELECT 13, 'person x product', count(*), sum(amount), max(abs(off)) FROM (
			SELECT sum(amount) AS amount, sum(amount - exact) AS off FROM battle.cell GROUP BY member, product) AS t
		UNION ALL
		SELECT 14, 'month x product', count(*), sum(amount), max(abs(off)) FROM (
			SELECT sum(amount) AS amount, sum(amount - exact) AS off FROM battle.cell GROUP BY month, product) AS t
		UNION ALL
		SELECT 15, 'month', count(*), sum(amount), max(abs(off)) FROM (
			SELECT sum(amount) AS amount, sum(amount - exact) AS off FROM battle.cell GROUP BY month) AS t
		UNION ALL
		SELECT 16, 'product', count(*), sum(amount), max(abs(off)) FROM (
			SELECT sum(amount) AS amount, sum(amount - exact) AS off FROM battle.cell GROUP BY product) AS t) AS u
)
SELECT l.*, l.total - t.target AS difference,
	   l.total = t.target AND (NOT in_tree OR farthest < t.unit) AS passed
FROM (SELECT * FROM level UNION ALL SELECT * FROM rolled) AS l, battle.target t;

CREATE TEMP TABLE other_check AS
SELECT 1 AS place, 'all sales of the source are in the plan''s input, matched or on (unassigned)' AS name,
	   (SELECT sum(amount) FROM plan_input.sale) = (SELECT source_amount FROM plan_input.setting) AS passed
UNION ALL
SELECT 2, 'every parent is the sum of its children, at every node (rollup_tree)',
	   (SELECT bool_and(amount = below) FROM (
			SELECT amount, rollup_tree(CASE WHEN level = 'cell' THEN amount END, node, parent) OVER () AS below FROM battle.node) AS t)
UNION ALL
SELECT 3, 'the regions alone, split by allocate(), get the same',
	   (SELECT bool_and(amount = alone) FROM (
			SELECT n.amount, allocate(t.target, n.weight, unit => t.unit) OVER (ORDER BY n.node COLLATE "C") AS alone
			FROM battle.node n, battle.target t WHERE n.level = 'region') AS s)
	   OR EXISTS (SELECT FROM battle.node WHERE level = 'region' AND weight IS NULL)
UNION ALL
SELECT 4, 'everybody who is there has a target, nobody else has',
	   NOT EXISTS (SELECT FROM plan_input.member p FULL JOIN (SELECT * FROM battle.node WHERE level = 'person') AS n USING (member)
				   WHERE p.member IS NULL OR n.amount IS NULL OR n.amount <= 0)
UNION ALL
SELECT 5, 'no month is empty, missing history or not',
	   (SELECT count(*) = 12 AND min(amount) > 0 FROM (SELECT sum(amount) AS amount FROM battle.cell GROUP BY month) AS t)
UNION ALL
SELECT 6, 'every amount is a whole number of units and none is negative',
	   (SELECT bool_and(amount >= 0 AND mod(amount, unit) = 0) FROM battle.node, battle.target);

\echo '7. CHECKS: every level and every table sums to the target; each node of the tree (the first six lines) is'
\echo '   within one unit of its exact share, the other tables are sums of its cells'
\echo
SELECT s.name AS "level", cells AS "cells", s.total AS "sum", difference AS "difference",
	   round(farthest / t.unit, 3) AS "farthest from exact, in units",
	   CASE WHEN passed THEN 'PASS' ELSE 'FAIL' END AS "result"
FROM sum_check s, battle.target t ORDER BY place;

SELECT name AS "check", CASE WHEN passed IS TRUE THEN 'PASS' ELSE 'FAIL' END AS "result" FROM other_check ORDER BY place;

DO $$
DECLARE
	failed text;
BEGIN
	SELECT string_agg(name, '; ') INTO failed
	FROM (SELECT name FROM sum_check WHERE passed IS NOT TRUE UNION ALL SELECT name FROM other_check WHERE passed IS NOT TRUE) AS f;
	IF failed IS NOT NULL THEN
		RAISE EXCEPTION 'checks failed: %', failed;
	END IF;
END $$;
\echo 'All checks passed.'
