-- The pipeline: twelve deals of one month, small enough to compute by hand
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
SET datestyle = ISO;
\set SHOW_CONTEXT never

CREATE TABLE deal (id int PRIMARY KEY, owner text, product text, state text, opened date, closed date, amount numeric, list_price numeric);
INSERT INTO deal VALUES
	(1, 'Ann', 'X', 'Won', '2026-06-01', '2026-06-05', 100, NULL),		-- age 4
	(2, 'Ann', 'X', 'Lost', '2026-06-01', '2026-06-05', NULL, NULL),	-- age 4
	(3, 'Ann', 'X', 'Won', '2026-06-03', '2026-06-09', 200, NULL),		-- age 6
	(4, 'Bob', 'X', 'Won', '2026-06-05', '2026-06-09', 300, NULL),		-- age 4
	(5, 'Bob', 'X', 'Lost', '2026-06-05', '2026-06-13', NULL, NULL),	-- age 8
	(6, 'Bob', 'X', 'Won', '2026-06-10', '2026-06-20', 400, NULL),		-- age 10
	(7, 'Bob', 'X', 'Won', '2026-06-10', '2026-06-18', 200, NULL),		-- age 8
	(8, 'Bob', 'X', 'Lost', '2026-06-10', '2026-06-20', NULL, NULL),	-- age 10
	(9, 'Ann', 'X', 'A', '2026-06-24', NULL, NULL, 500),				-- open, 6 days old on 30 June
	(10, 'Bob', 'X', 'B', '2026-06-22', '2026-08-15', NULL, NULL),		-- open, 8 days old; a date of closing beside an open stage is a hope
	(11, 'Bob', 'X', 'A', '2026-06-01', NULL, NULL, NULL),				-- open, 29 days old
	(12, NULL, 'X', 'A', NULL, NULL, NULL, NULL);						-- no date of opening
INSERT INTO quota_decomp.pipeline (pipeline, schema_name, relation_name, key_column, member_column, product_column, stage_column, opened_column, closed_column, amount_column, list_price_column, won, lost)
VALUES ('deals', 'public', 'deal', 'id', 'owner', 'product', 'state', 'opened', 'closed', 'amount', 'list_price', '{Won}', '{Lost}');

-- as known on 8 June: 3 and 4 are open, what they brought is not known; 6 to 10 are not there
SELECT key, stage, opened, closed, won, amount, amount_source FROM quota_decomp._deals('deals', '2026-06-08') ORDER BY key::int;
-- and on the last day: the mean won deal is (100 + 200 + 300 + 400 + 200) / 5 = 240
SELECT key, stage, opened, closed, won, round(amount) AS amount, amount_source FROM quota_decomp._deals('deals', '2026-06-30') WHERE won IS NULL ORDER BY key::int;

-- What is seen begins on 5 June, when the first deal closed: 1, 2 and 11 are at
-- risk from age 4 on, 3 from age 2.
--   age 4: 11 at risk (1 to 11), won 1 and 4, lost 2      S = 8/11               F = 2/11
--   age 6:  8 (3, 5 to 11), won 3                         S = 8/11 * 7/8 = 7/11  F = 3/11
--   age 8:  6 (5 to 8, 10, 11), won 7, lost 5             S = 7/11 * 4/6 = 14/33 F = 3/11 + 7/66 = 25/66
--   age 10: 3 (6, 8, 11), won 6, lost 8                   S = 14/99              F = 25/66 + 14/99 = 103/198
SELECT * FROM quota_decomp._win_curve('deals', '2026-06-30');

-- Until 31 July: deal 9 may be won at age 8 on 2 July (1/6), or at age 10 on the
-- 4th (4/6 * 1/3 = 2/9); deal 10 at age 10 on 2 July (1/3); 11 is older than any
-- deal that was won; 12 has not begun, and no such deal was ever closed.  All of
-- it lies in one month of the quarter, and no earlier forecast has been
-- answered: nothing is stretched.
SELECT key, period, from_day, to_day, round(probability::numeric, 6) AS probability, round(amount) AS amount, amount_source
FROM quota_decomp._outlook('deals', '2026-06-30', '{2026-07-03,2026-08-01}') WHERE kind = 'open' ORDER BY key::int, period;
-- Not opened yet: 8 deals (3 to 10) in 28 days.  One opened on day u of July is won at
-- age 4, 6, 8, 10 with 2/11, 1/11, 7/66, 14/99, if that is until the 31st:
-- 8/28 * (27 * 2/11 + 25 * 1/11 + 23 * 7/66 + 21 * 14/99) = 3.597403
SELECT sum(deals * probability)::numeric(12, 6) AS won, sum(deals)::numeric(12, 6) AS opened, min(amount)::numeric(12, 2) AS amount
FROM quota_decomp._outlook('deals', '2026-06-30', '{2026-08-01}') WHERE kind = 'new';
-- by who opened them
SELECT member, product, deals::numeric(12, 6) FROM quota_decomp._outlook('deals', '2026-06-30', '{2026-08-01}') WHERE kind = 'new' ORDER BY member;
-- 500 * 7/18 + 240 * 1/3 = 274.44, 240 * 3.597403 = 863.38
\x on
SELECT * FROM quota_decomp._forecast('deals', '2026-07-01', '2026-08-01', '2026-06-30', 1000);
-- a period that has begun, one that is over, one that comes later
SELECT won, from_open, from_new, expected FROM quota_decomp._forecast('deals', '2026-06-01', '2026-07-03', '2026-06-30');
SELECT won, from_open, from_new, expected, low, high, probability FROM quota_decomp._forecast('deals', '2026-06-01', '2026-07-01', '2026-06-30', 1200);
SELECT won, from_open, round(from_new, 2) AS from_new, open_deals FROM quota_decomp._forecast('deals', '2026-07-03', '2026-08-01', '2026-06-30');
\x off
-- no deal was won yet: nothing is known, and nothing is made up
SELECT won, open_deals, from_open, from_new, expected, low, high, probability, back_tests FROM quota_decomp._forecast('deals', '2026-05-01', '2026-06-01', '2026-05-01', 10);
SELECT won, open_deals, from_open, from_new, expected FROM quota_decomp._forecast('deals', '2026-06-01', '2026-07-01', '2026-06-02', 10);
SELECT won, open_deals, from_open, from_new, expected FROM quota_decomp._forecast('deals', '2026-06-01', '2026-07-01', '2026-05-02', 10);
-- a probability in five scenarios: its mean stays
SELECT p, quota_decomp._shocked(p, 0.2) AS scenarios, round((s[1] + 20 * s[2] + 47 * s[3] + 20 * s[4] + s[5]) / 89, 6) AS mean
FROM unnest('{0,0.1,0.5,0.9,1}'::float8[]) AS p CROSS JOIN LATERAL quota_decomp._shocked(p, 0.2) AS s;

-- Without a history of stages
SELECT cohort, step, stage, entered, passed, lost, waiting, conversion, won, won_amount, median_days FROM quota_decomp._funnel('deals', '2026-06-30') ORDER BY cohort;
SELECT DISTINCT note FROM quota_decomp._funnel('deals', '2026-06-30') ORDER BY 1;
SELECT * FROM quota_decomp._stage_rates('deals', '2026-06-30');
-- 5 of 8 won, 4 6 8 10 4 days: 6 is the median.  (1000 - 274.44) / 240 = 3.02 deals, 4.84 to open
SELECT * FROM quota_decomp._requirements('deals', '2026-07-01', '2026-08-01', '2026-06-30', 1000);
SELECT step, need, required, by, too_late, from_open FROM quota_decomp._requirements('deals', '2026-07-01', '2026-07-04', '2026-06-30', 1000);
SELECT * FROM quota_decomp._requirements('deals', '2026-06-01', '2026-07-01', '2026-06-02', 1000);

-- With one
CREATE TABLE stage_change (deal int, stage text, at timestamptz);
SET timezone = 'UTC';
INSERT INTO stage_change
SELECT id, 'A', opened::timestamptz FROM deal WHERE opened IS NOT NULL
UNION ALL (VALUES (1, 'B', '2026-06-03'::timestamptz), (3, 'B', '2026-06-05'), (5, 'B', '2026-06-09'), (6, 'B', '2026-06-14'), (7, 'B', '2026-06-12'), (10, 'B', '2026-06-25 23:30'))
UNION ALL SELECT id, state, closed FROM deal WHERE state IN ('Won', 'Lost');
INSERT INTO quota_decomp.pipeline (pipeline, schema_name, relation_name, key_column, member_column, product_column, stage_column, opened_column, closed_column, amount_column, list_price_column, won, lost,
	history_schema, history_relation, history_key_column, history_stage_column, history_entered_column)
VALUES ('staged', 'public', 'deal', 'id', 'owner', 'product', 'state', 'opened', 'closed', 'amount', 'list_price', '{Won}', '{Lost}', 'public', 'stage_change', 'deal', 'stage', 'at');
SELECT key, stage, entered FROM quota_decomp._deals('staged', '2026-06-25') WHERE won IS NULL ORDER BY key::int;
-- a moment belongs to the day it is in the zone asked for
SELECT key, stage, entered FROM quota_decomp._deals('staged', '2026-06-25', 'Asia/Shanghai') WHERE won IS NULL AND key = '10';
-- A: passed by 1 3 4 5 6 7 10 (2 2 4 4 4 2 3 days, 3 is the median), lost 2 8, waiting 9 11 12; B: 4 skipped it, passed by 1 3 6 7 (2 4 6 6: 5), lost 5, waiting 10
SELECT cohort, step, stage, entered, passed, lost, waiting, conversion, won, won_amount, median_days, note FROM quota_decomp._funnel('staged', '2026-06-30') ORDER BY cohort, step;
SELECT * FROM quota_decomp._stage_rates('staged', '2026-06-30');
SELECT step, stage, conversion, stage_days, need, required, exact, by, too_late FROM quota_decomp._requirements('staged', '2026-07-01', '2026-08-01', '2026-06-30', 1000);
-- too few cases to name a bottleneck
SELECT step, stage, recent_cases, earlier_cases, conversion, earlier_conversion, median_days, bottleneck, note FROM quota_decomp._bottleneck('staged', '2026-06-30') ORDER BY step;
-- the sum of stages is that without: the same deals
SELECT round(sum(probability)::numeric, 6) AS won FROM quota_decomp._outlook('staged', '2026-06-30', '{2026-08-01}') WHERE kind = 'open';

-- In a plan: who is not known is unassigned, the plan has one product, June is half over
INSERT INTO quota_decomp.metric (metric, schema_name, relation_name, at_column, member_column, value_column, kind, direction, unit) VALUES ('sales', 'public', 'deal', 'closed', 'owner', 'amount', 'sum', 'higher', 0.01);
INSERT INTO quota_decomp.hierarchy VALUES ('people');
INSERT INTO quota_decomp.plan (plan_id, plan, metric, org, starts, ends, grain, pattern, first_month, week_start, year_anchor, holidays, extra_workdays, unit, total, time_zone, ramp_relief)
VALUES (1, 'summer', 'sales', 'people', '2026-06-01', '2026-09-01', 'month', 'month', 1, 1, 'nearest', '{}', '{}', 0.01, 10000, 'UTC', 'parent');
INSERT INTO quota_decomp.node (plan_id, node_id, dimension, parent_id, key, label, kind, depth, path, sort_no, leaf, planned)
VALUES (1, 1, 'org', NULL, 'All', 'All', 'root', 0, 'All', 1, false, true), (1, 2, 'org', 1, 'Ann', 'Ann', 'member', 1, 'All/Ann', 2, true, true), (1, 3, 'org', 1, 'Bob', 'Bob', 'member', 1, 'All/Bob', 3, true, true),
	(1, 4, 'org', 1, '(unassigned)', '(unassigned)', 'unassigned', 1, 'All/(unassigned)', 4, true, false), (1, 5, 'product', NULL, '(all)', '(all)', 'root', 0, '(all)', 5, true, true);
INSERT INTO quota_decomp.node_closure SELECT 1, node_id, node_id, 0 FROM quota_decomp.node UNION ALL SELECT 1, parent_id, node_id, 1 FROM quota_decomp.node WHERE parent_id IS NOT NULL;
INSERT INTO quota_decomp.node_key VALUES (1, 'org', 'Ann', '-infinity', 'infinity', 2), (1, 'org', 'Bob', '-infinity', 'infinity', 3);
INSERT INTO quota_decomp.period SELECT 1, m, 'month', to_char(d, 'YYYY-MM'), d::date, (d + interval '1 month')::date, 2026, NULL, m, 20, true FROM generate_series(6, 8) m, LATERAL (SELECT make_timestamp(2026, m::int, 1, 0, 0, 0) AS d) x;
SELECT org_id, product_id, period_id, open_deals, without_amount, from_open, new_deals, from_new, shock FROM quota_decomp._forecast_cells(1, '2026-06-30') ORDER BY 1, 2, 3;
-- July is the forecast of July; its distribution that of all
SELECT sum(c.from_open) AS from_open, sum(c.from_new) AS from_new, f.from_open AS of_july, f.from_new AS of_july
FROM quota_decomp._forecast_cells(1, '2026-06-30', 'deals') c, quota_decomp._forecast('deals', '2026-07-01', '2026-08-01', '2026-06-30') f WHERE c.period_id = 7 GROUP BY f.from_open, f.from_new;
SELECT m.value, p.value AS low FROM (SELECT quota_decomp.deal_outcome(outcome) AS d FROM quota_decomp._forecast_cells(1, '2026-06-30') WHERE period_id = 7) c, quota_decomp.mean(c.d) m, quota_decomp.percentile(c.d, 0.1) p;
-- each node's funnel; with fewer than 4 settled cases it takes the rates of the node above (Ann); Bob loses most in B: 1 of 4, not 1 of 6, and a day more
SELECT org_id, step, stage, entered, passed, lost, waiting, conversion, median_days, basis_id, basis_conversion, basis_days, peers_conversion, peers_days, lost_to_peers, bottleneck
FROM quota_decomp._node_funnel(1, '2026-06-30', 'staged', 4) ORDER BY 1, 2;
SELECT org_id, stages, conversion, stage_days, deal_size, own FROM quota_decomp._node_rates(1, '2026-06-30', 'staged', 4) ORDER BY 1;
-- a plan that is over, one that is not there
SELECT count(*) FROM quota_decomp._forecast_cells(1, '2026-08-31');
SELECT count(*) FROM quota_decomp._forecast_cells(2, '2026-06-30', 'deals');

-- Amounts beside open deals are estimates, and were known
UPDATE deal SET amount = 750 WHERE id = 9;
SELECT key, amount, amount_source FROM quota_decomp._deals('deals', '2026-06-30') WHERE key IN ('9', '10', '11') ORDER BY key::int;
-- A deal without a date of opening that was closed: such deals have the average chance
INSERT INTO deal VALUES (13, 'Ann', 'X', 'Lost', NULL, '2026-06-20', NULL, NULL);
SELECT key, round(probability::numeric, 6) AS probability FROM quota_decomp._outlook('deals', '2026-06-30', '{2026-08-01}') WHERE kind = 'open' AND key = '12';
SELECT round((7 / 18.0 + 1 / 3.0) / 3, 6) AS average;

-- What cannot be
SELECT * FROM quota_decomp._deals('nothing', '2026-06-30');
SELECT * FROM quota_decomp._forecast('deals', '2026-07-01', '2026-07-01', '2026-06-30');
SELECT * FROM quota_decomp._forecast('deals', NULL, '2026-07-01', '2026-06-30');
DROP TABLE stage_change, deal;
SELECT * FROM quota_decomp._deals('deals', '2026-06-30');
SELECT * FROM quota_decomp._funnel('staged', '2026-06-30');
DELETE FROM quota_decomp.pipeline WHERE pipeline IN ('deals', 'staged');
DELETE FROM quota_decomp.plan;
DELETE FROM quota_decomp.hierarchy;
DELETE FROM quota_decomp.metric;
