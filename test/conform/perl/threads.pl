# SPDX-License-Identifier: Apache-2.0
# Threads of perl (ithreads) that print at once, and fork beside them.
use strict; use warnings; use threads; use threads::shared; $| = 1;
my $done :shared = 0; open(my $log, '>>', 'log') or die;
my @t = map { my $n = $_; threads->create(sub { for (1 .. 200) { syswrite $log, sprintf("thread %d line %03d\n", $n, $_) } { lock $done; $done++ } return $n * 2 }) } 1 .. 8;
print join(' ', map { $_->join } @t), " $done\n"; close $log;
open($log, '<', 'log'); my @l = sort <$log>; print scalar @l, $l[0], $l[-1]; open(my $sorted, '>', 'log'); print $sorted @l;
my $pid = fork // die; if (!$pid) { print "child of a threaded process\n"; exit 3 } waitpid $pid, 0; print $? >> 8, "\n"; my $said :shared = 0; threads->create(sub { print "detached\n"; $said = 1 })->detach; until ($said) { select undef, undef, undef, 0.01 } threads->create(sub { threads->exit })->join; my $e = threads->create(sub { die "in a thread\n" }); $e->join; print "end\n";
