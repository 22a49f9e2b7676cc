# SPDX-License-Identifier: Apache-2.0
# t/io/print.t, say.t, perlio: separators, formats, syswrite, write and format.
use strict; use warnings; use feature 'say';
{ local ($,, $\) = ('-', "!\n"); print 'a' .. 'e'; print STDERR 1, 2; }
say for 1 .. 3; say STDOUT "handle"; say {*STDERR} "to stderr";
printf "%s %5.2f %-6s| %03d %x %o %e %g %c %% %v d\n", 'str', 3.14159, 'left', 7, 255, 8, 12345.678, 0.0001, 65, '1.22.333';
printf STDERR "%2\$s %1\$s\n", 'second', 'first';
my $wrote = syswrite STDOUT, "syswrite bytes\n", 9, 0; print "\n$wrote\n";
$| = 1; print "unbuffered "; $| = 0; print "buffered\n";
our ($name, $value) = ('n', 1.5);
format STDOUT_TOP =
name   value
------------
.
format STDOUT =
@<<<<< @>>>>>
$name, $value
.
for (1 .. 5) { $name = "n$_"; $value = $_ * 1.5; write; }
print "lines left: $-\n"; $~ = 'OTHER';
format OTHER =
^<<<<~~
$name
.
$name = 'a long text in pieces'; write;
print "x" x 100000, "\n"; print STDOUT (1, 2), "\n";
open(my $full, '>', '/dev/full') or die; print $full "x"; print close($full) ? "closed\n" : "failed: $!\n";
