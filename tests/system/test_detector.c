/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The detector service beside a running cluster: when it comes, what it reports, whom it aborts,
 * and how it goes. */
#include "tests/support/program.h"
#include "tests/support/scenario.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_MS 20000
#define STOP_MS  10000

/* A ring of two, but for its last await; RING stands when the script goes on. */
#define OPEN_RING                                                                                  \
    "resource A home n1\nresource B home n2\n"                                                     \
    "n1 T1 begin\nn2 T2 begin\n"                                                                   \
    "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"                             \
    "n1 T1 lock B\nawait T1 blocked\nn2 T2 lock A\n"
#define RING OPEN_RING "await T2 blocked\n"

/* The nodes dial it until it answers, and what happened before it came is in its first cut. */
static void a_detector_that_starts_last_finds_what_is_there(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  RING "detector\nawait event deadlock\nawait T2 aborted\nawait T1 granted\n"
                       "n1 T1 commit\nawait event aborted\n",
                  "--late-detector", NULL);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
}

/* A deadlock that stands is one deadlock, however many rounds see it, and without --resolve nobody
 * is touched. */
static void a_standing_deadlock_is_reported_once(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  RING
                  "await event deadlock\nawait rounds 10\nawait T1 blocked\nawait T2 blocked\n",
                  "--resolve", "none", NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 1);
    assert_int_equal(scenario_count(scenario, "abort_asked"), 0);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
    assert_non_null(strstr(scenario->report, "T1"));
    assert_non_null(strstr(scenario->report, "T2"));
}

/* With a period of an hour only the nodes' suspicion can have started the round. */
static void a_wait_that_outlasts_the_patience_starts_a_round(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  OPEN_RING "await event deadlock\nawait event aborted\nawait T2 aborted\n",
                  "--period", "3600000", "--patience", "50", NULL);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
}

/* The order to abort T2 lies in the inbox of its busy manager when T2 gives up by itself. It must
 * not hit T2's next lock, nor anything else. */
static void an_order_for_a_ticket_that_has_ended_is_stale(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\nresource C home n3\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\n"
                  "pause n2\nn2 T2 lock A\nawait T2 blocked\nawait event abort_asked\n"
                  "n2 T2 cancel\nawait T2 cancelled\n"
                  "resume n2\nawait event stale\n"
                  "n2 T2 lock C\nawait T2 granted\nn2 T2 commit\nawait T1 granted\n",
                  NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 1);
    assert_int_equal(scenario_count(scenario, "aborted"), 0);
}

/* A deadlock that its members leave by themselves is gone, and said to be. */
static void a_deadlock_that_dissolves_is_gone(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  RING "await event deadlock\nn2 T2 cancel\nawait T2 cancelled\nawait event gone\n"
                       "n2 T2 rollback\nawait T1 granted\n",
                  "--resolve", "none", NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 1);
    assert_int_equal(scenario_count(scenario, "gone"), 1);
}

static void expect_clean_end(const struct scenario *scenario, int signal)
{
    char gordiand[PROGRAM_PATH_BYTES], err[PROGRAM_PATH_BYTES];
    char *argv[] = {program_path(gordiand, "gordiand"), "--bind", "tcp://127.0.0.1:*", NULL};
    (void)snprintf(err, sizeof err, "%s/gordiand%d.err", scenario->directory, signal);
    pid_t pid = program_start(argv, NULL, err);
    bool listens = program_await_text(err, "listening on tcp://127.0.0.1:", START_MS);
    int status = program_end(pid, listens ? signal : SIGKILL, STOP_MS);
    assert_true(listens);
    assert_int_equal(status, 0);
}

static void gordiand_ends_with_zero_on_sigterm_and_sigint(void **state)
{
    expect_clean_end(*state, SIGTERM);
    expect_clean_end(*state, SIGINT);
}

/* With a deadlock standing and an order unanswered it ends as cleanly: lockd, whose status the
 * scenario checks, ends the nodes and then gordiand by SIGTERM. */
static void gordiand_ends_cleanly_in_the_middle_of_it_all(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\n"
                  "pause n2\nn2 T2 lock A\nawait event abort_asked\n",
                  NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 1);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_detector_that_starts_last_finds_what_is_there),
        RUN(a_standing_deadlock_is_reported_once),
        RUN(a_wait_that_outlasts_the_patience_starts_a_round),
        RUN(an_order_for_a_ticket_that_has_ended_is_stale),
        RUN(a_deadlock_that_dissolves_is_gone),
        RUN(gordiand_ends_with_zero_on_sigterm_and_sigint),
        RUN(gordiand_ends_cleanly_in_the_middle_of_it_all),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
