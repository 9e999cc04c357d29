# Word counts, pairs of neighbours and an index of lines, sorted.
NR > 9000 { exit }
{
  gsub(/\/\*[^*]*\*\//, "")
  n = split(tolower($0), words, /[^a-z_0-9]+/, marks)
  for (i = 1; i <= n; i++) {
    if (words[i] == "") continue
    count[words[i]]++
    where[words[i]][NR] = i
    if (last != "") pairs[last, words[i]]++
    last = words[i]
    text[words[i]] = length(text[words[i]]) < 200 ? text[words[i]] " " substr($0, 1, 10 + i) : substr(text[words[i]], 50)
  }
}
END {
  PROCINFO["sorted_in"] = "@val_num_desc"
  for (word in count) if (length(where[word]) > 1) print word, count[word], length(where[word]), text[word]
  for (pair in pairs) { split(pair, two, SUBSEP); if (pairs[pair] > 2) print two[1], two[2], pairs[pair] }
}
