# HTTP::Daemon as its manual shows it.
use strict;
use warnings;
use HTTP::Daemon;
use HTTP::Status;

my $d = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 1024, ReuseAddr => 1) or die;
$SIG{PIPE} = 'IGNORE';
while (my $c = $d->accept) {
    while (my $r = $c->get_request) {
        if ($r->method eq 'GET') {
            $c->send_file_response("$ARGV[1]" . $r->uri->path);
        } else {
            $c->send_error(RC_FORBIDDEN);
        }
    }
    $c->close;
    undef $c;
}
