-- battle_map_report.sql: shows what battle_map.sql has computed
-- Reads only.  Best on a terminal of 110 columns or more.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset null ''
\pset numericlocale on
\t off

SET search_path = quota_decomp, pg_catalog;
SET client_min_messages = warning;

-- amounts are shown in units of the plan (of one, where the unit is smaller);
-- \crosstabview does not group digits, so its cells come as text, right-aligned
CREATE FUNCTION pg_temp.shown(amount numeric) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN amount = 0 THEN '-' WHEN t.unit >= 1 THEN to_char(amount / t.unit, 'FM999,999,999,999,990')
		   ELSE to_char(amount, 'FM999,999,999,999,990') || substr(to_char(abs(mod(amount, 1)), 'FM0.' || repeat('0', scale(trim_scale(t.unit)))), 2) END
	FROM battle.target t
$$;
-- columns a text takes on a terminal: Chinese characters take two
CREATE FUNCTION pg_temp.columns(label text) RETURNS int LANGUAGE sql STABLE AS $$
	SELECT (octet_length(convert_to(label, 'UTF8')) + length(label)) / 2
$$;
SELECT title, unit_name, greatest(target.unit, 1) AS divisor,
	   to_char(lower(base), 'YYYY-MM') || ' to ' || to_char(upper(base) - 1, 'YYYY-MM') AS base_year,
	   to_char(lower(plan), 'YYYY-MM') || ' to ' || to_char(upper(plan) - 1, 'YYYY-MM') AS plan_year,
	   trim_scale(round(100 * growth, 2)) AS growth
FROM plan_input.setting, battle.span, battle.target \gset

\echo
\echo ======================================================================
\echo ' ' :title
\echo '  sales target' :plan_year
\echo '  amounts in' :unit_name
\echo ======================================================================
\echo
\echo '1. THE TARGET:' :growth '% growth over the last twelve months, rounded to three digits'
\echo
SELECT :'base_year' AS "base year", round(booked / :divisor) AS "booked", covered_months AS "months covered",
	   round(estimated / :divisor) AS "missing months", round(baseline / :divisor) AS "baseline",
	   to_char(100 * (target / baseline - 1), 'FMS990.0') || ' %' AS "growth", round(target / :divisor) AS "TARGET"
FROM battle.target;

\echo '2. THE SOURCE: keys as typed, and what they were taken for (amounts of all sales, not of one year)'
\echo
SELECT kind AS "key", how AS "matched by", sum(facts) AS "rows", round(sum(amount) / :divisor) AS "amount",
	   to_char(100 * sum(amount) / nullif(sum(sum(amount)) OVER (PARTITION BY kind), 0), 'FM990.0') || ' %' AS "of all",
	   CASE how WHEN 'exact' THEN count(*) || ' keys'
				WHEN 'empty' THEN 'no key given'
				ELSE (array_agg('"' || written || '" is ' || coalesce(matched, 'unknown') ORDER BY amount DESC, written COLLATE "C"))[1]
					 || CASE WHEN count(*) > 1 THEN ' … and ' || count(*) - 1 || ' more' ELSE '' END END AS "what"
FROM plan_input.key_match
GROUP BY kind, how ORDER BY kind COLLATE "C", array_position('{exact,spelling,alias,unmatched,empty}', how);

\t on
SELECT '  ' || notice FROM plan_input.notice ORDER BY notice_id;
\t off

\echo '3. BY REGION AND QUARTER: regions weigh what they sold; quarters follow each region''s season,'
\echo '   which is sales per working day of every year there is, times the working days of the plan year'
\echo
WITH booked AS (
	SELECT coalesce(t.region_name, '(unassigned)') AS region_name, sum(s.amount) AS amount
	FROM plan_input.sale s CROSS JOIN battle.span LEFT JOIN plan_input.team t USING (team)
	WHERE s.sold_on <@ base GROUP BY 1
), planned AS (
	SELECT region_name, sum(amount) AS amount,
		   sum(amount) FILTER (WHERE quarter = 1) AS q1, sum(amount) FILTER (WHERE quarter = 2) AS q2,
		   sum(amount) FILTER (WHERE quarter = 3) AS q3, sum(amount) FILTER (WHERE quarter = 4) AS q4
	FROM battle.cell GROUP BY region_name
), line AS (
	SELECT coalesce(region_name, 'Total') AS region_name, grouping(region_name) AS is_total, sum(b.amount) AS booked,
		   sum(q1) AS q1, sum(q2) AS q2, sum(q3) AS q3, sum(q4) AS q4, sum(p.amount) AS target
	FROM booked b FULL JOIN planned p USING (region_name)
	GROUP BY ROLLUP (region_name)
)
SELECT region_name AS "Region", round(booked / :divisor) AS "booked",
	   round(100 * booked / max(booked) OVER (), 1) AS "share %",
	   trim_scale(q1 / :divisor) AS "Q1", trim_scale(q2 / :divisor) AS "Q2", trim_scale(q3 / :divisor) AS "Q3",
	   trim_scale(q4 / :divisor) AS "Q4", trim_scale(target / :divisor) AS "TARGET",
	   round(100 * target / max(target) OVER (), 1) AS "share % "
FROM line ORDER BY is_total, target DESC NULLS LAST, region_name COLLATE "C";

\echo '4. BY MANAGER AND MONTH: a team weighs what was sold in it, also by leavers and people who moved on'
\echo
-- rows: the largest teams, the rest in one line, the total
CREATE TEMP TABLE shown_team AS
SELECT team, CASE WHEN n <= 14 OR teams <= 15 THEN n ELSE 15 END AS place,
	   CASE WHEN n <= 14 OR teams <= 15 THEN team_name ELSE '… ' || teams - 14 || ' more managers' END AS row_label
FROM (SELECT team, team_name, row_number() OVER (ORDER BY sum(amount) DESC, team COLLATE "C") AS n, count(*) OVER () AS teams
	  FROM battle.cell GROUP BY team, team_name) AS ranked;

CREATE TEMP TABLE manager_month AS
SELECT *, lpad(pg_temp.shown(amount), greatest(4, max(length(pg_temp.shown(amount))) OVER (PARTITION BY month))) AS cell
FROM (SELECT coalesce(s.place, 1000) AS place, coalesce(s.row_label, 'Total') AS row_label, coalesce(c.month, 13) AS month,
			 coalesce(c.month_label, 'Year') AS month_label, sum(c.amount) AS amount
	  FROM (SELECT team, month, to_char(month_start, 'Mon') AS month_label, amount FROM battle.cell) AS c
	  JOIN shown_team s USING (team)
	  GROUP BY GROUPING SETS ((s.place, s.row_label, c.month, c.month_label), (c.month, c.month_label), (s.place, s.row_label), ())) AS t;

-- twelve months in one table where they fit, else in two
SELECT sum(width) <= 95 AS one_table
FROM (SELECT max(length(cell)) + 1 AS width FROM manager_month GROUP BY month) AS w \gset
\if :one_table
	SELECT row_label AS "Manager", month_label, cell, month
	FROM manager_month ORDER BY place \crosstabview "Manager" month_label cell month
\else
	SELECT row_label AS "Manager", month_label, cell, month
	FROM manager_month WHERE month <= 6 ORDER BY place \crosstabview "Manager" month_label cell month
	SELECT row_label AS "Manager", month_label, cell, month
	FROM manager_month WHERE month > 6 ORDER BY place \crosstabview "Manager" month_label cell month
\endif

\echo '5. BY PERSON AND PRODUCT: people weigh what they sold, products what each sold of them'
\echo '   * hired in the base year: the median of the peers, times a ramp    ° sold nothing yet: the median of the peers'
\echo
CREATE TEMP TABLE shown_member AS
SELECT member, CASE WHEN hidden THEN 10 ELSE n END AS place,
	   CASE WHEN hidden THEN '… ' || count(*) FILTER (WHERE hidden) OVER () || ' more people'
			ELSE member_name || CASE source WHEN 'newcomer' THEN ' *' WHEN 'no sales' THEN ' °' ELSE '' END
				 || CASE WHEN people > 40 THEN ' · ' || team_name ELSE '' END END AS row_label
FROM (SELECT *, people > 40 AND n > 9 AND n <= people - 5 AS hidden
	  FROM (SELECT c.member, c.member_name, c.team_name, w.source, row_number() OVER (ORDER BY sum(c.amount) DESC, c.member COLLATE "C") AS n,
				   count(*) OVER () AS people
			FROM battle.cell c JOIN battle.member_weight w USING (member)
			GROUP BY c.member, c.member_name, c.team_name, w.source) AS ranked) AS cut;

SELECT row_label AS "Person", product, lpad(pg_temp.shown(amount), greatest(max(length(pg_temp.shown(amount))) OVER (PARTITION BY product), pg_temp.columns(product))) AS cell,
	   product_place
FROM (SELECT coalesce(s.place, 1000000) AS place, coalesce(s.row_label, 'Total') AS row_label, coalesce(c.product_name, 'All') AS product,
			 coalesce(g.product_place, 1000000) AS product_place, sum(c.amount) AS amount
	  FROM battle.cell c
	  JOIN shown_member s USING (member)
	  JOIN (SELECT product, row_number() OVER (ORDER BY product_name COLLATE "C") AS product_place FROM plan_input.product) AS g USING (product)
	  GROUP BY GROUPING SETS ((s.place, s.row_label, c.product_name, g.product_place), (c.product_name, g.product_place), (s.place, s.row_label), ())) AS t
ORDER BY place \crosstabview "Person" product cell product_place

\echo '6. WHY IS THIS CELL THIS NUMBER: allocate_tree_detail says so for each step down the tree'
\echo
-- the newest member's (or else one who never sold) first productive month, and the product he is to sell most of
SELECT n.node AS why, p.member_name AS why_name, w.source AS why_source, w.own_sales, w.peers_median, w.ramp_share
FROM battle.node n
JOIN plan_input.member p USING (member)
JOIN battle.member_weight w USING (member)
WHERE n.level = 'cell' AND n.amount > 0
ORDER BY w.source = 'history', p.hired DESC NULLS LAST, p.member COLLATE "C", n.month, n.amount DESC, n.product COLLATE "C"
LIMIT 1 \gset

SELECT i AS "step",
	   repeat('  ', i - 1) || CASE n.level WHEN 'company' THEN 'company' WHEN 'region' THEN r.region_name WHEN 'team' THEN t.team_name
			WHEN 'person' THEN p.member_name WHEN 'month' THEN m.label ELSE g.product_name END AS "node",
	   s.siblings AS "siblings",
	   round(100 * n.exact / parent.exact, 4) AS "% of its parent",
	   round(n.exact / :divisor, 6) AS "exact share",
	   round(n.rounding / :divisor, 6) AS "rounding", trim_scale(n.amount / :divisor) AS "amount", n.rule AS "rule"
FROM generate_series(1, cardinality(:'why'::text[])) AS i
JOIN battle.node n ON n.node = (:'why'::text[])[:i]
LEFT JOIN battle.node parent ON parent.node = n.parent
CROSS JOIN LATERAL (SELECT count(*) AS siblings FROM battle.node b WHERE b.parent IS NOT DISTINCT FROM n.parent) AS s
LEFT JOIN (SELECT DISTINCT region, region_name FROM plan_input.team) AS r ON r.region = n.region
LEFT JOIN plan_input.team t ON t.team = n.team
LEFT JOIN plan_input.member p ON p.member = n.member
LEFT JOIN plan_input.product g ON g.product = n.product
LEFT JOIN battle.month m ON m.number = n.month AND m.in_plan
ORDER BY i;

\t on
SELECT '  region, team: what was sold there in the base year'
UNION ALL
SELECT format('  person: %s %s', :'why_name', CASE :'why_source'
	WHEN 'newcomer' THEN format('was hired in the base year: the median of the peers, %s, times the ramp over the plan year, %s', pg_temp.shown(:peers_median), :ramp_share)
	WHEN 'no sales' THEN format('sold nothing in the base year: the median of the peers, %s', pg_temp.shown(:peers_median))
	ELSE format('sold for %s in the base year', pg_temp.shown(:own_sales)) END)
UNION ALL
SELECT format('  month: the region''s past sales per working day (%s) times %s working days',
			  CASE WHEN s.missing THEN 'all months'' mean, as this one is missing' ELSE to_char(lower(m.period), 'FMMonth') END, m.working_days)
	   || CASE WHEN r.ramp < 1 THEN ', times the ramp in that month, ' || round(r.ramp, 4) ELSE '' END
FROM battle.node n
JOIN battle.month m ON m.number = n.month AND m.in_plan
JOIN battle.season s ON s.region = n.region AND s.month = n.month
JOIN battle.ramp r ON r.member = n.member AND r.month = n.month
WHERE n.node = :'why'::text[]
UNION ALL
SELECT '  product: ' || CASE WHEN p.only_product IS NOT NULL THEN 'the only one the person sells'
							 WHEN :'why_source' = 'history' THEN 'nine tenths what the person sold, one tenth what the team did'
							 ELSE 'what the team sold of each' END
FROM battle.node n JOIN plan_input.member p USING (member) WHERE n.node = :'why'::text[];
\t off
