# What everyone has to do, on the sample CRM: what is done against its raw rows,
# what is required of seniors recomputed from them by another way.
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
command_ok('the sample', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-v', 'growth=0.15', '-d', $db,
	map { ('-f', "$examples/$_") } qw(sample_crm.sql map_sample.sql plan_sample.sql));
sql_ok($db, <<'SQL', 'the views, read on 20 August 2026');
SET quota_decomp.as_of = '2026-08-20';
CREATE TABLE activity AS SELECT * FROM bi.activity;
CREATE TABLE task AS SELECT * FROM bi.task;
CREATE TABLE task_again AS SELECT * FROM bi.task;
-- whose an entry is, however it is spelt
CREATE TABLE who AS
SELECT DISTINCT ON (k.key) k.key, n.key AS org
FROM quota_decomp.visible_node_key k JOIN quota_decomp.visible_node n USING (plan_id, node_id) WHERE k.dimension = 'org' ORDER BY k.key;
SQL

sql_is($db, <<'SQL', 't|0', 'opportunities that are done are those opened');
SELECT sum(a.done) > 500, count(*) FILTER (WHERE a.done IS DISTINCT FROM
	(SELECT count(*) FROM crm.opportunity o JOIN who w ON w.key = o.person_id WHERE w.org = a.org AND o.opened_on BETWEEN a.period_starts AND '2026-08-20'))
FROM activity a WHERE a.kind = 'opportunity'
SQL
sql_is($db, <<'SQL', 't|0', 'visits, by class of customer');
SELECT sum(a.done) > 1000, count(*) FILTER (WHERE a.done IS DISTINCT FROM
	(SELECT count(*) FROM crm.visit_class v JOIN who w ON w.key = v.person_id
	 WHERE w.org = a.org AND v.customer_class = a.class AND v.visited_on BETWEEN a.period_starts AND '2026-08-20'))
FROM activity a WHERE a.kind = '拜访'
SQL
sql_is($db, "SELECT count(*) FILTER (WHERE missing IS DISTINCT FROM CASE WHEN required > done THEN required - done WHEN required <= done THEN 0 END), count(*) FILTER (WHERE required IS NULL AND note IS NULL) FROM activity", '0|0',
	'missing is required less done; what is not known has a note');
sql_is($db, <<'SQL', 't|0', 'visits that seniors are to make, from the raw rows');
WITH workday AS (
	SELECT d::date AS day FROM generate_series(timestamp '2026-08-01', '2026-09-30', '1 day') d
	WHERE (extract(isodow FROM d) < 6 OR d::date IN (SELECT m.day FROM crm.makeup_workday m)) AND d::date NOT IN (SELECT h.day FROM crm.holiday h)
), brought AS (
	SELECT w.org, sum(o.amount) AS amount FROM crm.opportunity o JOIN who w ON w.key = o.person_id
	WHERE o.stage = 'WON' AND o.closed_on BETWEEN '2025-08-01' AND '2026-07-31' GROUP BY w.org
), made AS (
	SELECT w.org, v.customer_class AS class, count(*) AS n FROM crm.visit_class v JOIN who w ON w.key = v.person_id
	WHERE v.visited_on BETWEEN '2025-08-01' AND '2026-07-31' GROUP BY 1, 2
), sold AS (
	SELECT w.org, sum(s.amount) AS amount FROM crm.sale s JOIN who w ON w.key = s.person_id WHERE s.signed_on BETWEEN '2026-07-01' AND '2026-07-31' GROUP BY w.org
), required AS (
	-- August's share of what the third quarter still needs; it is the plan's eighth month
	SELECT a.required, m.n, b.amount,
		   trunc(greatest(t.amount - coalesce(s.amount, 0), 0) * (SELECT count(*) FROM workday w WHERE w.day < '2026-09-01') / (SELECT count(*) FROM workday), 6) AS need
	FROM activity a
	JOIN bi.battle_map t ON t.plan = a.plan AND t.org_path = a.org_path AND t.tier = 'target' AND t.period = '2026-Q3' AND t.product_depth = 0
	JOIN brought b ON b.org = a.org LEFT JOIN sold s ON s.org = a.org JOIN made m ON m.org = a.org AND m.class = a.class
	WHERE a.kind = '拜访' AND a.grain = 'month' AND a.basis = 'result' AND a.rates_from = 'member'
)
SELECT count(*) > 400, count(*) FILTER (WHERE r.required <> ceil(8 * r.need * r.n / r.amount) - ceil(7 * r.need * r.n / r.amount)) FROM required r
SQL
sql_is($db, "SELECT string_agg(DISTINCT basis || ' ' || (org IN (SELECT person_id FROM crm.team_member WHERE member_group = 'newcomer')), ' ') FROM activity",
	'process true result false', 'newcomers by the process, seniors by the result');

sql_is($db, 'SELECT count(*) > 1000, count(*) = count(DISTINCT task_key), bool_and(length(task_key) = 32) FROM task', 't|t|t', 'tasks have keys');
sql_is($db, 'SELECT count(*) FROM (SELECT * FROM task EXCEPT SELECT * FROM task_again) t', '0', 'the same on every read');
sql_is($db, <<'SQL', 't|5|0', 'at most five deals to follow up, all of them open the day before the week');
SELECT count(*) > 500, max(t.nth), count(*) FILTER (WHERE NOT EXISTS (
	SELECT FROM crm.opportunity o WHERE o.opportunity_id = t.subject AND o.opened_on <= '2026-08-16' AND (o.closed_on IS NULL OR o.closed_on > '2026-08-16')))
FROM (SELECT *, row_number() OVER (PARTITION BY org) AS nth FROM task WHERE kind = 'follow_up') t
SQL
sql_is($db, "SELECT count(*) FROM (SELECT org FROM task GROUP BY org HAVING min(rank) <> 1 OR max(rank) <> count(*) OR count(DISTINCT rank) <> count(*)) t", '0', 'ranked from the first to the last');
sql_is($db, "SELECT count(*) FILTER (WHERE sentence_zh !~ '^本(周|月)(新增[0-9]+个有效商机|完成[0-9]+次(战略|重点|普通)客户拜访)：已完成[0-9]+，(还差[0-9]+|已达标)\$'), count(*) > 1000 FROM task WHERE kind <> 'follow_up'",
	'0|t', 'each in a sentence');

done_testing();
