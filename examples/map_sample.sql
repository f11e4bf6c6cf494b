-- map_sample.sql: the sample CRM (sample_crm.sql), mapped once
--
-- What a DBA writes: which relations hold the organisation, the products, the
-- sales, the opportunities and the visits.  No table of the CRM is changed; two
-- views bring columns together that it keeps apart.

\set ON_ERROR_STOP on

BEGIN;

-- who was in which team from when to when; a specialist sells one line only, who
-- carries no quota is planned for none, but what he sold counts for his team
CREATE VIEW crm.team_member AS
SELECT s.person_id, s.name, m.unit_id, m.valid_from, m.valid_to, s.hired, s.left_on, s.login,
	   CASE WHEN NOT s.carries_quota THEN '{}' WHEN s.product_line IS NOT NULL THEN ARRAY[s.product_line] END AS may_sell,
	   CASE WHEN s.hired > date '2025-07-01' THEN 'newcomer' ELSE 'senior' END AS member_group
FROM crm.membership m JOIN crm.salesperson s USING (person_id);
COMMENT ON VIEW crm.team_member IS 'people by team and time';

-- products below their lines
CREATE VIEW crm.product_tree AS
SELECT DISTINCT product_line AS product_id, NULL::text AS parent_id, line_name AS name, NULL::date AS launched_on, NULL::date AS discontinued_on
FROM crm.product
UNION ALL
SELECT product_id, product_line, product_name, launched_on, discontinued_on FROM crm.product;
COMMENT ON VIEW crm.product_tree IS 'product lines and their products';

-- an opportunity with the list price of what is offered
CREATE VIEW crm.opportunity_priced AS
SELECT o.*, o.quantity * p.list_price AS list_price, a.customer_class
FROM crm.opportunity o JOIN crm.account a USING (account_id) LEFT JOIN crm.product p USING (product_id);
COMMENT ON VIEW crm.opportunity_priced IS 'opportunities with their list price and the class of the customer';

CREATE VIEW crm.visit_class AS
SELECT v.*, a.customer_class FROM crm.visit v JOIN crm.account a USING (account_id);
COMMENT ON VIEW crm.visit_class IS 'visits with the class of the customer';

CREATE VIEW crm.deal_payment AS
SELECT p.payment_id, p.paid_on, p.amount, c.opportunity_id
FROM crm.payment p JOIN crm.receivable r USING (receivable_id) JOIN crm.contract c USING (contract_id);
COMMENT ON VIEW crm.deal_payment IS 'payments with the opportunity they are for';

SELECT quota_decomp.create_hierarchy('组织', 'crm.org_unit', key => 'unit_id', parent => 'parent_id', label => 'unit_name');
SELECT quota_decomp.create_hierarchy('组织', 'crm.team_member', key => 'person_id', parent => 'unit_id', label => 'name',
	valid_from => 'valid_from', valid_to => 'valid_to', hired => 'hired', left_on => 'left_on',
	login => 'login', eligible => 'may_sell', member_group => 'member_group');
SELECT quota_decomp.create_hierarchy('产品', 'crm.product_tree', key => 'product_id', parent => 'parent_id', label => 'name',
	valid_from => 'launched_on', valid_to => 'discontinued_on');
SELECT quota_decomp.create_metric('销售额', 'crm.sale', at => 'signed_on', member => 'person_id', product => 'product_id',
	value => 'amount', quantity => 'quantity', unit => 1000);
SELECT quota_decomp.create_pipeline('商机', 'crm.opportunity_priced', key => 'opportunity_id', stage => 'stage', opened => 'opened_on',
	member => 'person_id', product => 'product_id', account => 'account_id', expected_close => 'expected_close_on', closed => 'closed_on',
	amount => 'amount', list_price => 'list_price', won => '{WON}', lost => '{LOST}', stages => '{S1,S2,S3,S4}',
	history => 'crm.stage_history', history_key => 'opportunity_id', history_stage => 'stage', history_entered => 'entered_on',
	metric => '销售额');
-- what stands before the pipeline and after it, outwards from it; of campaigns
-- this CRM knows the leads they brought only, which are leads
SELECT quota_decomp.create_funnel_step('商机', '线索', 'crm.lead', at => 'created_on', becomes => 'opportunity_id', key => 'lead_id', member => 'person_id', closed => 'closed_on');
SELECT quota_decomp.create_funnel_step('商机', '合同', 'crm.contract', at => 'signed_on', opportunity => 'opportunity_id', amount => 'amount');
SELECT quota_decomp.create_funnel_step('商机', '回款', 'crm.deal_payment', at => 'paid_on', opportunity => 'opportunity_id', amount => 'amount');
SELECT quota_decomp.create_activity('拜访', 'crm.visit_class', at => 'visited_on', member => 'person_id', account => 'account_id',
	kind => 'kind', class => 'customer_class', opportunity => 'opportunity_id');

COMMIT;
