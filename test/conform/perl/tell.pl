# SPDX-License-Identifier: Apache-2.0
# t/io/tell.t, read.t, fs.t: positions, sysseek, truncate, stat, rename, links, unlink.
use strict; use warnings; use Fcntl qw(:DEFAULT :seek :mode);
open(my $f, '+>', 'data') or die; print $f "line $_\n" for 1 .. 1000; print tell($f), "\n";
seek $f, 500, SEEK_SET; read $f, my $b, 20; print "$b|", tell($f), "\n"; seek $f, -9, SEEK_END; print <$f>; print eof($f) ? "eof\n" : "more\n";
sysseek $f, 10, SEEK_SET; sysread $f, $b, 15, 2; print length $b, "\n";
truncate $f, 100; print -s $f, "\n"; close $f;
sysopen($f, 'data', O_WRONLY | O_APPEND) or die; syswrite $f, "appended\n"; close $f; print -s 'data', "\n";
print sysopen($f, 'data', O_WRONLY | O_CREAT | O_EXCL) ? "created\n" : "exclusive: $!\n";
mkdir 'd', 0700 or die; print mkdir('d') ? '' : "mkdir: $!\n"; rename 'data', 'd/data'; link 'd/data', 'd/hard'; symlink 'data', 'd/soft';
print join(' ', (stat 'd/hard')[3, 7], readlink 'd/soft', S_IMODE((stat 'd')[2])), "\n";
chmod 0444, 'd/data'; utime 1e9, 1e9, 'd/data'; print((stat 'd/soft')[9], "\n");
opendir(my $dir, 'd') or die; print join(' ', sort grep !/^\./, readdir $dir), "\n"; closedir $dir;
print unlink('d/soft', 'd/hard', 'd/nothing'), "\n"; print rmdir('d') ? '' : "rmdir: $!\n"; print join(' ', glob 'd/*'), "\n";
print -e 'd/data' ? 'e' : '', -d 'd' ? 'd' : '', -r _ ? 'r' : '', -x '/bin/sh' ? 'x' : '', "\n";
