# The binary form of a distribution: what distribution_send writes is read back
# as the same value, everything else is refused.  Through COPY, which is what
# reads binary forms.
use strict;
use warnings;
use Test::More;
use File::Temp;
use FindBin;
use lib $FindBin::Bin;
use QdTest;

my $db = fresh_database();
my $folder = File::Temp->newdir;

chmod(0755, $folder) or die;
sql_ok($db, 'CREATE EXTENSION quota_decomp; CREATE TABLE received (d quota_decomp.distribution)', 'a table of distributions');

my $good = form('{1|2: 1.5@0.1|0.2, 10@0.5|0.5*3}');

# the binary form of a value
sub form
{
	my ($text) = @_;
	my (undef, $hex) = run_sql($db, "SELECT encode(quota_decomp.distribution_send('$text'), 'hex')");

	return pack('H*', $hex);
}

# with some bytes replaced, from offset on
sub changed
{
	my ($offset, $hex, $form) = @_;
	my $bytes = pack('H*', $hex);

	$form //= $good;
	substr($form, $offset, length($bytes)) = $bytes;
	return $form;
}

# reads one value: exit status, the values, the error
sub receive
{
	my ($form) = @_;
	my $file = "$folder/form";

	open(my $fh, '>:raw', $file) or die "$file: $!";
	print $fh "PGCOPY\n\xff\r\n\0", pack('NNnN', 0, 0, 1, length($form)), $form, pack('n', 0xffff);
	close($fh) or die;
	return run_sql($db, "TRUNCATE received;\n\\copy received FROM '$file' (FORMAT binary)\nSELECT d FROM received;\n");
}

foreach my $text ('{}', '{1|1:}', '{-300.5@0.1, 0@0.5, 1000@1*7}', '{1|2: 1.5@0.1|0.2, 10@0.5|0.5*3}',
	'{0.000000000000000000000000000001@0.000000000000000001*2147483647}')
{
	my ($status, $out, $err) = receive(form($text));

	is($status == 0 ? $out : $err, $text, "received: $text");
}

my %bad = (
	'nothing' => '', 'a byte' => "\x01", 'too short' => substr($good, 0, -8), 'too long' => $good . "\0",
	'another version' => changed(0, '02'), 'scale 31' => changed(1, '1f'),
	'a scale that is not the least' => changed(1, '01', form('{10@0.5}')),
	'no scenarios' => changed(2, '0000'), '300 scenarios' => changed(2, '012c'),
	'a negative size' => changed(4, 'ffffffffffffffff'), 'a huge size' => changed(4, '0fffffffffffffff'), 'a smaller size' => changed(4, '0000000000000001'),
	'a weight of 0' => changed(12, '0000000000000000'), 'weights with a divisor' => changed(12, '0000000000000002'),
	'a huge weight' => changed(12, '7fffffffffffffff'), 'a negative weight' => changed(12, 'ffffffffffffffff'),
	'a huge amount' => changed(28, '7fffffffffffffff'), 'a huge negative amount' => changed(28, '8000000000000000'),
	'amounts that are too large together' => changed(28, '00ffffffffffffffffffffffffffffff', form('{10@0.5*3}')),
	'deals out of order' => changed(36, '0000000000000fff'),
	'a deal twice' => changed(68, '0000000000000000000000000000000f000000000000000100' . unpack('H*', substr($good, 53, 15))),
	'a count of 0' => changed(44, '0000000000000000'), 'a negative count' => changed(44, 'ffffffffffffffff'), 'a huge count' => changed(44, '0000000080000000'),
	'a probability above 1' => changed(52, '0de0b6b3a7640001'), 'a negative probability' => changed(60, 'ffffffffffffffff'));

foreach my $name (sort keys %bad)
{
	my ($status, $out, $err) = receive($bad{$name});

	ok($status != 0 && $err =~ /ERROR:\s+(22P03|08P01|22003|22023):/, "refused: $name") or diag("status $status, $out, $err");
}

# and a fair number of random damages: refused, or a value that can be used
srand(1);
my $refused = 0;
my $wrong = '';
for (1 .. 60)
{
	my $form = $good;
	my $offset = int(rand(length($form)));

	substr($form, $offset, 1) = chr(int(rand(256)));
	my ($status, $out, $err) = receive($form);
	if ($status != 0) { $refused++; $wrong .= "$err\n" if $err !~ /ERROR:\s+(22P03|08P01|22003|22023):/; next; }
	($status, my $again, $err) = run_sql($db, "SELECT d::text::quota_decomp.distribution, quota_decomp.mean(d) FROM received");
	$wrong .= "$out: $err\n" if $status != 0 || index($again, $out) != 0;
}
ok($refused > 10 && $wrong eq '', "60 damaged forms: $refused refused, the others can be used") or diag($wrong);

done_testing();
