# Groups lines of source by their indentation and counts their words.
[ .[] | . + { words: [ .text | scan("[A-Za-z_]+") ], indent: (.text | match("^ *").length) } ]
| map(select(.words | length > 0))
| group_by(.indent)
| map({
    indent: .[0].indent,
    lines: length,
    words: (map(.words[]) | group_by(.) | map({ word: .[0], count: length }) | sort_by(-.count) | .[:20]),
    longest: (max_by(.text | length) | { number, text })
  })
