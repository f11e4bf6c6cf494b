# The KPIs of examples/kpis_sample.sql, replayed to 31 August 2026: the company's
# value of each against a query written by hand on the CRM's own tables.
use strict;
use warnings;
use utf8;
use Test::More;
use FindBin;
use lib $FindBin::Bin;
use QdTest;

binmode(Test::More->builder->$_, ':encoding(UTF-8)') for qw(output failure_output todo_output);

my $db = fresh_database();
my $examples = "$FindBin::Bin/../../examples";

sql_ok($db, 'CREATE EXTENSION quota_decomp', 'the extension');
command_ok('the sample and its KPIs', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $db,
	map { ('-f', "$examples/$_") } qw(sample_crm.sql map_sample.sql kpis_sample.sql));

# of the days from 1 January 2026 to 31 August 2026: value, denominator, and the KPI
my $days = "BETWEEN '2026-01-01' AND '2026-08-31'";
my $won = "FROM crm.opportunity WHERE stage = 'WON' AND closed_on $days";
my $sold = "FROM crm.contract WHERE kind = '销售' AND signed_on $days";
my $signed = "(SELECT sum(amount) FROM crm.contract WHERE signed_on $days)";
my $paid = "(SELECT sum(amount) FROM crm.payment WHERE paid_on $days)";
my %by_hand = (
	'回款额' => "SELECT $paid, NULL",
	'新客户数' => "SELECT count(*), NULL FROM (SELECT FROM crm.contract WHERE kind = '销售' GROUP BY account_id HAVING min(signed_on) $days) AS s",
	'赢单率' => "SELECT (SELECT count(*) $won), (SELECT count(*) FROM crm.opportunity WHERE stage IN ('WON', 'LOST') AND closed_on $days)",
	'销售周期' => "SELECT sum(closed_on - opened_on), count(*) $won",
	'线索转化率' => "SELECT count(*) FILTER (WHERE status = '已转化'), count(*) FROM crm.lead WHERE closed_on $days",
	'客单价' => "SELECT sum(amount), count(*) $sold",
	'毛利率' => "SELECT sum(amount) - sum(cost), sum(amount) FROM crm.contract WHERE signed_on $days",
	'A线占比' => "SELECT (SELECT sum(amount) FROM crm.contract JOIN crm.product USING (product_id) WHERE product_line = 'A' AND signed_on $days), $signed",
	'回款率' => "SELECT $paid, (SELECT sum(amount) FROM crm.receivable WHERE due_on $days)",
	'交叉销售率' => <<"SQL",
WITH c AS (SELECT c.*, p.product_line FROM crm.contract c JOIN crm.product p USING (product_id) WHERE c.kind = '销售')
SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM c e WHERE e.account_id = c.account_id AND e.product_line = c.product_line AND (e.signed_on, e.contract_id) < (c.signed_on, c.contract_id))), count(*)
FROM c WHERE c.signed_on $days AND EXISTS (SELECT FROM c e WHERE e.account_id = c.account_id AND (e.signed_on, e.contract_id) < (c.signed_on, c.contract_id))
SQL
	'客户流失率' => <<'SQL',
WITH m AS (SELECT d::date AS first_day, (d + interval '1 month - 1 day')::date AS last_day FROM generate_series(timestamp '2026-01-01', '2026-08-01', '1 month') d),
s AS (SELECT DISTINCT account_id, signed_on FROM crm.contract WHERE kind = '销售'),
had AS (SELECT DISTINCT m.last_day, s.account_id FROM m JOIN s ON s.signed_on >= m.first_day - 365 AND s.signed_on < m.first_day),
has AS (SELECT DISTINCT m.last_day, s.account_id FROM m JOIN s ON s.signed_on > m.last_day - 365 AND s.signed_on <= m.last_day)
SELECT count(*) FILTER (WHERE has.account_id IS NULL), count(*) FROM had LEFT JOIN has USING (last_day, account_id)
SQL
	'净推荐值' => "SELECT 100 * (count(*) FILTER (WHERE score >= 9) - count(*) FILTER (WHERE score <= 6)), count(*) FROM crm.nps_answer WHERE answered_on $days",
	'活动率' => <<'SQL',
WITH w AS (SELECT DISTINCT d::date - 6 AS monday FROM generate_series(timestamp '2026-01-01', '2026-08-31', '1 day') d WHERE extract(isodow FROM d) = 7),
p AS (SELECT w.monday, s.person_id FROM w JOIN crm.salesperson s ON s.carries_quota AND s.hired <= w.monday AND (s.left_on IS NULL OR s.left_on >= w.monday + 7)),
v AS (SELECT DISTINCT person_id, visited_on - (extract(isodow FROM visited_on)::int - 1) AS monday FROM crm.visit)
SELECT count(v.person_id), count(*) FROM p LEFT JOIN v USING (person_id, monday)
SQL
	# the whole is on its way from what was signed to what was paid
	'应收账款周转天数' => "SELECT (SELECT sum(amount) FROM crm.contract WHERE signed_on <= '2026-08-31') - (SELECT sum(amount) FROM crm.payment WHERE paid_on <= '2026-08-31'), $signed");

sql_ok($db, "SET quota_decomp.as_of = '2026-08-31'; CREATE TABLE company AS SELECT metric, actual, target, status FROM bi.attainment
	WHERE org = 'HQ' AND product_depth = 0 AND grain = 'year' AND period_starts = '2026-01-01'", 'the company by the view');
sql_is($db, 'SELECT count(*), count(target), count(actual) FROM company', scalar(keys %by_hand) . ('|' . keys %by_hand) x 2, 'each KPI has a target and a value');
for my $metric (sort keys %by_hand)
{
	my $value = $metric eq '应收账款周转天数' ? "h.value::numeric * (date '2026-09-01' - date '2026-01-01')" : 'h.value::numeric';

	sql_is($db, "SELECT t.value = h.value AND t.denominator IS NOT DISTINCT FROM h.denominator::numeric, h.value <> 0
		FROM ($by_hand{$metric}) AS h(value, denominator),
			 (SELECT plan_id FROM quota_decomp.visible_plan WHERE metric = '$metric') AS p, quota_decomp._metric_total(p.plan_id, '$metric', '2026-01-01', '2026-09-01') AS t",
		't|t', "$metric: value and denominator");
	sql_is($db, "SELECT round(c.actual, 6) = round($value / coalesce(h.denominator::numeric, 1), 6), c.status IN ('ahead', 'on track', 'behind') FROM ($by_hand{$metric}) AS h(value, denominator), company c WHERE c.metric = '$metric'",
		't|t', "$metric: attainment");
}

# shared by two, one new customer of their team
sql_is($db, <<'SQL', '0', 'new customers by team');
SET quota_decomp.as_of = '2026-08-31';
SELECT count(*) FROM (
	SELECT org, actual FROM bi.attainment WHERE metric = '新客户数' AND org_depth = 2 AND product_depth = 0 AND period = '2026-Q2'
		AND org IN (SELECT unit_id FROM crm.org_unit WHERE kind = 'team')
	EXCEPT
	SELECT u.unit_id, count(DISTINCT k.account_id) FROM crm.org_unit u
	LEFT JOIN crm.membership m USING (unit_id)
	LEFT JOIN crm.kpi_new_customer k ON k.person_id = m.person_id AND k.signed_on >= m.valid_from AND (m.valid_to IS NULL OR k.signed_on < m.valid_to) AND k.signed_on BETWEEN '2026-04-01' AND '2026-06-30'
	WHERE u.kind = 'team' GROUP BY u.unit_id) AS d
SQL

done_testing();
