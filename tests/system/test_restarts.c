/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes that are killed without a word, and started again. */
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define RESTARTS  30
#define GROWTH_KB 16384

/* n1 hears that this incarnation of @p killed is gone. */
static void await_lost(struct puppet *witness, const struct puppet *killed, uint64_t incarnation)
{
    (void)puppet_await(witness, "lost %s %" PRIu64, killed->name, incarnation);
}

/* T2 of n2 holds A at n1, and T1 waits for it. */
static void make_n2_hold(struct stage *stage)
{
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    (void)puppet_ask(n2, "lock T2 A n1");
    (void)puppet_await(n2, "granted T2 A");
    (void)puppet_ask(n1, "lock T1 A n1");
}

/* Silence is all there is to tell that a machine is gone. */
static void a_killed_node_is_lost_after_the_silence(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, false, "silence_ms=300");
    uint64_t incarnation = stage->puppets[1].incarnation;
    puppet_kill(&stage->puppets[1]);
    await_lost(&stage->puppets[0], &stage->puppets[1], incarnation);
    puppet_await_number(&stage->puppets[0], "status", "peers", 0);
}

/* Whether what it had locked may be touched is the application's to say. */
static void what_a_killed_node_held_is_kept_until_it_is_dropped(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, false, "silence_ms=300");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    make_n2_hold(stage);
    uint64_t incarnation = n2->incarnation;
    puppet_kill(n2);
    await_lost(n1, n2, incarnation);
    /* Kept: its next incarnation waits for it like everybody else. */
    puppet_join(stage_puppet(stage, 1, "silence_ms=300"), n1);
    (void)puppet_ask(n2, "lock T3 A n1");
    (void)puppet_ask(n2, "lock T4 C n1"); /* On the same channel, behind it. */
    (void)puppet_await(n2, "granted T4 C");
    assert_false(puppet_has_said(n1, "granted T1 A"));
    assert_false(puppet_has_said(n2, "granted T3 A"));
    /* Dropped: the next in the queue has it. */
    (void)puppet_ask(n1, "drop n2");
    (void)puppet_await(n1, "granted T1 A");
    (void)puppet_ask(n1, "end T1");
    (void)puppet_await(n2, "granted T3 A");
}

/* Nobody who waited at the dead waits for ever, and its successor serves at once. */
static void tickets_at_a_killed_node_are_refused_and_the_new_one_serves(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, false, "");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    (void)puppet_ask(n2, "lock T2 B n2");
    (void)puppet_await(n2, "granted T2 B");
    (void)puppet_ask(n1, "lock T1 B n2");
    puppet_await_number(n2, "status", "taken", 1);
    uint64_t incarnation = n2->incarnation;
    puppet_kill(n2);
    /* Long before the silence of ten seconds is over: a new incarnation says that the old is gone.
     */
    puppet_join(stage_puppet(stage, 1, ""), n1);
    assert_true(incarnation != n2->incarnation);
    await_lost(n1, n2, incarnation);
    (void)puppet_await(n1, "refused T1 B lost");
    (void)puppet_await(n1, "up n2 %" PRIu64, n2->incarnation);
    (void)puppet_ask(n1, "lock T1 B n2");
    (void)puppet_await(n1, "granted T1 B");
}

/* n2 does not answer the round that is under way; then it is dead, and then there is a new n2. The
 * detector gives that round up by name and goes on with whom there is. */
static void a_round_that_spans_a_restart_is_abandoned_by_name(void **state)
{
    struct stage *stage = *state;
    char *why = NULL;
    const struct watched *detector = stage_detector(stage, 0, "--period 20 --deadline 20000");
    stage_puppets(stage, 2, false, "");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    stage_await_nodes(detector, 2);
    json_decref(stage_await_round(detector, true));
    size_t before = stage_events(detector, "round_failed", NULL, NULL);
    puppet_signal(n2, SIGSTOP);
    puppet_await_number(n1, "status", "under_way", 1); /* With a marker that n2 owes. */
    puppet_kill(n2);
    puppet_join(stage_puppet(stage, 1, ""), n1);
    json_decref(stage_await_round(detector, true));
    assert_true(stage_events(detector, "round_failed", "why", &why) > before);
    assert_non_null(why);
    /* "n2 left …", or what n1 found first: "… channel with n2". */
    if (strstr(why, "n2") == NULL) fail_msg("%s", why);
    free(why);
    json_t *waits = watched_ask_json(detector, "waits", 0); /* Complete, of both. */
    assert_true(json_is_true(json_object_get(waits, "complete")));
    json_decref(waits);
    stage_await_nodes(detector, 2);
}

static void start_traffic(struct stage *stage, int index, const char *how)
{
    const char *const others[] = {"n2 n3", "n1 n3", "n1 n2"};
    (void)puppet_ask(&stage->puppets[index], "traffic %s %d %s", how, index + 1, others[index]);
}

/* What the two that live say to each other must not suffer, each death is told once, and what they
 * keep of the dead does not add up. */
static void a_node_restarted_thirty_times_harms_nobody(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1], *n3 = &stage->puppets[2];
    const struct watched *detector = stage_detector(stage, 0, "--period 20 --deadline 500");
    stage_puppets(stage, 3, false, "window=256");
    for (int i = 0; i < 3; i++) start_traffic(stage, i, "fresh");
    for (int i = 0; i < 3; i++) (void)puppet_ask(&stage->puppets[i], "flow");
    uint64_t early_kb = 0;
    for (int i = 0; i < RESTARTS; i++) {
        uint64_t incarnation = n3->incarnation;
        puppet_kill(n3);
        (void)stage_puppet(stage, 2, "window=256");
        start_traffic(stage, 2, "rejoins"); /* Before anybody can send to it. */
        (void)puppet_ask(n3, "connect n1 %s", n1->endpoint);
        (void)puppet_ask(n3, "connect n2 %s", n2->endpoint);
        (void)puppet_ask(n3, "flow");
        await_lost(n1, n3, incarnation);
        await_lost(n2, n3, incarnation);
        (void)puppet_ask(n1, "drop n3");
        (void)puppet_ask(n2, "drop n3");
        (void)puppet_ask(n3, "await n1");
        (void)puppet_ask(n3, "await n2");
        if (i == 4) early_kb = puppet_number(n1, "status", "rss_kb");
    }
    uint64_t late_kb = puppet_number(n1, "status", "rss_kb");
    print_message("resident KiB of a survivor: %" PRIu64 " after 5 restarts, %" PRIu64
                  " after %d\n",
                  early_kb, late_kb, RESTARTS);
    assert_true(late_kb < early_kb + GROWTH_KB);
    for (int i = 0; i < 3; i++) (void)puppet_ask(&stage->puppets[i], "halt");
    for (int i = 0; i < 3; i++) (void)puppet_await(&stage->puppets[i], "settled");
    static const char *const none[] = {"lost", "repeated", "reordered", "damaged"};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 4; k++) {
            assert_int_equal(puppet_number(&stage->puppets[i], "totals", none[k]), 0);
        }
    }
    assert_int_equal(puppet_number(n1, "totals", "reopened"), RESTARTS);
    assert_int_equal(puppet_number(n2, "totals", "reopened"), RESTARTS);
    assert_int_equal(puppet_number(n3, "totals", "reopened"), 0);
    for (int i = 0; i < 3; i++) {
        puppet_await_number(&stage->puppets[i], "status", "resources", 0);
    }
    stage_await_nodes(detector, 3);
    json_decref(stage_await_round(detector, true));
    assert_int_equal(stage_events(detector, "deadlock", NULL, NULL), 0);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_killed_node_is_lost_after_the_silence),
        RUN(what_a_killed_node_held_is_kept_until_it_is_dropped),
        RUN(tickets_at_a_killed_node_are_refused_and_the_new_one_serves),
        RUN(a_round_that_spans_a_restart_is_abandoned_by_name),
        RUN(a_node_restarted_thirty_times_harms_nobody),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
