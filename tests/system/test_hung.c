/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes that stop running, or stop reading: the others go on, and rounds say what they know. */
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_TRIPS   50
#define PROMPT_MS     5000 /* For that many. A hung node is silent for longer. */
#define WINDOW        64
#define PAYLOAD_BYTES 50000
#define WINDOW_BYTES  1000000
#define GROWTH_KB     32768 /* More than three windows amount to. */

/* So many locks and ends, one after the other. Returns how long they took. */
static int64_t lock_many(struct puppet *issuer, const struct puppet *home)
{
    int64_t began_ms = stage_now_ms();
    for (int i = 0; i < ROUND_TRIPS; i++) {
        (void)puppet_ask(issuer, "lock L%d many %s", i, home->name);
        (void)puppet_await(issuer, "granted L%d many", i);
        (void)puppet_ask(issuer, "end L%d", i);
    }
    return stage_now_ms() - began_ms;
}

static void expect_missing(const json_t *round, const char *name)
{
    const json_t *missing = json_object_get(round, "missing");
    assert_int_equal(json_array_size(missing), 1);
    assert_string_equal(json_string_value(json_array_get(missing, 0)), name);
}

/* It waits for the silent until its deadline, and no longer: the half that others get is over at
 * 300 ms. The machine may be slow, but not for ever. */
static void await_round_soon_after_its_deadline(const struct watched *detector)
{
    json_int_t latency_us;
    int64_t until_ms = stage_now_ms() + PUPPET_LONG_MS;
    do {
        json_t *round = stage_await_round(detector, false);
        latency_us = json_integer_value(json_object_get(round, "latency_us"));
        json_decref(round);
        assert_true(latency_us >= 200000 && stage_now_ms() < until_ms);
    } while (latency_us >= 300000);
}

/* n3 hangs in the middle of everything. What n1 and n2 do is their own affair; the round waits for
 * n3 until its deadline, and then reports the deadlock of the others all the same. */
static void a_hung_node_delays_nobody_and_hides_no_deadlock_of_others(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1], *n3 = &stage->puppets[2];
    const struct watched *detector =
        stage_detector(stage, 0, "--period 20 --deadline 200 --resolve youngest");
    stage_puppets(stage, 3, false, "patience_ms=20");
    stage_await_nodes(detector, 3);
    json_decref(stage_await_round(detector, true));
    puppet_signal(n3, SIGSTOP);
    assert_true(lock_many(n1, n2) < PROMPT_MS);

    int64_t began_ms = stage_now_ms();
    stage_make_ring(n1, n2);
    watched_await_event(detector, "deadlock");
    print_message("with a hung node the others' deadlock is found after %" PRId64
                  " ms (deadline 200 ms)\n",
                  stage_now_ms() - began_ms);
    watched_await_event(detector, "aborted");
    json_t *round = stage_await_round(detector, false);
    expect_missing(round, "n3");
    json_decref(round);
    await_round_soon_after_its_deadline(detector);
    char *complete = NULL;
    assert_int_equal(stage_events(detector, "deadlock", "complete", &complete), 1);
    assert_string_equal(complete, "false");
    free(complete);
    bool first = puppet_has_said(n1, "aborted T1"), second = puppet_has_said(n2, "aborted T2");
    assert_true(first != second);
    (void)puppet_await(first ? n2 : n1, first ? "granted T2 A" : "granted T1 B");

    puppet_signal(n3, SIGCONT);
    json_decref(stage_await_round(detector, true));
    assert_false(puppet_has_said(n1, "lost n3"));
    assert_true(lock_many(n3, n1) < PROMPT_MS);
}

/* Longer than the silence: it is lost to all, comes back, and works, though it has never noticed
 * anything itself. */
static void a_node_that_hangs_too_long_is_lost_and_comes_back(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    const struct watched *detector =
        stage_detector(stage, 0, "--period 20 --deadline 200 --silence 400");
    stage_puppets(stage, 2, false, "silence_ms=400");
    (void)puppet_await(n1, "up n2");
    (void)puppet_await(n2, "up n1");
    stage_await_nodes(detector, 2);
    (void)puppet_ask(n2, "lock T2 A n1");
    (void)puppet_await(n2, "granted T2 A");
    puppet_signal(n2, SIGSTOP);
    (void)puppet_await(n1, "lost n2");
    watched_await_event(detector, "node_lost");
    (void)puppet_ask(n1, "lock T1 A n1");
    (void)puppet_ask(n1, "drop n2");
    (void)puppet_await(n1, "granted T1 A"); /* n2 may not go on as if it held A ... */

    puppet_signal(n2, SIGCONT);
    (void)puppet_await(n2, "lost n1"); /* ... and is told so, before it can talk again. */
    (void)puppet_await(n2, "up n1");
    (void)puppet_await(n1, "up n2");
    stage_await_nodes(detector, 2);
    json_decref(stage_await_round(detector, true));
    assert_true(lock_many(n2, n1) < PROMPT_MS);
    assert_true(lock_many(n1, n2) < PROMPT_MS);
}

/* n3's application takes nothing. Whoever sends to it is told to wait, in messages as in bytes;
 * what lies in between has a bound; and nobody else notices, rounds least of all. */
static void a_slow_reader_is_felt_by_its_senders_alone(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1], *n3 = &stage->puppets[2];
    const struct watched *detector = stage_detector(stage, 0, "--period 20 --deadline 10000");
    stage_puppets(stage, 3, false, "window=64 window_bytes=1000000");
    stage_await_nodes(detector, 3);
    uint64_t before_kb = puppet_number(n3, "status", "rss_kb");
    (void)puppet_ask(n3, "pause");
    uint64_t small = strtoull(puppet_ask(n1, "fill n3 10"), NULL, 10);
    assert_int_equal(small, WINDOW);
    uint64_t large = strtoull(puppet_ask(n2, "fill n3 50000"), NULL, 10);
    assert_in_range(large, WINDOW_BYTES / PAYLOAD_BYTES - 1, WINDOW_BYTES / PAYLOAD_BYTES + 1);
    assert_true(lock_many(n1, n2) < PROMPT_MS);
    json_decref(stage_await_round(detector, true));
    assert_true(puppet_number(n3, "status", "rss_kb") < before_kb + GROWTH_KB);
    (void)puppet_ask(n3, "resume");
    puppet_await_number(n3, "status", "items", 0);
    (void)puppet_ask(n1, "await n3"); /* There is room again. */
    (void)puppet_ask(n2, "await n3");
    assert_true(lock_many(n1, n3) < PROMPT_MS);
    assert_int_equal(puppet_number(n1, "status", "peers"), 2);
}

/* All that was sent has been acknowledged, or is counted. */
static void a_flush_counts_what_a_hung_peer_has_not_acknowledged(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, false, "window=64 close_ms=100");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    assert_int_equal(puppet_number(n1, "flush 20000", "left"), 0);
    puppet_signal(n2, SIGSTOP);
    uint64_t sent = strtoull(puppet_ask(n1, "fill n2 10"), NULL, 10);
    assert_in_range(puppet_number(n1, "flush 50", "left"), 1, sent);
    int64_t began_ms = stage_now_ms();
    puppet_quit(n1); /* Never longer than close_ms and a bit, whatever n2 does. */
    assert_true(stage_now_ms() - began_ms < PROMPT_MS);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_hung_node_delays_nobody_and_hides_no_deadlock_of_others),
        RUN(a_node_that_hangs_too_long_is_lost_and_comes_back),
        RUN(a_slow_reader_is_felt_by_its_senders_alone),
        RUN(a_flush_counts_what_a_hung_peer_has_not_acknowledged),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
