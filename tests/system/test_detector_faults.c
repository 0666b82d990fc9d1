/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Detectors that are killed, cannot be reached, or are two. */
#include "tests/support/ports.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of @p key in the first event of that kind. Caller frees. */
static char *told(const struct watched *detector, const char *kind, const char *key)
{
    char *value = NULL;
    assert_true(stage_events(detector, kind, key, &value) > 0);
    assert_non_null(value);
    return value;
}

static void expect_same(const struct watched *one, const struct watched *other, const char *kind,
                        const char *key)
{
    char *first = told(one, kind, key), *second = told(other, kind, key);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* A round that will not end by itself: n2 hangs, and n1 waits for its marker. */
static void open_a_round(struct stage *stage)
{
    puppet_signal(&stage->puppets[1], SIGSTOP);
    puppet_await_number(&stage->puppets[0], "status", "under_way", 1);
}

/* The killed detector's round is of no use to anybody: its successor registers, and nodes keep
 * nothing of it. What it had found has the same id for the next. */
static void a_detector_killed_in_mid_round_and_restarted_goes_on(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    const char *words = "--period 20 --deadline 20000";
    struct watched *detector = stage_detector(stage, 0, words);
    stage_puppets(stage, 2, false, "");
    stage_await_nodes(detector, 2);
    stage_make_ring(n1, n2);
    watched_await_event(detector, "deadlock");
    char *before = told(detector, "deadlock", "id");
    open_a_round(stage);
    stage_kill_detector(stage, 0);
    detector = stage_detector(stage, 0, words);
    puppet_signal(n2, SIGCONT);
    stage_await_nodes(detector, 2);
    json_decref(stage_await_round(detector, true));
    char *after = told(detector, "deadlock", "id");
    assert_string_equal(before, after);
    free(before);
    free(after);
    watched_end(detector);
    for (int i = 0; i < 2; i++) {
        puppet_await_number(&stage->puppets[i], "status", "detectors", 0);
        puppet_await_number(&stage->puppets[i], "status", "under_way", 0);
    }
}

static void a_detector_killed_in_mid_round_leaves_nothing_behind(void **state)
{
    struct stage *stage = *state;
    (void)stage_detector(stage, 0, "--period 20 --deadline 20000");
    stage_puppets(stage, 2, false, "silence_ms=300");
    stage_await_nodes(stage->detectors[0], 2);
    open_a_round(stage);
    stage_kill_detector(stage, 0);
    puppet_signal(&stage->puppets[1], SIGCONT);
    for (int i = 0; i < 2; i++) {
        puppet_await_number(&stage->puppets[i], "status", "detectors", 0);
        puppet_await_number(&stage->puppets[i], "status", "under_way", 0);
    }
}

/* Nobody restarts anything: both sides find each other again. */
static void a_detector_that_was_unreachable_is_registered_with_again(void **state)
{
    struct stage *stage = *state;
    char words[256];
    assert_true(proxy_start(&stage->proxy));
    int port = port_free(), gate = proxy_open_gate(&stage->proxy, port);
    assert_true(gate > 0);
    (void)snprintf(words, sizeof words,
                   "--bind tcp://127.0.0.1:%d --advertise tcp://127.0.0.1:%d --period 20 "
                   "--deadline 200 --silence 300",
                   port, gate);
    const struct watched *detector = stage_detector(stage, 0, words);
    stage_puppets(stage, 2, false, "silence_ms=300");
    stage_await_nodes(detector, 2);
    json_decref(stage_await_round(detector, true));
    const struct proxy_fault refuse = {.kind = PROXY_REFUSE};
    assert_true(proxy_begin(&stage->proxy, &refuse));
    stage_await_nodes(detector, 0);
    for (int i = 0; i < 2; i++) {
        puppet_await_number(&stage->puppets[i], "status", "detectors", 0);
    }
    stage_make_ring(&stage->puppets[0], &stage->puppets[1]); /* While nobody looks. */
    assert_true(proxy_heal(&stage->proxy, 0));
    stage_await_nodes(detector, 2);
    json_decref(stage_await_round(detector, true));
    watched_await_event(detector, "deadlock");
}

/* They share nothing and need no election: both see the same deadlock, choose the same victim, and
 * whoever asks second is told that it is over. The victim's manager takes nothing until both have
 * asked. */
static void two_detectors_agree_and_the_second_order_is_stale(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    const char *words = "--period 20 --resolve youngest";
    const struct watched *one = stage_detector(stage, 0, words);
    const struct watched *other = stage_detector(stage, 1, words);
    stage_puppets(stage, 2, false, "");
    stage_await_nodes(one, 2);
    stage_await_nodes(other, 2);
    (void)puppet_ask(n1, "lock T1 A n1");
    (void)puppet_await(n1, "granted T1 A");
    (void)puppet_ask(n2, "lock T2 B n2");
    (void)puppet_await(n2, "granted T2 B");
    (void)puppet_ask(n1, "lock T1 B n2");
    puppet_await_number(n2, "status", "waiting", 0);
    puppet_await_number(n2, "status", "taken", 1); /* T1 is queued; n2 need take no more. */
    (void)puppet_ask(n1, "pause");
    (void)puppet_ask(n2, "pause");
    (void)puppet_ask(n2, "lock T2 A n1"); /* In flight: n1 does not take it. */
    watched_await_event(one, "abort_asked");
    watched_await_event(other, "abort_asked");
    expect_same(one, other, "deadlock", "id");
    expect_same(one, other, "abort_asked", "process");
    expect_same(one, other, "abort_asked", "ticket");
    (void)puppet_ask(n1, "resume");
    (void)puppet_ask(n2, "resume");
    watched_await_event(one, "gone");
    watched_await_event(other, "gone");
    assert_int_equal(
        stage_events(one, "aborted", NULL, NULL) + stage_events(other, "aborted", NULL, NULL), 1);
    assert_int_equal(
        stage_events(one, "stale", NULL, NULL) + stage_events(other, "stale", NULL, NULL), 1);
    bool first = puppet_has_said(n1, "aborted T1"), second = puppet_has_said(n2, "aborted T2");
    assert_true(first != second);
    (void)puppet_await(first ? n2 : n1, first ? "granted T2 A" : "granted T1 B");
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_detector_killed_in_mid_round_and_restarted_goes_on),
        RUN(a_detector_killed_in_mid_round_leaves_nothing_behind),
        RUN(a_detector_that_was_unreachable_is_registered_with_again),
        RUN(two_detectors_agree_and_the_second_order_is_stale),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
