/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verdict says of pools: small cuts, mail, size and memory. */
#include "analysis_fixture.h"
#include "capture_fixture.h"
#include "cutfile_fixture.h"

#include <gordian/verdict.h>

/* ---- Facts ---- */

#define UNITS(process, units)          "{'process': '" process "', 'units': " units "}"
#define POOL(capacity, holders, queue) POOL_NAMED("p", "'capacity': " capacity, holders, queue)
#define POOL_NAMED(name, keys, holders, queue)                                                     \
    "{'resource': '" name "', " keys ", 'holders': [" holders "], 'queue': [" queue "]}"

static void expect_members(const char *document, const char *members)
{
    assert_string_equal(deadlocks_in(document), members);
}

/* Each has half of the pool and asks for one unit more; of two such units one would do. */
static void holders_that_all_ask_for_more_are_a_deadlock(void **state)
{
    (void)state;
    const char *document =
        CUT(AT("n1", POOL("4", UNITS("A", "2") ", " UNITS("B", "2"),
                          UNITS("A", "1") ", " UNITS("B", "1") ", " UNITS("C", "1"))));
    struct judged judged = judge(document);
    const struct gdn_deadlock *deadlock = only(judged);
    assert_int_equal(deadlock->model, GDN_MODEL_MIXED);
    assert_string_equal(members_of(judged, deadlock), "A B");
    assert_string_equal(tail_of(judged, deadlock), "C");
    assert_int_equal(deadlock->victim_count, 1);
    assert_string_equal(witness_of(judged, deadlock), "A -p> B -p> A"); /* No word of own units. */
    assert_int_equal(deadlock->witness[0].units, 1);
    forget(judged);
    expect_members(CUT(AT("n1", POOL("5", UNITS("A", "2") ", " UNITS("B", "2"),
                                     UNITS("A", "1") ", " UNITS("B", "1")))),
                   "");
}

/* A small holder comes back, and that is enough for the first in the queue. */
static void busy_pool_is_no_deadlock(void **state)
{
    (void)state;
    expect_members(CUT(AT("n1", POOL("4", UNITS("A", "3") ", " UNITS("B", "1"),
                                     UNITS("A", "1") ", " UNITS("C", "4")))),
                   "");
}

static void asking_for_more_than_the_others_have_is_a_deadlock_of_one(void **state)
{
    (void)state;
    struct judged judged =
        judge(CUT(AT("n1", POOL("4", UNITS("A", "2") ", " UNITS("B", "1"), UNITS("A", "3")))));
    assert_string_equal(witness_of(judged, only(judged)), "A -p> A");
    forget(judged);
}

/* Nobody but B has what A needs, though C's unit comes back. */
static void units_count_with_their_weight(void **state)
{
    (void)state;
    const char *lock = ", {'resource': 'r', 'holders': [{'process': 'A'}], 'queue': "
                       "[{'process': 'B'}]}";
    char document[2048];
    for (int units = 1; units <= 2; units++) {
        (void)snprintf(document, sizeof document,
                       "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'resources': ["
                       "{'resource': 'p', 'capacity': 3, 'holders': [{'process': 'B', 'units': 2}, "
                       "{'process': 'C'}], 'queue': [{'process': 'A', 'units': %d}]}%s]}]}",
                       units, lock);
        expect_members(document, units == 1 ? "" : "A B");
    }
}

/* E's unit is free, but D stands before it and waits for A, which waits for E. Without order there
 * is no deadlock. */
static void queue_order_alone_can_close_it(void **state)
{
    (void)state;
    const char *fifo =
        CUT(AT("n1", POOL("3", UNITS("A", "2"), UNITS("D", "3") ", " UNITS("E", "1")) ", " //
               RESOURCE("r", HELD("E"), "{'process': 'A'}")));
    const char *none =
        CUT(AT("n1", POOL_NAMED("p", "'capacity': 3, 'order': 'none'", UNITS("A", "2"),
                                UNITS("D", "3") ", " UNITS("E", "1")) ", " //
               RESOURCE("r", HELD("E"), "{'process': 'A'}")));
    expect_members(fifo, "A D E");
    expect_members(none, "");
}

/* As before, but D would have b instead: it leaves the queue when it gets that. */
#define CHOICE_OF_D(holder_of_b)                                                                   \
    "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'resources': ["                          \
    "{'resource': 'p', 'capacity': 3, 'holders': [{'process': 'A', 'units': 2}], 'queue': ["       \
    "{'process': 'D', 'units': 3, 'ticket': '4'}, {'process': 'E', 'units': 1, 'ticket': '5'}]}, " \
    "{'resource': 'r', 'holders': [{'process': 'E'}], 'queue': [{'process': 'A', 'ticket': '1'}]}" \
    ", {'resource': 'b', 'holders': [{'process': '" holder_of_b "'}], 'queue': ["                  \
    "{'process': 'D', 'ticket': '4'}]}], 'waits': ["                                               \
    "{'process': 'A', 'ticket': '1', 'resource': 'r'}, "                                           \
    "{'process': 'E', 'ticket': '5', 'resource': 'p'}, "                                           \
    "{'process': 'D', 'ticket': '4', 'needs': {'any': [{'resource': 'p'}, {'resource': "           \
    "'b'}]}}]}]}"

static void entry_of_a_choice_leaves_a_pool_with_the_other_alternative(void **state)
{
    (void)state;
    expect_members(CHOICE_OF_D("F"), "");
    expect_members(CHOICE_OF_D("E"), "A D E");
}

/* A stands before itself. It would have to give up one of the two, whichever is served first. */
static void no_order_gives_more_than_there_is(void **state)
{
    (void)state;
    struct judged judged =
        judge(CUT(AT("n1", POOL("3", UNITS("B", "2"), UNITS("A", "3") ", " UNITS("A", "2")))));
    assert_string_equal(witness_of(judged, only(judged)), "A -p+> A");
    assert_int_equal(only(judged)->reorder_count, 0);
    assert_int_equal(only(judged)->victim_count, 1);
    forget(judged);
}

/* A works in two threads; B waits for the first alone, which stands behind B at the pool. But the
 * units that A would be given first it keeps, and its second thread waits for B. The pool's entries
 * are in the mode that conflicts with none, which means nothing there. */
static void units_are_kept_in_whatever_mode(void **state)
{
    (void)state;
    struct judged judged =
        judge("{'format': 'gordian-cut/1', 'modes': {'names': ['s', 'x'], 'conflicts': [[0, 0], "
              "[0, 1]]}, "
              "'nodes': [{'node': 'n1', 'resources': [{'resource': 'p', 'capacity': 3, "
              "'holders': [{'process': 'C', 'units': 1}], 'queue': "
              "[{'process': 'B', 'units': 3, 'ticket': '2'}, {'process': 'A', 'units': 3, "
              "'ticket': '1'}]}, "
              "{'resource': 'c', 'holders': [{'process': 'A', 'issuer': 'n1', 'mode': 'x', 'hold': "
              "'brief'}], "
              "'queue': [{'process': 'B', 'ticket': '2', 'mode': 'x'}]}, "
              "{'resource': 'd', 'holders': [{'process': 'B', 'mode': 'x'}], "
              "'queue': [{'process': 'A', 'ticket': '3', 'branch_id': 1, 'mode': 'x'}]}], "
              "'waits': [{'process': 'A', 'ticket': '1', 'resource': 'p'}, "
              "{'process': 'A', 'ticket': '3', 'branch_id': 1, 'resource': 'd', 'mode': 'x'}, "
              "{'process': 'B', 'ticket': '2', 'needs': {'all': [{'resource': 'p'}, {'resource': "
              "'c'}]}}]}]}");
    assert_string_equal(witness_of(judged, only(judged)), "A -p+> B -c.> A");
    assert_int_equal(only(judged)->reorder_count, 0);
    assert_int_equal(only(judged)->victim_count, 1);
    forget(judged);
}

static void whole_pool_is_a_lock(void **state)
{
    (void)state;
    struct judged judged = judge(
        CUT(AT("n1", POOL_NAMED("p", "'capacity': 2", UNITS("A", "2"), UNITS("B", "2")) ", " //
               POOL_NAMED("q", "'capacity': 1", UNITS("B", "1"), UNITS("A", "1")))));
    const struct gdn_deadlock *deadlock = only(judged);
    assert_int_equal(deadlock->model, GDN_MODEL_ALL);
    assert_string_equal(witness_of(judged, deadlock), "A -q> B -p> A");
    forget(judged);
}

/* A waits for a unit of p or for D, and D runs. Without that choice it is stuck. */
static void need_of_a_pool_counts_in_its_formula(void **state)
{
    (void)state;
    static const char *const needs[] = {
        "{'all': [{'resource': 'p', 'home': 'n1', 'units': 2}]}",
        "{'any': [{'resource': 'p', 'home': 'n1', 'units': 2}, 'D']}"};
    for (size_t i = 0; i < 2; i++) {
        char document[2048];
        (void)snprintf(document, sizeof document,
                       "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'resources': ["
                       "{'resource': 'p', 'capacity': 2, 'holders': [{'process': 'B'}, "
                       "{'process': 'C'}], 'queue': [{'process': 'A', 'units': 2, 'ticket': '7'}]}"
                       "], 'waits': [{'process': 'A', 'ticket': '7', 'needs': %s}, "
                       "{'process': 'B', 'ticket': '8', 'needs': 'A'}]}]}",
                       needs[i]);
        expect_members(document, i == 0 ? "A B" : "");
    }
}

/* ---- Mail ---- */

#define PEER FULL("n2", "", "", "")

static void release_of_units_in_flight_counts(void **state)
{
    (void)state;
    static const char document[] = CUT(FULL(
        "n1",
        POOL("2",
             "{'process': 'A', 'ticket': '1'}, {'process': 'B', 'issuer': 'n2', 'ticket': '2'}",
             "{'process': 'A', 'ticket': '3'}, {'process': 'B', 'issuer': 'n2', 'ticket': '4'}"),
        WAITS("A", "3", "p", "n1"),
        FROM("n2", "%s")) ", " FULL("n2", "", WAITS("B", "4", "p", "n1"), ""));
    char text[4096];
    (void)snprintf(text, sizeof text, document, "");
    expect_members(text, "A B");
    (void)snprintf(text, sizeof text, document, MESSAGE("release", "B", "p", "2"));
    expect_members(text, "");
}

/* Home will refuse it on arrival, so B does not wait; three units it would have to wait for. */
static void request_in_flight_for_more_than_there_is_is_refused(void **state)
{
    (void)state;
    static const char document[] = CUT(FULL(
        "n1", POOL("3", "{'process': 'A', 'ticket': '1'}", "") ", " RESOURCE("r", HELD("B"), "%s"),
        WAITS("A", "2", "r", "n1"),
        FROM("n2", "{'verb': 'request', 'process': 'B', 'resource': 'p', 'ticket': '5', 'units': "
                   "%d}")) ", " FULL("n2", "", WAITS("B", "5", "p", "n1"), ""));
    for (int units = 3; units <= 4; units++) {
        char text[4096];
        (void)snprintf(text, sizeof text, document, ASKED("A", "2"), units);
        expect_members(text, units == 3 ? "A B" : "");
    }
}

/* ---- Size and memory ---- */

/* Everybody holds one unit and asks for one more, and as many more queue behind. */
static gdn_cut *clump(uint32_t holders, uint32_t others, const struct gdn_allocator *allocator)
{
    gdn_cut *cut = gdn_cut_new(allocator);
    uint32_t node;
    assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n1", 1), &node));
    struct gdn_cut_home home = {.resource = gdn_cut_resource(cut, R("p"), NULL),
                                .capacity = holders};
    assert_ok(gdn_cut_add_home(cut, node, &home));
    for (uint32_t i = 0; i < holders + others; i++) {
        gdn_process_id id = {gdn_id_from_counter(gdn_node_named("n1"), i)};
        struct gdn_cut_holder holder = {
            .process = gdn_cut_process(cut, id, NULL), .ticket = i + 1, .units = 1};
        struct gdn_cut_entry entry = {.process = holder.process,
                                      .ticket = holders + others + i + 1,
                                      .units = 1 + i % (holders < 7 ? holders : 7)};
        if (i < holders) assert_ok(gdn_cut_add_holder(cut, node, &holder));
        assert_ok(gdn_cut_add_entry(cut, node, &entry));
    }
    return cut;
}

/* Drawn edge by edge this would be ten thousand million. */
static void long_queue_of_a_pool_is_judged(void **state)
{
    (void)state;
    gdn_cut *cut = clump(50000, 50000, NULL);
    gdn_verdict *verdict;
    assert_ok(gdn_analyze(cut, GDN_POLICY_NONE, &verdict, why, sizeof why));
    assert_int_equal(verdict->deadlock_count, 1);
    assert_int_equal(verdict->deadlocks[0].member_count, 50000);
    assert_int_equal(verdict->deadlocks[0].tail_count, 50000);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    gdn_cut *cut = clump(6, 3, &allocator);
    enum gdn_err err = GDN_ERR_MEMORY;
    size_t allowed = 0, live = faulty.live;
    for (; err != GDN_OK; allowed++) {
        gdn_verdict *verdict;
        faulty.allowed = allowed;
        err = gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why);
        faulty.allowed = SIZE_MAX;
        if (err == GDN_OK) gdn_verdict_free(verdict);
        if (err != GDN_OK) assert_int_equal(err, GDN_ERR_MEMORY);
        assert_int_equal(faulty.live, live);
    }
    assert_true(allowed > 60);
    gdn_cut_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders_that_all_ask_for_more_are_a_deadlock),
        cmocka_unit_test(busy_pool_is_no_deadlock),
        cmocka_unit_test(asking_for_more_than_the_others_have_is_a_deadlock_of_one),
        cmocka_unit_test(units_count_with_their_weight),
        cmocka_unit_test(queue_order_alone_can_close_it),
        cmocka_unit_test(entry_of_a_choice_leaves_a_pool_with_the_other_alternative),
        cmocka_unit_test(no_order_gives_more_than_there_is),
        cmocka_unit_test(units_are_kept_in_whatever_mode),
        cmocka_unit_test(whole_pool_is_a_lock),
        cmocka_unit_test(need_of_a_pool_counts_in_its_formula),
        cmocka_unit_test(release_of_units_in_flight_counts),
        cmocka_unit_test(request_in_flight_for_more_than_there_is_is_refused),
        cmocka_unit_test(long_queue_of_a_pool_is_judged),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
