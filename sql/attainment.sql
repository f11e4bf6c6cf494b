-- fact, attainment, leaderboard and scorecard: small cases counted by hand
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
SET search_path = quota_decomp, pg_temp;
SET datestyle = ISO;
BEGIN;
SET TimeZone = 'UTC';

CREATE SCHEMA att_crm;
CREATE TABLE att_crm.person (id int, boss int, name text, valid_from date, valid_to date, hired date);
INSERT INTO att_crm.person VALUES
	(1, NULL, 'Company', NULL, NULL, NULL), (10, 1, 'East', NULL, NULL, NULL), (20, 1, 'West', NULL, NULL, NULL),
	(11, 10, 'Ann', NULL, NULL, '2020-01-01'), (12, 10, 'Bob', NULL, '2026-03-01', '2020-01-01'), (12, 20, 'Bob', '2026-03-01', NULL, '2020-01-01'), (21, 20, 'Cy', NULL, NULL, '2025-11-01');
-- keys are integers, days are moments: the last second of 31 March in Shanghai is on that day
CREATE TABLE att_crm.sale (id int, person int, product text, at timestamptz, amount numeric, cost numeric, customer text, margin numeric);
INSERT INTO att_crm.sale VALUES
	(1, 11, 'A', '2026-01-10 12:00+08', 60, 40, 'x', 20), (2, 11, 'B', '2026-02-10 12:00+08', 50, 20, 'x', 30), (3, 12, 'A', '2026-02-28 23:59+08', 30, 10, 'y', 20),
	(4, 12, 'A', '2026-03-01 00:00+08', 40, 10, 'y', 30), (5, NULL, 'A', '2026-03-02 12:00+08', 5, 1, 'z', 4), (6, 99, 'Q', '2026-03-31 23:59:59+08', 7, 1, 'z', 6),
	(7, 11, 'A', '2026-04-01 00:00+08', 80, 10, 'x', 70), (8, 11, 'A', '2025-12-31 23:59+08', 1000, 1, 'x', 1);
CREATE INDEX ON att_crm.sale (at);
CREATE TABLE att_crm.product (id text);
INSERT INTO att_crm.product VALUES ('A'), ('B');
SELECT create_hierarchy('org', 'att_crm.person', key => 'id', parent => 'boss', label => 'name', valid_from => 'valid_from', valid_to => 'valid_to', hired => 'hired');
SELECT create_hierarchy('goods', 'att_crm.product', key => 'id');
SELECT create_metric('revenue', 'att_crm.sale', at => 'at', member => 'person', product => 'product', value => 'amount', unit => 1);
SELECT create_metric('cost', 'att_crm.sale', at => 'at', member => 'person', product => 'product', value => 'cost', unit => 1, direction => 'lower');
SELECT create_metric('customers', 'att_crm.sale', at => 'at', member => 'person', product => 'product', value => 'customer', kind => 'distinct', unit => 1);
SELECT create_metric('margin', 'att_crm.sale', at => 'at', member => 'person', product => 'product', value => 'margin', denominator => 'amount', kind => 'ratio');
SELECT create_plan('rev', 'revenue', '[2026-01-01,2027-01-01)', 'quarter', total => 1200, org => 'org', product => 'goods', as_of => '2026-04-30', time_zone => 'Asia/Shanghai');
SELECT create_plan('cost', 'cost', '[2026-01-01,2027-01-01)', 'quarter', total => 400, org => 'org', product => 'goods', as_of => '2026-04-30', time_zone => 'Asia/Shanghai');
SELECT create_plan('cust', 'customers', '[2026-01-01,2027-01-01)', 'quarter', total => 40, org => 'org', product => 'goods', as_of => '2026-04-30', time_zone => 'Asia/Shanghai');
SELECT create_plan('margin', 'margin', '[2026-01-01,2027-01-01)', 'quarter', total => 0.5, org => 'org', product => 'goods', as_of => '2026-04-30', time_zone => 'Asia/Shanghai', volume_plan => 'rev');
SELECT create_plan('zero', 'revenue', '[2026-01-01,2027-01-01)', 'quarter', total => 0, org => 'org', product => 'goods', as_of => '2026-04-30', time_zone => 'Asia/Shanghai');
SELECT decompose('rev') > 0, decompose('cost') > 0, decompose('cust') > 0, decompose('zero') > 0;
SELECT decompose('margin') > 0;
\pset format unaligned
SELECT count(*) > 0 FROM create_views('att_bi') AS v WHERE v IN ('fact', 'attainment', 'leaderboard', 'scorecard');
-- what is not matched stands on (unassigned); the mover's facts where he was
SELECT org_path, product, day, value, member_key, product_key FROM att_bi.fact WHERE plan = 'rev' ORDER BY day, value;
SELECT org_path, period, target, actual, facts, attainment, status FROM att_bi.attainment WHERE plan = 'rev' AND product_depth = 0 AND period IN ('2026-Q1', '2026-Q2', '2026-Q3') ORDER BY period, org_sort;
SELECT product, actual FROM att_bi.attainment WHERE plan = 'rev' AND org_depth = 0 AND period = '2026-Q1' ORDER BY product_sort;
-- pace in the running quarter: 22 of 65 working days
SELECT working_days, working_days_left, due_to_date = round(target * 22 / 65.0, 6) AS due, run_rate, required_rate, remaining FROM att_bi.attainment WHERE plan = 'rev' AND org_depth = 0 AND product_depth = 0 AND period = '2026-Q2';
-- lower is better; distinct counts come from rows; ratios sum by sum; a target of 0
SELECT plan, org, target, actual, attainment, attainment_to_date, needed_rest, run_rate IS NULL AS no_run_rate, status, tier_reached FROM att_bi.attainment WHERE plan <> 'rev' AND org_depth <= 1 AND product_depth = 0 AND period = '2026-Q1' ORDER BY plan, org_sort;
SELECT org, needed_rest, round((target * (denominator + volume * (1 - round(22 / 65.0, 12))) - actual * denominator) / (volume * (1 - round(22 / 65.0, 12))), 4) = needed_rest AS by_hand
FROM att_bi.attainment WHERE plan = 'margin' AND org_depth = 0 AND product_depth = 0 AND period = '2026-Q2';
-- replayed to a day, also with nothing begun
SET quota_decomp.as_of = '2026-02-28';
SELECT org_path, actual, status FROM att_bi.attainment WHERE plan = 'rev' AND product_depth = 0 AND period = '2026-Q1' ORDER BY org_sort;
SET quota_decomp.as_of = '2025-12-31';
SELECT DISTINCT status FROM att_bi.attainment WHERE plan = 'rev';
RESET quota_decomp.as_of;
SELECT org, rank, ranked, attainment, to_next FROM att_bi.leaderboard WHERE plan = 'rev' AND period = '2026-Q1' AND org_depth = 2 ORDER BY rank, org;
-- a newcomer has a scorecard of his own; weights that do not sum to one give no total
SELECT create_scorecard('sales', 'revenue', 0.7), create_scorecard('sales', 'customers', 0.3), create_scorecard('sales', 'revenue', 0.5, 'newcomer');
SELECT drop_plan('zero');
SELECT org_label, member_group, metric, weight, attainment, counted, score, problem FROM att_bi.scorecard WHERE period = '2026-Q1' ORDER BY org, metric NULLS LAST;
-- Balances, by hand: a person whose key is written otherwise from March on, two
-- spellings on one day, one who moves, one who leaves, and a key of nobody.
CREATE SCHEMA bal_crm;
CREATE TABLE bal_crm.person (id text, boss text, valid_from date, valid_to date);
INSERT INTO bal_crm.person VALUES ('East', NULL, NULL, NULL), ('West', NULL, NULL, NULL), ('ann', 'East', NULL, NULL), ('bob', 'East', NULL, '2026-02-15'), ('bob', 'West', '2026-02-15', NULL),
	('cy', 'West', NULL, '2026-03-01'), ('dee', 'West', NULL, NULL);
CREATE TABLE bal_crm.product (id text);
INSERT INTO bal_crm.product VALUES ('A'), ('B');
CREATE TABLE bal_crm.owed (day date, person text, product text, owed numeric, sold numeric);
INSERT INTO bal_crm.owed VALUES
	-- last year, for a baseline
	('2025-03-31', 'ann', 'A', 90, 90), ('2025-06-30', 'ann', 'A', 90, 90),
	-- 100 and 5, in March 70 under the other name; of B what was owed in February
	('2026-01-31', 'ann', 'A', 100, 50), ('2026-02-28', 'ann', 'B', 5, 10), ('2026-03-31', 'a. nn', 'A', 70, 40),
	-- two spellings at one moment are added
	('2026-03-31', 'dee', 'A', 8, 20), ('2026-03-31', 'd. ee', 'A', 4, 20), ('2026-01-31', 'd. ee', 'A', 999, 20),
	-- counts where he was last, and on nobody once he has left; a row without a balance takes no place
	('2026-01-31', 'bob', 'A', 30, 10), ('2026-03-31', 'bob', 'A', 20, 10), ('2026-01-31', 'cy', 'A', 60, 10), ('2026-03-31', 'cy', 'A', 50, 10), ('2026-03-31', 'cy', 'A', NULL, 10),
	('2026-02-28', 'zed', 'A', 3, 5), ('2026-03-15', 'zed', 'A', 2, 5), ('2026-03-20', 'zed', 'A', NULL, 5);
CREATE INDEX ON bal_crm.owed (person, day);
SELECT create_hierarchy('bal org', 'bal_crm.person', key => 'id', parent => 'boss', valid_from => 'valid_from', valid_to => 'valid_to'), create_hierarchy('bal goods', 'bal_crm.product', key => 'id'),
	add_alias('bal org', 'a. nn', 'ann'), add_alias('bal org', 'd. ee', 'dee');
SELECT create_metric('bal dso', 'bal_crm.owed', at => 'day', member => 'person', product => 'product', value => 'owed', denominator => 'sold', kind => 'balance_ratio', direction => 'lower');
CREATE VIEW bal_crm.seen AS SELECT * FROM bal_crm.owed;
SELECT create_metric('bal seen', 'bal_crm.seen', at => 'day', member => 'person', product => 'product', value => 'owed', denominator => 'sold', kind => 'balance_ratio', direction => 'lower');
SELECT create_plan(m, m, '[2026-01-01,2027-01-01)', 'quarter', total => 90, org => 'bal org', product => 'bal goods', as_of => '2026-05-31') FROM unnest('{bal dso,bal seen}'::text[]) m;
SELECT count(*) > 0 FROM create_views('bal_bi');
SELECT org_path, product, round(actual * denominator / 90, 6) AS balance, denominator, facts FROM bal_bi.attainment WHERE plan = 'bal dso' AND period = '2026-Q1' AND (product_depth = 0 OR org = 'ann') ORDER BY org_sort, product_sort;
-- the same over a view, and for a condition on one member
SELECT count(*) FROM (SELECT org_path, product, period, actual, denominator, facts FROM bal_bi.attainment WHERE plan = 'bal dso' EXCEPT SELECT org_path, product, period, actual, denominator, facts FROM bal_bi.attainment WHERE plan = 'bal seen') d;
SELECT org, actual * denominator / 90 = 75 AS last_ones FROM bal_bi.attainment WHERE plan = 'bal dso' AND period = '2026-Q1' AND product = '(all)' AND org = 'ann';
-- and as drivers and baselines read them
SELECT o.path AS org_path, f.value AS balance, f.denominator, f.facts FROM _facts((SELECT plan_id FROM visible_plan WHERE plan = 'bal dso'), 'bal dso', '2026-01-01', '2026-04-01', '{org}') f
JOIN visible_node o ON o.plan_id = (SELECT plan_id FROM visible_plan WHERE plan = 'bal dso') AND o.node_id = f.org_id ORDER BY o.sort_no;
-- linear: each row is read once, not once for each other row
INSERT INTO bal_crm.owed SELECT date '2026-01-01' + i % 90, 'ann', 'A', i, 1 FROM generate_series(1, 60000) i;
SET LOCAL statement_timeout = '60s';
SELECT plan, facts, actual IS NOT NULL AS found FROM bal_bi.attainment WHERE plan LIKE 'bal %' AND period = '2026-Q1' AND product_depth = 0 AND org_depth = 0 ORDER BY plan;
ROLLBACK;
