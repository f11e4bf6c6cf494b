# Plans in several sessions: decompose() of one plan one after the other, a
# change waits for it, whoever reads meanwhile sees the old amounts, and a cancel
# in its midst leaves nothing.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time sleep);
use FindBin;
use lib $FindBin::Bin;
use QdTest;

my $db = fresh_database();
my $people = 1000;

sql_ok($db, <<"SQL", "$people people");
CREATE EXTENSION quota_decomp;
CREATE TABLE member AS
SELECT 'T' || t AS key, NULL AS parent FROM generate_series(1, $people / 10) t
UNION ALL SELECT 'P' || p, 'T' || (p - 1) % ($people / 10) + 1 FROM generate_series(1, $people) p;
CREATE TABLE product AS SELECT 'I' || i AS key FROM generate_series(1, 10) i;
CREATE TABLE sale AS
SELECT date '2026-01-01' + n % 365 AS day, 'P' || 1 + n % $people AS person, 'I' || 1 + n / 7 % 10 AS item, 100 + n % 991 AS amount FROM generate_series(1, 20000) n;
SELECT quota_decomp.create_hierarchy('org', 'member', key => 'key', parent => 'parent');
SELECT quota_decomp.create_hierarchy('product', 'product', key => 'key');
SELECT quota_decomp.create_metric('sales', 'sale', at => 'day', member => 'person', product => 'item', value => 'amount', unit => 1);
SELECT quota_decomp.create_plan('p', 'sales', '[2027-01-01,2028-01-01)', total => 100000000, org => 'org', product => 'product', as_of => '2026-12-31');
SET enable_nestloop = off;
SELECT quota_decomp.decompose('p');
SQL

# runs SQL in another process: a handle that gives exit status and output
sub start
{
	my ($sql) = @_;
	my $out = File::Temp->new;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open(STDOUT, '>&', $out) or die;
		open(STDERR, '>&', $out) or die;
		exec('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $db, '-c', $sql) or POSIX::_exit(1);
	}
	return { pid => $pid, out => $out };
}
sub finish
{
	my ($session) = @_;
	waitpid($session->{pid}, 0);
	my $status = $?;
	open(my $fh, '<', $session->{out}->filename) or die;
	local $/;
	my $text = <$fh> // '';
	$text =~ s/\s+\z//;
	return ($status, $text);
}
# waits until so many sessions run, or wait for a lock in, a statement
sub wait_for
{
	my ($like, $waiting, $n) = @_;
	for (1 .. 600)
	{
		my (undef, $count) = run_sql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db' AND query LIKE '%$like%' AND state = 'active'" . ($waiting ? " AND wait_event_type = 'Lock'" : ''));
		return 1 if $count >= $n;
		sleep 0.05;
	}
	return 0;
}
my $print = "SELECT md5(string_agg(t::text, ',' ORDER BY org_id, product_id, period_id, revision_from)) FROM quota_decomp.target t";
my (undef, $before) = run_sql($db, $print);

# a session that holds the plan as a decomposition does, until it is let go
my $hold = start("BEGIN; SELECT quota_decomp.decompose('p'); SELECT pg_sleep(2); COMMIT");
# decompose() takes its time: two more, and a change, come while it is on
ok(wait_for('pg_sleep(2)', 0, 1), 'a decomposition is on its way');
my $second = start("SELECT quota_decomp.decompose('p')");
my $change = start("SELECT quota_decomp.set_bound('p', 'T1', cap => 500000)");
my ($status, $seen) = run_sql($db, $print);
is($seen, $before, 'a reader sees the old amounts meanwhile');
my ($s1, $o1) = finish($hold);
my ($s2, $o2) = finish($second);
my ($s3, $o3) = finish($change);
is($s1 + $s2 + $s3, 0, 'all of them work') or diag("$o1\n$o2\n$o3");
sql_ok($db, "SET enable_nestloop = off; SELECT quota_decomp.decompose('p')", 'decomposed once more');
sql_is($db, "SELECT sum(amount) <= 500000 FROM quota_decomp.target t JOIN quota_decomp.node n USING (plan_id) WHERE n.node_id = t.org_id AND n.key = 'T1'", 't', 'the change is respected');
sql_is($db, "SELECT sum(amount) FROM quota_decomp.target t JOIN quota_decomp.node n USING (plan_id) WHERE n.node_id = t.org_id AND n.depth = 0", '100000000', 'the total is whole');

# two at once, held up by a third that has the plan's row
my $lock = start("BEGIN; SELECT 1 FROM quota_decomp.plan FOR UPDATE; SELECT pg_sleep(3); COMMIT");
ok(wait_for('pg_sleep(3)', 0, 1), 'the plan is held');
my @two = map { start("SELECT quota_decomp.decompose('p')") } 1, 2;
ok(wait_for('decompose', 1, 2), 'two decompositions wait');
(undef, $before) = run_sql($db, $print);
finish($lock);
my @results = map { [finish($_)] } @two;
is($results[0][0] + $results[1][0], 0, 'both work, one after the other') or diag("$results[0][1]\n$results[1][1]");
is($results[0][1], $results[1][1], 'and write as much');
(undef, $seen) = run_sql($db, $print);
is($seen, $before, 'the same amounts');

# cancelled in its midst
my $began = time;
run_sql($db, "SELECT quota_decomp.decompose('p')");
my $whole = (time - $began) * 1000;
my $cancelled = 0;
for my $part (1 .. 8)
{
	my $timeout = int($whole * $part / 9) || 1;
	my ($code, $out, $err) = run_sql($db, "SET statement_timeout = $timeout; SELECT quota_decomp.decompose('p')");
	$cancelled++ if $err =~ /57014/;
}
cmp_ok($cancelled, '>', 0, "cancelled $cancelled times of 8");
(undef, $seen) = run_sql($db, $print);
is($seen, $before, 'and nothing is changed');
sql_is($db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'qd\\_%' AND relpersistence = 't'", '0', 'no temporary table is left');

done_testing();
