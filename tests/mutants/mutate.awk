# SPDX-License-Identifier: MIT
# Reads tests/mutants/*.mutants; tests/mutants/run says what is in them.
#
#   -v want=list                a line for each mutant and program that must catch it, with tabs:
#                               mutant, source file, program, the test that must fail or "-", rule
#   -v want=check               nothing, unless one no longer applies
#   -v want=NAME                the source file with that fault, on standard output
#
# Status 3: some original text is not in its file exactly once.

/^#/ || /^$/ { next }
/^mutant / { finish(); name = value(); hunks = 0; in_old = in_new = 0; next }
/^rule /   { rule = value(); next }
/^file /   { file = value(); next }
/^by /     { by[++programs] = value(); next }
/^@@/      { hunks++; next }
/^[-+ ]/ {
    if (hunks == 0) hunks = 1
    text = substr($0, 2) "\n"
    if (/^[- ]/) old[hunks] = old[hunks] text
    if (/^[+ ]/) new[hunks] = new[hunks] text
    next
}
{
    printf "%s:%d: neither a field nor a line of a hunk\n", FILENAME, FNR > "/dev/stderr"
    status = 2
    exit
}

END {
    if (status == 0) finish()
    if (status == 0 && want != "list" && want != "check" && !found) {
        printf "no mutant is called %s\n", want > "/dev/stderr"
        status = 2
    }
    exit status
}

function value(text)
{
    text = $0
    sub(/^[a-z]+ +/, "", text)
    return text
}

# The mutant read last is complete.
function finish(    i, words)
{
    if (name == "") return
    if (programs == 0 || hunks == 0 || file == "" || rule == "") {
        printf "%s: its rule, its file, a program that catches it or a hunk is not said\n", \
               name > "/dev/stderr"
        status = 2
    }
    for (i = 1; want == "list" && i <= programs; i++) {
        if (split(by[i], words, " ") == 1) words[2] = "-"
        printf "%s\t%s\t%s\t%s\t%s\n", name, file, words[1], words[2], rule
    }
    if (name == want || want == "check") {
        found = 1
        write_mutant()
    }
    name = rule = file = ""
    programs = 0
    for (i in old) delete old[i]
    for (i in new) delete new[i]
}

function write_mutant(    text, line, i, at, rest)
{
    text = ""
    while ((getline line < file) > 0) text = text line "\n"
    close(file)
    for (i = 1; i <= hunks; i++) {
        at = index(text, old[i])
        rest = substr(text, at + 1)
        if (at == 0 || index(rest, old[i]) != 0 || old[i] == new[i]) {
            printf "%s: what hunk %d replaces is %s in %s\n", name, i, \
                   at == 0 ? "not" : old[i] == new[i] ? "nothing, but" : "more than once", \
                   file > "/dev/stderr"
            status = 3
            return
        }
        text = substr(text, 1, at - 1) new[i] substr(text, at + length(old[i]))
    }
    if (want != "check") printf "%s", text
}
