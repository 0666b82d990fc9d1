/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The demos do what they claim, and say what is wrong with what they are given. */
#include "tests/support/program.h"
#include "tests/support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN_MS 60000

/* Runs a demo to its end; its output and talk are in files of the scenario's directory. */
static int run(const struct scenario *scenario, const char *demo, char *const options[], char **out,
               char **err)
{
    char out_path[PROGRAM_PATH_BYTES], err_path[PROGRAM_PATH_BYTES], program[PROGRAM_PATH_BYTES];
    char *argv[16] = {program_path(program, demo)};
    for (int i = 0; i < 14 && options[i] != NULL; i++) argv[i + 1] = options[i];
    (void)snprintf(out_path, sizeof out_path, "%s/out", scenario->directory);
    (void)snprintf(err_path, sizeof err_path, "%s/err", scenario->directory);
    int status = program_end(program_start(argv, out_path, err_path), 0, RUN_MS);
    *out = program_read_file(out_path);
    *err = program_read_file(err_path);
    return status;
}

static void expect_run(const struct scenario *scenario, const char *demo, char *const options[],
                       int expected, const char *said)
{
    char *out = NULL, *err = NULL;
    int status = run(scenario, demo, options, &out, &err);
    if (status != expected) print_error("%s%s\n", out, err);
    bool is_said = strstr(expected == 0 ? out : err, said) != NULL;
    if (!is_said) print_error("'%s' is not in: %s%s\n", said, out, err);
    free(out);
    free(err);
    assert_int_equal(status, expected);
    assert_true(is_said);
}

static void philosophers_all_eat(void **state)
{
    char *options[] = {"--guests", "4", NULL};
    expect_run(*state, "demos/philosophers", options, 0, "All 4 have eaten. Deadlocks found: 1");
}

/* The money check fails when two transactions ever were inside the same lock. */
static void under_load_no_money_is_lost(void **state)
{
    char *options[] = {"--load", "--seconds", "2", "--workers", "3", "--hot", "4", NULL};
    expect_run(*state, "demos/lockd", options, 0, "money        100000 of 100000, all there");
}

static void gordian_sees_no_phantom(void **state)
{
    char *options[] = {"--rounds", "100", NULL};
    expect_run(*state, "demos/phantom", options, 0, " rounds: 0 deadlocks");
}

static void expect_refused(struct scenario *scenario, const char *script, const char *said)
{
    char path[PROGRAM_PATH_BYTES];
    char *options[] = {"--script", path, NULL};
    (void)snprintf(path, sizeof path, "%s/bad.lockd", scenario->directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs(script, file);
    (void)fclose(file);
    expect_run(scenario, "demos/lockd", options, 2, said);
}

static void a_bad_script_is_refused_with_its_line(void **state)
{
    expect_refused(*state, "# nothing\n", ":1: the script has no steps");
    expect_refused(*state, "n1 T1 begin\nn1 T2 lock A\n", ":2: T2 has not begun at n1");
    expect_refused(*state, "n1 T1 begin\nn2 T1 lock A\n", ":2: T1 has not begun at n2");
    expect_refused(*state, "n1 T1 begin\nn2 T1 begin\n", ":2: T1 is open at n1");
    expect_refused(*state, "n33 T1 begin\n", ":1: 'n33' is no node");
    expect_refused(*state, "n1x T1 begin\n", ":1: 'n1x' is no node");
    expect_refused(*state, "n1 T1 begin\nn1 T1 lock A sometimes\n", ":2: the mode is");
    expect_refused(*state, "n1 T1 begin\nn1 T1 lock\n", ":2: the resource is missing");
    expect_refused(*state, "n1 T1 begin \"open\n", ":1: a quote is not closed");
    expect_refused(*state, "n1 T1 begin\nawait T1 happy\n", ":2: expected: await T1");
    expect_refused(*state, "n1 T1 begin\nawait rounds 0\n", ":2: a number from 1");
    expect_refused(*state, "n1 T1 begin\nn1 T1 lock A\nresource A home n1\n",
                   ":3: A is used before, in line 2");
    expect_refused(*state, "n1 T1 begin\nn1 T1 commit now\n", ":2: 'now' is one word too many");
}

static void a_step_that_does_not_happen_is_named(void **state)
{
    struct scenario *scenario = *state;
    char path[PROGRAM_PATH_BYTES];
    char *options[] = {"--script", path, "--timeout", "100", NULL};
    (void)snprintf(path, sizeof path, "%s/late.lockd", scenario->directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("n1 T1 begin\nn2 T2 begin\nn1 T1 lock A\nawait T1 granted\nn2 T2 lock A\n"
                "await T2 granted\n",
                file);
    (void)fclose(file);
    expect_run(scenario, "demos/lockd", options, 1, "late.lockd:6: T2 is not granted, but");
}

static void bad_options_exit_with_two(void **state)
{
    char *none[] = {NULL};
    char *range[] = {"--load", "--nodes", "0", NULL};
    char *guests[] = {"--guests", "1", NULL};
    char *rounds[] = {"--rounds", "many", NULL};
    expect_run(*state, "demos/lockd", none, 2, "--script FILE or --load");
    expect_run(*state, "demos/lockd", range, 2, "not a number in range: 0");
    expect_run(*state, "demos/philosophers", guests, 2, "from 2 to 16");
    expect_run(*state, "demos/phantom", rounds, 2, "--rounds is from");
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {
        RUN(philosophers_all_eat),
        RUN(under_load_no_money_is_lost),
        RUN(gordian_sees_no_phantom),
        RUN(a_bad_script_is_refused_with_its_line),
        RUN(a_step_that_does_not_happen_is_named),
        RUN(bad_options_exit_with_two),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
