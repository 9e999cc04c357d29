# An index of the words of a text: where each stands, with which neighbours, sorted in several ways.
use strict;
use warnings;

my (%at, %pairs, %by_length, $last);
my $lines = 0;
while (my $line = <>) {
  last if ++$lines > 30000;
  chomp $line;
  $line =~ s{/\*.*?\*/}{}g;
  my @words = map { lc } $line =~ /[A-Za-z_]\w+/g;
  for my $place (0 .. $#words) {
    my $word = $words[$place];
    push @{ $at{$word} }, "$lines:$place";
    $pairs{$last}{$word}++ if defined $last;
    $last = $word;
  }
}
push @{ $by_length{ length $_ } }, $_ for keys %at;
for my $length (sort { $a <=> $b } keys %by_length) {
  my @longest = sort { @{ $at{$b} } <=> @{ $at{$a} } || $a cmp $b } @{ $by_length{$length} };
  printf "%d: %s\n", $length, join ', ', map { sprintf '%s (%d)', $_, scalar @{ $at{$_} } }
    splice @longest, 0, 20;
}
for my $word (sort keys %pairs) {
  my $next = $pairs{$word};
  my @best = sort { $next->{$b} <=> $next->{$a} || $a cmp $b } keys %$next;
  print "$word -> @best[0 .. ($#best < 4 ? $#best : 4)]\n";
}
for my $word (grep { @{ $at{$_} } < 3 } sort keys %at) {
  delete $at{$word};
  delete $pairs{$word};
}
print scalar(keys %at), "\n";
