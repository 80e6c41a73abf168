# A plain accept loop in Perl.
use strict;
use warnings;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1024, Proto => 'tcp') or die;
$| = 1;
$SIG{PIPE} = 'IGNORE';
print $listener->sockport, "\n";
while (1) {
    my $client = $listener->accept or next;
    while (sysread($client, my $data, 8192)) {
        syswrite($client, $data);
    }
    close $client;
}
