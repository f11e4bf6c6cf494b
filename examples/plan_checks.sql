-- plan_checks.sql: does everything sum?  Shows a table of checks and fails, with
-- psql's exit status 3, if one of them does; psql -v plan=NAME

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset numericlocale on

CREATE TEMP TABLE cell AS
SELECT t.*, p.unit, p.total, o.depth, o.leaf AS org_leaf, o.parent_id, i.path AS product_path
FROM quota_decomp.visible_plan p
JOIN quota_decomp.visible_target t ON t.plan_id = p.plan_id AND t.revision_to IS NULL
JOIN quota_decomp.visible_node o ON o.plan_id = t.plan_id AND o.node_id = t.org_id
JOIN quota_decomp.visible_node i ON i.plan_id = t.plan_id AND i.node_id = t.product_id
WHERE p.plan = :'plan';
ANALYZE cell;

CREATE TEMP TABLE plan_check AS
SELECT 1 AS place, 'target: cells of depth ' || depth AS name, count(*) AS cells, sum(amount) AS amount, sum(amount) = max(total) AS passed FROM cell WHERE tier = 'target' GROUP BY depth
UNION ALL
SELECT 2, tier || ': every cell of a node is the sum of its members''', count(*), NULL, bool_and(same)
FROM (SELECT p.tier, p.amount = sum(c.amount) AS same FROM cell c JOIN cell p ON p.org_id = c.parent_id AND p.tier = c.tier AND p.product_id = c.product_id AND p.period_id = c.period_id GROUP BY p.tier, p.org_id, p.product_id, p.period_id, p.amount) AS s GROUP BY tier
UNION ALL
SELECT 3, 'tiers are ordered in every cell', count(*), NULL, bool_and(b.amount <= t.amount AND t.amount <= s.amount)
FROM cell t JOIN cell b ON b.tier = 'base' AND (b.org_id, b.product_id, b.period_id) = (t.org_id, t.product_id, t.period_id)
JOIN cell s ON s.tier = 'stretch' AND (s.org_id, s.product_id, s.period_id) = (t.org_id, t.product_id, t.period_id) WHERE t.tier = 'target'
UNION ALL
SELECT 4, 'every amount is a whole number of units and none is negative', count(*), NULL, bool_and(amount >= 0 AND amount % unit = 0) FROM cell
UNION ALL
SELECT 5, 'no period is empty, missing history or not', count(*), NULL, bool_and(amount > 0) FROM (SELECT sum(amount) AS amount FROM cell WHERE tier = 'target' AND depth = 0 GROUP BY period_id) AS m
UNION ALL
SELECT 6, 'battle_map: regions, products, quarters and persons sum to the total', count(*), sum(amount), bool_and(amount = total)
FROM (SELECT sum(b.amount) AS amount, max(p.total) AS total FROM bi.battle_map b JOIN quota_decomp.visible_plan p ON p.plan = b.plan
	  WHERE b.plan = :'plan' AND b.tier = 'target' AND (b.org_depth = 1 AND b.product_depth = 0 AND b.grain = 'year' OR b.org_depth = 0 AND b.product_depth = 1 AND b.grain = 'year'
			OR b.org_depth = 0 AND b.product_depth = 0 AND b.grain = 'quarter' OR b.org_depth = 3 AND b.product_depth = 0 AND b.grain = 'month')
	  GROUP BY b.org_depth, b.product_depth, b.grain) AS v
UNION ALL
SELECT 7, 'the source''s sum, with (unassigned), is the baseline of the root', 1, NULL,
	   (SELECT sum(f.value) FROM quota_decomp._facts(p.plan_id, p.metric, p.baseline_from, p.baseline_to, '{org}') AS f)
	   = (SELECT t.value FROM quota_decomp._metric_total(p.plan_id, p.metric, p.baseline_from, p.baseline_to) AS t)
FROM quota_decomp.visible_plan p WHERE p.plan = :'plan';

\echo '9. CHECKS'
\echo
SELECT name AS "check", cells AS "cells", amount AS "sum", CASE WHEN passed IS TRUE THEN 'PASS' ELSE 'FAIL' END AS "result" FROM plan_check ORDER BY place, name;
DO $$
DECLARE
	failed text;
BEGIN
	SELECT string_agg(name, '; ') INTO failed FROM plan_check WHERE passed IS NOT TRUE;
	IF failed IS NOT NULL OR NOT EXISTS (SELECT FROM plan_check) THEN
		RAISE EXCEPTION 'checks failed: %', failed;
	END IF;
END $$;
\echo 'All checks passed.'
DROP TABLE cell, plan_check;
