" Batch edits of a large file: substitutions, sorting, folding lines together, undo and redo.
set nocompatible undolevels=1000 noswapfile nomore
16001,$d
%s/\<sqlite3\(\w*\)/database\1/ge
%s/\/\*.\{-}\*\///ge
g/^\s*$/d
g/^#define/m$
v/[;{}]/s/\s\+$//e
1,4000>
1,2000sort
g/^  if(/j
undo
redo
let words = {}
for line in getline(1, 2000)
  for word in split(line, '\W\+')
    let words[word] = get(words, word, 0) + 1
  endfor
endfor
call append('$', map(sort(items(words), {a, b -> b[1] - a[1]}), {_, item -> item[0] . ': ' . item[1]}))
let n = 1
while n <= 2000
  call setline(n, substitute(getline(n), '\(\w\+\)\s*=\s*\(\w\+\)', '\2 := \1', 'g'))
  let n += 1
endwhile
write! edited.c
qall!
