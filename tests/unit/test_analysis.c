/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cuts hold deadlocks, and which: graphs, queues (RULES 1, 2), choices, cores and branches
 * (RULES 11, 12). */
#include "analysis_fixture.h"

#include "detector/analysis/optional.h"
#include "detector/render/textbuf.h"

/* T1 holds a and waits for b, T2 the other way round. */
#define CROSSED                                                                                    \
    RESOURCE("a", HELD("T1"), ASKED("T2", "2")) ", " RESOURCE("b", HELD("T2"), ASKED("T1", "1"))

/* ---- Graphs ---- */

static void two_that_wait_for_each_other_are_a_deadlock(void **state)
{
    (void)state;
    struct judged j = judge(CUT(AT("n1", CROSSED)));
    assert_string_equal(members_of(j, only(j)), "T1 T2");
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T2 -a> T1");
    assert_string_equal(tail_of(j, only(j)), "");
    assert_true(j.verdict->complete);
    assert_int_equal(j.verdict->waiting_count, 2);
    assert_int_equal(j.verdict->process_count, 2);
    forget(j);
}

/* No single node sees it: each has one edge. */
static void a_ring_over_three_nodes_is_found(void **state)
{
    (void)state;
    struct judged j = judge(CUT(FULL(
        "n1", RESOURCE("a", HELD("T1"), ASKED_FROM("T3", "n3", "3")), WAITS("T1", "1", "b", "n2"),
        "") ", " FULL("n2", RESOURCE("b", HELD("T2"), ASKED_FROM("T1", "n1", "1")),
                      WAITS("T2", "2", "c", "n3"),
                      "") ", " FULL("n3", RESOURCE("c", HELD("T3"), ASKED_FROM("T2", "n2", "2")),
                                    WAITS("T3", "3", "a", "n1"), "")));
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T2 -c> T3 -a> T1");
    const struct gdn_edge *first = &only(j)->witness[0];
    assert_string_equal(j.cut->parties[first->issuer].name, "n1");
    assert_string_equal(j.cut->parties[first->home].name, "n2");
    assert_int_equal(first->ticket, 1);
    forget(j);
}

/* Who waits behind a deadlock must not be blamed, nor aborted, for it. */
static void who_waits_behind_a_core_is_its_tail(void **state)
{
    (void)state;
    struct judged j = judge(
        CUT(AT("n1", CROSSED ", " RESOURCE("c", HELD("T1"), ASKED("T8", "3")) ", " RESOURCE(
                         "d", HELD("T8"), ASKED("T7", "4")) ", " RESOURCE("e", HELD("T7"), ""))));
    assert_string_equal(members_of(j, only(j)), "T1 T2");
    assert_string_equal(tail_of(j, only(j)), "T7 T8");
    assert_int_equal(j.verdict->waiting_count, 4);
    forget(j);
}

static void two_deadlocks_stay_two_and_share_a_tail(void **state)
{
    (void)state;
    struct judged j = judge(CUT(
        AT("n1",
           CROSSED ", " RESOURCE("c", HELD("T3"), ASKED("T4", "4")) ", " RESOURCE(
               "d", HELD("T4"),
               ASKED("T3", "3")) ", " RESOURCE("e", HELD("T1"),
                                               ASKED("T9", "5")) ", " RESOURCE("f", HELD("T3"),
                                                                               ASKED("T9", "6")))));
    assert_int_equal(j.verdict->deadlock_count, 2);
    assert_string_equal(members_of(j, &j.verdict->deadlocks[0]), "T1 T2");
    assert_string_equal(members_of(j, &j.verdict->deadlocks[1]), "T3 T4");
    assert_string_equal(tail_of(j, &j.verdict->deadlocks[0]), "T9");
    assert_string_equal(tail_of(j, &j.verdict->deadlocks[1]), "T9");
    forget(j);
}

static void a_wait_for_oneself_is_a_core_of_one(void **state)
{
    (void)state;
    struct judged j = judge(CUT(FULL("n1", "", NEEDS("T1", "1", "'T1'"), "")));
    assert_string_equal(members_of(j, only(j)), "T1");
    assert_string_equal(witness_of(j, only(j)), "T1 -> T1");
    forget(j);
}

/* Of several cycles the shortest is shown. */
static void the_witness_is_a_shortest_cycle(void **state)
{
    (void)state;
    struct judged j = judge(CUT(
        AT("n1",
           RESOURCE("a", HELD("T2"), ASKED("T1", "1")) ", " RESOURCE(
               "b", HELD("T3"),
               ASKED("T2", "2")) ", " RESOURCE("c", HELD("T1"),
                                               ASKED("T3", "3")) ", " RESOURCE("d", HELD("T2"),
                                                                               ASKED("T3", "4")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(witness_of(j, only(j)), "T2 -b> T3 -d> T2");
    forget(j);
}

/* ---- RULES 1 and 2: queues ---- */

/* T3 stands behind T2, which conflicts: it waits for it though the holder lets both through. */
static void an_entry_waits_for_conflicting_entries_before_it(void **state)
{
    (void)state;
    struct judged j = judge(CUT(
        AT("n1",
           RESOURCE("a", SHARED("T1"), ASKED("T2", "2") ", " ASKED_SHARED("T3", "3")) ", " RESOURCE(
               "b", HELD("T3"), ASKED("T1", "1")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T3 -a+> T2 -a> T1");
    forget(j);
}

/* RULES 2: what could be granted now counts as granted. */
static void who_is_first_and_free_is_no_queue_order(void **state)
{
    (void)state;
    struct judged j =
        judge(CUT(AT("n1", RESOURCE("a", "", ASKED("T2", "2") ", " ASKED("T3", "3")) ", " RESOURCE(
                               "b", HELD("T3"), ASKED("T2", "1")))));
    assert_string_equal(witness_of(j, only(j)), "T2 -b> T3 -a> T2");
    assert_string_equal(order_of(j, only(j)), "");
    forget(j);
}

static void an_unordered_queue_has_no_edges_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(
            AT("n1", UNORDERED("a", SHARED("T1"),
                               ASKED("T2", "2") ", " ASKED_SHARED(
                                   "T3", "3")) ", " RESOURCE("b", HELD("T3"), ASKED("T1", "1"))))),
        "");
}

/* Entries and holds of one process do not stand in its own way. */
static void a_process_does_not_wait_for_itself_in_a_queue(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(
            AT("n1", RESOURCE("a", SHARED("T1"), ASKED("T1", "1") ", " ASKED_SHARED("T1", "2"))))),
        "");
}

/* RULES 2: covered by what it holds, whoever stands before it. */
static void a_request_covered_by_a_hold_is_free(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(
            AT("n1", RESOURCE("a", HELD("T1"), ASKED("T2", "2") ", " ASKED_SHARED("T1", "1"))))),
        "");
}

/* RULES 2: T1's first place is free, so it will hold the lock before T2 and its second one is
 * covered. T2 waits for T1, and T1 for nobody. */
static void a_request_covered_by_one_that_is_about_to_be_granted_is_free(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(AT(
            "n1", RESOURCE("a", "",
                           ASKED("T1", "1") ", " ASKED("T2", "2") ", " ASKED_SHARED("T1", "3"))))),
        "");
}

/* The same while the first one still waits: what it waits for is all that T1 waits for. */
static void a_request_behind_a_stronger_one_of_its_process_adds_no_wait(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(AT(
            "n1", RESOURCE("a", HELD("T3"),
                           ASKED("T1", "1") ", " ASKED("T2", "2") ", " ASKED_SHARED("T1", "3"))))),
        "");
}

static void two_that_upgrade_are_a_deadlock(void **state)
{
    (void)state;
    struct judged j = judge(CUT(AT("n1", RESOURCE("a", SHARED("T1") ", " SHARED("T2"),
                                                  ASKED("T1", "1") ", " ASKED("T2", "2")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2");
    assert_string_equal(witness_of(j, only(j)), "T1 -a> T2 -a> T1");
    forget(j);
}

/* RULES 1: it still waits for the holder when the one between them is gone. */
static void who_stands_between_two_members_is_no_victim(void **state)
{
    (void)state;
    struct judged j = judge(CUT_OF(
        "{'process': 'T2', 'started': '2026-01-03T00:00:00Z'}, "
        "{'process': 'T1', 'started': '2026-01-01T00:00:00Z'}, "
        "{'process': 'T3', 'started': '2026-01-02T00:00:00Z'}",
        AT("n1", RESOURCE("a", HELD("T1"), ASKED("T2", "2") ", " ASKED("T3", "3")) ", " RESOURCE(
                     "b", HELD("T3"), ASKED("T1", "1")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T3 -a> T1");
    assert_string_equal(victims_of(j, only(j)), "T3@n1/3");
    assert_string_equal(
        only(j)->victim_reason,
        "youngest of the 2 whose abort alone frees it: started 2026-01-02T00:00:00Z");
    forget(j);
}

/* ---- Choices ---- */

/* RULES 2, at the end: one ticket may cover several requests. */
static void one_ticket_may_need_several_resources(void **state)
{
    (void)state;
    const char *both = CUT(FULL(
        "n1",
        RESOURCE("a", HELD("T9"), ASKED("T1", "1")) ", " RESOURCE(
            "b", HELD("T2"), ASKED("T1", "1")) ", " RESOURCE("c", HELD("T1"), ASKED("T2", "2")),
        NEEDS("T1", "1",
              "{'all': [{'resource': 'a'}, {'resource': 'b', 'home': 'n1'}]}") ", " WAITS("T2", "2",
                                                                                          "c",
                                                                                          "n1"),
        ""));
    struct judged j = judge(both);
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T2 -c> T1");
    assert_string_equal(j.cut->parties[only(j)->witness[0].home].name, "n1");
    forget(j);
    assert_string_equal(
        deadlocks_in(CUT(FULL(
            "n1",
            RESOURCE("a", HELD("T9"), ASKED("T1", "1")) ", " RESOURCE(
                "b", HELD("T2"), ASKED("T1", "1")) ", " RESOURCE("c", HELD("T1"), ASKED("T2", "2")),
            NEEDS("T1", "1", "{'any': [{'resource': 'a'}, {'resource': 'b'}]}") ", " WAITS(
                "T2", "2", "c", "n1"),
            ""))),
        "");
}

/* RULES 2: an entry of an any-of ticket leaves the queue, too, when another alternative is served.
 * T3 stands behind T1 at a, T1 waits for T3 at c; but b is free, and T1 needs a or b. */
#define BEHIND_T1(needs)                                                                           \
    CUT(FULL(                                                                                      \
        "n1",                                                                                      \
        RESOURCE("a", SHARED("T9"), ASKED("T1", "1") ", " ASKED_SHARED("T3", "4")) ", " RESOURCE(  \
            "b", "", ASKED("T1", "1")) ", " RESOURCE("c", HELD("T3"), ASKED("T1", "3")),           \
        NEEDS("T1", "1", needs) ", " WAITS("T1", "3", "c", "n1") ", " WAITS("T3", "4", "a", "n1"), \
        ""))

static void an_entry_of_any_of_leaves_the_queue_with_another_alternative(void **state)
{
    (void)state;
    assert_string_equal(deadlocks_in(BEHIND_T1("{'any': [{'resource': 'a'}, {'resource': 'b'}]}")),
                        "");
    assert_string_equal(deadlocks_in(BEHIND_T1("{'all': [{'resource': 'a'}, {'resource': 'b'}]}")),
                        "T1 T3");
}

/* T1 needs a or b. T3 is not in T2's way at a, it only stands behind T1 there; T2 waits for T3. */
#define OR_B_HELD_BY(b)                                                                            \
    CUT(FULL(                                                                                      \
        "n1",                                                                                      \
        RESOURCE("a", SHARED("T2"), ASKED("T1", "1") ", " ASKED_SHARED("T3", "3")) ", " RESOURCE(  \
            "b", HELD(b), ASKED("T1", "1")) ", " RESOURCE("c", HELD("T3"), ASKED("T2", "2")),      \
        NEEDS("T1", "1", "{'any': [{'resource': 'a'}, {'resource': 'b'}]}") ", " WAITS(            \
            "T2", "2", "c", "n1") ", " WAITS("T3", "3", "a", "n1"),                                \
        ""))

static void an_entry_of_any_of_stays_in_the_queue_with_all_others_closed(void **state)
{
    (void)state;
    assert_string_equal(deadlocks_in(OR_B_HELD_BY("T9")), "");
    struct judged j = judge(OR_B_HELD_BY("T3"));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_int_equal(only(j)->model, GDN_MODEL_MIXED);
    assert_string_equal(witness_of(j, only(j)), "T1 -a> T2, T1 -b> T3, T2 -c> T3 -a+> T1");
    assert_int_equal(only(j)->victim_count, 1); /* Without any one of them the others go on. */
    forget(j);
}

/* More alternatives than are drawn one by one: the entry itself then counts among the others. */
static void a_choice_of_many_is_closed_by_queue_order_too(void **state)
{
    (void)state;
    static const char begin[] =
        "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'resources': ["           //
        RESOURCE("a", SHARED("T2"), ASKED("T1", "1") ", " ASKED_SHARED("T3", "3")) ", " //
        RESOURCE("c", HELD("T3"), ASKED("T2", "2")) "], 'waits': ["                     //
        WAITS("T2", "2", "c", "n1") ", " WAITS(
            "T3", "3", "a",
            "n1") ", " //
                  "{'process': 'T1', 'ticket': '1', 'needs': {'any': [{'resource': 'a'}";
    for (int open = 0; open < 2; open++) {
        struct gdn__textbuf out = {0};
        gdn__textbuf_add(&out, begin);
        for (int i = 0; i < GDN__SIBLINGS_MAX; i++) gdn__textbuf_add(&out, ", 'T3'");
        gdn__textbuf_add(&out, open ? ", 'T9']}}]}]}" : "]}}]}]}");
        assert_false(out.failed);
        assert_string_equal(deadlocks_in(out.text), open ? "" : "T1 T2 T3");
        gdn__textbuf_fini(&out);
    }
}

/* A is granted to T1 in the end, as b is closed; then T3 waits for T1, and T1 for T3 at d. */
static void an_entry_of_any_of_lasts_until_its_process_goes_on(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(
            FULL("n1",
                 RESOURCE("a", SHARED("T9"),
                          ASKED("T1", "1") ", " ASKED_SHARED(
                              "T3", "3")) ", " RESOURCE("b", HELD("T3"),
                                                        ASKED("T1",
                                                              "1")) ", " RESOURCE("d", HELD("T3"),
                                                                                  ASKED("T1", "4")),
                 NEEDS("T1", "1", "{'any': [{'resource': 'a'}, {'resource': 'b'}]}") ", " WAITS(
                     "T1", "4", "d", "n1") ", " WAITS("T3", "3", "a", "n1"),
                 ""))),
        "T1 T3");
}

/* T1 has two entries at a. Once either is granted, T1 may share a; those between them cannot hold
 * it up, whatever else is closed. */
static void two_entries_of_one_process_make_no_phantom_of_a_choice(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(
            CUT(FULL("n1",
                     RESOURCE("a", SHARED("T9"),
                              ASKED("T1", "1") ", " ASKED("T3", "3") ", " ASKED_SHARED(
                                  "T1", "4")) ", " RESOURCE("b", HELD("T3"), ASKED("T1", "1")),
                     NEEDS("T1", "1", "{'any': [{'resource': 'a'}, {'resource': 'b'}]}") ", " WAITS(
                         "T1", "4", "a", "n1") ", " WAITS("T3", "3", "a", "n1"),
                     ""))),
        "");
}

/* T1's first entry at a is as good as granted, and covers its third, whatever its second waits for:
 * so the choice is served, b is left to T2, and T2 gives a back. */
static void an_entry_beside_a_choice_covers_it_as_soon_as_it_can(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(FULL(
            "n1",
            RESOURCE(
                "a", SHARED("T2"),
                ASKED_SHARED("T1", "1") ", " ASKED("T1", "2") ", " ASKED(
                    "T3", "3") ", " ASKED_SHARED("T1",
                                                 "4")) ", " RESOURCE("b", HELD("T9"),
                                                                     ASKED("T1", "4") ", " ASKED(
                                                                         "T2", "5")),
            WAITS("T1", "1", "a", "n1") ", " WAITS("T1", "2", "a", "n1") ", " WAITS(
                "T3", "3", "a", "n1") ", " NEEDS("T1", "4",
                                                 "{'any': [{'resource': 'a'}, {'resource': "
                                                 "'b'}]}") ", " WAITS("T2", "5", "b", "n1"),
            ""))),
        "");
}

static void any_of_is_stuck_only_with_every_way_closed(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(
            CUT(FULL("n1", "",
                     NEEDS("T1", "1", "{'any': ['T2', 'T9']}") ", " NEEDS("T2", "2", "'T1'"), ""))),
        "");
    struct judged j = judge(CUT(
        FULL("n1", "",
             NEEDS("T1", "1", "{'any': ['T2', 'T3']}") ", " NEEDS(
                 "T2", "2", "{'any': ['T1', 'T3']}") ", " NEEDS("T3", "3", "{'any': ['T1', 'T2']}"),
             "")));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_int_equal(only(j)->model, GDN_MODEL_ANY);
    assert_string_equal(witness_of(j, only(j)),
                        "T1 -> T2, T1 -> T3, T2 -> T1, T2 -> T3 -> T1, T3 -> T2");
    assert_int_equal(only(j)->victim_count, 1); /* One answer lets all go on. */
    forget(j);
}

static void at_least_two_of_three_is_stuck_with_two_closed(void **state)
{
    (void)state;
    const char *document =
        CUT(FULL("n1", "",
                 NEEDS("T1", "1", "{'at_least': 2, 'of': ['T2', 'T3', 'T9']}") ", " NEEDS(
                     "T2", "2", "'T1'") ", " NEEDS("T3", "3", "'T1'"),
                 ""));
    struct judged j = judge(document);
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_int_equal(only(j)->model, GDN_MODEL_MIXED);
    forget(j);
}

/* RULES 11: T1, T2 and T3 wait for each other in a ring of rings, but whether T3 answers does not
 * matter to T1 once S1 does, and S1's own deadlock is not theirs: T1 and T2 hold each other up. */
static void only_the_irreducible_part_of_a_component_is_a_core(void **state)
{
    (void)state;
    struct judged j = judge(CUT(FULL(
        "n1", "",
        NEEDS("T1", "1", "{'all': ['T2', {'any': ['T3', 'S1']}]}") ", " NEEDS(
            "T2", "2", "'T1'") ", " NEEDS("T3", "3",
                                          "'T1'") ", " NEEDS("S1", "4",
                                                             "'S2'") ", " NEEDS("S2", "5", "'S1'"),
        "")));
    assert_int_equal(j.verdict->deadlock_count, 2);
    assert_string_equal(members_of(j, &j.verdict->deadlocks[0]), "S1 S2");
    assert_string_equal(members_of(j, &j.verdict->deadlocks[1]), "T1 T2");
    assert_string_equal(tail_of(j, &j.verdict->deadlocks[1]), "T3");
    forget(j);
}

/* ---- RULES 12: branches ---- */

static void a_brief_hold_of_a_branch_that_waits_is_a_deadlock(void **state)
{
    (void)state;
    struct judged j =
        judge(CUT(FULL("n1",
                       RESOURCE("latch", BRIEF("T1", "n1"),
                                ASKED("T2", "2")) ", " RESOURCE("b", HELD("T2"), ASKED("T1", "1")),
                       WAITS("T2", "2", "latch", "n1") ", " WAITS("T1", "1", "b", "n1"), "")));
    assert_string_equal(witness_of(j, only(j)), "T1 -b> T2 -latch.> T1");
    forget(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_wait_for_each_other_are_a_deadlock),
        cmocka_unit_test(a_ring_over_three_nodes_is_found),
        cmocka_unit_test(who_waits_behind_a_core_is_its_tail),
        cmocka_unit_test(two_deadlocks_stay_two_and_share_a_tail),
        cmocka_unit_test(a_wait_for_oneself_is_a_core_of_one),
        cmocka_unit_test(the_witness_is_a_shortest_cycle),
        cmocka_unit_test(an_entry_waits_for_conflicting_entries_before_it),
        cmocka_unit_test(who_is_first_and_free_is_no_queue_order),
        cmocka_unit_test(an_unordered_queue_has_no_edges_of_its_own),
        cmocka_unit_test(a_process_does_not_wait_for_itself_in_a_queue),
        cmocka_unit_test(a_request_covered_by_a_hold_is_free),
        cmocka_unit_test(a_request_covered_by_one_that_is_about_to_be_granted_is_free),
        cmocka_unit_test(a_request_behind_a_stronger_one_of_its_process_adds_no_wait),
        cmocka_unit_test(two_that_upgrade_are_a_deadlock),
        cmocka_unit_test(who_stands_between_two_members_is_no_victim),
        cmocka_unit_test(one_ticket_may_need_several_resources),
        cmocka_unit_test(an_entry_of_any_of_leaves_the_queue_with_another_alternative),
        cmocka_unit_test(an_entry_of_any_of_stays_in_the_queue_with_all_others_closed),
        cmocka_unit_test(a_choice_of_many_is_closed_by_queue_order_too),
        cmocka_unit_test(an_entry_of_any_of_lasts_until_its_process_goes_on),
        cmocka_unit_test(two_entries_of_one_process_make_no_phantom_of_a_choice),
        cmocka_unit_test(an_entry_beside_a_choice_covers_it_as_soon_as_it_can),
        cmocka_unit_test(any_of_is_stuck_only_with_every_way_closed),
        cmocka_unit_test(at_least_two_of_three_is_stuck_with_two_closed),
        cmocka_unit_test(only_the_irreducible_part_of_a_component_is_a_core),
        cmocka_unit_test(a_brief_hold_of_a_branch_that_waits_is_a_deadlock),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
