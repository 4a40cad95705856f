# Makes of scdoc's pages what neither mandoc -T lint nor lintian has anything to say about: the first line names the
# preprocessor of their tables, paragraphs begin only where text follows, lines are short, the title stands in capitals
# and may hold an @.
BEGIN { print "'\\\" t" }
function emit(line) {
  print line
  last = line
}

# A long line of text, cut at blanks. A dot or quote at the beginning of a line would be a request.
function fold(line,    at) {
  while (length(line) > 76) {
    at = 76
    while (at > 1 && substr(line, at, 1) != " ") at--
    if (at == 1) break
    emit(substr(line, 1, at - 1))
    line = substr(line, at + 1)
    if (line ~ /^[.']/) line = "\\&" line
  }
  emit(line)
}

/^\.TH / {
  split($0, part, "\"")
  if (part[2] == "pml.service") part[2] = "pml@.service"
  gsub(/\\-/, "-", part[6])  # newer scdocs write hyphens of the date as minus signs
  emit(".TH \"" toupper(part[2]) "\" \"" part[4] "\" \"" part[6] "\"")
  next
}
/^\.PP?$/ { pending = 1; next }
{
  if (pending && $0 !~ /^\.(SH|SS|RE|TP|PP?)/ && last !~ /^\.(SH|SS)/) emit(".PP")
  pending = 0
}
/^\.(nf|TS)/ { as_is = 1 }
/^\.(fi|TE)/ { as_is = 0 }
/^[.']/ || as_is { emit($0); next }
{ fold($0) }
