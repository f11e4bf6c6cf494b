# The sample CRM has truths planted in it: a region's product line that fell, two
# months of a weak market, a person who stopped selling.  The report of the demo
# finds each of them, and nothing that was not planted beside them.
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

done_testing();
