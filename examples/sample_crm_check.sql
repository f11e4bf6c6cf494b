-- sample_crm_check.sql: what sample_crm.sql made, and that it is what it says
--
--   psql -v ON_ERROR_STOP=1 -f examples/sample_crm_check.sql
--
-- Prints every table's rows and fingerprint (the same on every server), and
-- the planted truths beside what the tables show.  Reads only.

\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'Asia/Shanghai';

\echo 'Tables: rows and fingerprint'
SELECT string_agg(format(
	'SELECT %L COLLATE "C" AS "table", count(*) AS "rows", md5(string_agg(md5(t::text), %L ORDER BY md5(t::text) COLLATE "C")) FROM crm.%I t',
	relname, '', relname), ' UNION ALL ') || ' ORDER BY 1'
FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r'
\gexec

\echo 'Planted truths: what was intended, and what the deals say'
SELECT truth_id, effect AS intended,
	   round(-amount_lost / amount_without, 3) AS planted,
	   amount_without, amount_lost, description
FROM crm.planted_truth ORDER BY valid_from, truth_id COLLATE "C";

\echo 'As anybody can see it: contracts of the affected slices against the same days a year before, and everything else'
WITH fact AS (
	-- the team is the territory the account is in, good enough to look at
	SELECT c.signed_on, u.parent_id AS region, upper(left(ltrim(c.product_id), 1)) AS line,
		   upper(trim(c.person_id)) AS person, c.amount
	FROM crm.contract c JOIN crm.account a USING (account_id) JOIN crm.org_unit u USING (unit_id)
	WHERE c.kind = '销售'
), compared AS (
	SELECT t.truth_id,
		   (t.kind = 'market' OR (t.kind = 'region_product' AND f.region = t.region_id AND f.line = t.product_line)
			OR (t.kind = 'person' AND f.person = t.person_id)) IS TRUE AS hit,
		   sum(f.amount) FILTER (WHERE f.signed_on >= t.valid_from AND f.signed_on < t.valid_to) AS now,
		   sum(f.amount) FILTER (WHERE f.signed_on >= t.valid_from - interval '1 year'
								   AND f.signed_on < t.valid_to - interval '1 year') AS year_before
	FROM crm.planted_truth t CROSS JOIN fact f
	GROUP BY 1, 2
)
SELECT truth_id, CASE WHEN hit THEN 'slice' ELSE 'everything else' END AS what, year_before, now,
	   round(now / year_before - 1, 3) AS growth
FROM compared ORDER BY truth_id COLLATE "C", hit DESC;
