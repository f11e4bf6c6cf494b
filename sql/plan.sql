--
-- A plan from its creation to its second revision, on a CRM small enough to
-- check by hand
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
SET search_path = quota_decomp, public;
SET datestyle = ISO;
-- what was just written has no statistics
SET enable_nestloop = off;

-- East: ann 200 a month, bob 100; West: cid 100, and dan, who begins in March
-- 2027; North: the manager max, who sells himself, and eva below him, who only
-- sells B.  Products: A1 and A2 alike, B1; B2 is launched in July 2027.  The
-- sales begin in March 2025.
CREATE SCHEMA plan;
CREATE TABLE plan.member (key text, parent text, since date, until date, hired date, eligible text);
INSERT INTO plan.member VALUES
	('华东区', NULL, NULL, NULL, NULL, NULL), ('West', NULL, NULL, NULL, NULL, NULL), ('North', NULL, NULL, NULL, NULL, NULL),
	('ann', '华东区', NULL, NULL, NULL, NULL), ('bob', '华东区', NULL, NULL, NULL, NULL), ('cid', 'West', NULL, NULL, NULL, NULL),
	('dan', 'West', '2027-03-01', NULL, '2027-03-01', NULL), ('leo', 'West', NULL, '2026-07-01', NULL, NULL),
	('max', 'North', NULL, NULL, NULL, NULL), ('eva', 'max', NULL, NULL, NULL, 'B'),
	-- moved from West to North in the middle of 2026
	('mia', 'West', NULL, '2026-07-01', NULL, NULL), ('mia', 'North', '2026-07-01', NULL, NULL, NULL);
CREATE TABLE plan.product (key text, parent text, launched date);
INSERT INTO plan.product VALUES ('A', NULL, NULL), ('B', NULL, NULL), ('A1', 'A', NULL), ('A2', 'A', NULL), ('B1', 'B', NULL), ('B2', 'B', '2027-07-01');
CREATE TABLE plan.sale AS
SELECT d::date AS day, p.person, p.item, p.amount, 1 AS one, (p.amount >= 50)::int AS won
FROM generate_series('2025-03-15', '2026-12-15', interval '1 month') d,
	(VALUES ('ann', 'A1', 80), ('ann', 'A2', 80), ('ann', 'B1', 40), ('bob', 'A1', 40), ('bob', 'A2', 40), ('bob', 'B1', 20),
		('cid', 'A1', 50), ('cid', 'B1', 50), ('leo', 'A1', 30), ('max', 'A1', 60), ('max', 'B1', 40), ('eva', 'B1', 100), ('mia', 'A1', 50), ('mia', 'B1', 50)) p(person, item, amount)
WHERE p.person <> 'leo' OR d < '2026-07-01';
SELECT create_hierarchy('org', 'plan.member', key => 'key', parent => 'parent', valid_from => 'since', valid_to => 'until', hired => 'hired', eligible => 'eligible');
SELECT create_hierarchy('product', 'plan.product', key => 'key', parent => 'parent', valid_from => 'launched');
SELECT create_metric('sales', 'plan.sale', at => 'day', member => 'person', product => 'item', value => 'amount', unit => 1);
SELECT create_metric('orders', 'plan.sale', at => 'day', member => 'person', product => 'item', unit => 1);
SELECT create_metric('win rate', 'plan.sale', at => 'day', member => 'person', product => 'item', value => 'won', denominator => 'one', kind => 'ratio');

-- a plan's targets with names
CREATE VIEW plan.cell AS
SELECT p.plan, t.tier, o.key AS org, o.depth, o.leaf, a.key AS line, i.key AS product, e.starts, extract(quarter FROM e.starts)::int AS quarter, t.revision_from, t.revision_to, t.amount, t.volume, t.rule, o.node_id, o.parent_id, p.plan_id
FROM visible_plan p JOIN visible_target t ON t.plan_id = p.plan_id JOIN visible_node o ON o.plan_id = p.plan_id AND o.node_id = t.org_id
JOIN visible_node i ON i.plan_id = p.plan_id AND i.node_id = t.product_id LEFT JOIN visible_node a ON a.plan_id = p.plan_id AND a.node_id = i.parent_id
JOIN visible_period e ON e.plan_id = p.plan_id AND e.period_id = t.period_id;
-- cells of a node that are not the sum of those below it
CREATE FUNCTION plan.unequal(name text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (SELECT u.amount, sum(c.amount) AS below FROM plan.cell u JOIN plan.cell c ON c.plan = u.plan AND c.tier = u.tier AND c.parent_id = u.node_id AND c.product = u.product AND c.starts = u.starts AND c.revision_to IS NULL
		WHERE u.plan = $1 AND u.revision_to IS NULL GROUP BY u.node_id, u.tier, u.product, u.starts, u.amount) AS s WHERE s.amount <> s.below
$$;

-- 2026 brought 12 x 700 + 6 x 30 = 8,580; 20 % more are 10,296
SELECT create_plan('2027', 'sales', '[2027-01-01,2028-01-01)', growth => 0.2, org => 'org', product => 'product', as_of => '2026-12-31', ramp_curve => '{0.25,0.5,0.75}');
SELECT decompose('2027');
SELECT org, sum(amount), count(*) FROM plan.cell WHERE plan = '2027' GROUP BY org, depth ORDER BY depth, org;
SELECT line, product, sum(amount), min(starts) FILTER (WHERE amount > 0) AS begins FROM plan.cell WHERE plan = '2027' AND depth = 0 GROUP BY line, product ORDER BY product;
SELECT starts, sum(amount), sum(amount) FILTER (WHERE org = 'dan') AS dan FROM plan.cell WHERE plan = '2027' AND (depth = 0 OR org = 'dan') GROUP BY starts ORDER BY starts;
SELECT DISTINCT org, product FROM plan.cell WHERE plan = '2027' AND org = 'eva' AND amount > 0 ORDER BY product;
SELECT plan.unequal('2027');
-- the weights and where they come from
SELECT n.key, w.value, round(w.share, 4) AS share, w.source FROM visible_weight w JOIN visible_node n ON n.plan_id = w.plan_id AND n.node_id = w.org_id WHERE w.dimension = 'org' AND w.driver_no = -1 ORDER BY n.sort_no, n.depth;

-- 在第三季度，通过推广A产品线，将华东区的销售额提升15%: 900 in the third quarter
-- of 2026, so 1,035; the 135 land on A
SELECT set_goal('2027', '华东区', NULL, 'Q3', growth => 0.15, through => 'A', initiative => '推广A产品线', owner => 'ann');
SELECT decompose('2027');
SELECT line, sum(amount) AS q3, 300 * CASE line WHEN 'A' THEN 2.4 ELSE 0.6 END AS baseline FROM plan.cell WHERE plan = '2027' AND org = '华东区' AND quarter = 3 GROUP BY line ORDER BY line;
SELECT sum(amount) AS q3, round(1.15 * 900) AS wanted FROM plan.cell WHERE plan = '2027' AND org = '华东区' AND quarter = 3;
SELECT sum(amount) AS total, sum(amount) FILTER (WHERE line = 'A') + sum(amount) FILTER (WHERE line = 'B') AS by_line FROM plan.cell WHERE plan = '2027' AND depth = 0;
SELECT plan.unequal('2027');

-- a fall through A has an end: B alone brought 180
\set SHOW_CONTEXT never
SELECT set_goal('2027', 'West', NULL, 'Q3', growth => -0.95, through => 'A');

-- bounds: of totals, and of a cell
SELECT set_bound('2027', 'bob', floor => 2000), set_bound('2027', 'cid', cap => 1000), set_bound('2027', 'mia', locked => 1500), set_bound('2027', 'West', uplift => 0.1), set_bound('2027', 'ann', 'A1', '2027-01', locked => 50);
SELECT decompose('2027');
SELECT org, sum(amount) FROM plan.cell WHERE plan = '2027' AND org IN ('bob', 'cid', 'mia', 'West', 'dan') GROUP BY org ORDER BY org;
SELECT round(1.1 * sum(amount) FILTER (WHERE org = 'West')) AS raised, sum(amount) FILTER (WHERE org IN ('cid', 'dan')) AS below FROM plan.cell WHERE plan = '2027';
SELECT amount, rule FROM plan.cell WHERE plan = '2027' AND org = 'ann' AND product = 'A1' AND starts = '2027-01-01';
SELECT sum(amount) FROM plan.cell WHERE plan = '2027' AND depth = 1 HAVING sum(amount) = (SELECT total FROM visible_plan WHERE plan = '2027');

-- tiers: in order in every cell, equal where something is held
SELECT set_tier('2027', 'base', factor => 0.9), set_tier('2027', 'stretch', factor => 1.2);
SELECT decompose('2027');
SELECT tier, sum(amount) FROM plan.cell WHERE plan = '2027' AND depth = 0 GROUP BY tier ORDER BY tier;
SELECT count(*) AS cells, count(*) FILTER (WHERE base <= target AND target <= stretch) AS in_order
FROM (SELECT max(amount) FILTER (WHERE tier = 'base') AS base, max(amount) FILTER (WHERE tier = 'target') AS target, max(amount) FILTER (WHERE tier = 'stretch') AS stretch
	  FROM plan.cell WHERE plan = '2027' GROUP BY node_id, product, starts) AS s;
SELECT tier, sum(amount) FILTER (WHERE org = '华东区' AND quarter = 3) AS goal, sum(amount) FILTER (WHERE org = 'mia') AS mia, sum(amount) FILTER (WHERE org = 'ann' AND product = 'A1' AND starts = '2027-01-01') AS cell FROM plan.cell WHERE plan = '2027' GROUP BY tier ORDER BY tier;

-- published, opened again, and both revisions can be read
SELECT publish('2027');
SELECT reopen('2027', 'West got a new customer');
SELECT set_bound('2027', 'West', floor => 3000);
SELECT decompose('2027');
SELECT r.revision, r.kind, r.reason, r.published_at IS NOT NULL AS published, sum(c.amount) FILTER (WHERE c.depth = 0) AS total, sum(c.amount) FILTER (WHERE c.org = 'West') AS west
FROM visible_revision r JOIN plan.cell c ON c.plan_id = r.plan_id AND c.tier = 'target' AND c.revision_from <= r.revision AND (c.revision_to IS NULL OR c.revision_to > r.revision) GROUP BY r.revision, r.kind, r.reason, r.published_at ORDER BY r.revision;

-- drivers: a column of people, of regions only, of dates, of people and products
CREATE TABLE plan.potential AS SELECT * FROM (VALUES ('ann', 1), ('bob', 3), ('华东区', 1), ('West', 1), ('North', 2)) v(who, amount);
SELECT create_plan('column', 'sales', '[2027-01-01,2028-01-01)', 'year', total => 8000, org => 'org', as_of => '2026-12-31');
SELECT add_driver('column', 'org', 'potential', source => 'plan.potential', key => 'who', value => 'amount');
SELECT decompose('column');
SELECT org, sum(amount) FROM plan.cell WHERE plan = 'column' GROUP BY org, depth ORDER BY depth, org;
SELECT create_plan('season', 'sales', '[2027-01-01,2028-01-01)', 'quarter', total => 1000, org => 'org', product => 'product', as_of => '2026-12-31');
CREATE TABLE plan.season AS SELECT * FROM (VALUES (date '2027-02-01', 1), ('2027-05-01', 2), ('2027-08-01', 3), ('2027-11-01', 4)) v(day, weight);
CREATE TABLE plan.mix AS SELECT * FROM (VALUES ('ann', 'A1', 1), ('bob', 'B1', 1)) v(who, what, weight);
SELECT add_driver('season', 'time', 'season', source => 'plan.season', key => 'day', value => 'weight'), add_driver('season', 'org_product', 'mix', source => 'plan.mix', key => 'who', product_key => 'what', value => 'weight');
SELECT decompose('season');
SELECT quarter, sum(amount) FROM plan.cell WHERE plan = 'season' AND depth = 0 GROUP BY quarter ORDER BY quarter;
SELECT org, product, sum(amount) FROM plan.cell WHERE plan = 'season' AND org IN ('ann', 'bob') GROUP BY org, product ORDER BY org, product;
SELECT plan.unequal('season');

-- counts, and every grain
SELECT create_plan(g || coalesce(' ' || p, ''), 'orders', '[2027-01-01,2028-01-01)', g, total => 5000, org => 'org', product => 'product', pattern => coalesce(p, 'month'), as_of => '2026-12-31')
FROM (VALUES ('year', NULL), ('quarter', NULL), ('month', NULL), ('week', 'iso'), ('week', '445'), ('month_week', NULL)) v(g, p);
SELECT g AS plan, decompose(g) AS cells, plan.unequal(g) FROM unnest('{year,quarter,month,week iso,week 445,month_week}'::text[]) g;
SELECT c.plan, sum(c.amount), count(DISTINCT c.starts) AS periods FROM plan.cell c WHERE c.depth = 0 AND c.plan IN ('year', 'quarter', 'month', 'week iso', 'week 445', 'month_week') GROUP BY c.plan ORDER BY 3, 1;
SELECT count(*) AS months, sum(s.amount) FROM (SELECT date_trunc('month', starts), sum(amount) AS amount FROM plan.cell WHERE plan = 'month_week' AND depth = 0 GROUP BY 1) s;

-- rates: by the planned volumes, and without
SELECT create_plan('rates', 'win rate', '[2027-01-01,2028-01-01)', total => 0.6, org => 'org', product => 'product', as_of => '2026-12-31', volume_plan => 'month');
SELECT decompose('rates') > 0 AS cells;
SELECT depth, round(sum(amount * volume) / sum(volume), 4) AS rate, sum(volume) AS volume FROM plan.cell WHERE plan = 'rates' GROUP BY depth ORDER BY depth;
SELECT create_plan('rates alone', 'win rate', '[2027-01-01,2028-01-01)', total => 0.6, org => 'org', product => 'product', as_of => '2026-12-31');
SELECT decompose('rates alone') > 0 AS cells;
SELECT depth, round(sum(amount * volume) / sum(volume), 4) AS rate FROM plan.cell WHERE plan = 'rates alone' GROUP BY depth ORDER BY depth;

-- and away
SELECT drop_plan('rates'), drop_plan('month'), drop_plan('2027');
SELECT count(*) FROM quota_decomp.target t WHERE NOT EXISTS (SELECT FROM quota_decomp.plan p WHERE p.plan_id = t.plan_id);
SET client_min_messages = warning;
DROP SCHEMA plan CASCADE;

-- plans are numbered anew
SET client_min_messages = warning;
DROP EXTENSION quota_decomp CASCADE;
