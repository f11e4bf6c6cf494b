-- plan_input_csv.sql: a CRM export (load_crm_csv.sql) as input for battle_map.sql
-- Needs plan_input.sql; psql -v growth=0.15 sets the planned growth.

\set ON_ERROR_STOP on
\if :{?growth} \else \set growth 0.15 \endif

BEGIN;

INSERT INTO plan_input.setting
SELECT 'CRM export', max(close_date), :growth, 1, 'units of the export''s currency', '{}',
	   coalesce(sum(close_value) FILTER (WHERE lower(deal_stage) = 'won'), 0)
FROM csv_crm.opportunity
HAVING max(close_date) IS NOT NULL;

DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM plan_input.setting) THEN
		RAISE EXCEPTION 'no deal of sales_pipeline.csv has a close date: there is no past to plan from';
	END IF;
END $$;

-- a manager may have teams in two offices: the team's key has both names
INSERT INTO plan_input.team
SELECT DISTINCT concat_ws(' / ', regional_office, manager), manager, regional_office, regional_office
FROM csv_crm.sales_team;

INSERT INTO plan_input.member
SELECT sales_agent, sales_agent, concat_ws(' / ', regional_office, manager), NULL, NULL
FROM csv_crm.sales_team;

INSERT INTO plan_input.product SELECT product, product FROM csv_crm.product;

INSERT INTO plan_input.key_match SELECT kind, written, matched, how, facts, amount FROM csv_crm.key_map;

INSERT INTO plan_input.sale
SELECT o.close_date, CASE WHEN t.sales_agent IS NULL THEN '(unassigned)' ELSE concat_ws(' / ', t.regional_office, t.manager) END,
	   coalesce(a.matched, '(unassigned)'), coalesce(p.matched, '(unassigned)'), o.close_value
FROM csv_crm.opportunity o
LEFT JOIN csv_crm.key_map a ON a.kind = 'agent' AND a.written = o.sales_agent
LEFT JOIN csv_crm.key_map p ON p.kind = 'product' AND p.written = o.product
LEFT JOIN csv_crm.sales_team t ON t.sales_agent = a.matched
WHERE lower(o.deal_stage) = 'won' AND o.close_value IS NOT NULL;

INSERT INTO plan_input.notice (notice)
SELECT count(*) || ' won deals have no close date or no value: they cannot be counted in any month.'
FROM csv_crm.opportunity
WHERE lower(deal_stage) = 'won' AND (close_date IS NULL OR close_value IS NULL) HAVING count(*) > 0;

COMMIT;
ANALYZE plan_input.sale;
