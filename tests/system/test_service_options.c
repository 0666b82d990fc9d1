/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What gordiand is told on its command line: what it refuses, and where it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/watched.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXPECTED_MAX 4096
#define WORDS_BYTES  32768

/* ---- Options ---- */

/* Each of these, accepted by mistake, would watch the wrong thing all night. */
static void a_bad_value_is_bad_configuration(void **state)
{
    static const struct {
        const char *words, *why;
    } bad[] = {
        {"--bind nonsense", "--bind nonsense is no endpoint"},
        {"--bind tcp://127.0.0.1", "has no port"},
        {"--bind tcp://10.1.2.3:7400", "not a loopback address"},
        {"--bind tcp://127.example.org:7400", "not a loopback address"},
        {"--period soon", "--period soon: a whole number"},
        {"--period -1", "--period -1: a whole number"},
        {"--period 1000ms", "a whole number"},
        {"--deadline 0", "--deadline 0: a whole number"},
        {"--deadline 99999999999999999999", "a whole number"},
        {"--keep 0", "--keep 0: a whole number"},
        {"--resolve eldest", "--resolve eldest: no such policy"},
        {"--expect n1,,n2", "--expect"},
        {"--keep-cuts /nonexistent/cuts", "--keep-cuts /nonexistent/cuts: No such file"},
        {"--events /nonexistent/events", "--events /nonexistent/events: No such file"},
    };
    struct watched *watched = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        watched_expect_refused(watched, "gordiand", bad[i].words, 78, bad[i].why);
    }
}

/* n1 to n4096 may be expected; one more, and it would be one that nobody misses. */
static void so_many_nodes_may_be_expected_and_no_more(void **state)
{
    static char words[WORDS_BYTES];
    struct watched *watched = *state;
    size_t length = (size_t)snprintf(words, sizeof words, "--expect n1");
    for (int i = 2; i <= EXPECTED_MAX; i++) {
        length += (size_t)snprintf(words + length, sizeof words - length, ",n%d", i);
    }
    (void)snprintf(words + length, sizeof words - length, " --resolve eldest");
    watched_expect_refused(watched, "gordiand", words, 78, "--resolve eldest: no such policy");
    (void)snprintf(words + length, sizeof words - length, " --expect one-more");
    watched_expect_refused(watched, "gordiand", words, 78, "--expect one-more: too many nodes");
}

static void what_is_no_option_is_wrong_usage(void **state)
{
    struct watched *watched = *state;
    watched_expect_refused(watched, "gordiand", "watch", 2, "'watch' is no option");
    static const char *const words[] = {"--nonsense", "--period", "--allow-remote=yes"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct watched_said said = watched_run(watched, "gordiand", words[i]);
        assert_int_equal(said.status, 2);
        assert_string_equal(said.out, "");
        assert_non_null(strstr(said.err, "--help"));
        watched_forget(&said);
    }
}

static void help_and_version_are_asked_for_on_stdout(void **state)
{
    struct watched *watched = *state;
    struct watched_said said = watched_run(watched, "gordiand", "--help");
    assert_int_equal(said.status, 0);
    static const char *const options[] = {"--bind",    "--period",    "--deadline", "--expect",
                                          "--resolve", "--keep-cuts", "--events"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        assert_non_null(strstr(said.out, options[i]));
    }
    assert_string_equal(said.err, "");
    watched_forget(&said);
    said = watched_run(watched, "gordiand", "--version");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.out, "gordiand " GDN_VERSION "\n");
    watched_forget(&said);
}

/* ---- Places ---- */

/* Two detectors on one port would share the nodes' reports between them. */
static void a_place_that_is_taken_cannot_be_bound(void **state)
{
    struct watched *watched = *state;
    char words[WATCHED_ENDPOINT_MAX + 64];
    watched_start(watched, "");
    (void)snprintf(words, sizeof words, "--bind %s", watched->endpoint);
    watched_expect_refused(watched, "gordiand", words, 69, "Address already in use");
    (void)snprintf(words, sizeof words, "--bind tcp://127.0.0.1:* --control %s", watched->control);
    watched_expect_refused(watched, "gordiand", words, 69, "Address already in use");
    watched_end(watched);
}

/* ZeroMQ would take the path away from the detector that serves it, and leave it behind. */
static void a_path_that_is_served_stays_with_its_owner(void **state)
{
    struct watched *watched = *state;
    char path[PROGRAM_PATH_BYTES], words[WATCHED_ENDPOINT_MAX + 64];
    (void)snprintf(words, sizeof words, "--bind ipc://%s", watched_path(watched, "place", path));
    watched_start(watched, words);
    assert_non_null(strstr(watched->control, "place.control"));
    watched_expect_refused(watched, "gordiand", words, 69, "Address already in use");
    json_decref(watched_ask_json(watched, "status", 0));
    watched_end(watched);
    assert_int_equal(access(path, F_OK), -1);
    watched_start(watched, words); /* The place is free again. */
    watched_end(watched);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)
    const struct CMUnitTest tests[] = {
        RUN(so_many_nodes_may_be_expected_and_no_more),
        RUN(a_bad_value_is_bad_configuration),
        RUN(what_is_no_option_is_wrong_usage),
        RUN(help_and_version_are_asked_for_on_stdout),
        RUN(a_place_that_is_taken_cannot_be_bound),
        RUN(a_path_that_is_served_stays_with_its_owner),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
