-- map_csv.sql: a CRM export (load_crm_csv.sql), mapped once

\set ON_ERROR_STOP on

BEGIN;

-- a manager may have teams in two offices: then the office is part of the name
CREATE VIEW csv_crm.member AS
SELECT sales_agent AS agent,
	   CASE WHEN min(regional_office) OVER m <> max(regional_office) OVER m THEN manager || ' (' || regional_office || ')' ELSE manager END AS manager,
	   regional_office AS office
FROM csv_crm.sales_team
WINDOW m AS (PARTITION BY manager);
COMMENT ON VIEW csv_crm.member IS 'agents with their manager and office';

CREATE VIEW csv_crm.product_line AS SELECT product, coalesce(series, '(no series)') AS series FROM csv_crm.product;
COMMENT ON VIEW csv_crm.product_line IS 'products with their series';

CREATE VIEW csv_crm.won_deal AS
SELECT opportunity_id, sales_agent, product, account, close_date, close_value FROM csv_crm.opportunity WHERE lower(deal_stage) = 'won' AND close_value IS NOT NULL;
COMMENT ON VIEW csv_crm.won_deal IS 'what was sold';

CREATE VIEW csv_crm.priced_opportunity AS
SELECT o.opportunity_id, o.sales_agent, o.product, o.account, initcap(o.deal_stage) AS deal_stage, o.engage_date, o.close_date, o.close_value, p.sales_price
FROM csv_crm.opportunity o LEFT JOIN csv_crm.product p ON replace(lower(p.product), ' ', '') = replace(lower(o.product), ' ', '');
COMMENT ON VIEW csv_crm.priced_opportunity IS 'the pipeline with list prices';

SELECT quota_decomp.create_hierarchy('sales organisation', 'csv_crm.member', levels => '{office,manager,agent}');
SELECT quota_decomp.create_hierarchy('products', 'csv_crm.product_line', levels => '{series,product}');
SELECT quota_decomp.create_metric('revenue', 'csv_crm.won_deal', at => 'close_date', member => 'sales_agent', product => 'product', value => 'close_value', unit => 1);
SELECT quota_decomp.create_pipeline('opportunities', 'csv_crm.priced_opportunity', key => 'opportunity_id', stage => 'deal_stage', opened => 'engage_date',
	member => 'sales_agent', product => 'product', account => 'account', closed => 'close_date', amount => 'close_value', list_price => 'sales_price',
	metric => 'revenue');
SELECT count(quota_decomp.add_alias(CASE kind WHEN 'agent' THEN 'sales organisation' ELSE 'products' END, from_key, kind || ':' || to_key)) AS "aliases listed"
FROM csv_crm.alias WHERE kind IN ('agent', 'product');

COMMIT;
