# Mapping, plans, grants and views survive pg_dump and restore by a database
# owner who is no superuser, who installed the extension.
use strict;
use warnings;
use Test::More;
use File::Temp;
use FindBin;
use lib $FindBin::Bin;
use QdTest;
use PlanFixture;

my $owner = fresh_role();
my %role = map { $_ => fresh_role() } qw(read member plan stranger);
my $db = fresh_database(owner => $owner);

sql_ok($db, 'CREATE EXTENSION quota_decomp', 'a database owner who is no superuser installs it', user => $owner);
sql_ok($db, crm_sql() . mapping_sql() . plans_sql($role{member}, 'one', '它', 'gone'), 'and makes plans', user => $owner);
sql_ok($db, <<"SQL", 'grants, a published plan, used sequences, views, and a mapped table that is gone', user => $owner);
SELECT quota_decomp.grant_plan('one', '$role{read}', 'read');
SELECT quota_decomp.grant_plan('one', '$role{member}', 'estimate', own_subtree_only => true);
SELECT quota_decomp.grant_plan(NULL, '$role{plan}', 'plan');
UPDATE quota_decomp.editable_target t SET revision_to = 2 WHERE t.org_id = 3 AND t.plan_id = (SELECT p.plan_id FROM quota_decomp.visible_plan p WHERE p.plan = 'one');
INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, rule)
SELECT t.plan_id, t.tier, t.org_id, t.product_id, t.period_id, 2, t.amount + 1, 'locked' FROM quota_decomp.visible_target t WHERE t.revision_to = 2;
UPDATE quota_decomp.editable_plan SET state = 'published', revision = 2 WHERE plan = 'one';
DELETE FROM quota_decomp.editable_plan WHERE plan = 'gone';
SET client_min_messages = error;
SELECT quota_decomp.create_plan('real', 'revenue', '[2027-01-01,2028-01-01)', 'month', growth => 0.1, baseline => '[2026-01-01,2027-01-01)', unit => 1, org => 'org', product => 'product');
SELECT quota_decomp.decompose('real');
SELECT quota_decomp.publish('real');
SELECT quota_decomp.create_views('bi');
GRANT USAGE ON SCHEMA bi TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA bi TO PUBLIC;
CREATE VIEW public.uses AS SELECT org, sum(amount) AS amount FROM bi.battle_map WHERE plan = 'one' AND grain = 'quarter' AND product = 'A' GROUP BY org;
CREATE MATERIALIZED VIEW public.keeps AS SELECT * FROM bi.battle_map;
DROP TABLE crm.sale CASCADE;
SQL
sql_ok($db, q{SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 500)}, 'an estimate', user => $role{member});

# what there is, as each may see it
my %asks = (
	$owner => q{SET search_path = ''; SELECT count(*), sum(amount) FROM bi.battle_map; SELECT * FROM public.uses ORDER BY 1; SELECT count(*), sum(amount) FROM public.keeps; SELECT org, lacks FROM bi.smart ORDER BY 1, 2;},
	$role{read} => q{SELECT count(*), sum(amount) FROM bi.battle_map; SELECT plan, total FROM quota_decomp.visible_plan;},
	$role{member} => q{SELECT org, count(*) FROM bi.battle_map GROUP BY 1 ORDER BY 1; SELECT amount, state FROM quota_decomp.own_estimate ORDER BY 1;},
	$role{plan} => q{SELECT plan, state, revision FROM quota_decomp.editable_plan ORDER BY 1; SELECT * FROM quota_decomp.visible_hierarchy_source ORDER BY 1;});
my %answers = map { $_ => sql_ok($db, $asks{$_}, 'asked before', user => $_) } keys %asks;
my $before = fingerprint($db);
like($before, qr/^[0-9a-f]{32}$/, 'a fingerprint of all tables');
my $acl = q{SELECT c.relname, x.privilege_type, x.is_grantable FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x WHERE c.relnamespace = 'quota_decomp'::regnamespace AND x.grantee = '%s'::regrole
	UNION ALL SELECT c.relname || '.' || a.attname, x.privilege_type, x.is_grantable FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) x WHERE c.relnamespace = 'quota_decomp'::regnamespace AND x.grantee = '%1$s'::regrole
	UNION ALL SELECT p.oid::regprocedure::text, x.privilege_type, x.is_grantable FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) x WHERE p.pronamespace = 'quota_decomp'::regnamespace AND x.grantee = '%1$s'::regrole ORDER BY 1, 2, 3};
my %acl = map { $_ => (run_sql($db, sprintf($acl =~ s/'%s'/'%1\$s'/r, $_)))[1] } ($owner, values %role);
is($acl{$role{stranger}}, '', 'a stranger has no rights');
like($acl{$role{member}}, qr/own_estimate\.amount\|INSERT/, 'rights on columns are there');

sub check_copy
{
	my ($copy, $what) = @_;

	is(fingerprint($copy), $before, "$what: the same rows in all tables");
	foreach my $who (sort keys %asks)
	{
		my $got = sql_ok($copy, $asks{$who}, "$what: asked after", user => $who);
		is($got, $answers{$who}, "$what: the same answer");
	}
	foreach my $who (sort keys %acl)
	{
		is((run_sql($copy, sprintf($acl =~ s/'%s'/'%1\$s'/r, $who)))[1], $acl{$who}, "$what: the same rights");
	}
	sql_error($copy, 'SELECT FROM quota_decomp.visible_plan', '42501', "$what: a stranger still has none", user => $role{stranger});
	# life goes on
	sql_is($copy, q{SELECT amount FROM bi.battle_map WHERE plan = 'real' AND org = 'all' AND product = '(all)' AND grain = 'year'}, '792', "$what: the total stands", user => $owner);
	sql_ok($copy, q{SELECT quota_decomp.reopen('real', 'restored'); SELECT quota_decomp.publish('real')}, "$what: a published plan can be reopened", user => $role{plan});
	sql_error($copy, q{SELECT quota_decomp.reopen('real', 'again'); SELECT quota_decomp.decompose('real')}, '42P01', "$what: what is gone is said to be", user => $owner);
	sql_ok($copy, plans_sql($role{member}, 'three'), "$what: a new plan finds its number", user => $role{plan});
	sql_ok($copy, q{SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 600)}, "$what: a new estimate, too", user => $role{member});
	sql_is($copy, q{SELECT string_agg(state, ' ' ORDER BY estimate_no) FROM quota_decomp.own_estimate WHERE submitted_by = current_user}, 'superseded submitted', "$what: in the place of the old one", user => $role{member});
	sql_ok($copy, q{SELECT quota_decomp.create_views('bi')}, "$what: the views are known again", user => $owner);
	sql_ok($copy, "SELECT quota_decomp.revoke_plan('one', '$role{read}')", "$what: and what was granted can be revoked", user => $owner);
	sql_error($copy, 'SELECT FROM quota_decomp.visible_plan', '42501', "$what: it is gone", user => $role{read});
	return;
}

foreach my $format (qw(plain custom))
{
	my $file = File::Temp->new;
	my $copy = fresh_database(owner => $owner);

	command_ok("$format dump by the owner", 'pg_dump', '-U', $owner, '-F', $format, '-f', $file->filename, $db);
	command_ok("$format restore by the owner", $format eq 'plain' ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', $owner, '-d', $copy, '-f', $file->filename)
		: ('pg_restore', '-e', '-U', $owner, '-d', $copy, $file->filename));
	check_copy($copy, $format);
}

# data alone, into what was made by hand
my $data = File::Temp->new;
my $copy = fresh_database(owner => $owner);
sql_ok($copy, 'CREATE EXTENSION quota_decomp;' . crm_sql() . 'TRUNCATE crm.member, crm.product, crm.deal, crm.visit; DROP TABLE crm.sale;', 'extension and CRM by hand', user => $owner);
command_ok('data by the owner', 'pg_dump', '-U', $owner, '--data-only', '-f', $data->filename, $db);
sql_ok($copy, q{SELECT quota_decomp.create_views('bi'); DELETE FROM quota_decomp.editable_view_schema; CREATE TABLE public.keeps (); DROP TABLE public.keeps;}, 'views by hand', user => $owner);
command_ok('data restored', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', $owner, '-d', $copy, '-f', $data->filename);
is(fingerprint($copy), $before, 'data alone: the same rows in all tables');
sql_ok($copy, plans_sql($role{member}, 'three'), 'data alone: a new plan finds its number', user => $owner);

# a superuser restores: the extension is his then, and the former owner's grants
# are not possible (as with any object granted by who is not its owner)
my $file = File::Temp->new;
$copy = fresh_database();
command_ok('dump by a superuser', 'pg_dump', '-F', 'custom', '-f', $file->filename, $db);
system("pg_restore -d $copy " . $file->filename . ' >/dev/null 2>&1');
is(fingerprint($copy), $before, 'the same rows in all tables');
sql_ok($copy, 'SELECT quota_decomp.regrant_plans(); GRANT SELECT ON ALL TABLES IN SCHEMA bi TO PUBLIC', 'rights given again');
sql_is($copy, $asks{$role{$_}}, $answers{$role{$_}}, "$_ gets the same answer", user => $role{$_}) for qw(read member plan);

# every table and sequence is in the dump
sql_is($db, q{SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind IN ('r', 'S')
	AND NOT c.oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'quota_decomp')::oid[])}, '', 'every table and sequence is registered');
sql_is($db, q{SELECT string_agg(c.relname || '.' || a.attname, ' ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
	WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'r' AND format_type(a.atttypid, NULL) ~ '^(reg|oid)'}, '', 'no column holds an OID');

done_testing();
