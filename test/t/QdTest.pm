# QdTest.pm: what the TAP tests share.  They run against the server that PGHOST
# and its like point to, in databases and with roles of their own.
package QdTest;

use strict;
use warnings;
use Exporter 'import';
use File::Temp;
use Test::More;

our @EXPORT = qw(run_sql sql_ok sql_is sql_error fresh_database fresh_role command_ok);

my @databases;
my @roles;
my $serial = 0;

# a command's exit status, standard output and standard error
sub run_command
{
	my @command = @_;
	my $out = File::Temp->new;
	my $err = File::Temp->new;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null') or die;
		open(STDOUT, '>&', $out) or die;
		open(STDERR, '>&', $err) or die;
		exec(@command) or die "cannot run $command[0]: $!";
	}
	waitpid($pid, 0);
	my $status = $?;
	my @text = map { local $/; open(my $fh, '<:encoding(UTF-8)', $_->filename) or die; my $t = <$fh>; $t // '' } ($out, $err);
	s/\s+\z// for @text;
	return ($status, @text);
}

# SQL through psql: exit status, output unaligned, errors with their SQLSTATE
sub run_sql
{
	my ($database, $sql, %option) = @_;
	my $file = File::Temp->new(SUFFIX => '.sql');

	binmode($file, ':encoding(UTF-8)');
	print $file $sql;
	close($file);
	return run_command('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
		'-d', $database, ($option{user} ? ('-U', $option{user}) : ()), '-f', $file->filename);
}

# runs and must work; returns the output
sub sql_ok
{
	my ($database, $sql, $name, %option) = @_;
	my ($status, $out, $err) = run_sql($database, $sql, %option);

	ok($status == 0, $name) or diag($err);
	return $out;
}

sub sql_is
{
	my ($database, $sql, $expected, $name, %option) = @_;
	my ($status, $out, $err) = run_sql($database, $sql, %option);

	is($status == 0 ? $out : $err, $expected, $name);
	return;
}

# must fail with this SQLSTATE
sub sql_error
{
	my ($database, $sql, $state, $name, %option) = @_;
	my ($status, $out, $err) = run_sql($database, $sql, %option);

	ok($status != 0 && $err =~ /ERROR:\s+$state:/, $name) or diag("status $status, $err");
	return;
}

sub command_ok
{
	my ($name, @command) = @_;
	my ($status, $out, $err) = run_command(@command);

	ok($status == 0, $name) or diag("$out\n$err");
	return $out;
}

sub quietly
{
	my ($sql) = @_;
	my ($status, $out, $err) = run_sql('postgres', $sql);

	die "$sql: $err" if $status != 0;
	return;
}

# a new database; option owner
sub fresh_database
{
	my (%option) = @_;
	my $name = "qd_tap_$$" . '_' . ++$serial;

	quietly("CREATE DATABASE $name" . ($option{owner} ? " OWNER $option{owner}" : ''));
	push @databases, $name;
	return $name;
}

# a new role that may log in and nothing else
sub fresh_role
{
	my $name = "qd_role_$$" . '_' . ++$serial;

	quietly("CREATE ROLE $name LOGIN");
	push @roles, $name;
	return $name;
}

END
{
	my $status = $?;

	run_sql('postgres', "DROP DATABASE IF EXISTS $_ WITH (FORCE)") for @databases;
	run_sql('postgres', "DROP ROLE IF EXISTS $_") for @roles;
	$? = $status;
}

1;
