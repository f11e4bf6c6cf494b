-- Plans: what a review found
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
\set SHOW_CONTEXT never
SET datestyle = ISO;
SET quota_decomp.as_of = '';
SET search_path = quota_decomp, public;

CREATE SCHEMA pr_crm;
CREATE TABLE pr_crm.staff (region text, person text, may_sell text[]);
INSERT INTO pr_crm.staff VALUES ('East', 'Ann', NULL), ('East', 'Bo', '{B}'), ('East', 'Cy', NULL), ('North', 'Dan', NULL), ('North', 'Eve', '{A2}');
CREATE TABLE pr_crm.item (item text, line text, valid_from date, valid_to date);
INSERT INTO pr_crm.item VALUES ('all', NULL, NULL, NULL), ('A', 'all', NULL, NULL), ('A1', 'A', NULL, NULL), ('A2', 'A', NULL, NULL), ('B', 'all', NULL, NULL), ('B1', 'B', NULL, NULL),
	('C', 'all', NULL, NULL), ('C1', 'C', '2026-09-01', NULL), ('D', 'all', NULL, NULL), ('D1', 'D', NULL, '2025-07-01');
CREATE TABLE pr_crm.sale (day date, person text, item text, amount numeric);
INSERT INTO pr_crm.sale
SELECT d::date, p.person, i.item, 100 * p.n * i.n FROM generate_series(timestamp '2025-01-10', '2025-12-10', '1 month') d,
	(VALUES ('Ann', 3), ('Bo', 2), ('Cy', 1), ('Dan', 5), ('Eve', 4)) p(person, n), (VALUES ('A1', 1), ('A2', 2), ('B1', 3), ('D1', 1)) i(item, n)
WHERE i.item <> 'D1' OR d < '2025-07-01';
SELECT create_hierarchy('pr org', 'pr_crm.staff', levels => '{region,person}', eligible => 'may_sell');
SELECT create_hierarchy('pr product', 'pr_crm.item', key => 'item', parent => 'line', valid_from => 'valid_from', valid_to => 'valid_to');
SELECT create_metric('pr sales', 'pr_crm.sale', at => 'day', member => 'person', product => 'item', value => 'amount', unit => 10);
-- by tier: the root's total, cells whose children do not sum to them, cells below 0, cells on the wrong side of the target
CREATE VIEW pr_crm.agrees AS
SELECT p.plan, t.tier, sum(t.amount) FILTER (WHERE o.depth = 0) AS total,
	count(*) FILTER (WHERE o.depth < 2 AND t.amount <> coalesce((SELECT sum(c.amount) FROM target c JOIN node n ON n.plan_id = c.plan_id AND n.node_id = c.org_id
		WHERE c.plan_id = t.plan_id AND c.tier = t.tier AND n.parent_id = t.org_id AND c.product_id = t.product_id AND c.period_id = t.period_id), 0)) AS disagree,
	count(*) FILTER (WHERE t.amount < 0) AS negative,
	count(*) FILTER (WHERE CASE t.tier WHEN 'base' THEN t.amount > g.amount WHEN 'stretch' THEN t.amount < g.amount END) AS wrong_side
FROM target t JOIN plan p USING (plan_id) JOIN node o ON o.plan_id = t.plan_id AND o.node_id = t.org_id
LEFT JOIN target g ON g.plan_id = t.plan_id AND g.tier = 'target' AND g.org_id = t.org_id AND g.product_id = t.product_id AND g.period_id = t.period_id
GROUP BY p.plan, t.tier;

-- a product line (D) whose products have all gone is asked for nothing
SELECT create_plan('pr', 'pr sales', '[2026-01-01,2027-01-01)', total => 36000, org => 'pr org', product => 'pr product', as_of => '2025-12-31');
SELECT decompose('pr');
SELECT * FROM pr_crm.agrees ORDER BY tier;

-- specialists (Bo, Eve) are no reason for an error in a tier either
SELECT set_tier('pr', 'base', 0.8), set_tier('pr', 'stretch', 1.3);
SELECT decompose('pr');
SELECT * FROM pr_crm.agrees ORDER BY tier;
-- nor is a total of a few units
SELECT create_plan('pr few', 'pr sales', '[2026-01-01,2027-01-01)', total => 160, org => 'pr org', product => 'pr product', as_of => '2025-12-31');
SELECT set_tier('pr few', 'base', 0.6), set_tier('pr few', 'stretch', 1.3);
SELECT decompose('pr few');
SELECT * FROM pr_crm.agrees WHERE plan = 'pr few' ORDER BY tier;

-- growth through a product that is sold later has nowhere to land before
SELECT set_goal('pr', 'East', NULL, 'Q1', growth => 0.15, through => 'C');
SELECT count(*) AS goals FROM goal;
SELECT set_goal('pr', 'East', NULL, 'Q3', growth => 0.15, through => 'C');
SELECT sum(c.amount) AS cells, sum(c.amount) FILTER (WHERE n.key = 'C1') AS landed FROM goal_cell c JOIN node n ON n.plan_id = c.plan_id AND n.node_id = c.product_id;
SELECT drop_goal('pr', 1);
-- a goal is no less than nothing
SELECT set_goal('pr', 'East', NULL, 'Q1', amount => -100);

-- infinite is no number (on PostgreSQL 13 there is none)
DO $$
DECLARE
	call text;
BEGIN
	FOREACH call IN ARRAY ARRAY['create_plan(''x'', ''pr sales'', ''[2026-01-01,2027-01-01)'', growth => 0.1, unit => ''Infinity'', org => ''pr org'')',
		'add_driver(''pr'', ''org'', ''x'', ''Infinity'', metric => ''pr sales'')', 'set_tier(''pr'', ''stretch'', factor => ''Infinity'')'] LOOP
		BEGIN
			EXECUTE 'SELECT ' || call;
			RAISE WARNING '% was taken', call;
		EXCEPTION WHEN invalid_parameter_value OR invalid_text_representation THEN
			NULL;
		END;
	END LOOP;
END $$;

DROP VIEW pr_crm.agrees;
DROP EXTENSION quota_decomp;
DROP SCHEMA pr_crm CASCADE;
