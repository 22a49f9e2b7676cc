# SPDX-License-Identifier: Apache-2.0
# t/io/eintr.t, eintr_print.t: prints interrupted by signals are whole; alarms, nested handlers.
use strict; use warnings; use POSIX (); use Time::HiRes qw(ualarm);
my $n = 0; $SIG{ALRM} = sub { $n++; syswrite STDERR, '' ; ualarm 500 if $n < 200 }; pipe(my $r, my $w);
my $pid = fork // die; if (!$pid) { close $w; my ($bytes, $b) = 0; while (my $k = sysread $r, $b, 4096) { $bytes += $k; select undef, undef, undef, 0.0005 } print "$bytes\n"; exit 0 }
close $r; ualarm 500; print $w 'x' x 1000 for 1 .. 1000; close $w; $SIG{ALRM} = 'IGNORE'; ualarm 0; waitpid $pid, 0; print $n > 0 ? "interrupted\n" : "never\n";
$SIG{USR1} = sub { print "usr1\n"; kill USR2 => $$ }; $SIG{USR2} = sub { print "usr2\n" }; kill USR1 => $$ for 1 .. 3;
eval { local $SIG{ALRM} = sub { die "out of a handler\n" }; ualarm 20000; 1 while 1 }; print "caught: $@";
POSIX::sigaction(POSIX::SIGHUP(), POSIX::SigAction->new(sub { print "unsafe handler\n" }, POSIX::SigSet->new, 0)); kill HUP => $$;
$SIG{__WARN__} = sub { print "warned: @_" }; warn "x\n"; $SIG{__DIE__} = sub { print "dying: @_" }; eval { die "y\n" }; $SIG{CHLD} = sub { print "child gone\n" }; if (!(fork // die)) { POSIX::_exit 0 } 1 while waitpid(-1, 0) > 0;
