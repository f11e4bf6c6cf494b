-- Plans: what is refused, and that a refused call leaves nothing behind
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
\set SHOW_CONTEXT never
SET quota_decomp.as_of = '';
SET search_path = quota_decomp, public;

CREATE SCHEMA pe_crm;
CREATE TABLE pe_crm.staff (region text, person text, hired date, left_on date, may_sell text[]);
INSERT INTO pe_crm.staff VALUES ('East', 'Ann', NULL, NULL, NULL), ('East', 'Bo', NULL, NULL, '{line:A}'), ('North', 'Dan', NULL, NULL, NULL), ('North', 'Old', NULL, '2025-06-30', NULL);
CREATE TABLE pe_crm.item (line text, item text);
INSERT INTO pe_crm.item VALUES ('A', 'A1'), ('A', 'A2'), ('B', 'B1');
CREATE TABLE pe_crm.sale (day date, person text, item text, amount numeric, cost numeric);
INSERT INTO pe_crm.sale
SELECT d::date, p.person, i.item, 100 * p.n * i.n, 60 FROM generate_series(timestamp '2025-01-10', '2025-12-10', '1 month') d,
	(VALUES ('Ann', 3), ('Bo', 2), ('Dan', 5)) p(person, n), (VALUES ('A1', 1), ('A2', 2), ('B1', 3)) i(item, n)
WHERE NOT (p.person = 'Bo' AND i.item = 'B1');
CREATE TABLE pe_crm.potential (person text, customers int, noted text);
INSERT INTO pe_crm.potential VALUES ('Ann', 10, 'x'), ('Nobody', 5, 'y');
SELECT create_hierarchy('pe org', 'pe_crm.staff', levels => '{region,person}', hired => 'hired', left_on => 'left_on', eligible => 'may_sell');
SELECT create_hierarchy('pe product', 'pe_crm.item', levels => '{line,item}');
SELECT create_metric('pe sales', 'pe_crm.sale', at => 'day', member => 'person', product => 'item', value => 'amount', unit => 10);
SELECT create_metric('pe level', 'pe_crm.sale', at => 'day', member => 'person', value => 'amount', kind => 'last');
SELECT create_metric('pe margin', 'pe_crm.sale', at => 'day', member => 'person', product => 'item', value => 'cost', denominator => 'amount', kind => 'ratio');

-- create_plan
SELECT create_plan(NULL, 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org');
SELECT create_plan(' ', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe nothing', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org');
SELECT create_plan('pe', NULL, '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe level', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe sales', NULL, total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe sales', 'empty', total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,)', total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, growth => 0.1, org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', growth => -1, org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', growth => 'NaN', org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1001, org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 'NaN', org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000);
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe nothing');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', product => 'pe nothing');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', 'fortnight', total => 1000, org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', pattern => '555');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', first_month => 13);
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', unit => 0);
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', time_zone => 'Mars');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', ramp_relief => 'nobody');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', ramp_curve => '{-1}');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', growth => 0.1, baseline => '[2020-01-01,2021-01-01)', org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', growth => 0.1, baseline => 'empty', org => 'pe org');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', scale => 2);
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', volume_plan => 'pe nothing');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market => 'pe nothing');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market => 'pe sales');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market => 'pe margin');
SELECT create_plan('pe', 'pe margin', '[2026-01-01,2027-01-01)', total => 0.5, org => 'pe org', market => 'pe sales');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market => 'pe level', market_growth => -1);
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market => 'pe level', market_growth => 'NaN');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market => 'pe level', market_growth => NULL);
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org', market_growth => 0.05);
SELECT count(*) AS plans, (SELECT count(*) FROM visible_node) AS nodes, (SELECT count(*) FROM visible_period) AS periods FROM visible_plan;

SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 100000, org => 'pe org', product => 'pe product', as_of => '2025-12-31');
SELECT create_plan('pe', 'pe sales', '[2026-01-01,2027-01-01)', total => 1000, org => 'pe org');
SELECT create_plan('pe rate', 'pe margin', '[2026-01-01,2027-01-01)', total => 0.3, org => 'pe org', product => 'pe product', volume_plan => 'pe', grain => 'quarter');
SELECT create_plan('pe rate', 'pe margin', '[2026-01-01,2027-01-01)', total => 0.12345, org => 'pe org', product => 'pe product');

-- drivers
SELECT add_driver('pe nothing', 'org', 'x', metric => 'pe sales');
SELECT add_driver('pe', 'place', 'x', metric => 'pe sales');
SELECT add_driver('pe', 'org', 'x', metric => 'pe sales', scope => 'all');
SELECT add_driver('pe', 'org', '', metric => 'pe sales');
SELECT add_driver('pe', 'org', 'x', 0, metric => 'pe sales');
SELECT add_driver('pe', 'org', 'x', 'NaN', metric => 'pe sales');
SELECT add_driver('pe', 'org', 'x');
SELECT add_driver('pe', 'org', 'x', metric => 'pe sales', pipeline => 'y');
SELECT add_driver('pe', 'org', 'x', metric => 'pe nothing');
SELECT add_driver('pe', 'org', 'x', pipeline => 'pe nothing');
SELECT add_driver('pe', 'org', 'x', metric => 'pe sales', span => 'empty');
SELECT add_driver('pe', 'org', 'x', metric => 'pe sales', scope => 'member');
SELECT add_driver('pe', 'org', 'x', source => 'pe_crm.potential', key => 'person');
SELECT add_driver('pe', 'org', 'x', source => 'pe_crm.potential', key => 'person', value => 'noted');
SELECT add_driver('pe', 'org', 'x', source => 'pe_crm.potential', key => 'nobody', value => 'customers');
SELECT add_driver('pe', 'org_product', 'x', source => 'pe_crm.potential', key => 'person', value => 'customers');
SELECT add_driver('pe', 'time', 'x', source => 'pe_crm.potential', key => 'person', value => 'customers');
SELECT add_driver('pe', 'org', 'x', key => 'person', metric => 'pe sales');
SELECT drop_driver('pe', 'org', 'x');
-- no data at all: named, and nothing is written
SELECT add_driver('pe', 'org', 'old', metric => 'pe sales', span => '[2019-01-01,2020-01-01)');
SELECT decompose('pe');
SELECT count(*) AS targets, (SELECT count(*) FROM visible_weight) AS weights FROM visible_target;
SELECT drop_driver('pe', 'org', 'old');

-- bounds
SELECT set_bound('pe', 'Nobody', floor => 10);
SELECT set_bound('pe', 'Old', floor => 10);
SELECT set_bound('pe', '(unassigned)', floor => 10);
SELECT set_bound('pe', 'Ann', 'A', floor => 10);
SELECT set_bound('pe', 'Ann', 'A', '2026-01', floor => 10);
SELECT set_bound('pe', 'Ann', 'A1', '2026-Q1', floor => 10);
SELECT set_bound('pe', 'Ann', NULL, '2026-01', floor => 10);
SELECT set_bound('pe', 'Ann', 'A1', '2030-01', floor => 10);
SELECT set_bound('pe', 'Ann', floor => 20, cap => 10);
SELECT set_bound('pe', 'Ann', locked => 15);
SELECT set_bound('pe', 'Ann', locked => 10, cap => 20);
SELECT set_bound('pe', 'Ann', uplift => 0.1);
SELECT set_bound('pe', 'East', uplift => -1);
SELECT set_bound('pe', 'Ann', cap => 'NaN');

-- what cannot be met names who stands against it
SELECT set_bound('pe', 'East', floor => 200000);
SELECT decompose('pe');
SELECT set_bound('pe', 'East');
SELECT set_bound('pe', 'Ann', 'A1', '2026-01', floor => 500);
SELECT set_bound('pe', 'East', 'A1', '2026-01', cap => 400);
SELECT decompose('pe');
SELECT set_bound('pe', 'East', 'A1', '2026-01');
SELECT set_bound('pe', 'Ann', 'A1', '2026-01');
SELECT set_bound('pe', 'Bo', 'B1', '2026-01', floor => 500);
SELECT decompose('pe');
SELECT set_bound('pe', 'Bo', 'B1', '2026-01');
-- Ann alone may sell B in the East, and may not have so much
SELECT set_goal('pe', 'East', 'line:B', '2026', amount => 20000);
SELECT set_bound('pe', 'Ann', cap => 15000);
SELECT decompose('pe');
SELECT set_bound('pe', 'Ann');
SELECT drop_goal('pe', 1);
-- what is said nearest decides: Bo may still sell line A
SELECT set_eligible('pe', '(all)', '(all)', false);
SELECT decompose('pe');
SELECT set_eligible('pe', 'Bo', '(all)', false);
SELECT decompose('pe');
SELECT set_eligible('pe', '(all)', '(all)', NULL), set_eligible('pe', 'Bo', '(all)', NULL);
SELECT count(*) AS targets, (SELECT count(*) FROM visible_weight) AS weights FROM visible_target;

-- goals
SELECT set_goal('pe', 'East', NULL, 'Q3');
SELECT set_goal('pe', 'East', NULL, 'Q3', growth => 0.1, amount => 100);
SELECT set_goal('pe', 'East', NULL, 'Q3', growth => -2);
SELECT set_goal('pe', 'East', NULL, 'Q3', amount => 105);
SELECT set_goal('pe', 'East', NULL, 'Q9', growth => 0.1);
SELECT set_goal('pe', 'East', 'line:A', 'Q3', growth => 0.1, through => 'line:B');
SELECT set_goal('pe', 'East', NULL, 'Q3', growth => 0.1, baseline => '[2019-01-01,2020-01-01)');
SELECT set_goal('pe', 'East', NULL, '2026-Q3', amount => 12000);
SELECT set_goal('pe', 'East', 'A1', '2026-08', amount => 100);
SELECT set_goal('pe', 'North', NULL, '2026', amount => 95000);
SELECT decompose('pe');
SELECT drop_goal('pe', 2);
SELECT drop_goal('pe', 2);
SELECT set_bound('pe', 'East', 'A1', '2026-08', cap => 500);
SELECT decompose('pe');
SELECT set_bound('pe', 'East', 'A1', '2026-08');

-- tiers
SELECT set_tier('pe', 'target', factor => 1);
SELECT set_tier('pe', 'base', factor => 1.1);
SELECT set_tier('pe', 'stretch', factor => 0.9);
SELECT set_tier('pe', 'base', factor => 0.9, total => 10);
SELECT set_tier('pe', 'base', total => 15);
SELECT set_tier('pe', 'stretch', factor => 1.1, driver => 'potential');
SELECT set_tier('pe', 'base', factor => 0.05);
SELECT decompose('pe');
SELECT set_tier('pe', 'base', NULL);

-- states
SELECT publish('pe');
SELECT reopen('pe', 'no reason');
SELECT decompose('pe');
SELECT publish('pe');
SELECT publish('pe');
SELECT decompose('pe');
SELECT set_bound('pe', 'Ann', cap => 10);
SELECT set_goal('pe', 'East', NULL, 'Q1', amount => 100);
SELECT add_driver('pe', 'org', 'x', metric => 'pe sales');
SELECT set_eligible('pe', 'Ann', 'A1', false);
SELECT set_tier('pe', 'stretch', factor => 2);
SELECT reopen('pe', ' ');
SELECT reopen('pe', 'again');

-- rates: volumes of a plan that another needs, bounds that belong to amounts
SELECT create_plan('pe rate', 'pe margin', '[2026-01-01,2027-01-01)', total => 0.3, org => 'pe org', product => 'pe product', volume_plan => 'pe', as_of => '2025-12-31');
SELECT create_plan('pe rate 2', 'pe margin', '[2026-01-01,2027-01-01)', total => 0.3, org => 'pe org', product => 'pe product', volume_plan => 'pe rate');
SELECT set_goal('pe rate', 'East', NULL, 'Q1', amount => 0.3);
SELECT set_bound('pe rate', 'East', locked => 0.3);
SELECT drop_plan('pe');
SELECT drop_plan('pe nothing');
-- the organisation has changed: a bound that would hold nothing
SELECT set_bound('pe', 'Dan', cap => 90000);
UPDATE pe_crm.staff SET left_on = '2025-12-01' WHERE person = 'Dan';
INSERT INTO pe_crm.staff VALUES ('North', 'Eva', NULL, NULL, NULL);
SELECT decompose('pe');
SELECT drop_plan('pe rate');
SELECT drop_plan('pe');
SELECT count(*) AS left_behind FROM (SELECT plan_id FROM target UNION ALL SELECT plan_id FROM weight UNION ALL SELECT plan_id FROM node UNION ALL SELECT plan_id FROM period UNION ALL SELECT plan_id FROM goal_cell
	UNION ALL SELECT plan_id FROM bound UNION ALL SELECT plan_id FROM revision) AS x;

DROP EXTENSION quota_decomp;
DROP SCHEMA pe_crm CASCADE;
