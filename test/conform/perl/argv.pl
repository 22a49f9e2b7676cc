# SPDX-License-Identifier: Apache-2.0
# t/io/argv.t, nargv.t, inplace.t, data.t: <>, $ARGV, -i, DATA, $/ and $.
use strict; use warnings;
for my $n (1 .. 3) { open(my $f, '>', "f$n"); print $f "file $n line $_\n" for 1 .. 4 }
@ARGV = qw(f1 f2 missing f3); while (<>) { print "$ARGV:$.: $_"; close ARGV if eof }
{ local ($^I, @ARGV) = ('.bak', 'f1', 'f2'); while (<>) { s/line/LINE/; print } }
@ARGV = ('f1', 'f2'); print <>; { local $/ = \7; open(my $f, '<', 'f3'); print "[$_]" while <$f>; print "\n" }
{ local $/ = ''; open(my $f, '<', \"a\nb\n\n\nc\n"); my @p = <$f>; print scalar @p, "\n" }
while (<DATA>) { chomp; print "data $. <$_>\n" } print eof(DATA) ? "end\n" : "more\n"; open(my $f, '<', 'f1'); my $n = () = <$f>; print "$n $.\n"; select STDERR; print "selected\n"; print STDOUT "named\n";
__DATA__
one
two

three
