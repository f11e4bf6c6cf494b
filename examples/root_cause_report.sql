-- root_cause_report.sql: why the sample CRM's win rate fell, and where
--
-- Works on what sample_crm.sql, map_sample.sql and plan_sample.sql leave behind;
-- psql -v plan=NAME.  Reads only.  Amounts of five months are a
-- few dozen large deals a slice, which come or do not come; deals won of deals
-- closed say more: that is what is compared here.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset null ''
\t off

SET search_path = quota_decomp, pg_catalog;

-- every deal that was won or lost, at the team its owner was in that day: the
-- nodes a plan keeps, found by the key as it was typed, aliases too
CREATE TEMP TABLE closed_deal AS
WITH place AS (
	SELECT k.dimension, k.key, k.valid_from, k.valid_to, n.key AS matched, up.label AS parent_label, upper.label AS grandparent_label
	FROM visible_plan p
	JOIN visible_node_key k ON k.plan_id = p.plan_id
	JOIN visible_node n ON n.plan_id = k.plan_id AND n.node_id = k.node_id
	LEFT JOIN visible_node up ON up.plan_id = n.plan_id AND up.node_id = n.parent_id
	LEFT JOIN visible_node upper ON upper.plan_id = n.plan_id AND upper.node_id = up.parent_id
	WHERE p.plan = :'plan'
)
SELECT o.closed_on, (o.stage = 'WON')::int AS won, p.matched AS person,
	   coalesce(p.grandparent_label, '(unassigned)') AS region, coalesce(p.parent_label, '(unassigned)') AS team,
	   coalesce(g.product_line, '(unassigned)') AS product_line, a.customer_class,
	   CASE WHEN extract(month FROM o.closed_on) IN (5, 6) THEN 'May, June' ELSE 'other months' END AS months
FROM crm.opportunity o
JOIN crm.account a USING (account_id)
LEFT JOIN place p ON p.dimension = 'org' AND p.key = o.person_id AND o.closed_on >= p.valid_from AND o.closed_on < p.valid_to
LEFT JOIN place k ON k.dimension = 'product' AND k.key = o.product_id AND o.closed_on >= k.valid_from AND o.closed_on < k.valid_to
LEFT JOIN crm.product g ON g.product_id = k.matched
WHERE o.stage IN ('WON', 'LOST');

\echo
\echo '13. WHY THE WIN RATE CHANGED: slices whose win rate is not what it was, out of all of region x team x product line x customer class'
\echo
\echo '   the last five months against all before'
\echo
SELECT c.slice, round(100 * c.expected, 1) AS "win rate before %", round(100 * c.actual, 1) AS "now %",
	   round(100 * c.change) || ' %' AS "change", c.confidence
FROM (SELECT root_cause_ratio(CASE WHEN recent THEN won END, CASE WHEN recent THEN 1 END,
							  CASE WHEN NOT recent THEN won END, CASE WHEN NOT recent THEN 1 END,
							  region, team, product_line, customer_class) AS state
	  FROM (SELECT *, closed_on > (SELECT as_of FROM crm.dataset) - interval '5 months' AS recent FROM closed_deal) AS d) AS s
CROSS JOIN root_causes(s.state, '{region,team,product line,customer class}') AS c
ORDER BY c.rank;

\echo '   the last year against all before, by time of year'
\echo
SELECT c.slice, round(100 * c.expected, 1) AS "win rate before %", round(100 * c.actual, 1) AS "now %",
	   round(100 * c.change) || ' %' AS "change", c.confidence
FROM (SELECT root_cause_ratio(CASE WHEN recent THEN won END, CASE WHEN recent THEN 1 END,
							  CASE WHEN NOT recent THEN won END, CASE WHEN NOT recent THEN 1 END,
							  months, region, product_line) AS state
	  FROM (SELECT *, closed_on > (SELECT as_of FROM crm.dataset) - interval '1 year' AS recent FROM closed_deal) AS d) AS s
CROSS JOIN root_causes(s.state, '{months,region,product line}') AS c
ORDER BY c.rank;

\echo '   the last year against all before, by person, within each region'
\echo
SELECT s.region, c.slice, round(100 * c.expected, 1) AS "win rate before %", round(100 * c.actual, 1) AS "now %",
	   round(100 * c.change) || ' %' AS "change", c.confidence
FROM (SELECT region, root_cause_ratio(CASE WHEN recent THEN won END, CASE WHEN recent THEN 1 END,
									  CASE WHEN NOT recent THEN won END, CASE WHEN NOT recent THEN 1 END, person) AS state
	  FROM (SELECT *, closed_on > (SELECT as_of FROM crm.dataset) - interval '1 year' AS recent FROM closed_deal) AS d
	  GROUP BY region) AS s
CROSS JOIN root_causes(s.state, '{person}') AS c
ORDER BY s.region, c.rank;

-- what was planted in the data, for comparison
\echo '   planted in the sample (crm.planted_truth)'
\echo
SELECT truth_id, region_id, product_line, person_id, valid_from, valid_to, round(100 * effect) || ' %' AS effect
FROM crm.planted_truth ORDER BY amount_lost DESC;
