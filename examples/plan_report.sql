-- plan_report.sql: a decomposed plan as a battle map (作战地图); psql -v plan=NAME
--
-- Reads the views that create_views('bi') made, as a BI tool would, for a plan
-- whose organisation is company > region > team > person.
-- Best on a terminal of 110 columns or more.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset null ''
\pset numericlocale on
\t off

-- amounts are shown in units of the plan (of one, where the unit is smaller);
-- \crosstabview does not group digits, so its cells come as text, right-aligned
SELECT greatest(unit, 1) AS divisor, total, baseline_amount AS baseline, starts, ends - 1 AS last_day, coalesce(as_of, current_date) AS as_of,
	   baseline_from || ' to ' || baseline_to - 1 AS base_span, CASE WHEN unit > 1 THEN ', in units of ' || unit ELSE '' END AS in_units
FROM quota_decomp.visible_plan WHERE plan = :'plan' \gset
CREATE FUNCTION pg_temp.shown(amount numeric, divisor numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN amount = 0 THEN '-' ELSE to_char(amount / divisor, 'FM999,999,999,999,990') END
$$;
-- columns a text takes on a terminal: Chinese characters take two
CREATE FUNCTION pg_temp.columns(label text) RETURNS int LANGUAGE sql STABLE AS $$
	SELECT (octet_length(convert_to(label, 'UTF8')) + length(label)) / 2
$$;

\echo
\echo ======================================================================
\echo ' ' :plan
\echo '  ' :starts to :last_day, as planned on :as_of :in_units
\echo ======================================================================
\echo
\echo '1. THE TARGET: growth over' :base_span
\echo
SELECT round(:baseline / :divisor) AS "baseline", to_char(100 * (:total / :baseline - 1), 'FMS990.0') || ' %' AS "growth",
	   round(max(amount) FILTER (WHERE tier = 'base') / :divisor) AS "base", round(max(amount) FILTER (WHERE tier = 'target') / :divisor) AS "TARGET",
	   round(max(amount) FILTER (WHERE tier = 'stretch') / :divisor) AS "stretch"
FROM bi.battle_map WHERE plan = :'plan' AND org_depth = 0 AND product_depth = 0 AND grain = 'year';

\echo '2. THE SOURCE: keys that match nothing, which count on (unassigned); the others were mended by aliases'
\echo
SELECT dimension, coalesce('"' || key || '"', '(no key)') AS "key", facts AS "rows", round(amount / :divisor) AS "amount", problem
FROM quota_decomp.check_mapping(:'plan') ORDER BY abs(amount) DESC NULLS LAST, key COLLATE "C" LIMIT 6;

\echo '3. BY REGION AND QUARTER'
\echo
SELECT org_label AS "Region", trim_scale(max(amount) FILTER (WHERE grain = 'quarter' AND n = 1) / :divisor) AS "1st quarter", trim_scale(max(amount) FILTER (WHERE grain = 'quarter' AND n = 2) / :divisor) AS "2nd",
	   trim_scale(max(amount) FILTER (WHERE grain = 'quarter' AND n = 3) / :divisor) AS "3rd", trim_scale(max(amount) FILTER (WHERE grain = 'quarter' AND n = 4) / :divisor) AS "4th",
	   trim_scale(max(amount) FILTER (WHERE grain = 'year') / :divisor) AS "YEAR", round(100 * max(amount) FILTER (WHERE grain = 'year') / :total, 1) AS "share %"
FROM (SELECT b.*, dense_rank() OVER (PARTITION BY grain ORDER BY period_starts) AS n
	  FROM bi.battle_map b WHERE plan = :'plan' AND tier = 'target' AND org_depth <= 1 AND product_depth = 0 AND grain IN ('quarter', 'year')) AS q
GROUP BY org_depth, org_label, org_sort ORDER BY org_depth DESC, "YEAR" DESC, org_sort;

\echo '4. BY TEAM AND MONTH'
\echo
-- rows: the largest teams, the rest in one line, the total
CREATE TEMP TABLE team_month AS
WITH cell AS (
	SELECT org, org_label, org_depth, grain, period, period_starts, amount
	FROM bi.battle_map WHERE plan = :'plan' AND tier = 'target' AND org_depth IN (0, 2) AND product_depth = 0 AND grain IN ('month', 'year')
), ranked AS (
	SELECT org, org_label, row_number() OVER (ORDER BY amount DESC, org COLLATE "C") AS n, count(*) OVER () AS teams
	FROM cell WHERE org_depth = 2 AND grain = 'year'
), placed AS (
	SELECT org, CASE WHEN n <= 9 OR teams <= 10 THEN n ELSE 10 END AS place, CASE WHEN n <= 9 OR teams <= 10 THEN org_label ELSE '… ' || teams - 9 || ' more teams' END AS row_label FROM ranked
)
SELECT coalesce(p.place, 1000) AS place, coalesce(p.row_label, 'Total') AS row_label, CASE c.grain WHEN 'year' THEN 'Year' ELSE to_char(c.period_starts, 'Mon') END AS month,
	   CASE c.grain WHEN 'year' THEN date 'infinity' ELSE c.period_starts END AS month_order, pg_temp.shown(sum(c.amount), :divisor) AS cell
FROM cell c LEFT JOIN placed p ON p.org = c.org
GROUP BY 1, 2, 3, 4;
SELECT row_label AS "Team", month, lpad(cell, max(length(cell)) OVER (PARTITION BY month)) AS cell, dense_rank() OVER (ORDER BY month_order) AS o
FROM team_month ORDER BY place, row_label \crosstabview "Team" month cell o

\echo '5. BY PERSON AND PRODUCT LINE: * began in the span people are weighed by: the median of the peers, times a ramp    ° no history'
\echo
CREATE TEMP TABLE person_product AS
WITH cell AS (
	SELECT b.org, b.org_label, b.org_path, b.product_label, b.product_sort, b.product_depth, b.amount
	FROM bi.battle_map b
	WHERE b.plan = :'plan' AND b.tier = 'target' AND b.grain = 'year' AND b.product_depth <= 1 AND b.org_leaf
), ranked AS (
	SELECT org, org_path, org_label, row_number() OVER (ORDER BY amount DESC, org COLLATE "C") AS n, count(*) OVER () AS people FROM cell WHERE product_depth = 0
), placed AS (
	SELECT r.org_path, CASE WHEN hidden THEN 8 ELSE n END AS place,
		   CASE WHEN hidden THEN '… ' || people - 12 || ' more people' ELSE r.org_label || CASE WHEN w.source LIKE '%newcomer%' THEN ' *' WHEN w.source LIKE '%no history%' THEN ' °' ELSE '' END END AS row_label
	FROM (SELECT *, people > 40 AND n > 7 AND n <= people - 5 AS hidden FROM ranked) AS r
	LEFT JOIN (SELECT DISTINCT org, source FROM bi.plan_weight WHERE plan = :'plan' AND dimension = 'org' AND driver = '(blended)') AS w ON w.org = r.org
)
SELECT coalesce(p.place, 1000000) AS place, coalesce(p.row_label, 'Total') AS row_label, CASE c.product_depth WHEN 0 THEN 'All' ELSE c.product_label END AS product,
	   CASE c.product_depth WHEN 0 THEN 1000000 ELSE c.product_sort END AS product_place, pg_temp.shown(sum(c.amount), :divisor) AS cell
FROM cell c JOIN placed p ON p.org_path = c.org_path
GROUP BY GROUPING SETS ((p.place, p.row_label, c.product_depth, c.product_label, c.product_sort), (c.product_depth, c.product_label, c.product_sort));
SELECT row_label AS "Person", product, lpad(cell, greatest(max(length(cell)) OVER (PARTITION BY product), pg_temp.columns(product))) AS cell, product_place
FROM person_product ORDER BY place, row_label \crosstabview "Person" product cell product_place

SELECT count(*) > 0 AS has_goal FROM quota_decomp.visible_goal g JOIN quota_decomp.visible_plan p USING (plan_id) WHERE p.plan = :'plan' \gset
\if :has_goal
\echo '6. THE GOALS: blocks held before anything else is split'
\echo
SELECT n.label AS "who", e.label AS "when", to_char(100 * g.growth, 'FMS990.0') || ' %' AS "growth", round(g.baseline_amount / :divisor) AS "baseline", trim_scale(g.amount / :divisor) AS "goal",
	   trim_scale(b.amount / :divisor) AS "planned", t.label AS "through", g.initiative
FROM quota_decomp.visible_goal g
JOIN quota_decomp.visible_plan p ON p.plan_id = g.plan_id AND p.plan = :'plan'
JOIN quota_decomp.visible_node n ON n.plan_id = g.plan_id AND n.node_id = g.org_id
JOIN quota_decomp.visible_period e ON e.plan_id = g.plan_id AND e.period_id = g.period_id
LEFT JOIN quota_decomp.visible_node t ON t.plan_id = g.plan_id AND t.node_id = g.through_id
JOIN bi.battle_map b ON b.plan = p.plan AND b.org_path = n.path AND b.period = e.label AND b.grain = e.grain AND b.product_depth = 0 AND b.tier = 'target'
ORDER BY g.goal_no;
\endif

\echo '7. WHY: what each driver says of one person, and what it weighs'
\echo
SELECT w.driver, trim_scale(round(w.driver_share, 2)) AS "share of driver", round(w.value) AS "value", round(100 * w.share, 2) AS "% of the team", w.source
FROM bi.plan_weight w
WHERE w.plan = :'plan' AND w.dimension = 'org'
  AND w.org = (SELECT org FROM bi.plan_weight WHERE plan = :'plan' AND dimension = 'org' AND source LIKE '%median of peers%' AND driver = '(blended)' ORDER BY value DESC, org COLLATE "C" LIMIT 1)
ORDER BY w.driver = '(blended)', w.driver;

\echo '8. SMART: what targets lack to be specific, measurable, achievable, relevant and time-bound'
\echo
SELECT count(*) AS "targets", count(*) FILTER (WHERE specific) AS "specific", count(*) FILTER (WHERE measurable) AS "measurable", count(*) FILTER (WHERE achievable) AS "achievable",
	   count(*) FILTER (WHERE relevant) AS "relevant", count(*) FILTER (WHERE time_bound) AS "time-bound", count(*) FILTER (WHERE complete) AS "all five"
FROM bi.smart WHERE plan = :'plan';
SELECT org_label AS "who", round(amount / :divisor) AS "target", lacks FROM bi.smart WHERE plan = :'plan' AND NOT complete ORDER BY amount DESC, org COLLATE "C" LIMIT 3;
