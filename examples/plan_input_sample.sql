-- plan_input_sample.sql: the sample CRM (sample_crm.sql) as input for battle_map.sql
-- Needs plan_input.sql; psql -v growth=0.15 sets the planned growth.

\set ON_ERROR_STOP on
\if :{?growth} \else \set growth 0.15 \endif

BEGIN;

INSERT INTO plan_input.setting
SELECT company, as_of, :growth, 1000, '千元 (thousand yuan)', '{0.1,0.3,0.5,0.7,0.85,0.95}',
	   (SELECT sum(amount) FROM crm.contract)
FROM crm.dataset;

INSERT INTO plan_input.team
SELECT t.unit_id, t.unit_name || ' ' || m.name, r.unit_id, r.unit_name
FROM crm.org_unit t
JOIN crm.org_unit r ON r.unit_id = t.parent_id
JOIN crm.salesperson m ON m.person_id = t.manager_id
WHERE t.kind = 'team';

-- leavers, and managers who do not sell, get no target
INSERT INTO plan_input.member
SELECT s.person_id, s.name, m.unit_id, s.hired, s.product_line
FROM crm.salesperson s
CROSS JOIN crm.dataset d
JOIN crm.membership m ON m.person_id = s.person_id AND m.valid_from <= d.as_of AND (m.valid_to IS NULL OR m.valid_to > d.as_of)
WHERE s.carries_quota;

INSERT INTO plan_input.product
SELECT DISTINCT product_line, line_name FROM crm.product;

-- Keys as typed, and what they are taken for: an exact key first, then one
-- that operations listed, then one that differs in spelling only.
CREATE TEMP TABLE key_map ON COMMIT DROP AS
WITH typed AS (
	SELECT 'person' AS kind, person_id AS written, count(*) AS facts, sum(amount) AS amount FROM crm.sale GROUP BY 1, 2
	UNION ALL
	SELECT 'product', product_id, count(*), sum(amount) FROM crm.sale GROUP BY 1, 2
), known AS (
	SELECT 'person' AS kind, person_id AS key, plan_input.spelling(person_id) AS spelling FROM crm.salesperson
	UNION ALL
	SELECT 'product', product_id, plan_input.spelling(product_id) FROM crm.product
)
SELECT t.*, coalesce(e.key, a.to_key, s.key) AS matched,
	   CASE WHEN t.written IS NULL THEN 'empty' WHEN e.key IS NOT NULL THEN 'exact' WHEN a.to_key IS NOT NULL THEN 'alias'
			WHEN s.key IS NOT NULL THEN 'spelling' ELSE 'unmatched' END AS how
FROM typed t
LEFT JOIN known e ON e.kind = t.kind AND e.key = t.written
LEFT JOIN crm.key_alias a ON a.kind = t.kind AND a.from_key = t.written
LEFT JOIN known s ON s.kind = t.kind AND s.spelling = plan_input.spelling(t.written);

INSERT INTO plan_input.key_match SELECT kind, written, matched, how, facts, amount FROM key_map;

-- A sale counts for the team its seller was in on that day; what comes after
-- a leaver's last day (returns, mostly) stays with his last team.
INSERT INTO plan_input.sale
SELECT s.signed_on, coalesce(m.unit_id, '(unassigned)'), coalesce(p.matched, '(unassigned)'), coalesce(g.product_line, '(unassigned)'), s.amount
FROM crm.sale s
LEFT JOIN key_map p ON p.kind = 'person' AND p.written = s.person_id
LEFT JOIN key_map k ON k.kind = 'product' AND k.written = s.product_id
LEFT JOIN crm.product g ON g.product_id = k.matched
LEFT JOIN LATERAL (SELECT unit_id FROM crm.membership
				   WHERE person_id = p.matched AND valid_from <= s.signed_on
				   ORDER BY valid_from DESC LIMIT 1) AS m ON true;

INSERT INTO plan_input.day_off SELECT day FROM crm.holiday;
INSERT INTO plan_input.extra_workday SELECT day FROM crm.makeup_workday;

INSERT INTO plan_input.notice (notice)
SELECT 'The plan year''s public holidays are not announced yet: the statutory days are used, no make-up workdays.'
FROM crm.holiday WHERE provisional HAVING count(*) > 0;

INSERT INTO plan_input.notice (notice)
SELECT count(*) || ' people left in the last twelve months and get no target; what they sold still counts for their teams.'
FROM crm.salesperson, crm.dataset
WHERE left_on > as_of - interval '1 year' AND left_on <= as_of AND carries_quota HAVING count(*) > 0;

COMMIT;
ANALYZE plan_input.sale;
