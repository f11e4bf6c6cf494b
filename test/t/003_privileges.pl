# Who may install and use it, and what a hostile search_path changes: nothing.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib $FindBin::Bin;
use QdTest;

my $owner = fresh_role();
my $stranger = fresh_role();
my $db = fresh_database(owner => $owner);

my $use = <<'SQL';
SELECT quota_decomp.allocate(100, w, floor => 5) OVER (ORDER BY w) FROM (VALUES (1), (2), (0)) v (w);
SELECT quota_decomp.allocate_detail(100, w, cap => 60, rounding => 'webster') OVER (ORDER BY w) FROM (VALUES (1), (2), (0)) v (w);
SELECT quota_decomp.allocate_array(100.01, ARRAY[1, 2, 3.5], locked => ARRAY[NULL, 10, NULL]);
SELECT n, quota_decomp.allocate_tree(CASE WHEN p IS NULL THEN 100 END, n, p, w) OVER (ORDER BY n) FROM (VALUES ('a', NULL, NULL), ('b', 'a', 1), ('c', 'a', 2)) v (n, p, w);
SELECT n, quota_decomp.allocate_tree_detail(CASE WHEN p IS NULL THEN 100 END, n, p, w) OVER (ORDER BY n) FROM (VALUES (1, NULL, NULL), (2, 1, 1), (3, 1, 2)) v (n, p, w);
SELECT r, c, quota_decomp.allocate_margins(w, r, 10, c, 10, cap => 7) OVER (ORDER BY r, c) FROM (VALUES ('a', 1, 1), ('a', 2, 2), ('b', 1, 3), ('b', 2, 4)) v (r, c, w);
SELECT r, c, quota_decomp.allocate_margins_detail(w, r, 10, c, 10, rounding => 'webster') OVER (ORDER BY r, c) FROM (VALUES ('a', 1, 1), ('a', 2, 2), ('b', 1, 3), ('b', 2, 4)) v (r, c, w);
SELECT quota_decomp.bounds_tree(n, p, w, floor => 3) OVER (ORDER BY n) FROM (VALUES (1, NULL, NULL), (2, 1, 1), (3, 1, 2)) v (n, p, w);
SELECT quota_decomp.rollup_tree(w, n, p) OVER (ORDER BY n) FROM (VALUES (1, NULL, NULL), (2, 1, 1), (3, 1, 2)) v (n, p, w);
SELECT n, quota_decomp.allocate_rate(0.3, w, 1, 'close_gap', cap => 0.4) OVER (ORDER BY n), quota_decomp.allocate_rate_detail(0.3, w, 1, 'shift') OVER (ORDER BY n) FROM (VALUES (1, 0.2), (2, 0.5)) v (n, w);
SELECT n, quota_decomp.disaggregate(t, t, n, method => 'additive') OVER (ORDER BY n), quota_decomp.disaggregate_detail(t, t) OVER (ORDER BY n) FROM (VALUES (1, 10), (2, 10), (3, 25)) v (n, t);
SELECT c FROM quota_decomp.calendar('[2025-01-01,2025-07-01)', 'week', pattern => '445', extra_workdays => ARRAY[date '2025-02-08']) c;
SELECT quota_decomp.price_volume_mix(n, n * 3, 2, 5) OVER () FROM generate_series(1, 2) n;
SELECT quota_decomp.rate_mix(n, n * 3, 2, 5) OVER () FROM generate_series(1, 2) n;
SELECT quota_decomp.shift_share(n, 2, n, market => 0.1) OVER () FROM generate_series(1, 2) n;
SELECT quota_decomp.factor_effects('{2,3}', '{1,5}', method => 'lmdi', scale => 2);
SELECT quota_decomp.ramp('2025-02-10', '[2025-02-01,2025-05-01)', ARRAY[0.25, 0.5]);
SQL

sql_error($db, 'CREATE EXTENSION quota_decomp', '42501', 'a stranger cannot install it', user => $stranger);
sql_ok($db, 'CREATE EXTENSION quota_decomp', 'the owner of the database can', user => $owner);
sql_error($db, 'DROP EXTENSION quota_decomp', '42501', 'a stranger cannot drop it', user => $stranger);
my $expected = sql_ok($db, $use, 'a stranger can use every function', user => $stranger);
ok(length($expected) > 500, 'and gets results');
sql_error($db, 'CREATE TABLE quota_decomp.t (i int)', '42501', 'a stranger cannot create in the schema', user => $stranger);
sql_error($db, q{CREATE OR REPLACE FUNCTION quota_decomp.ramp(hired date, span daterange, curve numeric[]) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0'},
	'42501', 'nor replace a function of it', user => $stranger);
sql_is($db, q{SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
	JOIN pg_language l ON l.oid = prolang WHERE nspname = 'quota_decomp' AND lanname NOT IN ('sql', 'plpgsql') AND (prosecdef OR proconfig IS NOT NULL OR NOT has_function_privilege('public', p.oid, 'EXECUTE'))},
	'0', 'no function runs with another role\'s rights');

# everything a careless lookup could find first
my $hostile = <<'SQL';
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET search_path = evil, pg_catalog;
CREATE FUNCTION evil.no(pg_catalog.numeric, pg_catalog.numeric) RETURNS pg_catalog.bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hostile operator'; END $$;
CREATE FUNCTION evil.no_number(pg_catalog.numeric, pg_catalog.numeric) RETURNS pg_catalog.numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hostile operator'; END $$;
CREATE FUNCTION evil.no(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hostile operator'; END $$;
CREATE FUNCTION evil.no(pg_catalog.int4, pg_catalog.int4) RETURNS pg_catalog.bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hostile operator'; END $$;
CREATE FUNCTION evil.no(pg_catalog.date, pg_catalog.date) RETURNS pg_catalog.bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hostile operator'; END $$;
SQL
foreach my $type (qw(numeric text int4 date))
{
	$hostile .= "CREATE OPERATOR evil.$_ (LEFTARG = pg_catalog.$type, RIGHTARG = pg_catalog.$type, FUNCTION = evil.no);\n" for ('=', '<', '>', '<=', '>=', '<>');
}
$hostile .= "CREATE OPERATOR evil.$_ (LEFTARG = pg_catalog.numeric, RIGHTARG = pg_catalog.numeric, FUNCTION = evil.no_number);\n" for ('+', '-', '*', '/');
$hostile .= "CREATE FUNCTION evil.$_(pg_catalog.numeric) RETURNS pg_catalog.numeric LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN RAISE 'hostile function'; END \$\$;\n" for qw(floor ceil round trunc abs sign);
$hostile .= "CREATE DOMAIN evil.$_ AS pg_catalog.bool;\n" for qw(numeric int4 int8 text date daterange integer rounding_rule allocation rate_method disaggregation_method);
$hostile .= "CREATE FUNCTION evil.$_() RETURNS pg_catalog.int4 LANGUAGE sql AS 'SELECT 1';\n" for qw(allocate calendar);
$hostile .= "CREATE COLLATION evil.\"default\" FROM \"C\";\n";

# expressions of the caller himself are looked up in his path: casts and CASEs
# above use no operator, so that nothing but ours is left to go wrong
sql_ok($db, $hostile, 'a hostile schema', user => $owner);
sql_is($db, "SET search_path = evil, pg_catalog, public;\n" . ($use =~ s/\bdate '/pg_catalog.date '/gr),
	$expected, 'results do not depend on the search_path', user => $stranger);
sql_is($db, "SET search_path = '';\n$use", $expected, 'nor on there being one', user => $stranger);

# installing it under a hostile search_path; only a superuser can have that
my $under = fresh_database();
sql_ok($under, $hostile . "CREATE EXTENSION quota_decomp;\nSET search_path = public;\n", 'installed under a hostile search_path');
sql_is($under, $use, $expected, 'and works');

# a schema of that name that is already there
my $squatted = fresh_database(owner => $owner);
sql_ok($squatted, 'CREATE SCHEMA quota_decomp; CREATE EXTENSION quota_decomp;', 'into a schema of the installer', user => $owner);
sql_is($squatted, $use, $expected, 'and works there', user => $owner);
my $clash = fresh_database(owner => $owner);
sql_error($clash, q{CREATE SCHEMA quota_decomp;
	CREATE FUNCTION quota_decomp.ramp(hired date, span daterange, curve numeric[]) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
	CREATE EXTENSION quota_decomp;}, '42723', 'a function planted there is not taken over', user => $owner);
sql_error(fresh_database(), 'CREATE EXTENSION quota_decomp SCHEMA public', '0A000', 'no other schema');

# dropping it
sql_ok($db, 'CREATE VIEW public.needs AS SELECT quota_decomp.allocate(1, 1) OVER () AS a', 'a view that needs it', user => $owner);
sql_error($db, 'DROP EXTENSION quota_decomp', '2BP01', 'DROP EXTENSION says what needs it', user => $owner);
sql_ok($db, 'DROP EXTENSION quota_decomp CASCADE', 'DROP EXTENSION CASCADE', user => $owner);
sql_is($db, q{SELECT count(*) FROM pg_class WHERE relname = 'needs'}, '0', 'takes the view along');
sql_is($db, q{SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'quota_decomp'}, '0', 'and leaves nothing');
sql_ok($db, 'CREATE EXTENSION quota_decomp', 'and again', user => $owner);

done_testing();
