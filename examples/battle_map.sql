-- battle_map.sql: next year's target, down to person x month x product
--
-- Reads the tables of plan_input.sql, writes the schema battle: four steps of
-- weights, then one call of allocate_tree_detail() that splits the target, and
-- a view of the cells.  battle_map_report.sql shows the result.
--
-- Needs the extension: CREATE EXTENSION quota_decomp.

\set ON_ERROR_STOP on

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = quota_decomp, pg_catalog;

CREATE SCHEMA battle;
COMMENT ON SCHEMA battle IS 'a target decomposed by battle_map.sql';

----------------------------------------------------------------------
-- 1. Time: the base year, the plan year and their working days
----------------------------------------------------------------------

-- The base is the last twelve whole months (a month whose last five days are
-- still missing counts as whole), the plan the twelve months after it.
CREATE TABLE battle.span AS
SELECT daterange((e.day - interval '1 year')::date, e.day) AS base,
	   daterange(e.day, (e.day + interval '1 year')::date) AS plan,
	   extract(month FROM e.day)::int AS first_month
FROM plan_input.setting, LATERAL (SELECT date_trunc('month', as_of + 5)::date AS day) AS e;
COMMENT ON TABLE battle.span IS 'one row: the base year and the plan year';

DO $$
BEGIN
	IF (SELECT count(*) FROM battle.span) <> 1 THEN
		RAISE EXCEPTION 'plan_input.setting has % rows, not one', (SELECT count(*) FROM battle.span);
	ELSIF NOT EXISTS (SELECT FROM plan_input.member) THEN
		RAISE EXCEPTION 'nobody is there to have a target: plan_input.member is empty';
	ELSIF coalesce((SELECT sum(amount) FROM plan_input.sale, battle.span WHERE sold_on <@ base), 0) <= 0 THEN
		RAISE EXCEPTION 'the base year % has no sales to grow from', (SELECT base FROM battle.span);
	END IF;
END $$;

-- Every month from the first sale to the end of the plan.  A month before the
-- source's first sale is not covered: what was sold in it is unknown, not 0.
CREATE TABLE battle.month AS
SELECT c.period, c.label, c.number, c.fiscal_year, c.fiscal_quarter, c.working_days,
	   extract(month FROM lower(c.period))::int AS calendar_month,
	   c.period <@ s.base AS in_base, c.period <@ s.plan AS in_plan,
	   lower(c.period) >= f.first_month AND upper(c.period) <= upper(s.base) AS covered
FROM battle.span s
CROSS JOIN (SELECT date_trunc('month', min(sold_on))::date AS first_month FROM plan_input.sale) AS f
CROSS JOIN LATERAL calendar(
	daterange(least(f.first_month, lower(s.base)), upper(s.plan)), 'month',
	first_month => s.first_month,
	holidays => ARRAY(SELECT day FROM plan_input.day_off),
	extra_workdays => ARRAY(SELECT day FROM plan_input.extra_workday)) AS c;
COMMENT ON TABLE battle.month IS 'months of the past and of the plan year, with their working days';

----------------------------------------------------------------------
-- 2. The target: growth over the base year
----------------------------------------------------------------------

-- Months the source does not cover count with what the covered ones brought
-- per working day; otherwise "+15 %" would be a cut.  The target is rounded to
-- three digits, so that everybody remembers it, but never finer than the unit.
CREATE TABLE battle.target AS
SELECT b.booked, b.covered_months, b.estimated, b.booked + b.estimated AS baseline,
	   trim_scale(round((b.booked + b.estimated) * (1 + s.growth) / step.size) * step.size) AS target, s.unit
FROM plan_input.setting s
CROSS JOIN LATERAL (
	SELECT sum(amount) AS booked, max(m.months) AS covered_months,
		   round(sum(amount) / max(m.days) * max(m.missing_days), 2) AS estimated
	FROM plan_input.sale
	CROSS JOIN battle.span
	CROSS JOIN (SELECT count(*) FILTER (WHERE covered) AS months,
					   sum(working_days) FILTER (WHERE covered) AS days,
					   coalesce(sum(working_days) FILTER (WHERE NOT covered), 0) AS missing_days
				FROM battle.month WHERE in_base) AS m
	WHERE sold_on <@ base
) AS b
CROSS JOIN LATERAL (
	SELECT greatest(s.unit, power(10::numeric, length(trunc((b.booked + b.estimated) * (1 + s.growth))::text) - 3)) AS size
) AS step;
COMMENT ON TABLE battle.target IS 'one row: the base year''s sales, what its missing months are taken for, and the target';

----------------------------------------------------------------------
-- 3. Weights from the past
----------------------------------------------------------------------

-- Season: what a working day of each calendar month brought in each region
-- over all the years there are, times the working days that month has in the
-- plan year.  So Spring Festival weighs where it falls next year, not where it
-- fell last year.  A month nobody has seen gets the region's mean day.
CREATE TABLE battle.season AS
WITH past AS (
	SELECT r.region, m.calendar_month, m.working_days, coalesce(s.amount, 0) AS amount
	FROM (SELECT DISTINCT region FROM plan_input.team) AS r
	CROSS JOIN (SELECT * FROM battle.month WHERE covered) AS m
	LEFT JOIN (SELECT t.region, date_trunc('month', sold_on)::date AS month, sum(amount) AS amount
			   FROM plan_input.sale JOIN plan_input.team t USING (team) GROUP BY 1, 2) AS s
		   ON s.region = r.region AND s.month = lower(m.period)
), daily AS (
	SELECT region, calendar_month, sum(amount) / sum(working_days) AS per_day FROM past GROUP BY 1, 2
), mean AS (
	SELECT region, sum(amount) / sum(working_days) AS per_day FROM past GROUP BY 1
)
SELECT mean.region, m.number AS month, d.calendar_month IS NULL AS missing,
	   round(greatest(coalesce(d.per_day, mean.per_day), 0) * m.working_days, 2) AS weight
FROM mean
CROSS JOIN (SELECT * FROM battle.month WHERE in_plan) AS m
LEFT JOIN daily d ON d.region = mean.region AND d.calendar_month = m.calendar_month;
COMMENT ON TABLE battle.season IS 'weight of each month of the plan year, by region';

-- How much of a newcomer's full productivity each month will see.
CREATE TABLE battle.ramp AS
SELECT p.member, m.number AS month, ramp(p.hired, m.period, s.ramp_curve) AS ramp
FROM plan_input.member p CROSS JOIN plan_input.setting s CROSS JOIN battle.month m
WHERE m.in_plan;
COMMENT ON TABLE battle.ramp IS 'share of full productivity, by person and month';

-- People: the base year's own sales.  Who was hired in it, or has sold
-- nothing, has no year of his own to go by and takes the median of his
-- peers (those of the team who have; of the company, where there are fewer than
-- three), a newcomer times his ramp.
CREATE TABLE battle.member_weight AS
WITH own AS (
	SELECT p.member, p.team, p.hired, t.region, coalesce(s.amount, 0) AS amount,
		   coalesce(p.hired > lower(span.base), false) AS newcomer
	FROM plan_input.member p
	JOIN plan_input.team t USING (team)
	CROSS JOIN battle.span
	LEFT JOIN (SELECT member, sum(amount) AS amount FROM plan_input.sale, battle.span WHERE sold_on <@ base GROUP BY 1) AS s
		   ON s.member = p.member
), peers AS (
	SELECT team, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)::numeric, 2) AS median, count(*) AS people
	FROM own WHERE amount > 0 AND NOT newcomer GROUP BY GROUPING SETS ((team), ())
), productive AS (
	SELECT o.member, sum(n.weight * r.ramp) / nullif(sum(n.weight), 0) AS share
	FROM own o JOIN battle.ramp r USING (member) JOIN battle.season n ON n.region = o.region AND n.month = r.month
	GROUP BY o.member
)
SELECT o.member, o.amount AS own_sales,
	   CASE WHEN o.newcomer THEN 'newcomer' WHEN o.amount <= 0 THEN 'no sales' ELSE 'history' END AS source,
	   coalesce(t.median, c.median, 1) AS peers_median,
	   round(coalesce(p.share, 1), 4) AS ramp_share,
	   CASE WHEN o.newcomer THEN round(coalesce(t.median, c.median, 1) * coalesce(p.share, 1), 2)
			WHEN o.amount <= 0 THEN coalesce(t.median, c.median, 1)
			ELSE o.amount END AS weight
FROM own o
LEFT JOIN peers t ON t.team = o.team AND t.people >= 3
LEFT JOIN peers c ON c.team IS NULL
LEFT JOIN productive p ON p.member = o.member;
COMMENT ON TABLE battle.member_weight IS 'weight of each person and where it comes from';

-- Products: nine tenths what the person sold in the base year, one tenth
-- what the team did, so that a product not sold yet is not closed for ever; a
-- newcomer sells what the team sells, a specialist his one product.
CREATE TABLE battle.mix AS
WITH sold AS (
	SELECT s.team, s.member, s.product, s.amount
	FROM plan_input.sale s JOIN plan_input.product USING (product), battle.span
	WHERE s.sold_on <@ span.base
), company AS (
	SELECT product, greatest(sum(amount), 0) AS amount FROM sold GROUP BY 1
), team AS (
	SELECT team, product, greatest(sum(amount), 0) AS amount FROM sold GROUP BY 1, 2
), person AS (
	SELECT member, product, greatest(sum(amount), 0) AS amount FROM sold GROUP BY 1, 2
), share AS (
	SELECT p.member, g.product, p.only_product, w.source,
		   o.amount / nullif(sum(o.amount) OVER (PARTITION BY p.member), 0) AS own,
		   t.amount / nullif(sum(t.amount) OVER (PARTITION BY p.member), 0) AS team,
		   c.amount / nullif(sum(c.amount) OVER (PARTITION BY p.member), 0) AS company
	FROM plan_input.member p
	JOIN battle.member_weight w USING (member)
	CROSS JOIN plan_input.product g
	LEFT JOIN person o ON o.member = p.member AND o.product = g.product
	LEFT JOIN team t ON t.team = p.team AND t.product = g.product
	LEFT JOIN company c ON c.product = g.product
), blend AS (
	SELECT member, product, only_product, own, bool_or(own IS NOT NULL) OVER (PARTITION BY member) AND source = 'history' AS use_own,
		   CASE WHEN bool_or(team IS NOT NULL) OVER (PARTITION BY member) THEN coalesce(team, 0) ELSE coalesce(company, 0) END AS others
	FROM share
)
SELECT member, product,
	   round(CASE WHEN only_product IS NOT NULL THEN (product = only_product)::int
				  WHEN use_own THEN 0.9 * coalesce(own, 0) + 0.1 * others
				  ELSE others END, 6) AS weight
FROM blend;
COMMENT ON TABLE battle.mix IS 'weight of each product, by person';

----------------------------------------------------------------------
-- 4. One tree, one call: company > region > team > person > month > product
----------------------------------------------------------------------

-- A node's key is the path to it.  Regions and teams weigh what was sold
-- there in the base year, by whomever: also leavers, and people who have moved
-- on.  Months have no weight of their own: NULL is the sum of what is below.
CREATE TABLE battle.node AS
WITH booked AS (
	SELECT t.region, t.team, greatest(sum(s.amount), 0) AS amount
	FROM plan_input.sale s JOIN plan_input.team t USING (team), battle.span
	WHERE s.sold_on <@ span.base
	GROUP BY GROUPING SETS ((t.region), (t.region, t.team))
), seller AS (
	SELECT t.region, t.team, p.member, w.weight
	FROM plan_input.member p JOIN plan_input.team t USING (team) JOIN battle.member_weight w USING (member)
), node AS (
	SELECT 'company' AS level, ARRAY['company'] AS node, NULL::text AS region, NULL::text AS team, NULL::text AS member,
		   NULL::int AS month, NULL::text AS product, NULL::numeric AS weight
	UNION ALL
	SELECT 'region', ARRAY['company', s.region], s.region, NULL, NULL, NULL, NULL, nullif(b.amount, 0)
	FROM (SELECT DISTINCT region FROM seller) AS s
	LEFT JOIN booked b ON b.region = s.region AND b.team IS NULL
	UNION ALL
	SELECT 'team', ARRAY['company', s.region, s.team], s.region, s.team, NULL, NULL, NULL, nullif(b.amount, 0)
	FROM (SELECT DISTINCT region, team FROM seller) AS s
	LEFT JOIN booked b ON b.region = s.region AND b.team = s.team
	UNION ALL
	SELECT 'person', ARRAY['company', region, team, member], region, team, member, NULL, NULL, weight
	FROM seller
	UNION ALL
	SELECT 'month', ARRAY['company', s.region, s.team, s.member, to_char(m.number, 'FM00')], s.region, s.team, s.member, m.number, NULL, NULL
	FROM seller s CROSS JOIN battle.month m WHERE m.in_plan
	UNION ALL
	SELECT 'cell', ARRAY['company', s.region, s.team, s.member, to_char(n.month, 'FM00'), x.product], s.region, s.team, s.member, n.month, x.product,
		   round(n.weight * r.ramp * x.weight, 2)
	FROM seller s
	JOIN battle.season n ON n.region = s.region
	JOIN battle.ramp r ON r.member = s.member AND r.month = n.month
	JOIN battle.mix x ON x.member = s.member
)
SELECT level, node, parent, region, team, member, month, product, weight, (a).amount, (a).exact, (a).rounding, (a).rule
FROM (SELECT n.*, p.parent,
			 allocate_tree_detail(t.target, n.node, p.parent, weight => n.weight, unit => t.unit)
				 OVER (ORDER BY n.node COLLATE "C") AS a
	  FROM node n
	  CROSS JOIN battle.target t
	  CROSS JOIN LATERAL (SELECT nullif(n.node[:cardinality(n.node) - 1], '{}') AS parent) AS p) AS allocated;
ALTER TABLE battle.node ADD PRIMARY KEY (node);
COMMENT ON TABLE battle.node IS 'the target at every node of the tree, with the reason for each amount';

-- The cells, ready to be summed by any dimension.
CREATE VIEW battle.cell AS
SELECT n.region, t.region_name, n.team, t.team_name, n.member, p.member_name,
	   n.month, m.label AS month_label, lower(m.period) AS month_start, m.fiscal_quarter AS quarter, n.product, g.product_name,
	   n.amount, n.exact, n.rule
FROM battle.node n
JOIN plan_input.team t USING (team)
JOIN plan_input.member p USING (member)
JOIN plan_input.product g USING (product)
JOIN battle.month m ON m.number = n.month AND m.in_plan
WHERE n.level = 'cell';
COMMENT ON VIEW battle.cell IS 'the target by person, month and product, with names: the battle map';

----------------------------------------------------------------------
-- What the reader should know
----------------------------------------------------------------------

INSERT INTO plan_input.notice (notice)
SELECT 'No sales for ' || string_agg(to_char(lower(m.period), 'FMMonth'), ', ' ORDER BY m.number)
	   || ': missing, not zero. ' || CASE count(*) WHEN 1 THEN 'It gets' ELSE 'They get' END
	   || ' what covered months brought per working day.'
FROM battle.month m
WHERE m.in_plan AND m.number IN (SELECT month FROM battle.season WHERE missing) HAVING count(*) > 0;

INSERT INTO plan_input.notice (notice)
SELECT count(*) || ' people were hired in the base year and weigh the median of their peers times their ramp.'
FROM battle.member_weight WHERE source = 'newcomer' HAVING count(*) > 0;

INSERT INTO plan_input.notice (notice)
SELECT count(*) || ' people sold nothing and weigh the median of their peers: '
	   || array_to_string((array_agg(p.member_name ORDER BY p.member_name COLLATE "C"))[:5], ', ')
	   || CASE WHEN count(*) > 5 THEN ' and ' || count(*) - 5 || ' more.' ELSE '.' END
FROM battle.member_weight JOIN plan_input.member p USING (member) WHERE source = 'no sales' HAVING count(*) > 0;

INSERT INTO plan_input.notice (notice)
SELECT count(*) || ' sales of the base year (' || to_char(sum(amount), 'FM999,999,999,990')
	   || ') lack a person or product: counted on (unassigned), their share spread over all.'
FROM plan_input.sale, battle.span
WHERE sold_on <@ base AND '(unassigned)' IN (team, member, product) HAVING count(*) > 0;

COMMIT;
ANALYZE battle.node;
