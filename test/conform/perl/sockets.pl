# SPDX-License-Identifier: Apache-2.0
# t/io/socket.t, socketpair.t: send, recv, syswrite, print and errors on sockets.
use strict; use warnings; use Socket; use IO::Handle; use IO::Socket::INET; use IO::Socket::UNIX; use IO::Select;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; $_->autoflush for $a, $b;
print $a "line\n"; print scalar <$b>; syswrite $b, "back\n"; sysread $a, my $t, 99; print $t; send $a, "sent", 0; recv $b, $t, 99, 0; print "$t\n"; shutdown $a, 1; print defined(sysread $b, $t, 9) ? "end of file\n" : "$!\n";
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die; my $pid = fork // die;
if (!$pid) { my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport) or die; print $c "request $_\n" for 1 .. 200; $c->shutdown(1); print while <$c>; exit 4 }
my $c = $server->accept; my $n = 0; while (<$c>) { $n++; $c->printf("%d bytes\n", length) if $n % 50 == 0 } close $c; waitpid $pid, 0; print "$n ", $? >> 8, "\n";
socket(my $u, AF_INET, SOCK_DGRAM, 0) or die; bind $u, sockaddr_in(0, INADDR_LOOPBACK); send $u, "datagram", 0, getsockname $u; recv $u, $t, 99, 0; print "$t\n"; print send($u, 'x' x 70000, 0, getsockname $u) // "too long: $!", "\n";
my $unix = IO::Socket::UNIX->new(Listen => 1, Local => 'sock') or die; my $d = IO::Socket::UNIX->new(Peer => 'sock') or die; my $e = $unix->accept; print $d "over unix\n"; $d->flush; print scalar <$e>; close $e; local $SIG{PIPE} = 'IGNORE'; print defined(syswrite $d, "x") ? "written\n" : "$!\n"; print IO::Socket::UNIX->new(Peer => 'nobody') ? '' : "$!\n"; print scalar(() = IO::Select->new($u)->can_write(1)), "\n"; unlink 'sock';
