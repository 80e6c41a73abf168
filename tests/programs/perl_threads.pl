# Perl's ithreads: shared variables, queues, condition variables, return values, detached threads.
# vervet-needs: perl
use strict;
use warnings;
use threads;
use threads::shared;
use Thread::Queue;
use Thread::Semaphore;

my $total : shared = 0;
my @threads = map { threads->create(sub { for (1 .. 100) { lock $total; $total++; } return $_[0] * 2 }, $_) } 1 .. 5;
print join(",", map { $_->join } @threads), " total $total\n";

my ($in, $out) = (Thread::Queue->new, Thread::Queue->new);
my @workers = map { threads->create(sub { while (defined(my $n = $in->dequeue)) { $out->enqueue($n * $n) } }) } 1 .. 3;
$in->enqueue($_) for 1 .. 50;
$in->end;
$_->join for @workers;
my $sum = 0;
$sum += $out->dequeue for 1 .. 50;
print "squares $sum\n";

my $turn : shared = 0;
my @order : shared;
@threads = map { my $n = $_; threads->create(sub {
    lock $turn;
    cond_wait($turn) until $turn == $n;
    push @order, $n;
    $turn++;
    cond_broadcast($turn);
}) } reverse 0 .. 4;
$_->join for @threads;
print "order @order\n";

my $semaphore = Thread::Semaphore->new(0);
threads->create(sub { select(undef, undef, undef, 0.01); $semaphore->up })->detach;
$semaphore->down;
print "semaphore\n";
my $dies = threads->create(sub { local $SIG{__WARN__} = sub { }; die "in a thread\n" });
$dies->join;
print "error: ", $dies->error;
print "context: ", scalar(threads->list), " left\n";
