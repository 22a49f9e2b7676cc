# SPDX-License-Identifier: Apache-2.0
# t/io/open.t: modes, in-memory files, duplicates, pipes, failures.
use strict; use warnings;
sub say_result { my ($what, $ok) = @_; print "$what: ", ($ok ? "ok" : "failed: $!"), "\n"; }
say_result("write", open(my $out, '>', 'file')); print $out "one\ntwo\n"; close $out;
say_result("append", open($out, '>>', 'file')); print $out "three\n"; say_result("close", close $out);
say_result("read-write", open(my $both, '+<', 'file')); print "got ", scalar <$both>;
seek $both, 0, 1; print $both "TWO\n"; seek $both, 0, 0; print "now ", <$both>; close $both;
say_result("truncate", open($both, '+>', 'new')); print $both "x" x 10; print tell($both), "\n"; close $both;
say_result("missing", open(my $no, '<', '/nonexistent/file'));
say_result("folder", open($no, '>', '/'));
say_result("scalar", open(my $memory, '>', \my $buffer)); printf $memory "%05d|%s", 42, "text"; close $memory;
print "$buffer\n";
open(my $dup, '>&', \*STDOUT) or die; print $dup "through a duplicate\n"; close $dup;
open($dup, '>&=', 1) or die; print $dup "through the same descriptor\n";
open(my $saved, '>&', \*STDERR) or die; close STDERR; open(STDERR, '>', 'errors') or die;
warn "to the file\n"; print STDERR "and this\n"; close STDERR; open(STDERR, '>&', $saved) or die;
warn "back\n";
open(my $pipe, '-|', 'echo from a child; exit 3') or die; print <$pipe>; close $pipe; print $? >> 8, "\n";
open($pipe, '|-', 'cat; exit 5') or die; print $pipe "to a child\n"; close $pipe; print $? >> 8, "\n";
open($pipe, '-|', 'cat', 'file') or die; print <$pipe>; close $pipe;
{ local $| = 1; my $pid = open(my $fork, '-|') // die; if (!$pid) { print "forked\n"; exit 0 } print <$fork>; close $fork; }
print "eof\n" if eof(STDIN);
{ no warnings; print "closed: ", (print {*NOSUCH} "x") ? "written\n" : "refused\n"; }
