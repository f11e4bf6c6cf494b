# Peak memory beyond the executor's own tuplestore, per row: a fresh backend's
# high-water mark with our function minus that with sum() OVER on the same rows.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib $FindBin::Bin;
use QdTest;

my $rows = 1000000;
my $db = fresh_database();

sql_ok($db, <<"SQL", "$rows rows");
CREATE EXTENSION quota_decomp;
CREATE TABLE flat AS
SELECT (1 + i * 7919::bigint % 100003)::numeric AS weight, (i % 50)::numeric AS low, (5000000 + i % 900)::numeric AS high
FROM generate_series(1, $rows) i;
CREATE TABLE tree AS
SELECT i AS node, CASE WHEN i > 1 THEN (i - 2) / 10 + 1 END AS parent,
	CASE WHEN (i - 1) * 10::bigint + 2 > $rows THEN (1 + i * 7919::bigint % 100003)::numeric END AS weight,
	CASE WHEN i = 1 THEN 987654321012.34 END AS total
FROM generate_series(1, $rows) i;
CREATE TABLE grid AS
SELECT r, c, (r * 7919 + c * 104729) % 10007::numeric AS weight, sum((r * 31 + c * 17) % 101) OVER (PARTITION BY r)::numeric AS rt, sum((r * 31 + c * 17) % 101) OVER (PARTITION BY c)::numeric AS ct
FROM generate_series(1, 1000) r, generate_series(1, $rows / 1000) c;
VACUUM ANALYZE flat, tree, grid;
SQL

# the high-water mark of a backend that ran nothing else, in bytes; the least of
# two, for what the allocator does is not always the same
sub peak
{
	my ($sql) = @_;
	my $least;

	foreach (1 .. 2)
	{
		my $out = sql_quietly("SET work_mem = '2GB'; SET max_parallel_workers_per_gather = 0;\n$sql;\n" .
			"SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\\s+(\\d+) kB'))[1];\n");
		my ($kb) = $out =~ /(\d+)\s*\z/ or die "no VmHWM in: $out";
		$least = $kb if !defined $least || $kb < $least;
	}
	return $least * 1024;
}

sub sql_quietly
{
	my ($status, $out, $err) = run_sql($db, $_[0]);
	die $err if $status != 0;
	return $out;
}

sub bytes_per_row
{
	my ($ours, $base, $limit, $name) = @_;
	my $bytes = (peak($ours) - peak($base)) / $rows;

	ok($bytes <= $limit, sprintf('%s: %.0f bytes a row, at most %d', $name, $bytes, $limit));
	return;
}

# the same columns go through the tuplestore of both
my $flat = 'SELECT count(a) FROM (SELECT %s OVER () AS a FROM flat) x';
my $base1 = sprintf($flat, 'sum(weight)');
my $base3 = 'SELECT count(a) + count(b) + count(c) FROM (SELECT sum(weight) OVER () AS a, sum(low) OVER () AS b, sum(high) OVER () AS c FROM flat) x';

foreach my $rounding (qw(hamilton webster cumulative))
{
	bytes_per_row(sprintf($flat, "quota_decomp.allocate(987654321012.34, weight, rounding => '$rounding')"),
		$base1, 64, "allocate, $rounding");
	bytes_per_row(sprintf($flat, "quota_decomp.allocate(987654321012.34, weight, low, high, rounding => '$rounding')"),
		$base3, 96, "allocate bounded, $rounding");
}
bytes_per_row(sprintf($flat, 'quota_decomp.allocate_detail(987654321012.34, weight)'), $base1, 64, 'allocate_detail');

my $base2 = 'SELECT count(a) + count(b) FROM (SELECT sum(weight) OVER () AS a, sum(low) OVER () AS b FROM flat) x';
my $base4 = 'SELECT count(a) + count(b) + count(c) + count(d) FROM (SELECT sum(weight) OVER () AS a, sum(low) OVER () AS b, sum(high) OVER () AS c, sum(1 + low) OVER () AS d FROM flat) x';
bytes_per_row(sprintf($flat, 'quota_decomp.allocate_rate(50000, weight, 1 + low, scale => 2)'), $base2, 64, 'allocate_rate');
bytes_per_row(sprintf($flat, 'quota_decomp.allocate_rate(50000, weight, 1 + low, floor => low, cap => high, scale => 2)'), $base4, 96, 'allocate_rate bounded');
my $ordered = 'SELECT count(a) + count(b) + count(c) FROM (SELECT %s FROM (SELECT i, weight, 1 + low AS days, i / 3 AS b FROM (SELECT row_number() OVER () AS i, * FROM flat) r) f WINDOW w AS (ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) x';
bytes_per_row(sprintf($ordered, 'quota_decomp.disaggregate(100000, b, weight, days) OVER w AS a, 1 AS b, 1 AS c'),
	sprintf($ordered, 'sum(weight) OVER w AS a, sum(b) OVER w AS b, sum(days) OVER w AS c'), 128, 'disaggregate, three pieces a bucket');

my $base4_sums = 'SELECT count(a) + count(b) + count(c) + count(d) FROM (SELECT sum(weight) OVER () AS a, sum(low) OVER () AS b, sum(high) OVER () AS c, sum(weight) OVER () AS d FROM flat) x';
bytes_per_row(sprintf($flat, 'quota_decomp.price_volume_mix(low, weight, high, weight)'), $base4_sums, 8, 'price_volume_mix');
bytes_per_row(sprintf($flat, 'quota_decomp.rate_mix(low, weight, high, weight)'), $base4_sums, 36, 'rate_mix');
bytes_per_row(sprintf($flat, 'quota_decomp.shift_share(weight, high, low)'), $base4_sums, 16, 'shift_share');

my $base_tree = 'SELECT count(a) + count(b) + count(c) + count(d) FROM (SELECT sum(weight) OVER () AS a, sum(node) OVER () AS b, sum(parent) OVER () AS c, sum(total) OVER () AS d FROM tree) x';
my $text_tree = 'SELECT count(a) + count(b) + count(c) + count(d) FROM (SELECT sum(weight) OVER () AS a, max(node) OVER () AS b, max(parent) OVER () AS c, sum(total) OVER () AS d FROM (SELECT weight, total, node::text, parent::text FROM tree) t) x';
bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.allocate_tree(total, node, parent, weight) OVER () AS a FROM tree) x',
	$base_tree, 192 + 4, 'allocate_tree');
bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.allocate_tree(total, node, parent, weight) OVER () AS a FROM (SELECT weight, total, node::text, parent::text FROM tree) t) x',
	$text_tree, 192 + 12, 'allocate_tree, text keys');
bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.reconcile_tree(node, parent, total, weight) OVER () AS a FROM tree) x',
	$base_tree, 192 + 4, 'reconcile_tree');
bytes_per_row(q(SELECT count(a) FROM (SELECT quota_decomp.reconcile_tree(node, parent, total / total * 20000000000, weight, 'Infinity') OVER () AS a FROM tree) x),
	$base_tree, 320 + 4, 'reconcile_tree, half of the leaves at a floor');
bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.rollup_tree(weight, node, parent) OVER () AS a FROM tree) x',
	$base_tree, 192 + 4, 'rollup_tree');

my $base_grid = 'SELECT count(a) + count(b) + count(c) + count(d) + count(e) FROM (SELECT sum(weight) OVER () AS a, sum(r) OVER () AS b, sum(rt) OVER () AS c, sum(c) OVER () AS d, sum(ct) OVER () AS e FROM grid) x';
foreach my $rounding (qw(hamilton webster))
{
	bytes_per_row("SELECT count(a) FROM (SELECT quota_decomp.allocate_margins(weight, r, rt, c, ct, rounding => '$rounding') OVER () AS a FROM grid) x",
		$base_grid, 112, "allocate_margins, $rounding");
}
bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.allocate_margins_detail(weight, r, rt, c, ct, 0, 1000) OVER () AS a FROM grid) x',
	$base_grid, 176, 'allocate_margins_detail bounded');

bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.margins_row_total(weight, r, rt, c, ct) OVER () AS a FROM grid) x',
	$base_grid, 80, 'margins_row_total');
bytes_per_row('SELECT count(a) FROM (SELECT quota_decomp.margins_row_total(CASE WHEN r > 1 OR c < 5 THEN weight ELSE 0 END, r, rt, c, ct, 0, 100000) OVER () AS a FROM grid) x',
	$base_grid, 176, 'margins_row_total, not as asked, bounded');

# a deal takes 32 bytes, up to twice that while it waits for room, and as much
# again while deals are sorted; the value itself another 32
bytes_per_row('SELECT pg_column_size(quota_decomp.deal_outcome(weight + node, 0.5)) FROM tree WHERE weight IS NOT NULL', 'SELECT sum(weight + node) FROM tree WHERE weight IS NOT NULL',
	192, 'deal_outcome, all deals different');
bytes_per_row('SELECT pg_column_size(quota_decomp.deal_outcome(low, 0.5)) FROM flat', 'SELECT sum(low) FROM flat', 4, 'deal_outcome, deals alike');

# a state, and what collects it: sums, codes and hash tables, and the sorted form
my $base_leaf = 'SELECT count(*) FROM (SELECT max(a || b), sum(weight), sum(weight) FROM (SELECT weight, (i % 1000)::text AS a, (i / 1000)::text AS b FROM leaf OFFSET 0) x) y';
sql_ok($db, "CREATE TABLE leaf AS SELECT i, weight FROM (SELECT row_number() OVER () AS i, weight FROM flat) x; VACUUM ANALYZE leaf;", 'leaves');
bytes_per_row("SELECT count(*) FROM (SELECT quota_decomp.root_cause(weight, weight, a, b) AS s FROM (SELECT weight, (i % 1000)::text AS a, (i / 1000)::text AS b FROM leaf OFFSET 0) x) y WHERE s IS NOT NULL",
	$base_leaf, 192, 'root_cause, two dimensions');
bytes_per_row("SELECT count(*) FROM (SELECT quota_decomp.root_cause(weight, weight, a, b) AS s FROM (SELECT weight, (i % 1000)::text AS a, (i / 1000)::text AS b FROM leaf OFFSET 0) x) y, quota_decomp.root_causes(s)",
	$base_leaf, 480, 'root_causes, two dimensions');

done_testing();
