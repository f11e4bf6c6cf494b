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
SELECT period, org, due_to_date, actual, gap, place, round(parent_share, 3) AS part, common, strategy, individual, gap = common + strategy + individual AS exact
FROM dev_bi.deviation WHERE plan = 'y' AND period IN ('2026-07', '2026-Q3', '2026-Q4') ORDER BY period, org_sort;
-- as attainment has them
SELECT count(*), count(*) FILTER (WHERE a.gap IS DISTINCT FROM d.gap OR a.actual IS DISTINCT FROM d.actual) AS otherwise
FROM dev_bi.deviation d JOIN dev_bi.attainment a ON a.plan = d.plan AND a.org_path = d.org_path AND a.grain = d.grain AND a.period = d.period AND a.product_depth = 0 WHERE d.plan = 'y';
-- against the baseline
SELECT org, actual, baseline, price, volume, mix, added, lost, actual - baseline = price + volume + mix + added + lost AS exact FROM dev_bi.deviation WHERE plan = 'y' AND period = '2026-07' ORDER BY org_sort;
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
