# SPDX-License-Identifier: Apache-2.0
# t/io/pipe.t, dup.t: pipes with fork, exec, SIGPIPE, buffers at fork, system, backquotes.
use strict; use warnings; $| = 1;
pipe(my $r, my $w) or die; my $pid = fork // die;
if (!$pid) { close $r; print $w "child line $_\n" for 1 .. 500; exit 7 }
close $w; my @l = <$r>; waitpid $pid, 0; print scalar @l, " ", $? >> 8, "\n";
$SIG{PIPE} = sub { print STDERR "SIGPIPE caught\n" }; pipe($r, $w); close $r; print syswrite($w, "x") // "failed: $!", "\n";
$SIG{PIPE} = 'IGNORE'; print syswrite($w, "x") // "failed: $!", "\n"; { no warnings; close $w }
print `echo backquotes; echo err >&2; exit 2`, $? >> 8, "\n"; print system('exit 9') >> 8, "\n"; print system('/bin/echo', 'listed'), "\n";
{ no warnings; print system('/nonexistent/program'), " $!\n"; }
$| = 0; print "written once, "; $pid = fork // die; if (!$pid) { close STDOUT; require POSIX; POSIX::_exit(0) } waitpid $pid, 0; print "even so\n";
open(my $copy, '>&', \*STDOUT); open(STDOUT, '>', 'captured'); print "captured\n"; system 'echo by a child too >&1'; close STDOUT; open(STDOUT, '>&', $copy);
open(my $in, '<', 'captured'); print sort <$in>;
for my $n (1 .. 20) { $pid = fork // die; if (!$pid) { exec '/bin/sh', '-c', "exit $n" } waitpid $pid, 0; print $? >> 8, ' ' } print "\n";
$pid = fork // die; if (!$pid) { kill KILL => $$ } waitpid $pid, 0; print $? & 127, "\n";
END { print "end block\n" }
