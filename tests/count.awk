# SPDX-License-Identifier: MIT
# Reads what one cmocka program printed and writes what a person needs to see of it: a line for
# the program, the names of skipped tests, and everything if something failed. The counts go to
# the file `countfile`. A test that began and has no outcome failed: the program died in it.

{ lines[NR] = $0 }

/\[ RUN      \]/ {
    end_test("")
    running = $0
    sub(/.*\[ RUN      \] /, "", running)
    next
}
running != "" && /\[       OK \]/ { end_test("ok") }
running != "" && /\[  SKIPPED \]/ { end_test("skipped") }
running != "" && /\[  FAILED  \]/ { end_test("failed") }
/\[==========\] [0-9]+ test\(s\) run/ { complete = 1 }

END {
    end_test("")
    why = status == 124 || status == 137 ? "timeout after " limit " s" : \
          status != 0 ? "exit status " status : \
          !complete ? "no summary" : passed + skipped == 0 ? "no tests" : ""
    if (why != "" && failed == 0) failed = 1

    if (failed > 0) {
        printf "FAILED  %s: %d passed, %d failed (%s)\n", name, passed, failed, why
        for (i = (NR > 400 ? NR - 400 : 1); i <= NR; i++) print "        " lines[i]
        printf "%s", failures
    } else {
        printf "ok      %s: %d passed\n", name, passed
    }
    printf "%s", skips
    print passed + 0, failed + 0, skipped + 0 > countfile
}

function end_test(outcome)
{
    if (running == "") return
    if (outcome == "ok") {
        passed++
    } else if (outcome == "skipped") {
        skipped++
        skips = skips "skipped " name ": " running "\n"
    } else {
        failed++
        failures = failures "FAILED  " name ": " running "\n"
    }
    running = ""
}
