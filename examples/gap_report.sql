-- gap_report.sql: what the last quarter sold less, or more, than the one before,
-- and why; psql prints
--
-- Works on the tables of plan_input.sql, whatever filled them.  Reads only.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset null ''
\t off

SET search_path = quota_decomp, pg_catalog;

-- the last full quarter, and the one before as what was to be expected
CREATE TEMP TABLE quarter_sale AS
SELECT s.sold_on >= q.begins AS recent, coalesce(t.region_name, s.team) AS region, coalesce(t.team_name, s.team) AS team,
	   coalesce(m.member_name, s.member) AS member, coalesce(p.product_name, s.product) AS product, s.amount
FROM (SELECT (date_trunc('quarter', as_of + 1) - interval '3 months')::date AS begins FROM plan_input.setting) AS q
JOIN plan_input.sale s ON s.sold_on >= q.begins - interval '3 months' AND s.sold_on < q.begins + interval '3 months'
LEFT JOIN plan_input.team t ON t.team = s.team
LEFT JOIN plan_input.member m ON m.member = s.member
LEFT JOIN plan_input.product p ON p.product = s.product;

SELECT to_char(begins - interval '3 months', 'YYYY "Q"Q') AS before_label, to_char(begins, 'YYYY "Q"Q') AS now_label,
	   CASE WHEN (SELECT sum(abs(amount)) FROM quarter_sale) >= 10000000 THEN 1000 ELSE 1 END AS divisor
FROM (SELECT (date_trunc('quarter', as_of + 1) - interval '3 months')::date AS begins FROM plan_input.setting) AS q \gset

\echo
\echo 8. WHY: :now_label against :before_label, amounts in units of :divisor
\echo
\echo '   the change by region, exactly: price is the mean deal, volume the number of deals, mix which products they are'
\echo
-- price_volume_mix splits each product; a region is the sum of its products
SELECT coalesce(region, 'all regions') AS "region", round(sum(before) / :divisor) AS "before", round(sum(now) / :divisor) AS "now",
	   round((sum(now) - sum(before)) / :divisor) AS "change",
	   round(sum((e).price) / :divisor) AS "price", round(sum((e).volume) / :divisor) AS "volume",
	   round(sum((e).mix) / :divisor) AS "mix", round(sum((e).added) / :divisor) AS "added", round(sum((e).lost) / :divisor) AS "lost"
FROM (SELECT region, product, before, now,
			 price_volume_mix(now_deals, now, before_deals, before) OVER (PARTITION BY region) AS e
	  FROM (SELECT region, product,
				   coalesce(sum(amount) FILTER (WHERE recent), 0) AS now, count(*) FILTER (WHERE recent) AS now_deals,
				   coalesce(sum(amount) FILTER (WHERE NOT recent), 0) AS before, count(*) FILTER (WHERE NOT recent) AS before_deals
			FROM quarter_sale GROUP BY region, product) AS c) AS d
GROUP BY GROUPING SETS ((region), ())
ORDER BY region IS NULL, region COLLATE "C";

SELECT region AS gap_region
FROM quarter_sale
GROUP BY region
ORDER BY sum(CASE WHEN recent THEN amount ELSE -amount END), region COLLATE "C"
LIMIT 1 \gset

\echo '   root causes in the region that fell most (or rose least):' :gap_region
\echo
CREATE TEMP TABLE gap_cause AS
SELECT c.*
FROM (SELECT root_cause(CASE WHEN recent THEN amount END, CASE WHEN NOT recent THEN amount END, team, member, product) AS state
	  FROM quarter_sale WHERE region = :'gap_region') AS s
CROSS JOIN root_causes(s.state, '{team,person,product}') AS c;

SELECT slice, round(expected / :divisor) AS "before", round(actual / :divisor) AS "now",
	   round(deviation / :divisor) AS "change", round(100 * change) || ' %' AS "own change", confidence
FROM gap_cause
ORDER BY rank;

\t on
SELECT '  (no slice stands out of the noise of single deals)' WHERE NOT EXISTS (SELECT FROM gap_cause);
\t off
