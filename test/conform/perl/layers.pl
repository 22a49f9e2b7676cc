# SPDX-License-Identifier: Apache-2.0
# t/io/layers.t, utf8.t, crlf.t: encodings, :raw, :crlf, :bytes, binmode, wide characters.
use strict; use warnings; use utf8;
binmode STDOUT, ':encoding(UTF-8)'; print "café 日本 😀\n"; binmode STDOUT; { no warnings 'utf8'; print "wide \x{263a}\n"; }
for my $layer (':utf8', ':crlf', ':raw', ':encoding(UTF-16LE)', ':encoding(latin1)', ':raw:utf8:crlf', ':unix', ':stdio') {
    open(my $f, ">$layer", 'f') or do { print "$layer: $!\n"; next };
    no warnings; print $f "a\né\n"; close $f;
    open($f, '<:raw', 'f'); local $/; print "$layer ", unpack('H*', <$f> // ''), "\n";
    print "  layers: ", join(' ', PerlIO::get_layers($f)), "\n";
    open($f, "<$layer", 'f'); my $t = <$f> // ''; print "  read ", length $t, "\n";
}
open(my $f, '<:encoding(UTF-8)', \"bad \xff byte\n"); print scalar(<$f>);
open($f, '>:utf8', 'g'); print $f chr($_) for 0x20 .. 0x1000; close $f; print -s 'g', "\n";
