/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mistakes that other deadlock detectors made: each had aborted innocents, missed deadlocks or hung
 * before it was found. One test for each, a cut that the mistake judges wrongly. */
#include "analysis_fixture.h"

#include "cutfile_fixture.h"
#include "detector/render/render.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* T1 holds a and waits for b, T2 the other way round. */
#define CROSSED                                                                                    \
    RESOURCE("a", HELD("T1"), ASKED("T2", "2")) ", " RESOURCE("b", HELD("T2"), ASKED("T1", "1"))

/* What people read of it. Caller frees with gdn__textbuf_fini(). */
static struct gdn__textbuf report_of(struct judged j)
{
    static const struct gdn__render_options plain = {.no_picture = true};
    struct gdn__textbuf out = {0};
    gdn__render_text(j.verdict, &plain, &out);
    assert_false(out.failed);
    return out;
}

/* ---- The search ---- */

/* Marking what was visited, without asking whether it is on the way, finds a loop here. */
static void a_diamond_without_a_cycle_is_no_deadlock(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(
            AT("n1", RESOURCE("a", HELD("T2"), ASKED("T1", "1")) ", " RESOURCE(
                         "b", HELD("T3"),
                         ASKED("T1", "2")) ", " RESOURCE("c", HELD("T4"),
                                                         ASKED_SHARED("T2", "3") ", " ASKED_SHARED(
                                                             "T3", "4"))))),
        "");
}

/* Walking on until one is back at the start never ends when the start is not on the loop. */
static void a_search_that_starts_outside_the_loop_ends(void **state)
{
    (void)state;
    struct judged j = judge(
        CUT(AT("n1", RESOURCE("0", HELD("A2"), ASKED("A1", "11")) ", " RESOURCE(
                         "1", HELD("T1"), ASKED("A2", "12") ", " ASKED("A3", "13")) ", " CROSSED)));
    assert_string_equal(members_of(j, only(j)), "T1 T2");
    assert_string_equal(tail_of(j, only(j)), "A1 A2 A3");
    forget(j);
}

/* The way from where the search began to where it met itself is longer than the loop: who is shown
 * beside it looks guilty. */
static void the_loop_is_reported_and_not_the_path_to_it(void **state)
{
    (void)state;
    struct judged j = judge(CUT(AT("n1", RESOURCE("0", HELD("A2"), ASKED("A1", "11")) ", " RESOURCE(
                                             "1", HELD("T1"), ASKED("A2", "12")) ", " CROSSED)));
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T2 -a> T1");
    struct gdn__textbuf report = report_of(j);
    assert_non_null(strstr(report.text, ": 2 processes"));
    assert_non_null(strstr(report.text, "\n  behind it: A1, A2\n"));
    assert_null(strstr(report.text, "\n  A1"));
    assert_null(strstr(report.text, "\n  A2"));
    gdn__textbuf_fini(&report);
    forget(j);
}

/* A limit on the depth of the search is no proof: it calls every long queue of waits a deadlock.
 * The last of the line waits for @p end. */
static char *long_line(int length, int end)
{
    struct gdn__textbuf out = {0};
    gdn__textbuf_add(&out, "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'resources': [");
    for (int i = 1; i <= length; i++) {
        int holder = i < length ? i + 1 : end;
        gdn__textbuf_addf(&out,
                          "%s{'resource': 'r%d', 'holders': [{'process': 'T%d'}], "
                          "'queue': [{'process': 'T%d', 'ticket': '%d'}]}",
                          i == 1 ? "" : ", ", i, holder, i, i);
    }
    gdn__textbuf_add(&out, "]}]}");
    assert_false(out.failed);
    return out.text;
}

static void no_depth_of_waits_is_a_deadlock_by_itself(void **state)
{
    (void)state;
    char *open = long_line(3000, 3001), *closed = long_line(3000, 1);
    assert_string_equal(deadlocks_in(open), "");
    struct judged j = judge(closed);
    assert_int_equal(only(j)->member_count, 3000);
    assert_int_equal(only(j)->victim_count, 1);
    forget(j);
    free(open);
    free(closed);
}

/* ---- The graph ---- */

/* With one edge for each waiter the last, or the first, holder of a shared lock hides the others.
 */
static void every_holder_of_a_shared_lock_is_waited_for(void **state)
{
    (void)state;
#define THREE_HOLD(back)                                                                           \
    CUT(AT("n1", RESOURCE("a", SHARED("T2") ", " SHARED("T3") ", " SHARED("T4"),                   \
                          ASKED("T1", "1")) ", " RESOURCE("b", HELD("T1"), ASKED(back, "2"))))
    assert_string_equal(deadlocks_in(THREE_HOLD("T2")), "T1 T2");
    assert_string_equal(deadlocks_in(THREE_HOLD("T3")), "T1 T3");
    assert_string_equal(deadlocks_in(THREE_HOLD("T4")), "T1 T4");
}

/* A transaction that works at several nodes is stuck if one of its waits is, wherever that is
 * listed; numbers of tickets are each issuer's own, and may be the same. */
static void waits_of_one_transaction_do_not_overwrite_each_other(void **state)
{
    (void)state;
#define T1_WAITS_TWICE(first, second)                                                              \
    CUT(FULL("n1",                                                                                 \
             RESOURCE("a", HELD("T1"), ASKED_FROM("T2", "n2", "1")) ", " RESOURCE(                 \
                 first, HELD("T2"), ASKED_FROM("T1", "n1", "1")),                                  \
             WAITS("T1", "1", first, "n1"),                                                        \
             "") ", " FULL("n2", RESOURCE(second, HELD("T9"), ASKED_FROM("T1", "n2", "2")),        \
                           WAITS("T2", "1", "a", "n1") ", " WAITS("T1", "2", second, "n2"), ""))
    assert_string_equal(deadlocks_in(T1_WAITS_TWICE("b", "c")), "T1 T2");
    assert_string_equal(
        deadlocks_in(CUT(AT("n1", CROSSED ", " RESOURCE("c", HELD("T9"), ASKED("T1", "7"))))),
        "T1 T2");
    assert_string_equal(
        deadlocks_in(CUT(AT("n1", RESOURCE("c", HELD("T9"), ASKED("T1", "7")) ", " CROSSED))),
        "T1 T2");
}

/* Workers that each node calls "worker", with ids of their own: taken for one they would hold what
 * the other waits for. */
#define WORKER_1 "00000000000000000000000000000001"
#define WORKER_2 "00000000000000000000000000000002"

static void processes_of_one_label_are_not_one_process(void **state)
{
    (void)state;
#define TWO_WORKERS(holder_of_b)                                                                   \
    CUT_OF("{'process': '" WORKER_1 "', 'label': 'worker'}, {'process': '" WORKER_2                \
           "', 'label': 'worker'}",                                                                \
           AT("n1", RESOURCE("a", HELD("T1"), ASKED(WORKER_1, "1"))) ", " AT(                      \
               "n2", RESOURCE("b", HELD(holder_of_b), ASKED("T1", "2"))))
    assert_string_equal(deadlocks_in(TWO_WORKERS(WORKER_2)), "");
    struct judged j = judge(TWO_WORKERS(WORKER_1));
    assert_string_equal(members_of(j, only(j)), "T1 worker (" WORKER_1 ")");
    struct gdn__textbuf report = report_of(j);
    assert_non_null(strstr(report.text, "held by worker (" WORKER_1 ")"));
    assert_null(strstr(report.text, WORKER_2));
    gdn__textbuf_fini(&report);
    forget(j);
}

/* Whom T2 waited for when its wait began is no matter. T1 gave a up since, and waits for T2: no
 * loop. T3 has got a since, and waits for T2: a loop. */
static void who_blocks_now_is_waited_for(void **state)
{
    (void)state;
#define NOW_HELD_BY(holder, waiter)                                                                \
    CUT(AT("n1", RESOURCE("a", HELD(holder), ASKED("T2", "2")) ", " RESOURCE("b", HELD("T2"),      \
                                                                             ASKED(waiter, "1"))))
    assert_string_equal(deadlocks_in(NOW_HELD_BY("T3", "T1")), "");
    assert_string_equal(deadlocks_in(NOW_HELD_BY("T3", "T3")), "T2 T3");
}

/* The same for a list of blockers that a manager stated when the wait began. */
static void a_stated_blocker_that_gives_up_its_hold_blocks_no_more(void **state)
{
    (void)state;
#define STATED(message)                                                                            \
    CUT(FULL("n1", "",                                                                             \
             NEEDS("T2", "2", "{'process': 'T1', 'resource': 'a'}") ", " NEEDS("T1", "1", "'T2'"), \
             FROM("n2", message)) ", " FULL("n2", "", "", ""))
    assert_string_equal(deadlocks_in(STATED("")), "T1 T2");
    assert_string_equal(
        deadlocks_in(STATED("{'verb': 'release', 'process': 'T1', 'resource': 'a'}")), "");
}

/* ---- Branches ---- */

/* T1 works at both nodes. Its work at n1 waits for T2, and T2 for a latch that its work at n2 gives
 * back as soon as that goes on. (Several workers at one node: test_branches.) */
static void short_internal_locks_make_no_deadlock_of_transactions(void **state)
{
    (void)state;
#define LATCHED_BY(latch)                                                                          \
    CUT(FULL("n1", RESOURCE("a", HELD_FROM("T2", "n2", "9"), ASKED_FROM("T1", "n1", "1")),         \
             WAITS("T1", "1", "a", "n1"),                                                          \
             "") ", " FULL("n2", RESOURCE("latch", latch, ASKED_FROM("T2", "n2", "2")),            \
                           WAITS("T2", "2", "latch", "n2"), ""))
    assert_string_equal(deadlocks_in(LATCHED_BY(BRIEF("T1", "n2"))), "");
    assert_string_equal(deadlocks_in(LATCHED_BY(HELD_FROM("T1", "n2", "8"))), "T1 T2");
}

/* Nor do they wait for each other where one asks for what another has. */
static void a_worker_does_not_wait_for_its_own_transaction(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(
            CUT(FULL("n1", RESOURCE("a", HELD_FROM("T1", "n1", "1"), ASKED_FROM("T1", "n2", "2")),
                     "", "") ", " FULL("n2", "", WAITS("T1", "2", "a", "n1"), ""))),
        "");
}

/* ---- Victims ---- */

/* Each node of a ring can see that it is one, and a record on either side tells of the same wait:
 * still it is one deadlock, and one process goes, the same whoever comes first. */
static void one_cycle_costs_one_victim(void **state)
{
    (void)state;
#define RING_AT(node, resource, holder, waiter, issuer, wanted, home)                              \
    FULL(node, RESOURCE(resource, HELD(holder), ASKED_FROM(waiter, issuer, "1")),                  \
         WAITS(holder, "1", wanted, home), "")
#define AT_N1 RING_AT("n1", "a", "T1", "T3", "n3", "b", "n2")
#define AT_N2 RING_AT("n2", "b", "T2", "T1", "n1", "c", "n3")
#define AT_N3 RING_AT("n3", "c", "T3", "T2", "n2", "a", "n1")
    static const char *const orders[] = {CUT(AT_N1 ", " AT_N2 ", " AT_N3),
                                         CUT(AT_N2 ", " AT_N3 ", " AT_N1),
                                         CUT(AT_N3 ", " AT_N2 ", " AT_N1)};
    char first[64] = "";
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct judged j = judge(orders[i]);
        assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
        assert_int_equal(only(j)->victim_count, 1);
        if (i == 0) (void)snprintf(first, sizeof first, "%s", victims_of(j, only(j)));
        assert_string_equal(victims_of(j, only(j)), first);
        forget(j);
    }
}

/* T5 waits for one cycle and is waited for by another. It is the youngest, and in none: its abort
 * would break neither. */
static void who_stands_between_two_cycles_is_spared(void **state)
{
    (void)state;
    struct judged j = judge(CUT_OF(
        "{'process': 'T1', 'started': '2026-01-01T00:00:00Z'}, "
        "{'process': 'T2', 'started': '2026-01-02T00:00:00Z'}, "
        "{'process': 'T3', 'started': '2026-01-03T00:00:00Z'}, "
        "{'process': 'T4', 'started': '2026-01-04T00:00:00Z'}, "
        "{'process': 'T5', 'started': '2026-01-05T00:00:00Z'}",
        AT("n1", CROSSED ", " RESOURCE("c", HELD("T4"), ASKED("T3", "3")) ", " RESOURCE(
                     "d", HELD("T3"),
                     ASKED("T4", "4") ", " ASKED("T5", "5")) ", " RESOURCE("e", HELD("T5"),
                                                                           ASKED("T1", "6")))));
    assert_int_equal(j.verdict->deadlock_count, 2);
    const struct gdn_deadlock *first = &j.verdict->deadlocks[0], *second = first + 1;
    assert_string_equal(members_of(j, first), "T1 T2");
    assert_string_equal(victims_of(j, first), "T2@n1/2");
    assert_string_equal(members_of(j, second), "T3 T4");
    assert_string_equal(victims_of(j, second), "T4@n1/4");
    assert_string_equal(tail_of(j, second), "T5");
    forget(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_diamond_without_a_cycle_is_no_deadlock),
        cmocka_unit_test(a_search_that_starts_outside_the_loop_ends),
        cmocka_unit_test(the_loop_is_reported_and_not_the_path_to_it),
        cmocka_unit_test(no_depth_of_waits_is_a_deadlock_by_itself),
        cmocka_unit_test(every_holder_of_a_shared_lock_is_waited_for),
        cmocka_unit_test(waits_of_one_transaction_do_not_overwrite_each_other),
        cmocka_unit_test(processes_of_one_label_are_not_one_process),
        cmocka_unit_test(who_blocks_now_is_waited_for),
        cmocka_unit_test(a_stated_blocker_that_gives_up_its_hold_blocks_no_more),
        cmocka_unit_test(a_worker_does_not_wait_for_its_own_transaction),
        cmocka_unit_test(short_internal_locks_make_no_deadlock_of_transactions),
        cmocka_unit_test(one_cycle_costs_one_victim),
        cmocka_unit_test(who_stands_between_two_cycles_is_spared),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
