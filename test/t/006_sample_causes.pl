# The sample CRM has truths planted in it: a region's product line that fell, two
# months of a weak market, a person who stopped selling.  The report of the demo
# finds each of them, and nothing that was not planted beside them; so does the
# view deviation.
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
my $report = command_ok('the report', 'psql', '-XqA', '-F', '|', '-v', 'plan=2026 销售目标', '-d', $db, '-f', "$examples/root_cause_report.sql");

sql_is($db, "SELECT string_agg(truth_id, ' ' ORDER BY truth_id) FROM crm.planted_truth", 'east-a market-fall weak-person', 'what is planted');

my ($months, $years, $people) = $report =~ /the last five months(.*)the last year[^\n]*time of year(.*)the last year[^\n]*by person(.*)planted in the sample/s;
# the lines of a table below its header
sub slices
{
	my @lines = grep { /\|/ && !/^(?:region\|)?slice\|/ } split(/\n/, $_[0] // '');

	return @lines;
}

my @found = slices($months);
is(scalar(@found), 1, 'the last five months have one cause');
like($found[0], qr/^region=华东大区, product line=A\|/, 'product line A in the East');
@found = slices($years);
is(scalar(@found), 1, 'the year has one cause by time of year');
like($found[0], qr/^months=May, June\|/, 'May and June');
@found = slices($people);
ok((grep { /^华北大区\|person=P0032\|/ } @found) == 1, 'the weak person, in the North');
is(scalar(grep { /person=/ } @found), 1, 'and no other person');

# in the view: May and June are the market's, at every node; the person is named
# in his region, and nobody else anywhere
my $deviation = "FROM bi.deviation WHERE plan = '2026 销售目标'";
sql_is($db, "SET quota_decomp.as_of = '2026-06-30'; SELECT market < 0.8 * gap, gap = common + market + strategy + individual, strpos(sentence_zh, '主要来自市场') > 0, strpos(sentence_en, 'mainly from the market') > 0
	$deviation AND period = '2026-06' AND org_depth = 0", 't|t|t|t', 'the market falls');
sql_is($db, "SET quota_decomp.as_of = '2026-06-30'; SELECT string_agg(d.org, ' ') FROM (SELECT * $deviation AND period = '2026-Q2' AND org_depth = 1) d
	JOIN (SELECT region_id, sum(market_index) FILTER (WHERE month BETWEEN '2026-04-01' AND '2026-06-01') / sum(market_index) FILTER (WHERE month BETWEEN '2025-04-01' AND '2025-06-01') AS grown
		  FROM crm.market_index GROUP BY 1) g ON g.region_id = d.org
	WHERE d.market IS DISTINCT FROM trim_scale(round(d.due_to_date * (g.grown - 1.05), 2))", '', 'as much as the index says, region by region');
sql_is($db, "SET quota_decomp.as_of = '2026-12-31'; SELECT string_agg(d.org || ' ' || s.person_id || ' ' || d.outlier_rate, ', ') FROM (SELECT * $deviation AND period = '2026' AND win_outlier IS NOT NULL) d
	JOIN crm.salesperson s ON s.name = d.win_outlier", 'R-NORTH P0032 0.1094', 'the weak person, in his region; nobody else');
# a slice of less than half the gap is not where it mainly comes from
sql_is($db, "SET quota_decomp.as_of = '2026-08-31'; SELECT count(cause_1) >= 5, count(*) FILTER (WHERE strpos(sentence_en, 'mainly from ' || cause_1 || ' ') > 0 AND 2 * abs(cause_1_gap) < abs(gap))
	$deviation AND grain IN ('month', 'quarter')", 't|0', 'what a gap mainly comes from');
sql_is($db, "SELECT round(avg((stage = 'WON')::int), 4) FROM crm.opportunity o WHERE btrim(o.person_id) = 'P0032' AND o.stage IN ('WON', 'LOST') AND o.closed_on BETWEEN '2026-01-01' AND '2026-12-31'",
	'0.1094', 'with the rate that his deals have');

done_testing();
