-- forecast and funnel: the views, on a pipeline small enough to check by hand
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
SET datestyle = ISO;
SET search_path = quota_decomp, pg_temp;
CREATE SCHEMA fv_crm;

CREATE TABLE fv_crm.member (id text, boss text, login text);
INSERT INTO fv_crm.member VALUES ('sales', NULL, NULL), ('north', 'sales', NULL), ('south', 'sales', NULL), ('ann', 'north', 'regress_fv_ann'), ('bo', 'north', NULL), ('dee', 'south', NULL);
CREATE TABLE fv_crm.product (id text, line text);
INSERT INTO fv_crm.product VALUES ('A', NULL), ('A1', 'A'), ('A2', 'A'), ('B', NULL);
CREATE TABLE fv_crm.deal (id int PRIMARY KEY, rep text, product text, stage text, opened date, closed date, amount numeric, list numeric);
-- one a day from 2025 to 30 June 2026, closed after 40 days; of four one is won, for 1000; Ann, Bo and Dee in turns
INSERT INTO fv_crm.deal
SELECT i, (ARRAY['ann', 'bo', 'dee'])[i % 3 + 1], (ARRAY['A1', 'A2', 'B'])[i / 3 % 3 + 1], CASE WHEN d + 40 > '2026-07-15' THEN CASE WHEN d > '2026-06-20' THEN 'S1' ELSE 'S2' END WHEN i / 3 % 4 = 0 THEN 'Won' ELSE 'Lost' END,
	   d, CASE WHEN d + 40 <= '2026-07-15' THEN d + 40 END, CASE WHEN d + 40 <= '2026-07-15' THEN 1000 END, CASE WHEN i % 2 = 0 THEN 900 END
FROM generate_series(0, 545) i, LATERAL (SELECT date '2025-01-01' + i AS d) x;
CREATE TABLE fv_crm.stage_history (deal int, stage text, entered date);
INSERT INTO fv_crm.stage_history SELECT id, 'S1', opened FROM fv_crm.deal UNION ALL SELECT id, 'S2', opened + 10 + id % 3 FROM fv_crm.deal WHERE stage IN ('Won', 'S2') OR stage = 'Lost' AND id % 2 = 0;
CREATE VIEW fv_crm.sale AS SELECT closed AS day, rep, product, amount FROM fv_crm.deal WHERE stage = 'Won';
-- somebody who is in no list
INSERT INTO fv_crm.deal VALUES (1000, 'zed', 'A1', 'S1', '2026-06-25', NULL, NULL, 900);

SELECT create_hierarchy('fv org', 'fv_crm.member', 'id', 'boss', login => 'login');
SELECT create_hierarchy('fv product', 'fv_crm.product', 'id', 'line');
SELECT create_metric('fv sales', 'fv_crm.sale', 'day', 'rep', 'product', 'amount', unit => 1);
SELECT create_plan('fv', 'fv sales', '[2026-01-01,2027-01-01)', total => 120000, org => 'fv org', product => 'fv product', time_zone => 'UTC', as_of => '2026-06-30');
SELECT v FROM create_views('fv_bi') v WHERE v IN ('forecast', 'funnel');
RESET client_min_messages;
\pset null -
-- not decomposed, no pipeline: what is won, and what is missing is said
SELECT org, product, target, actual, open_deals, from_open, expected, probability, coverage, note FROM fv_bi.forecast WHERE grain = 'year' AND product_depth = 0 ORDER BY org_sort;
SELECT org, cohort, step, stage, note FROM fv_bi.funnel;
SET client_min_messages = warning;
SELECT decompose('fv');
SELECT create_pipeline('fv deals', 'fv_crm.deal', 'id', 'stage', 'opened', 'rep', 'product', closed => 'closed', amount => 'amount', list_price => 'list',
	stages => '{S1,S2}', history => 'fv_crm.stage_history', history_key => 'deal', history_stage => 'stage', history_entered => 'entered');
RESET client_min_messages;

-- June is over after today; July and the third quarter are to come; what is over is left out
SELECT grain, period, period_starts, period_ends, today, target, actual, open_deals, without_amount, open_amount, from_open, from_new, expected, low, high, probability, coverage FROM fv_bi.forecast
WHERE org_depth = 0 AND product_depth = 0 ORDER BY period_starts, period_ends DESC;
SELECT DISTINCT back_tests, back_test_error BETWEEN 0 AND 1 AS error, back_test_bias BETWEEN -1 AND 1 AS bias FROM fv_bi.forecast;
-- July at each node; what is nobody's is on (unassigned), and the sum is that of all
SELECT org, product, actual, open_deals, without_amount, from_open, from_new, expected, note FROM fv_bi.forecast WHERE period = '2026-07' AND (product_depth = 0 OR org = 'ann') ORDER BY org_sort, product_sort;
-- as the pipeline's own forecast says, but for what cells are rounded by; a month is a part of the longer forecast and may differ
SELECT f.period, abs(f.from_open - x.from_open) < 0.1 AS open, abs(f.from_new - x.from_new) < 0.1 AS new, f.open_deals = x.open_deals AS deals, x.probability AS exact, f.probability, x.low AS exact, f.low, x.high AS exact, f.high
FROM fv_bi.forecast f, LATERAL _forecast('fv deals', f.period_starts, f.period_ends, '2026-06-30', f.target, 1, 'UTC') x WHERE org_depth = 0 AND product_depth = 0 AND period IN ('2026-Q3', '2026-Q4') ORDER BY 1;
-- parents are the sums of their children
SELECT count(*) AS wrong FROM (
	SELECT f.org, f.product, f.period FROM fv_bi.forecast f JOIN fv_bi.forecast c ON c.parent_org = f.org AND c.product = f.product AND c.period = f.period
	GROUP BY f.org, f.product, f.period, f.actual, f.open_deals, f.expected HAVING sum(c.actual) <> f.actual OR sum(c.open_deals) <> f.open_deals OR abs(sum(c.expected) - f.expected) > 0.1) AS x;
-- a year from here on: what comes in each of its months, with the shock of each, without the grid that many deals are put on
SELECT f.org, f.period, abs(f.low - x.low) < 0.01 * f.expected AS low, abs(f.high - x.high) < 0.01 * f.expected AS high, abs(f.probability - x.probability) < 0.01 AS probability, x.shocks
FROM fv_bi.forecast f, LATERAL (SELECT f.actual + (percentile(c.d, 0.1)).value AS low, f.actual + (percentile(c.d, 0.9)).value AS high, (probability_at_least(c.d, f.target - f.actual)).value AS probability, c.shocks
	FROM (SELECT deal_outcome(c.outcome) AS d, count(DISTINCT c.shock) AS shocks FROM _forecast_cells(1, '2026-06-30') c JOIN visible_period q ON q.plan_id = 1 AND q.period_id = c.period_id JOIN visible_node n ON n.plan_id = 1 AND n.node_id = c.org_id
		WHERE q.starts >= f.period_starts AND q.ends <= f.period_ends AND (n.key = f.org OR f.org = 'sales')) c) x
WHERE f.period IN ('2026-07', '2026-Q3', '2026') AND f.product_depth = 0 AND f.org IN ('sales', 'ann') ORDER BY 1, 2;

-- the middle of a period
SET quota_decomp.as_of = '2026-07-10';
SELECT period, actual, open_deals, from_open, from_new, expected, probability, coverage FROM fv_bi.forecast WHERE org_depth = 0 AND product_depth = 0 AND grain <> 'year' AND period_starts < '2026-09-01' ORDER BY period_starts, period_ends;
-- the plan's last day, and the day after; before it begins
SET quota_decomp.as_of = '2026-12-31';
SELECT period, actual, open_deals, from_open, from_new, expected, low, high, probability, note FROM fv_bi.forecast WHERE org_depth = 0 AND product_depth = 0 ORDER BY period_starts;
SET quota_decomp.as_of = '2027-01-01';
SELECT count(*) FROM fv_bi.forecast;
SET quota_decomp.as_of = '2025-12-15';
SELECT period, target, actual, open_deals, from_open > 0 AS open, from_new > 0 AS new, expected = from_open + from_new AS sum, probability BETWEEN 0 AND 1 AS p FROM fv_bi.forecast
WHERE org_depth = 0 AND product_depth = 0 AND (grain <> 'month' OR period_starts < '2026-04-01') ORDER BY period_starts, period_ends;
-- little history, none
SET quota_decomp.as_of = '2025-02-20';
SELECT period, back_tests, back_test_error, from_open IS NOT NULL AS known, note FROM fv_bi.forecast WHERE org_depth = 0 AND product_depth = 0 AND period = '2026-Q1';
SET quota_decomp.as_of = '2025-01-20';
SELECT period, target, actual, open_deals, from_open, from_new, expected, low, probability, coverage, note FROM fv_bi.forecast WHERE org_depth = 0 AND product_depth = 0 AND period = '2026-Q1';
RESET quota_decomp.as_of;

-- the funnel: all is the last year, months are of opening; with few cases the rates are those of the nearest above
SELECT org, step, stage, entered, passed, conversion, lost, waiting, median_days, rates_from, rate, rate_days, peers_conversion AS peers, bottleneck AS b, lost_amount, note FROM fv_bi.funnel WHERE cohort = 'all' ORDER BY org_sort, step;
SELECT org, cohort, cohort_starts, step, entered, passed, conversion, lost, waiting, rates_from, rate, peers_conversion AS peers, bottleneck AS b, lost_amount, note FROM fv_bi.funnel WHERE cohort IN ('2026-04', '2026-06') AND org IN ('sales', 'ann', '(unassigned)') ORDER BY org_sort, cohort, step;
SELECT count(*) AS wrong FROM _funnel('fv deals', '2026-06-30', 'UTC') f LEFT JOIN fv_bi.funnel v ON v.org_depth = 0 AND v.cohort_starts = f.cohort AND v.step = f.step
WHERE (v.entered, v.passed, v.lost, v.waiting, v.conversion, v.median_days) IS DISTINCT FROM (f.entered, f.passed, f.lost, f.waiting, f.conversion, f.median_days);
SET quota_decomp.as_of = '2024-01-01';
SELECT org, cohort, stage, note FROM fv_bi.funnel;
RESET quota_decomp.as_of;

-- who sees a part
SET client_min_messages = warning;
CREATE ROLE regress_fv_ann;
GRANT USAGE ON SCHEMA fv_bi, fv_crm TO regress_fv_ann;
GRANT SELECT ON ALL TABLES IN SCHEMA fv_bi, fv_crm TO regress_fv_ann;
SELECT grant_plan('fv', 'regress_fv_ann', 'read');
SET ROLE regress_fv_ann;
SELECT org, parent_org, target IS NOT NULL AS target, actual, open_deals, from_open, from_new FROM fv_bi.forecast WHERE product_depth = 0 AND period = '2026-07';
SELECT org, count(*), count(DISTINCT rates_from) AS from FROM fv_bi.funnel GROUP BY org;
RESET ROLE;

-- target 0, one person, no product; a count, which deals' amounts do not forecast; without stage history
CREATE TABLE fv_crm.one (id text, boss text);
INSERT INTO fv_crm.one VALUES ('ann', NULL);
SELECT create_hierarchy('fv one', 'fv_crm.one', 'id', 'boss');
SELECT create_plan('fv zero', 'fv sales', '[2026-07-01,2026-10-01)', total => 0, org => 'fv one', time_zone => 'UTC', as_of => '2026-06-30');
SELECT decompose('fv zero');
SELECT create_metric('fv wins', 'fv_crm.sale', 'day', 'rep');
SELECT create_metric('fv list', 'fv_crm.sale', 'day', 'rep', value => 'amount');
SELECT create_plan('fv money', 'fv list', '[2026-07-01,2026-10-01)', 'quarter', total => 4000, unit => 1, org => 'fv one', time_zone => 'UTC', as_of => '2026-07-12');
SELECT decompose('fv money');
SELECT create_plan('fv count', 'fv wins', '[2026-07-01,2026-10-01)', 'quarter', total => 40, unit => 1, org => 'fv one', time_zone => 'UTC', as_of => '2026-07-12');
SELECT decompose('fv count');
SELECT drop_pipeline('fv deals');
CREATE VIEW fv_crm.undated AS SELECT id, rep, stage, opened, closed, CASE WHEN closed IS NOT NULL AND stage = 'Won' AND rep = 'ann' THEN amount END AS amount FROM fv_crm.deal WHERE opened > '2026-05-01' OR closed IS NOT NULL;
SELECT create_pipeline('fv deals', 'fv_crm.undated', 'id', 'stage', 'opened', 'rep', closed => 'closed', amount => 'amount');
RESET client_min_messages;
-- of two amounts, which one the deals bring has to be said; the funnel is that of the deals, whatever is planned
SELECT plan, from_open, note FROM fv_bi.forecast WHERE plan IN ('fv zero', 'fv money') AND org_depth = 0 AND grain = 'quarter' ORDER BY plan;
SELECT plan, sum(entered) FROM fv_bi.funnel WHERE plan IN ('fv zero', 'fv money', 'fv count') AND org_depth = 0 AND cohort = 'all' GROUP BY plan ORDER BY plan;
SET client_min_messages = warning;
SELECT drop_pipeline('fv deals');
SELECT create_pipeline('fv deals', 'fv_crm.undated', 'id', 'stage', 'opened', 'rep', closed => 'closed', amount => 'amount', metric => 'fv sales');
SELECT add_driver('fv money', 'org', 'deals', 1, pipeline => 'fv deals');
RESET client_min_messages;
SELECT plan, org, period, target, actual, open_deals, from_open > 0 AS open, from_new > 0 AS new, probability, coverage, note FROM fv_bi.forecast WHERE plan LIKE 'fv _%' AND grain = 'quarter' ORDER BY plan, org_sort;
SELECT org, stage, entered, passed, conversion, lost, waiting, bottleneck AS b, note FROM fv_bi.funnel WHERE plan = 'fv zero' AND cohort = 'all' ORDER BY org_sort;
-- amounts that nobody knows
SET client_min_messages = warning;
SELECT drop_plan('fv money');
SELECT drop_pipeline('fv deals');
SELECT create_pipeline('fv deals', 'fv_crm.deal', 'id', 'stage', 'opened', 'rep', closed => 'closed', metric => 'fv sales');
RESET client_min_messages;
SELECT org, open_deals, without_amount, open_amount, from_open, new_deals > 0 AS new, from_new, expected, low, high, probability, coverage, note FROM fv_bi.forecast WHERE plan = 'fv zero' AND grain = 'quarter' ORDER BY org_sort;
-- what is mapped is gone; a filter on the plan reaches the function
SET client_min_messages = warning;
DROP VIEW fv_crm.undated;
ALTER TABLE fv_crm.deal RENAME TO deals;
RESET client_min_messages;
\set SHOW_CONTEXT never
SELECT count(*) FROM fv_bi.forecast WHERE plan = 'no such plan';
SELECT count(*) FROM fv_bi.forecast WHERE plan = 'fv count';
SELECT count(*) FROM fv_bi.forecast WHERE plan = 'fv zero';

SET client_min_messages = warning;
DROP SCHEMA fv_bi, fv_crm CASCADE;
DROP OWNED BY regress_fv_ann;
DROP ROLE regress_fv_ann;
-- plans are numbered anew
DROP EXTENSION quota_decomp;
