# Who may see and change what of the plan layer: everything there is, found in
# the catalog, is tried as each role, so that nothing new is forgotten.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib $FindBin::Bin;
use QdTest;
use PlanFixture;

my $owner = fresh_role();
my $db = fresh_database(owner => $owner);
my %role = map { $_ => fresh_role() } qw(read estimate plan plan_all member team boss stranger);
# in the team, which sees of a plan only what is below the login
run_sql('postgres', "GRANT $role{team} TO $role{boss}");
my $version = (run_sql($db, 'SHOW server_version_num'))[1];

sql_ok($db, 'CREATE EXTENSION quota_decomp', 'a database owner who is no superuser installs it', user => $owner);
sql_ok($db, crm_sql() . mapping_sql() . plans_sql($role{member}, 'one', 'two'), 'and makes plans', user => $owner);
sql_ok($db, <<"SQL", 'and grants them', user => $owner);
SELECT quota_decomp.grant_plan('one', '$role{read}', 'read');
SELECT quota_decomp.grant_plan('one', '$role{estimate}', 'estimate');
SELECT quota_decomp.grant_plan('one', '$role{plan}', 'plan');
SELECT quota_decomp.grant_plan(NULL, '$role{plan_all}', 'plan');
SELECT quota_decomp.grant_plan('one', '$role{member}', 'estimate');
SELECT quota_decomp.grant_plan('one', '$role{team}', 'estimate', own_subtree_only => true);
SELECT quota_decomp.create_views('bi');
GRANT USAGE ON SCHEMA bi, crm TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA bi, crm TO PUBLIC;
SQL
my $two = (run_sql($db, q{SELECT plan_id FROM quota_decomp.plan WHERE plan = 'two'}))[1];

# a new table belongs into PlanFixture.pm, else its views are tried without rows
my @tables = plan_tables($db);
sql_is($db, join(' UNION ALL ', map { "(SELECT '$_' WHERE NOT EXISTS (SELECT FROM quota_decomp.$_))" } @tables), '', 'no table is empty');
sql_is($db, q{SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'v' AND NOT coalesce(reloptions::text ~ 'security_barrier=true', false)},
	'', 'every view is a security barrier');
sql_is($db, q{SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'v' AND relname ~ '^(editable_|own_estimate)'
	AND NOT coalesce(reloptions::text ~ 'check_option=cascaded', false)}, '', 'and every one to write through checks');
sql_is($db, q{SELECT string_agg(p.oid::regprocedure::text, ' ') FROM pg_proc p WHERE pronamespace = 'quota_decomp'::regnamespace AND prosecdef}, '', 'no function runs with another role\'s rights');

my $before = fingerprint($db);
like($before, qr/^[0-9a-f]{32}$/, 'a fingerprint of all tables');

# what a role gets from a query for each of the views and tables: their names by outcome
sub each_relation
{
	my ($role, $kinds, $query) = @_;
	my ($status, $out, $err) = run_sql($db, <<"SQL", user => $role);
CREATE TEMP TABLE outcome (name text, outcome text);
DO \$\$
DECLARE
	c record;
	n bigint;
BEGIN
	FOR c IN SELECT relname, relkind, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.oid AND a.attname = 'plan_id') AS of_plan,
				 EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.oid AND a.attname = 'org_id') AS of_org,
				 (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.oid AND a.attnum = 1) AS first
			 FROM pg_class k WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind IN ($kinds) LOOP
		BEGIN
			$query
			GET DIAGNOSTICS n = ROW_COUNT;
			INSERT INTO outcome VALUES (c.relname, n);
			RAISE EXCEPTION USING ERRCODE = 'QDXXX';
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO outcome VALUES (c.relname, CASE SQLSTATE WHEN 'QDXXX' THEN 'ok ' || n ELSE SQLSTATE END);
		END;
	END LOOP;
END \$\$;
SELECT outcome, string_agg(name, ' ' ORDER BY name) FROM outcome GROUP BY 1 ORDER BY 1;
SQL

	diag($err) if $status != 0;
	my %by;
	foreach my $line (split /\n/, $out)
	{
		my ($outcome, $names) = split /\|/, $line;
		my $key = $outcome =~ /^ok (.*)/ ? ($1 eq '0' ? 'none' : 'rows') : $outcome;

		$by{$key} = join(' ', sort(split(/ /, ($by{$key} // '') . ' ' . $names)));
		$by{$key} =~ s/^ //;
	}
	return \%by;
}

sub names
{
	my ($pattern) = @_;

	return (run_sql($db, "SELECT string_agg(relname, ' ' ORDER BY relname COLLATE \"C\") FROM pg_class WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'v' AND relname ~ '$pattern'"))[1];
}

my $all = names('.');
my $visible = names('^(visible_|granted$|access$|own_node$)');
my $editable = names('^editable_(?!plan_grant$)');
my $select = q{EXECUTE format('SELECT FROM quota_decomp.%I', c.relname);};

# reading
foreach my $who (sort keys %role)
{
	my $got = each_relation($role{$who}, "'r'", $select);
	is(join(' ', keys %$got), '42501', "$who reads no table");
	$got = each_relation($role{$who}, "'v'", $select);
	my $can = join(' ', sort(split / /, join(' ', grep { defined } @$got{qw(rows none)})));
	my $want = $who eq 'stranger' ? '' : $who eq 'read' ? $visible : $who =~ /^plan/ ? "$visible $editable own_estimate" : "$visible own_estimate";
	is($can, join(' ', sort split / /, $want), "$who reads the views of its level");
	is(($got->{42501} // '') eq '' ? 'nothing' : 'some', 'some', "$who reads no other") if $who ne 'stranger';
	is(join(' ', sort grep { !/^(rows|none|42501)$/ } keys %$got), '', "$who meets no other error");
}

# nothing of the plan that was not granted, no other member
foreach my $who (qw(read estimate plan member team boss))
{
	my $got = each_relation($role{$who}, "'v'",
		"IF NOT c.of_plan OR c.relname ~ '^(granted|own_estimate)' AND NOT has_table_privilege(format('quota_decomp.%I', c.relname), 'SELECT') THEN CONTINUE; END IF; EXECUTE format('SELECT FROM quota_decomp.%I WHERE plan_id = $two', c.relname);");
	is($got->{rows}, undef, "$who sees nothing of another plan");
	like($got->{none}, qr/visible_target/, "$who was asked");
}
foreach my $case (['member', '2, 3, 4', 'East and below'], ['team', '0', 'nobody'], ['boss', '0', 'nobody'])
{
	my ($who, $nodes, $what) = @$case;
	my $got = each_relation($role{$who}, "'v'", "IF NOT c.of_org THEN CONTINUE; END IF; EXECUTE format('SELECT FROM quota_decomp.%I WHERE org_id NOT IN ($nodes)', c.relname);");
	is($got->{rows}, undef, "$who sees $what");
	sql_is($db, "SELECT count(*) FROM quota_decomp.visible_node WHERE dimension = 'org' AND node_id NOT IN ($nodes)", '0', "$who: nor a name", user => $role{$who});
	sql_is($db, "SELECT count(*) FROM quota_decomp.visible_node_key WHERE dimension = 'org' AND node_id NOT IN ($nodes)", '0', "$who: nor a key", user => $role{$who});
	sql_is($db, "SELECT count(total) + count(growth) + count(baseline_amount) FROM quota_decomp.visible_plan", '0', "$who: nor the total", user => $role{$who});
}
# visible_whole is the root and (unassigned), which are for those who see the whole
my $own = each_relation($role{member}, "'v'", "IF NOT c.of_org OR c.relname !~ '^visible_' OR c.relname = 'visible_whole' THEN CONTINUE; END IF; EXECUTE format('SELECT FROM quota_decomp.%I WHERE org_id IN (2, 3, 4)', c.relname);");
is($own->{none}, undef, 'member sees its own of everything');
sql_is($db, 'SELECT count(DISTINCT org_id), sum(amount) FROM quota_decomp.visible_target', '6|3600', 'who reads the plan sees all of it', user => $role{read});
# a leaky function in a condition sees no row that the view does not show
sql_is($db, <<"SQL", '2 3 4', 'a leaky function gets nothing else to see', user => $role{member});
CREATE FUNCTION pg_temp.leak(int) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS \$\$ BEGIN PERFORM set_config('qd.seen', coalesce(current_setting('qd.seen', true), '') || ' ' || \$1, false); RETURN true; END \$\$;
SET max_parallel_workers_per_gather = 0;
DO \$\$ BEGIN PERFORM count(*) FROM quota_decomp.visible_target WHERE pg_temp.leak(org_id); END \$\$;
SELECT string_agg(DISTINCT x, ' ' ORDER BY x) FROM unnest(string_to_array(trim(current_setting('qd.seen')), ' ')) x;
SQL

# writing
my %write = (
	'inserts' => q{IF NOT c.relname ~ '^editable_' THEN CONTINUE; END IF; EXECUTE format('INSERT INTO quota_decomp.%1$I SELECT * FROM quota_decomp.%1$I LIMIT 1', c.relname);},
	'updates' => q{EXECUTE format('UPDATE quota_decomp.%1$I SET %2$I = %2$I', c.relname, c.first);},
	'deletes' => q{EXECUTE format('DELETE FROM quota_decomp.%1$I', c.relname);});
foreach my $who (qw(read estimate member team boss stranger))
{
	foreach my $what (sort keys %write)
	{
		my $got = each_relation($role{$who}, "'v', 'r'", $write{$what});
		# 55000: a view over several tables
		like($got->{55000} // '', qr/^((access|granted|own_node|visible_\w+)( |$))*$/, "$who $what no view that can be written");
		delete $got->{55000};
		is(join(' ', keys %$got), '42501', "$who $what nothing");
	}
}
foreach my $what (qw(updates deletes))
{
	my $verb = $what eq 'updates' ? 'UPDATE quota_decomp.%1$I SET plan_id = plan_id' : 'DELETE FROM quota_decomp.%1$I';
	my $got = each_relation($role{plan}, "'v'", "IF NOT c.of_plan OR c.relname !~ '^editable_' THEN CONTINUE; END IF; EXECUTE format('$verb WHERE plan_id = $two', c.relname);");
	is_deeply([sort keys %$got], ['42501', 'none'], "a planner of one plan $what nothing of another");
	is($got->{42501}, 'editable_plan_grant', 'and has no part in the grants');
	$got = each_relation($role{plan}, "'v'", "IF c.of_plan OR c.relname !~ '^editable_' THEN CONTINUE; END IF; " . $write{$what});
	is(join(' ', keys %$got), 'none', "a planner of one plan $what nothing of the mapping");
}
# CHECK OPTION: neither moved there nor written there; where a key is taken there, that is said first
my $move = each_relation($role{plan}, "'v'", "IF NOT c.of_plan OR c.relname !~ '^editable_(?!plan_grant)' THEN CONTINUE; END IF; EXECUTE format('UPDATE quota_decomp.%1\$I SET plan_id = $two', c.relname);");
like(join(' ', sort keys %$move), qr/^(23503 )?(23505 )?44000$/, 'rows cannot be moved to another plan');
my $copy = each_relation($role{plan}, "'v'", "IF NOT c.of_plan OR c.relname !~ '^editable_(?!plan_grant)' THEN CONTINUE; END IF;
	EXECUTE format('INSERT INTO quota_decomp.%1\$I SELECT (jsonb_populate_record(t, jsonb_build_object(''plan_id'', $two, ''revision_from'', 77, ''estimate_no'', 9999, ''round'', 77, ''goal_no'', 77, ''review_no'', 77, ''revision'', 77, ''driver_no'', 77, ''driver'', ''x'', ''node_id'', 77, ''period_id'', 77, ''path'', ''x'', ''starts'', ''1999-01-01'', ''product_id'', 77, ''key'', ''x'', ''tier'', ''base''))).* FROM quota_decomp.%1\$I t LIMIT 1', c.relname);");
like(join(' ', sort keys %$copy), qr/^(23505 )?44000$/, 'nor written there');
unlike($copy->{23505} // '', qr/editable_(?!plan$)/, 'but for the plan itself, whose key is taken') or diag(explain($copy));
my $insert = each_relation($role{plan}, "'v'", q{IF c.of_plan OR c.relname !~ '^editable_' THEN CONTINUE; END IF;
	EXECUTE format('INSERT INTO quota_decomp.%1$I SELECT (jsonb_populate_record(t, jsonb_build_object(%2$L, ''x'', ''from_key'', ''x'', ''source_no'', 77, ''member_group'', ''x''))).* FROM quota_decomp.visible_%3$s t LIMIT 1', c.relname, CASE WHEN c.first = 'hierarchy' AND c.relname <> 'editable_hierarchy' THEN 'none' ELSE c.first END, substr(c.relname, 10));});
is(join(' ', keys %$insert), '44000', 'a planner of one plan writes no mapping') or diag(explain($insert));
is(fingerprint($db), $before, 'and after all that nothing has changed');
my $full = each_relation($role{plan_all}, "'v'", "IF c.relname !~ '^editable_(?!plan_grant)' THEN CONTINUE; END IF; $write{updates}");
is(join(' ', keys %$full), 'rows', 'a planner of everything may change all of it') or diag(explain($full));
foreach my $who (qw(read estimate member stranger))
{
	sql_error($db, q{SELECT nextval('quota_decomp.plan_id_seq')}, '42501', "$who takes no plan's number", user => $role{$who});
}

# functions: each with another plan's name or id, else with NULLs
sub each_function
{
	my ($role, $condition, $plan) = @_;
	my ($status, $out, $err) = run_sql($db, <<"SQL", user => $role);
SET statement_timeout = '30s';
SET client_min_messages = error;
CREATE TEMP TABLE outcome (name text, outcome text);
DO \$\$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT p.oid::regprocedure::text AS name, format('quota_decomp.%I(%s)', p.proname, (
				 SELECT string_agg(CASE WHEN p.provariadic <> 0 AND a.n = p.pronargs THEN 'VARIADIC ' ELSE '' END || CASE WHEN a.n = 1 AND a.name = 'plan' THEN quote_literal('$plan') WHEN a.n = 1 AND a.name = 'plan_id' THEN '$two' ELSE 'NULL::' || format_type(a.type, NULL) END, ', ' ORDER BY a.n)
				 FROM unnest(p.proargtypes::oid[], p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a(type, name, n))) AS call
			 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
			 WHERE p.pronamespace = 'quota_decomp'::regnamespace AND l.lanname IN ('sql', 'plpgsql') AND p.prokind = 'f' AND ($condition) ORDER BY 1 LOOP
		BEGIN
			EXECUTE 'SELECT ' || f.call;
			RAISE EXCEPTION USING ERRCODE = 'QDXXX';
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO outcome VALUES (f.name, CASE SQLSTATE WHEN 'QDXXX' THEN 'ok' ELSE SQLSTATE END);
		END;
	END LOOP;
END \$\$;
SELECT outcome, string_agg(name, ' ' ORDER BY name) FROM outcome GROUP BY 1 ORDER BY 1;
SQL

	diag($err) if $status != 0;
	return { map { split /\|/ } split /\n/, $out };
}
my $got = each_function($role{stranger}, 'true', 'one');
is(join(' ', keys %$got), '42501', 'a stranger may call no function of the plan layer') or diag(explain($got));
$got = each_function($role{read}, q{p.provolatile = 'v'}, 'one');
is(join(' ', keys %$got), '42501', 'who reads may call none that writes') or diag(explain($got));
foreach my $who (qw(estimate member))
{
	$got = each_function($role{$who}, q{p.provolatile = 'v' AND p.proname <> 'submit_estimate'}, 'one');
	is(join(' ', keys %$got), '42501', "$who may call none that writes but submit_estimate") or diag(explain($got));
}
$got = each_function($role{plan}, q{p.proargnames[1] = 'plan' AND left(p.proname, 1) <> '_'}, 'two');
is($got->{ok}, undef, 'a planner of one plan does nothing with another') or diag(explain($got));
like($got->{42704}, qr/submit_estimate/, 'and is told that there is none');
$got = each_function($role{plan}, q{p.provolatile = 'v'}, 'two');
$got = each_function($role{plan}, q{p.proname IN ('grant_plan', 'revoke_plan')}, 'one');
is(join(' ', keys %$got), '22004', 'with NULLs it gets as far as their checks');
sql_error($db, "SELECT quota_decomp.grant_plan('one', '$role{plan}', 'plan')", '42501', 'and grants nothing', user => $role{$_}) for qw(plan plan_all);
is(fingerprint($db), $before, 'still nothing has changed');

# estimates
sql_ok($db, q{SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 500)}, 'a member estimates for its own', user => $role{member});
sql_error($db, q{SELECT quota_decomp.submit_estimate('one', 'Cy', NULL, NULL, 500)}, '42501', 'and not for others', user => $role{member});
sql_error($db, q{SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 500)}, '42501', 'nor does a group for its members', user => $role{team});
sql_ok($db, q{SELECT quota_decomp.submit_estimate('one', 'Cy', 'A', 'Q1', 50)}, 'who estimates the plan may for all', user => $role{estimate});
sql_is($db, q{UPDATE quota_decomp.own_estimate SET state = 'superseded' RETURNING org_id}, '3', 'each sees its own', user => $role{member});

# the views made for BI
sql_is($db, q{SELECT string_agg(DISTINCT org, ' ' ORDER BY org) FROM bi.battle_map}, 'Ann Bo East', 'battle_map shows a member its own', user => $role{member});
sql_is($db, q{SELECT count(*) FROM bi.battle_map}, '0', 'and a group nothing', user => $role{team});
sql_is($db, q{SELECT count(DISTINCT plan) FROM bi.battle_map}, '1', 'a reader one plan', user => $role{read});
sql_is($db, q{SELECT count(DISTINCT plan) FROM bi.battle_map}, '2', 'the owner all', user => $owner);
if ($version >= 150000)
{
	sql_error($db, q{SELECT count(*) FROM bi.battle_map}, '42501', 'a stranger none', user => $role{stranger});
}
else
{
	sql_is($db, q{SELECT count(*) FROM bi.battle_map}, '0', 'a stranger none', user => $role{stranger});
}
my @bi = split /\n/, (run_sql($db, q{SELECT relname FROM pg_class WHERE relnamespace = 'bi'::regnamespace AND relkind = 'v' ORDER BY 1}))[1];
foreach my $view (@bi)
{
	sql_ok($db, "SELECT * FROM bi.$view", "$_ may read $view", user => $role{$_}) for qw(read member);
}

# row security of a CRM's table: the reader's policies
sql_ok($db, <<"SQL", 'a table with row security', user => $owner);
ALTER TABLE crm.sale ENABLE ROW LEVEL SECURITY;
CREATE POLICY east ON crm.sale TO $role{member}, $role{plan_all} USING (member IN ('Ann', 'Bo'));
CREATE POLICY everybody ON crm.sale TO $role{read} USING (true);
SQL
my $create = q{SELECT trim_scale(quota_decomp.create_plan('three', 'revenue', '[2027-01-01,2028-01-01)', 'quarter', growth => 0.1, baseline => '[2026-01-01,2027-01-01)', unit => 1, org => 'org', product => 'product'%s))};
sql_error($db, sprintf($create, ''), '42501', 'a writing function refuses a partial read', user => $role{plan_all});
sql_is($db, sprintf($create, ', visible_rows_only => true'), '528', 'unless told otherwise', user => $role{plan_all});
sql_error($db, q{SELECT quota_decomp.decompose('three')}, '42501', 'so does the next', user => $role{plan_all});
sql_ok($db, q{SET client_min_messages = error; SELECT quota_decomp.decompose('three', visible_rows_only => true)}, 'which can be told, too', user => $role{plan_all});
sql_is($db, q{SET client_min_messages = error; SELECT quota_decomp.drop_plan('three'); } . sprintf($create, '') . q{; SELECT count(*) > 0 FROM quota_decomp.decompose('three')}, "\n792\nt", 'the owner of the table reads all of it', user => $owner);
# who plans that plan alone, with functions alone
sql_error($db, q{SELECT quota_decomp.publish('three')}, '42704', 'not granted yet', user => $role{plan});
sql_ok($db, "SELECT quota_decomp.grant_plan('three', '$role{plan}', 'plan')", 'granted', user => $owner);
sql_ok($db, "CREATE POLICY all_of_it ON crm.sale TO $role{plan} USING (true); ALTER TABLE crm.sale DISABLE ROW LEVEL SECURITY", 'nothing in the way', user => $owner);
sql_ok($db, q{SET client_min_messages = error; SELECT quota_decomp.set_bound('three', 'Cy', floor => 300); SELECT quota_decomp.decompose('three'); SELECT quota_decomp.publish('three')},
	'a planner decomposes and publishes', user => $role{plan});
sql_is($db, q{SELECT org, amount FROM bi.battle_map WHERE plan = 'three' AND grain = 'year' AND product = '(all)' AND org IN ('all', 'Cy') ORDER BY 1}, "Cy|300\nall|792", 'and reads the result', user => $role{plan});
sql_ok($db, 'ALTER TABLE crm.sale ENABLE ROW LEVEL SECURITY', 'row security again', user => $owner);
if ($version >= 150000)
{
	sql_ok($db, q{SELECT quota_decomp.create_views('bi')}, 'is no hindrance', user => $owner);
}
else
{
	sql_error($db, q{SELECT quota_decomp.create_views('bi')}, '55000', 'views would not obey it', user => $owner);
	sql_ok($db, q{SELECT quota_decomp.create_views('bi', allow_owner_rights => true)}, 'unless that is wanted', user => $owner);
}

# taking it all back
sql_ok($db, "SELECT quota_decomp.revoke_plan('three', '$role{plan}')", 'one of two', user => $owner);
foreach my $who (qw(read estimate plan member team))
{
	sql_ok($db, "SELECT quota_decomp.revoke_plan('one', '$role{$who}')", "$who: revoked", user => $owner);
}
sql_ok($db, "SELECT quota_decomp.revoke_plan(NULL, '$role{plan_all}')", 'that of all plans too', user => $owner);
foreach my $who (sort keys %role)
{
	my $left = each_relation($role{$who}, "'v', 'r'", $select);
	is(join(' ', keys %$left), '42501', "$who reads nothing any more");
	$left = each_function($role{$who}, 'true', 'one');
	is(join(' ', keys %$left), '42501', "$who calls nothing any more");
}
# a superuser grants in the owner's name, who can take it back
sql_ok($db, "SELECT quota_decomp.grant_plan('one', '$role{read}', 'read')", 'a superuser grants');
sql_is($db, q{SELECT current_setting('role')}, 'none', 'and is himself again');
sql_ok($db, "SELECT quota_decomp.revoke_plan('one', '$role{read}')", 'the owner revokes', user => $owner);
sql_error($db, 'SELECT FROM quota_decomp.visible_plan', '42501', 'and it is gone', user => $role{read});
# whose login it is, cannot be dropped while it holds rights
sql_ok($db, "SELECT quota_decomp.grant_plan('one', '$role{read}', 'read')", 'granted again', user => $owner);
sql_error($db, "DROP ROLE $role{read}", '2BP01', 'DROP ROLE says what it holds');
sql_ok($db, "SELECT quota_decomp.revoke_plan('one', '$role{read}')", 'revoked again', user => $owner);

done_testing();
