/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program gordian on saved cuts: what it prints, where, and with which exit status. It is
 * taken from the directory GDN_BUILD (default "build"), the cuts from tests/vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detector/render/textbuf.h"
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 12
#define VECTORS       "tests/vectors/"

extern char **environ;

/* ---- Running it ---- */

struct run {
    int status; /* Exit status; -1: ended by a signal. */
    char *out, *err;
};

/* What was written to an anonymous file, from its beginning. */
static char *contents(int fd)
{
    struct gdn__textbuf text = {0};
    char block[4096];
    gdn__textbuf_add(&text, "");
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    for (ssize_t count; (count = read(fd, block, sizeof block)) > 0;) {
        gdn__textbuf_add_bytes(&text, block, (size_t)count);
    }
    (void)close(fd);
    assert_false(text.failed);
    return text.text;
}

static pid_t start(char *const arguments[], const int descriptors[3])
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    char program[512];
    const char *build = getenv("GDN_BUILD");
    (void)snprintf(program, sizeof program, "%s/gordian", build != NULL ? build : "build");
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, descriptors[i], i), 0);
    }
    int failure = posix_spawn(&child, program, &actions, NULL, arguments, environ);
    if (failure != 0) fail_msg("%s: %s", program, strerror(failure));
    (void)posix_spawn_file_actions_destroy(&actions);
    return child;
}

/* @p words: arguments separated by blanks. @p input: a file for standard input; @p output: a file
 * for standard output, or NULL to collect it. */
static struct run run_with(const char *words, const char *input, const char *output)
{
    char copy[1024], *arguments[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t) "gordian"};
    size_t count = 1;
    assert_true(strlen(words) < sizeof copy);
    (void)snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(count <= ARGUMENTS_MAX);
        arguments[count++] = word;
    }
    int out =
        output == NULL ? memfd_create("stdout", MFD_CLOEXEC) : open(output, O_WRONLY | O_CLOEXEC);
    int err = memfd_create("stderr", MFD_CLOEXEC);
    int in = open(input, O_RDONLY | O_CLOEXEC);
    assert_true(out >= 0 && err >= 0 && in >= 0);
    const int descriptors[3] = {in, out, err};
    pid_t child = start(arguments, descriptors);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    struct run run = {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
    (void)close(in);
    if (output == NULL) {
        run.out = contents(out);
    } else {
        (void)close(out);
    }
    run.err = contents(err);
    return run;
}

static struct run run(const char *words)
{
    return run_with(words, "/dev/null", NULL);
}

static void run_free(struct run *run)
{
    free(run->out);
    free(run->err);
}

static void expect_status(const char *words, int status)
{
    struct run result = run(words);
    if (result.status != status) {
        fail_msg("gordian %s: status %d, not %d\n%s%s", words, result.status, status, result.out,
                 result.err);
    }
    run_free(&result);
}

/* The verdict as JSON; nothing on standard error. */
static json_t *verdict_of(const char *words, int status)
{
    struct run result = run(words);
    assert_string_equal(result.err, "");
    assert_int_equal(result.status, status);
    json_error_t error;
    json_t *verdict = json_loads(result.out, JSON_REJECT_DUPLICATES, &error);
    if (verdict == NULL) fail_msg("gordian %s: %s\n%s", words, error.text, result.out);
    run_free(&result);
    return verdict;
}

static const json_t *deadlock_of(const json_t *verdict, size_t index)
{
    return json_array_get(json_object_get(verdict, "deadlocks"), index);
}

/* "T1 T2": the strings of an array. */
static void expect_names(const json_t *object, const char *key, const char *expected)
{
    struct gdn__textbuf text = {0};
    const json_t *array = json_object_get(object, key);
    gdn__textbuf_add(&text, "");
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0) gdn__textbuf_add_char(&text, ' ');
        gdn__textbuf_add(&text, json_string_value(json_array_get(array, i)));
    }
    assert_string_equal(text.text, expected);
    gdn__textbuf_fini(&text);
}

static void expect_deadlocks(const char *vector, size_t count, int status)
{
    char words[256];
    (void)snprintf(words, sizeof words, "analyze -o json " VECTORS "%s", vector);
    json_t *verdict = verdict_of(words, status);
    assert_int_equal(json_array_size(json_object_get(verdict, "deadlocks")), count);
    json_decref(verdict);
}

/* ---- Verdicts ---- */

static void a_cycle_over_two_nodes_is_reported(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("analyze -o json " VECTORS "two-processes.json", 1);
    const json_t *deadlock = deadlock_of(verdict, 0);
    const json_t *victim = json_array_get(json_object_get(deadlock, "victims"), 0);
    expect_names(deadlock, "members", "T1 T2");
    expect_names(deadlock, "tail", "");
    assert_int_equal(json_array_size(json_object_get(deadlock, "witness")), 2);
    assert_string_equal(json_string_value(json_object_get(victim, "process")), "T2");
    assert_string_equal(json_string_value(json_object_get(victim, "node")), "n2");
    assert_string_equal(json_string_value(json_object_get(victim, "incarnation")), "4");
    assert_string_equal(json_string_value(json_object_get(victim, "ticket")), "2");
    assert_true(json_is_true(json_object_get(verdict, "complete")));
    json_decref(verdict);
}

static void the_text_tells_the_story(void **state)
{
    (void)state;
    struct run result = run("analyze " VECTORS "ring-of-three.json");
    assert_int_equal(result.status, 1);
    assert_string_equal(result.err, "");
    assert_non_null(strstr(result.out, ": 3 processes, last request 205 ms before the cut "
                                       "(round detector-1/42, cut complete and balanced)\n"));
    assert_non_null(strstr(result.out, "  T1 transfer 17-42   waits 212 ms for exclusive acct/42 "
                                       "at n2, held by T2 transfer 42-99\n"));
    assert_non_null(strstr(result.out, "  T3 audit            waits 205 ms for shared    acct/17 "
                                       "at n1, held by T1 transfer 17-42   "
                                       "[request in flight n3 -> n1]\n"));
    assert_non_null(strstr(result.out, "  behind it: T7, T9\n"));
    assert_non_null(strstr(result.out, "  victim: T3 audit at n3, youngest of 3"));
    assert_non_null(strstr(result.out, "╰"));
    assert_null(strchr(result.out, '\033'));
    run_free(&result);
}

/* What was on its way at the cut decides: each of these would be a deadlock without its message. */
static void messages_in_flight_are_delivered_first(void **state)
{
    (void)state;
    expect_deadlocks("grant-in-flight.json", 0, 0);
    expect_deadlocks("release-in-flight.json", 0, 0);
    expect_deadlocks("cancel-in-flight.json", 0, 0);
}

static void two_upgrades_of_one_lock_are_a_deadlock(void **state)
{
    (void)state;
    expect_deadlocks("upgrade.json", 1, 1);
}

static void two_deadlocks_are_two_entries(void **state)
{
    (void)state;
    expect_deadlocks("two-deadlocks.json", 2, 1);
}

static void tickets_may_be_left_out(void **state)
{
    (void)state;
    expect_deadlocks("tickets-left-out.json", 1, 1);
}

static void modes_of_ones_own_are_used(void **state)
{
    (void)state;
    expect_deadlocks("intention-modes.json", 1, 1);
}

static void queue_order_alone_needs_no_victim(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("analyze -o json " VECTORS "queued.json", 1);
    const json_t *deadlock = deadlock_of(verdict, 0);
    const json_t *reorder = json_object_get(deadlock, "reorder");
    assert_int_equal(json_array_size(json_object_get(deadlock, "victims")), 0);
    assert_int_equal(json_array_size(reorder), 1);
    assert_string_equal(json_string_value(json_array_get(json_array_get(reorder, 0), 0)), "d1");
    assert_string_equal(json_string_value(json_array_get(json_array_get(reorder, 0), 1)), "d2");
    json_decref(verdict);
}

static void the_policy_chooses_the_victim(void **state)
{
    (void)state;
    json_t *verdict =
        verdict_of("analyze --victims oldest -o json " VECTORS "two-processes.json", 1);
    const json_t *victims = json_object_get(deadlock_of(verdict, 0), "victims");
    assert_string_equal(json_string_value(json_object_get(json_array_get(victims, 0), "process")),
                        "T1");
    json_decref(verdict);
    verdict = verdict_of("analyze --victims none -o json " VECTORS "two-processes.json", 1);
    assert_int_equal(json_array_size(json_object_get(deadlock_of(verdict, 0), "victims")), 0);
    json_decref(verdict);
}

/* Status 3: nothing was found, but somebody did not answer. */
static void an_incomplete_view_is_not_an_all_clear(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("analyze -o json " VECTORS "incomplete.json", 3);
    assert_true(json_is_false(json_object_get(verdict, "complete")));
    expect_names(verdict, "missing", "n3");
    json_decref(verdict);
    verdict = verdict_of("analyze -o json " VECTORS "incomplete-deadlock.json", 1);
    assert_true(json_is_false(json_object_get(verdict, "complete")));
    json_decref(verdict);
    expect_status("analyze " VECTORS "example.json", 3);
}

/* ---- Forms ---- */

static void json_lines_give_one_line_for_each_file(void **state)
{
    (void)state;
    struct run result =
        run("analyze " VECTORS "two-processes.json -o jsonl " VECTORS "grant-in-flight.json");
    assert_int_equal(result.status, 1);
    size_t lines = 0;
    for (char *line = strtok(result.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *verdict = json_loads(line, 0, NULL);
        assert_non_null(verdict);
        json_decref(verdict);
        lines++;
    }
    assert_int_equal(lines, 2);
    run_free(&result);
}

static void pictures_are_drawn(void **state)
{
    (void)state;
    struct run result = run("analyze -o dot " VECTORS "hostile-names.json");
    assert_int_equal(result.status, 1);
    assert_memory_equal(result.out, "digraph \"gordian\" {\n", 20);
    run_free(&result);
    result = run("analyze -o svg " VECTORS "hostile-names.json");
    assert_int_equal(result.status, 1);
    assert_string_equal(result.err, "");
    assert_non_null(strstr(result.out, "</svg>"));
    run_free(&result);
}

static void a_dash_is_standard_input(void **state)
{
    (void)state;
    struct run result = run_with("analyze -o jsonl -", VECTORS "two-processes.json", NULL);
    assert_int_equal(result.status, 1);
    run_free(&result);
    result = run_with("analyze -", VECTORS "truncated.json", NULL);
    assert_int_equal(result.status, 2);
    assert_memory_equal(result.err, "standard input: 18:", 19);
    run_free(&result);
}

/* ---- Differences ---- */

static void a_difference_is_told_and_is_no_failure(void **state)
{
    (void)state;
    struct run result = run("diff " VECTORS "two-processes.json " VECTORS "grant-in-flight.json");
    assert_int_equal(result.status, 0);
    assert_string_equal(result.err, "");
    assert_non_null(strstr(result.out, "deadlocks: 1 went\n  - "));
    run_free(&result);
    result = run_with("diff -o json - " VECTORS "two-processes.json",
                      VECTORS "grant-in-flight.json", NULL);
    json_t *diff = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(json_object_get(json_object_get(diff, "deadlocks"), "came")),
                     1);
    json_decref(diff);
    run_free(&result);
    result = run("diff " VECTORS "two-processes.json " VECTORS "truncated.json");
    assert_int_equal(result.status, 2);
    assert_string_equal(result.out, "");
    assert_memory_equal(result.err, VECTORS "truncated.json: 18:", strlen(VECTORS) + 19);
    run_free(&result);
}

/* ---- Refusals ---- */

static void expect_refusal(const char *vector, const char *line)
{
    char words[256], expected[512];
    (void)snprintf(words, sizeof words, "analyze " VECTORS "%s", vector);
    (void)snprintf(expected, sizeof expected, VECTORS "%s: %s\n", vector, line);
    struct run result = run(words);
    assert_string_equal(result.err, expected);
    assert_string_equal(result.out, "");
    assert_int_equal(result.status, 2);
    run_free(&result);
}

/* One line: file, place, what is wrong. */
static void bad_input_is_said_in_one_line(void **state)
{
    (void)state;
    expect_refusal("unknown-key.json", "nodes[1].waits[0]: unknown key 'tikket'");
    expect_refusal("duplicate-key.json", "1:72: duplicate object key near '\"node\"'");
    expect_refusal("truncated.json", "18:12: premature end of input near '\"to'");
    expect_refusal("unbalanced.json", "channel n2 -> n1 does not balance: sent 12, but taken 11 + "
                                      "untagged 0 + recorded 0");
    expect_refusal("absent.json", "cannot be read: No such file or directory");
}

/* All files are read; 2 wins over 1 over 3 over 0. */
static void the_worst_file_gives_the_status(void **state)
{
    (void)state;
    struct run result = run("analyze " VECTORS "truncated.json " VECTORS "two-processes.json");
    assert_int_equal(result.status, 2);
    assert_non_null(strstr(result.out, VECTORS "two-processes.json:\ndeadlock "));
    run_free(&result);
    expect_status("analyze " VECTORS "two-processes.json " VECTORS "incomplete.json", 1);
    expect_status("analyze " VECTORS "incomplete.json " VECTORS "grant-in-flight.json", 3);
    expect_status("analyze " VECTORS "grant-in-flight.json " VECTORS "cancel-in-flight.json", 0);
}

static void wrong_usage_exits_with_2_and_says_why(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "unknot",
        "analyze",
        "analyze -o png " VECTORS "two-processes.json",
        "analyze --victims me " VECTORS "two-processes.json",
        "analyze --frobnicate " VECTORS "two-processes.json",
        "diff " VECTORS "two-processes.json",
        "diff - -",
        "diff -o svg " VECTORS "two-processes.json " VECTORS "two-processes.json",
        "cut --nonsense",
        "analyze -o svg " VECTORS "two-processes.json " VECTORS "two-processes.json"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct run result = run(wrong[i]);
        assert_int_equal(result.status, 2);
        assert_string_equal(result.out, "");
        assert_memory_equal(result.err, i == 0 ? "Usage: " : "gordian", 7);
        run_free(&result);
    }
}

static void help_and_version_are_data(void **state)
{
    (void)state;
    static const char *const asked[] = {"--help",        "--version",    "analyze --help",
                                        "status --help", "waits --help", "cut --help",
                                        "diff --help"};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct run result = run(asked[i]);
        assert_int_equal(result.status, 0);
        assert_string_equal(result.err, "");
        assert_true(strlen(result.out) > 0);
        run_free(&result);
    }
}

/* A full disk is no success: the output is not there. */
static void output_that_cannot_be_written_exits_with_74(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "analyze " VECTORS "grant-in-flight.json", "analyze -o svg " VECTORS "two-processes.json",
        "diff " VECTORS "two-processes.json " VECTORS "ring-of-three.json", "analyze --help",
        "--version"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct run result = run_with(wanted[i], "/dev/null", "/dev/full");
        assert_int_equal(result.status, 74);
        assert_non_null(strstr(result.err, "No space left on device"));
        run_free(&result);
    }
}

static void a_missing_dot_exits_with_69(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH"));
    assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    struct run result = run("analyze -o svg " VECTORS "two-processes.json");
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
    assert_int_equal(result.status, 69);
    assert_string_equal(result.out, "");
    assert_non_null(strstr(result.err, "dot (Graphviz) cannot be run"));
    run_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cycle_over_two_nodes_is_reported),
        cmocka_unit_test(the_text_tells_the_story),
        cmocka_unit_test(messages_in_flight_are_delivered_first),
        cmocka_unit_test(two_upgrades_of_one_lock_are_a_deadlock),
        cmocka_unit_test(two_deadlocks_are_two_entries),
        cmocka_unit_test(tickets_may_be_left_out),
        cmocka_unit_test(modes_of_ones_own_are_used),
        cmocka_unit_test(queue_order_alone_needs_no_victim),
        cmocka_unit_test(the_policy_chooses_the_victim),
        cmocka_unit_test(an_incomplete_view_is_not_an_all_clear),
        cmocka_unit_test(json_lines_give_one_line_for_each_file),
        cmocka_unit_test(pictures_are_drawn),
        cmocka_unit_test(a_dash_is_standard_input),
        cmocka_unit_test(a_difference_is_told_and_is_no_failure),
        cmocka_unit_test(bad_input_is_said_in_one_line),
        cmocka_unit_test(the_worst_file_gives_the_status),
        cmocka_unit_test(wrong_usage_exits_with_2_and_says_why),
        cmocka_unit_test(help_and_version_are_data),
        cmocka_unit_test(output_that_cannot_be_written_exits_with_74),
        cmocka_unit_test(a_missing_dot_exits_with_69),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
