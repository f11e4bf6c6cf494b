-- deviation and feasibility: gaps, effects, verdicts, and what cannot be known
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
SET timezone = 'UTC';
SET quota_decomp.as_of = '2026-08-14';
\set VERBOSITY terse

CREATE SCHEMA dev_crm;
CREATE TABLE dev_crm.member (id text, boss text);
INSERT INTO dev_crm.member VALUES ('HQ', NULL), ('East', 'HQ'), ('West', 'HQ'), ('Ann', 'East'), ('Bo', 'East'), ('Cy', 'West'), ('New', 'West');
CREATE TABLE dev_crm.product (id text);
INSERT INTO dev_crm.product VALUES ('A'), ('B');
CREATE TABLE dev_crm.sale (day date, who text, what text, amount numeric, pieces int);
-- 2025: everybody 100 of each product a month, but New, who has no history
INSERT INTO dev_crm.sale SELECT d, w, p, 100, 10 FROM generate_series(timestamp '2025-01-15', '2025-12-15', '1 month') d, unnest('{Ann,Bo,Cy}'::text[]) w, unnest('{A,B}'::text[]) p;
-- 2026: A in the East is half, Cy sells as planned, Bo sells nothing after June, New nothing at all
INSERT INTO dev_crm.sale SELECT d, w, p, CASE WHEN w <> 'Cy' AND p = 'A' THEN 50 ELSE 100 END, 10 FROM generate_series(timestamp '2026-01-10', '2026-08-10', '1 month') d, unnest('{Ann,Bo,Cy}'::text[]) w, unnest('{A,B}'::text[]) p
	WHERE NOT (w = 'Bo' AND d > '2026-06-30');
INSERT INTO dev_crm.sale VALUES ('2026-07-10', 'nobody', 'A', 7, 1);
SELECT quota_decomp.create_hierarchy('people', 'dev_crm.member', key => 'id', parent => 'boss');
SELECT quota_decomp.create_hierarchy('goods', 'dev_crm.product', key => 'id');
SELECT quota_decomp.create_metric('revenue', 'dev_crm.sale', at => 'day', member => 'who', product => 'what', value => 'amount', quantity => 'pieces', unit => 1);
SELECT quota_decomp.create_plan('y', 'revenue', '[2026-01-01,2027-01-01)', total => 7200, org => 'people', product => 'goods', as_of => '2025-12-31');
SELECT quota_decomp.add_driver('y', 'org', 'history', 1, metric => 'revenue');
SELECT quota_decomp.set_bound('y', 'New', locked => 0);
SELECT quota_decomp.decompose('y') > 0 AS decomposed;
SELECT count(*) AS made FROM quota_decomp.create_views('dev_bi') AS v WHERE v IN ('deviation', 'feasibility');

-- a period that is over, one that runs, none that has not begun
SELECT period, org, due_to_date, actual, gap, place, round(parent_share, 3) AS part, common, market, strategy, individual, gap = common + strategy + individual AS exact
FROM dev_bi.deviation WHERE plan = 'y' AND period IN ('2026-07', '2026-Q3', '2026-Q4') ORDER BY period, org_sort;
-- as attainment has them
SELECT count(*), count(*) FILTER (WHERE a.gap IS DISTINCT FROM d.gap OR a.actual IS DISTINCT FROM d.actual) AS otherwise
FROM dev_bi.deviation d JOIN dev_bi.attainment a ON a.plan = d.plan AND a.org_path = d.org_path AND a.grain = d.grain AND a.period = d.period AND a.product_depth = 0 WHERE d.plan = 'y';
-- against the baseline
SELECT org, actual, baseline, price, volume, mix, added, lost, actual - coalesce(baseline, 0) = price + volume + mix + added + lost AS exact FROM dev_bi.deviation WHERE plan = 'y' AND period = '2026-07' ORDER BY org_sort;
SELECT sentence_en, note FROM dev_bi.deviation WHERE plan = 'y' AND period = '2026-07' ORDER BY org_sort;
SELECT sentence_zh FROM dev_bi.deviation WHERE plan = 'y' AND period = '2026-07' AND org_depth < 2 ORDER BY org_sort;

-- no pipeline is mapped
SELECT period, org, required, actual, remaining, expected, probability, required_rate, recent_rate, rate_factor, verdict, note
FROM dev_bi.feasibility WHERE plan = 'y' AND period IN ('2026-07', '2026-08', '2026-Q4') ORDER BY period, org_sort;

-- with one: 40 deals of the past half of which were won, open ones of Ann, none of New
CREATE TABLE dev_crm.deal (id int, who text, what text, stage text, opened date, closed date, amount numeric);
INSERT INTO dev_crm.deal SELECT i, (ARRAY['Ann', 'Bo', 'Cy'])[1 + i % 3], 'A', CASE WHEN i % 2 = 0 THEN 'won' ELSE 'lost' END, date '2025-08-01' + i * 8, date '2025-08-21' + i * 8, 100 FROM generate_series(1, 40) i;
INSERT INTO dev_crm.deal SELECT 100 + i, 'Ann', 'A', 'open', date '2026-08-01', NULL, 100 FROM generate_series(1, 6) i;
SELECT quota_decomp.create_pipeline('deals', 'dev_crm.deal', key => 'id', stage => 'stage', opened => 'opened', member => 'who', product => 'what', closed => 'closed', amount => 'amount', won => '{won}', lost => '{lost}');
SELECT org, remaining, open_deals, open_amount, coverage, probability BETWEEN 0 AND 1 AS chance, low <= expected AND expected <= high AS within, verdict, note
FROM dev_bi.feasibility WHERE plan = 'y' AND period = '2026-08' ORDER BY org_sort;

-- one person, no history, no product; of two amounts, which one the only pipeline's deals bring is not known
CREATE TABLE dev_crm.alone (id text);
INSERT INTO dev_crm.alone VALUES ('Zoe');
CREATE TABLE dev_crm.nothing (day date, who text, amount numeric);
SELECT quota_decomp.create_hierarchy('alone', 'dev_crm.alone', key => 'id');
SELECT quota_decomp.create_metric('none', 'dev_crm.nothing', at => 'day', member => 'who', value => 'amount', unit => 1);
SELECT quota_decomp.create_plan('alone', 'none', '[2026-01-01,2027-01-01)', total => 1200, org => 'alone', as_of => '2025-12-31');
SELECT quota_decomp.decompose('alone') > 0 AS decomposed;
SELECT count(*) AS made FROM quota_decomp.create_views('dev_bi') AS v WHERE v IN ('deviation', 'feasibility');
SELECT org, period, due_to_date, actual, gap, common, strategy, individual, baseline, cause_1, note FROM dev_bi.deviation WHERE plan = 'alone' AND period = '2026-07' ORDER BY org_sort;
SELECT org, verdict, open_deals, probability, note FROM dev_bi.feasibility WHERE plan = 'alone' AND period = '2026-08' ORDER BY org_sort;
-- a market from outside, by month: the East's falls by a fifth and its August is not known yet, the West's grows as the plan assumed
CREATE TABLE dev_crm.market (month date, region text, size numeric);
INSERT INTO dev_crm.market SELECT m, r, CASE r WHEN 'East' THEN 100 ELSE 200 END FROM generate_series(timestamp '2025-01-01', '2025-12-01', '1 month') m, unnest('{East,West}'::text[]) r;
INSERT INTO dev_crm.market SELECT m, r, CASE r WHEN 'East' THEN 80 ELSE 210 END FROM generate_series(timestamp '2026-01-01', '2026-08-01', '1 month') m, unnest('{East,West}'::text[]) r WHERE NOT (r = 'East' AND m = '2026-08-01');
SELECT quota_decomp.create_metric('market', 'dev_crm.market', at => 'month', member => 'region', value => 'size');
SELECT quota_decomp.create_metric('all markets', 'dev_crm.market', at => 'month', value => 'size');
SELECT quota_decomp.create_metric('east market', 'dev_crm.market', at => 'month', member => 'region', value => 'size', kind => 'last');
SELECT quota_decomp.create_plan('m', 'revenue', '[2026-01-01,2027-01-01)', total => 7200, org => 'people', product => 'goods', as_of => '2025-12-31', market => 'market', market_growth => 0.05);
SELECT quota_decomp.create_plan('all', 'revenue', '[2026-01-01,2027-01-01)', total => 7200, org => 'people', product => 'goods', as_of => '2025-12-31', market => 'all markets');
SELECT quota_decomp.create_plan('units', 'revenue', '[2026-01-01,2027-01-01)', total => 7200, org => 'people', as_of => '2025-12-31', market => 'market', market_growth => 0.05);
DO $$ BEGIN
	PERFORM quota_decomp.set_bound(p, 'New', locked => 0), quota_decomp.decompose(p) FROM unnest('{m,all,units}'::text[]) p;
END $$;
SELECT plan, market, market_growth FROM quota_decomp.visible_plan ORDER BY plan;
-- due x (what its market grew by, less what was assumed)
SELECT d.plan, d.org, d.gap, d.common, d.market, d.strategy, d.individual, d.gap = d.common + d.market + d.strategy + d.individual AS exact,
	   d.market = round(d.due_to_date * CASE WHEN d.org IN ('West', 'Cy', 'New') THEN 0 ELSE 80 / 100.0 - 1 - 0.05 END
			* CASE d.org WHEN 'HQ' THEN (SELECT e.due_to_date FROM dev_bi.deviation e WHERE e.plan = d.plan AND e.period = d.period AND e.org = 'East') / d.due_to_date ELSE 1 END, 2) AS by_hand
FROM dev_bi.deviation d WHERE d.plan IN ('m', 'units') AND d.period = '2026-07' ORDER BY d.plan, d.org_sort;
SELECT sentence_en, sentence_zh FROM dev_bi.deviation WHERE plan = 'm' AND period = '2026-07' AND org IN ('East', 'Ann', 'Bo') ORDER BY org_sort;
-- one market for all takes its part off common, and leaves the others what they were
SELECT y.org, m.market, m.market = round(m.due_to_date * (290 / 300.0 - 1), 2) AS by_hand, abs(y.common - m.common - m.market) <= 0.01 AS of_common, abs(y.strategy - m.strategy) <= 0.01 AND abs(y.individual - m.individual) <= 0.02 AS others
FROM dev_bi.deviation y JOIN dev_bi.deviation m ON m.plan = 'all' AND m.org = y.org AND m.period = y.period WHERE y.plan = 'y' AND y.period = '2026-07' ORDER BY y.org_sort;
-- August: a part of the market is not known, and then none is told
SELECT plan, period, org, market, gap = common + strategy + individual AS exact, note FROM dev_bi.deviation WHERE plan = 'm' AND period IN ('2026-08', '2026-Q3') AND org_depth = 0 ORDER BY plan, period;
-- a level: the last of a month; it is 70 at the end of July
INSERT INTO dev_crm.market VALUES ('2026-07-29', 'East', 70), ('2025-07-30', 'East', 100);
UPDATE quota_decomp.editable_plan SET market = 'east market' WHERE plan = 'm';
SELECT org, market, round(due_to_date * (70 / 100.0 - 1 - 0.05), 2) AS by_hand FROM dev_bi.deviation WHERE plan = 'm' AND period = '2026-07' AND org IN ('East', 'Ann', 'Cy') ORDER BY org_sort;
-- days of a later end are not compared
DELETE FROM dev_crm.market WHERE month = '2026-07-29';
SELECT org, market, note FROM dev_bi.deviation WHERE plan = 'm' AND period = '2026-07' AND org_depth = 0;
SELECT quota_decomp.drop_metric('all markets');
SELECT quota_decomp.drop_plan('m'), quota_decomp.drop_plan('all'), quota_decomp.drop_plan('units');
SELECT quota_decomp.drop_metric('all markets');

-- several amounts are mapped by now: that the deals bring revenue is said
UPDATE quota_decomp.editable_pipeline SET metric = 'revenue';
-- who wins less than the others would with what he sells: Bo; not Cy, who sells what is hard to sell
INSERT INTO dev_crm.deal SELECT 1000 + i, w, p, CASE WHEN i % 20 < CASE WHEN w = 'Bo' THEN 2 WHEN p = 'A' THEN 12 ELSE 4 END THEN 'won' ELSE 'lost' END, date '2026-01-01', date '2026-02-01' + i, 100
FROM unnest('{Ann,Bo,Cy}'::text[]) w, unnest('{A,B}'::text[]) p, generate_series(1, 20) i WHERE p = CASE w WHEN 'Cy' THEN 'B' ELSE 'A' END OR w = 'Ann';
INSERT INTO dev_crm.deal SELECT 2000 + i, 'Bo', 'A', 'lost', date '2026-01-01', date '2026-03-01' + i, 100 FROM generate_series(1, 20) i;
INSERT INTO dev_crm.deal SELECT 3000 + i, 'Ann', 'A', CASE WHEN i % 5 < 3 THEN 'won' ELSE 'lost' END, date '2026-01-01', date '2026-03-01' + i, 100 FROM generate_series(1, 60) i;
SELECT org, win_outlier, outlier_rate, peers_rate, sentence_en FROM dev_bi.deviation WHERE plan = 'y' AND period = '2026' AND org_depth < 2 ORDER BY org_sort;
SELECT who = 'Bo' AS bo, count(*) AS closed, round(avg((stage = 'won')::int), 4) AS rate FROM dev_crm.deal WHERE who IN ('Ann', 'Bo') AND what = 'A' AND closed > date '2026-08-14' - 365 AND closed <= '2026-08-14' GROUP BY 1;

-- before the plan, after it
SET quota_decomp.as_of = '2025-12-31';
SELECT count(*) FROM dev_bi.deviation;
SELECT count(*) > 0 AS some, bool_and(actual = 0) AS nothing FROM dev_bi.feasibility WHERE plan = 'y';
SET quota_decomp.as_of = '2027-03-01';
SELECT count(*) FROM dev_bi.deviation WHERE plan = 'y' AND grain = 'year';
SELECT count(*) FROM dev_bi.feasibility;

SELECT quota_decomp.drop_plan('y'), quota_decomp.drop_plan('alone');
DROP SCHEMA dev_bi CASCADE;
DROP SCHEMA dev_crm CASCADE;
-- plans are numbered anew
DROP EXTENSION quota_decomp;
