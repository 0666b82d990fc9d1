/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verdict says of a deadlock: whom to abort and why, what to reorder, how it is named. */
#include "analysis_fixture.h"

#include <stdio.h>
#include <string.h>

#define CROSSED                                                                                    \
    RESOURCE("a", HELD("T1"), ASKED("T2", "2")) ", " RESOURCE("b", HELD("T2"), ASKED("T1", "1"))

#define PROCESS(name, started, work, priority)                                                     \
    "{'process': '" name "', 'started': '2026-01-0" started "T00:00:00Z', 'work': " work           \
    ", 'priority': " priority "}"
#define CROSSED_WITH(one, other)                                                                   \
    RESOURCE("x", HELD(one), ASKED(other, "6")) ", " RESOURCE("y", HELD(other), ASKED(one, "5"))
#define FIXED(name) "{'process': '" name "', 'abortable': false}"

/* T1 holds a, c; T2 holds b. */
#define TWO                                                                                        \
    CUT_OF(PROCESS("T1", "1", "9", "-5") ", " PROCESS("T2", "2", "10", "5"),                       \
           AT("n1", CROSSED ", " RESOURCE("c", HELD("T1"), "")))

static void check_choice(enum gdn_policy policy, const char *victims, const char *reason)
{
    struct judged j = judge_as(TWO, policy);
    assert_string_equal(victims_of(j, only(j)), victims);
    assert_string_equal(only(j)->victim_reason, reason);
    forget(j);
}

static void each_policy_prefers_its_own(void **state)
{
    (void)state;
    check_choice(GDN_POLICY_YOUNGEST, "T2@n1/2", "youngest of 2: started 2026-01-02T00:00:00Z");
    check_choice(GDN_POLICY_OLDEST, "T1@n1/1", "oldest of 2: started 2026-01-01T00:00:00Z");
    check_choice(GDN_POLICY_LEAST_WORK, "T1@n1/1", "least work of 2: work 9");
    check_choice(GDN_POLICY_FEWEST_LOCKS, "T2@n1/2", "fewest locks of 2: 1 held");
    check_choice(GDN_POLICY_LOWEST_PRIORITY, "T1@n1/1", "lowest priority of 2: priority -5");
    check_choice(GDN_POLICY_NONE, "", "no victim was asked for");
}

static void policies_have_the_names_that_options_use(void **state)
{
    (void)state;
    for (int i = GDN_POLICY_NONE; i <= GDN_POLICY_LOWEST_PRIORITY; i++) {
        enum gdn_policy read;
        assert_true(gdn_policy_from_name(gdn_policy_name((enum gdn_policy)i), &read));
        assert_int_equal(read, i);
    }
    enum gdn_policy read;
    assert_string_equal(gdn_policy_name(GDN_POLICY_LEAST_WORK), "least-work");
    assert_false(gdn_policy_from_name("eldest", &read));
}

/* Detectors that know equally little must still agree. */
static void what_is_unknown_or_equal_goes_by_id(void **state)
{
    (void)state;
    struct judged j = judge(CUT(AT("n1", CROSSED)));
    uint32_t t1 = gdn_cut_find_process(j.cut, gdn_process_named("T1"));
    uint32_t t2 = gdn_cut_find_process(j.cut, gdn_process_named("T2"));
    bool first = gdn_id_compare(j.cut->processes[t1].id.id, j.cut->processes[t2].id.id) < 0;
    assert_int_equal(only(j)->victims[0].process, first ? t1 : t2);
    assert_string_equal(only(j)->victim_reason, "youngest of 2: start unknown: ties by id");
    forget(j);
}

static void a_known_start_goes_before_an_unknown_one(void **state)
{
    (void)state;
    const char *document =
        CUT_OF("{'process': 'T1', 'started': '1999-01-01T00:00:00.5Z'}", AT("n1", CROSSED));
    struct judged young = judge(document), old = judge_as(document, GDN_POLICY_OLDEST);
    assert_string_equal(victims_of(young, only(young)), "T1@n1/1");
    assert_string_equal(victims_of(old, only(old)), "T1@n1/1");
    assert_string_equal(only(young)->victim_reason,
                        "youngest of 2: started 1999-01-01T00:00:00.500000Z");
    forget(young);
    forget(old);
}

static void who_may_not_be_aborted_is_not(void **state)
{
    (void)state;
    struct judged j =
        judge(CUT_OF(FIXED("T2") ", " PROCESS("T1", "1", "0", "0"), AT("n1", CROSSED)));
    assert_string_equal(victims_of(j, only(j)), "T1@n1/1");
    assert_string_equal(only(j)->victim_reason, "the only one of 2 that may be aborted");
    forget(j);
    j = judge(
        CUT_OF(FIXED("T2") ", " PROCESS("T1", "1", "0", "0") ", " PROCESS("T3", "2", "0", "0"),
               AT("n1", RESOURCE("a", HELD("T2"), ASKED("T1", "1")) ", " RESOURCE(
                            "b", HELD("T3"), ASKED("T2", "2")) ", " RESOURCE("c", HELD("T1"),
                                                                             ASKED("T3", "3")))));
    assert_string_equal(only(j)->victim_reason, "youngest of the 2 of 3 that may be aborted: "
                                                "started 2026-01-02T00:00:00Z");
    forget(j);
    j = judge(CUT_OF(FIXED("T2") ", " FIXED("T1"), AT("n1", CROSSED)));
    assert_string_equal(victims_of(j, only(j)), "");
    assert_string_equal(only(j)->victim_reason, "no choice left: no member may be aborted");
    forget(j);
}

/* RULES 11: who waits for a message of T2 would wait for ever if T2 were aborted. */
static void nobody_is_proposed_where_an_abort_answers_nobody(void **state)
{
    (void)state;
    static const char *const declared[] = {"false", "true"};
    for (size_t i = 0; i < 2; i++) {
        char document[2048];
        (void)snprintf(document, sizeof document,
                       CUT("{'node': 'n1', 'x-aborts-unanswered': %s, 'resources': [%s], "
                           "'waits': [%s]}"),
                       declared[i],
                       RESOURCE("a", HELD("T1"), ASKED("T2", "2")) ", " CROSSED_WITH("T5", "T6"),
                       WAITS("T2", "2", "a", "n1") ", " NEEDS("T1", "1", "'T2'") ", " WAITS(
                           "T5", "5", "y", "n1") ", " WAITS("T6", "6", "x", "n1"));
        struct judged j = judge(document);
        assert_int_equal(j.verdict->deadlock_count, 2);
        const struct gdn_deadlock *waits = &j.verdict->deadlocks[0];
        assert_string_equal(members_of(j, waits), "T1 T2");
        assert_int_equal(waits->victim_count, 1 - i);
        if (i == 1) {
            assert_string_equal(waits->victim_reason, "nobody is proposed: an abort answers no "
                                                      "message that is waited for at n1");
        }
        assert_int_equal(j.verdict->deadlocks[1].victim_count, 1); /* Of locks alone. */
        forget(j);
    }
}

/* T3 may go, but T1 and T2 hold each other up without it. */
static void no_victim_is_named_where_none_would_do(void **state)
{
    (void)state;
    struct judged j = judge(
        CUT_OF(FIXED("T2") ", " FIXED("T1"),
               AT("n1", CROSSED ", " RESOURCE("c", HELD("T3"), ASKED("T1", "3")) ", " RESOURCE(
                            "d", HELD("T1"), ASKED("T3", "4")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(victims_of(j, only(j)), "");
    assert_string_equal(
        only(j)->victim_reason,
        "no choice left: the only one of 3 members that may be aborted does not free it");
    forget(j);
}

/* RULES 2, at the end. */
static void three_that_upgrade_need_two_victims(void **state)
{
    (void)state;
    struct judged j = judge(
        CUT_OF(PROCESS("T1", "1", "0", "0") ", " PROCESS("T2", "3", "0",
                                                         "0") ", " PROCESS("T3", "2", "0", "0"),
               AT("n1", RESOURCE("a", SHARED("T1") ", " SHARED("T2") ", " SHARED("T3"),
                                 ASKED("T1", "1") ", " ASKED("T2", "2") ", " ASKED("T3", "3")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(victims_of(j, only(j)), "T2@n1/2 T3@n1/3");
    assert_true(only(j)->victims_minimal);
    assert_string_equal(only(j)->victim_reason,
                        "2 of 3 (fewest, proved), youngest first: started 2026-01-03T00:00:00Z, "
                        "started 2026-01-02T00:00:00Z");
    forget(j);
}

/* One victim breaks both, though it is the oldest of all: as few as possible come first. */
static void two_cycles_through_one_process_cost_one_victim(void **state)
{
    (void)state;
    struct judged j = judge(
        CUT_OF(PROCESS("T1", "1", "0", "0") ", " PROCESS("T2", "2", "0",
                                                         "0") ", " PROCESS("T3", "3", "0", "0"),
               AT("n1", CROSSED ", " RESOURCE("c", HELD("T3"), ASKED("T1", "3")) ", " RESOURCE(
                            "d", HELD("T1"), ASKED("T3", "4")))));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(victims_of(j, only(j)), "T1@n1/1");
    assert_string_equal(only(j)->victim_reason, "the only one of 3 whose abort alone frees it");
    forget(j);
}

/* Of its waits in the core the first by issuer and number; one outside would not be refused when
 * the deadlock is gone. */
static void the_abort_names_a_wait_inside_the_core(void **state)
{
    (void)state;
    struct judged j = judge(CUT_OF(
        FIXED("T1"),
        AT("n1",
           RESOURCE("x", HELD("T9"), ASKED("T2", "1")) ", " RESOURCE(
               "a", HELD("T1"),
               ASKED("T2", "5")) ", " RESOURCE("c", HELD("T1"),
                                               ASKED("T2", "4")) ", " RESOURCE("b", HELD("T2"),
                                                                               ASKED("T1", "2")))));
    assert_string_equal(victims_of(j, only(j)), "T2@n1/4");
    forget(j);
}

/* RULES 11: T1's two branches are in one core each. Chosen apart, two would go; T1 alone will do.
 */
static void cores_that_share_a_process_choose_together(void **state)
{
    (void)state;
    struct judged j = judge(CUT_OF(
        PROCESS("T1", "1", "0", "0") ", " PROCESS("T2", "2", "0", "0") ", " PROCESS("T3", "3", "0",
                                                                                    "0"),
        FULL("n1",
             RESOURCE("l1", BRIEF("T1", "n1"), ASKED("T2", "2")) ", " RESOURCE("b", HELD("T2"),
                                                                               ASKED("T1", "1")),
             WAITS("T2", "2", "l1", "n1") ", " WAITS("T1", "1", "b", "n1"),
             "") ", " FULL("n2",
                           RESOURCE("l2", BRIEF("T1", "n2"), ASKED("T3", "2")) ", " RESOURCE(
                               "c", HELD("T3"), ASKED("T1", "1")),
                           WAITS("T3", "2", "l2", "n2") ", " WAITS("T1", "1", "c", "n2"), "")));
    assert_int_equal(j.verdict->deadlock_count, 2);
    const struct gdn_deadlock *first = &j.verdict->deadlocks[0], *second = first + 1;
    bool n1_first = strcmp(members_of(j, first), "T1 T2") == 0;
    assert_string_equal(members_of(j, n1_first ? second : first), "T1 T3");
    assert_string_equal(victims_of(j, n1_first ? first : second), "T1@n1/1");
    assert_string_equal(victims_of(j, n1_first ? second : first), "T1@n2/1");
    assert_non_null(strstr(first->victim_reason, "chosen together"));
    forget(j);
}

/* ---- Order ---- */

/* T3 could share a with T1, but stands behind T2. */
static void where_the_queue_alone_closes_it_an_order_is_advised(void **state)
{
    (void)state;
    struct judged j = judge(CUT(
        AT("n1",
           RESOURCE("a", SHARED("T1"), ASKED("T2", "2") ", " ASKED_SHARED("T3", "3")) ", " RESOURCE(
               "b", HELD("T3"), ASKED("T1", "1")))));
    assert_string_equal(order_of(j, only(j)), "T3<T2");
    assert_string_equal(victims_of(j, only(j)), "");
    assert_string_equal(only(j)->victim_reason, "queue order alone closes it: serve T3 before T2");
    forget(j);
}

/* It conflicts with both that stand before it. */
static void an_order_may_take_two_steps(void **state)
{
    (void)state;
    struct judged j = judge(
        CUT(AT("n1", RESOURCE("a", SHARED("T1"),
                              ASKED("T2", "2") ", " ASKED("T4", "4") ", " ASKED_SHARED(
                                  "T3", "3")) ", " RESOURCE("b", HELD("T3"), ASKED("T1", "1")))));
    assert_string_equal(order_of(j, only(j)), "T3<T2 T3<T4");
    forget(j);
}

/* Frees @p j. */
static void expect_a_victim_and_no_order(struct judged j)
{
    assert_int_equal(only(j)->reorder_count, 0);
    assert_int_equal(only(j)->victim_count, 1);
    forget(j);
}

/* T3 asks for all of a: whatever the order, T1 stands in its way. */
static void no_order_is_advised_where_none_helps(void **state)
{
    (void)state;
    struct judged j = judge(CUT(
        AT("n1", RESOURCE("a", SHARED("T1"), ASKED("T2", "2") ", " ASKED("T3", "3")) ", " RESOURCE(
                     "b", HELD("T3"), ASKED("T1", "1")))));
    expect_a_victim_and_no_order(j);
}

static void nobody_is_served_before_itself(void **state)
{
    (void)state;
    struct judged j =
        judge(CUT(FULL("n1", "", NEEDS("T1", "1", "{'process': 'T1', 'queued': true}"), "")));
    assert_string_equal(members_of(j, only(j)), "T1");
    expect_a_victim_and_no_order(j);
}

/* T1 works in two threads. T2 waits for the first alone, which stands behind T2 at a: by order. But
 * what T1 is given at a it keeps, and its second thread waits for T2. */
static void no_order_is_advised_that_another_branch_cannot_keep(void **state)
{
    (void)state;
    struct judged j = judge(CUT(FULL(
        "n1",
        RESOURCE("a", SHARED("T9"), ASKED("T2", "2") ", " ASKED_SHARED("T1", "1")) ", " RESOURCE(
            "c", BRIEF("T1", "n1"),
            ASKED("T2", "2")) ", " RESOURCE("d", HELD("T2"),
                                            "{'process': 'T1', 'ticket': '3', 'branch_id': 1}"),
        WAITS("T1", "1", "a",
              "n1") ", "
                    "{'process': 'T1', 'ticket': '3', 'branch_id': 1, 'resource': 'd'}, " NEEDS(
                        "T2", "2", "{'all': [{'resource': 'a'}, {'resource': 'c'}]}"),
        "")));
    assert_string_equal(witness_of(j, only(j)), "T1 -a+> T2 -c.> T1");
    expect_a_victim_and_no_order(j);
}

/* T3 stands behind T2 in one queue, but waits for what it holds as well. */
static void no_order_is_advised_around_a_hold(void **state)
{
    (void)state;
    struct judged j = judge(CUT(AT(
        "n1",
        RESOURCE("a", SHARED("T1"), ASKED("T2", "2") ", " ASKED_SHARED("T3", "3")) ", " RESOURCE(
            "b", HELD("T3"), ASKED("T1", "1")) ", " RESOURCE("c", HELD("T2"), ASKED("T3", "4")))));
    expect_a_victim_and_no_order(j);
}

/* T2 asks for all of a pool of which T1 has half, and T3 for a little more behind it: there is room
 * for T3, but not in this order. */
static void an_order_may_be_that_of_a_pool(void **state)
{
    (void)state;
    struct judged j =
        judge(CUT(AT("n1", "{'resource': 'p', 'capacity': 4, 'holders': [{'process': 'T1', "
                           "'units': 2}], 'queue': [{'process': 'T2', 'units': 4}, {'process': "
                           "'T3', 'units': 1}]}, " RESOURCE("b", HELD("T3"), ASKED("T1", "1")))));
    assert_int_equal(only(j)->model, GDN_MODEL_MIXED);
    assert_string_equal(order_of(j, only(j)), "T3<T2");
    assert_string_equal(victims_of(j, only(j)), "");
    forget(j);
    /* Of three free units T3 wants two and T2 one: served first, T3 leaves too little for it. */
    j = judge(CUT(AT("n1", "{'resource': 'p', 'capacity': 4, 'holders': [{'process': 'T1', "
                           "'units': 3}], 'queue': [{'process': 'T2', 'units': 4}, {'process': "
                           "'T3', 'units': 2}]}, " RESOURCE("b", HELD("T3"), ASKED("T1", "1")))));
    expect_a_victim_and_no_order(j);
}

/* T1 would go on with T3 or T4. Both only stand behind T2. */
static void an_order_may_open_one_of_several_ways(void **state)
{
    (void)state;
    struct judged j = judge(CUT(
        FULL("n1",
             RESOURCE("a", SHARED("T1"),
                      ASKED("T2", "2") ", " ASKED_SHARED("T3", "3") ", " ASKED_SHARED("T4", "4")),
             NEEDS("T1", "1", "{'any': ['T3', 'T4']}") ", " WAITS("T2", "2", "a", "n1") ", " WAITS(
                 "T3", "3", "a", "n1") ", " WAITS("T4", "4", "a", "n1"),
             "")));
    assert_int_equal(only(j)->model, GDN_MODEL_MIXED);
    assert_string_equal(order_of(j, only(j)), "T3<T2");
    forget(j);
}

/* T3 would go on with a or c, and stands behind T2 in both: what is told in names holds in both. */
static void an_order_holds_in_all_queues(void **state)
{
    (void)state;
    struct judged j = judge(CUT(FULL(
        "n1",
        RESOURCE("a", SHARED("T1"), ASKED("T2", "2") ", " ASKED_SHARED("T3", "3")) ", " RESOURCE(
            "c", SHARED("T1"), ASKED("T2", "4") ", " ASKED_SHARED("T3", "3")),
        WAITS("T2", "2", "a", "n1") ", " WAITS("T2", "4", "c", "n1") ", " NEEDS(
            "T3", "3", "{'any': [{'resource': 'a'}, {'resource': 'c'}]}") ", " NEEDS("T1", "1",
                                                                                     "'T3'"),
        "")));
    assert_string_equal(members_of(j, only(j)), "T1 T2 T3");
    assert_string_equal(order_of(j, only(j)), "T3<T2 T3<T2");
    assert_int_not_equal(only(j)->reorder[0].resource, only(j)->reorder[1].resource);
    assert_string_equal(only(j)->victim_reason, "queue order alone closes it: serve T3 before T2");
    forget(j);
}

/* T3 would go on with a or c, and may pass T2 in a. In c that would delay a request of T2 which
 * nobody in the core holds up, and on which, where there are brief holds, others may count. "T3
 * before T2" would say both. */
static void no_order_is_advised_in_names_that_say_too_much(void **state)
{
    (void)state;
    static const char *const briefs[] = {HELD("T8"), BRIEF("T8", "n1")};
    for (size_t brief = 0; brief < 2; brief++) {
        char resources[2048], document[4096];
        (void)snprintf(
            resources, sizeof resources, "%s, {'resource': 'z', 'holders': [%s], 'queue': [%s]}",
            RESOURCE("a", SHARED("T1"),
                     ASKED("T2", "2") ", " ASKED_SHARED(
                         "T3", "3")) ", " RESOURCE("c", HELD("T9"),
                                                   ASKED("T2", "4") ", " ASKED_SHARED("T3", "3")),
            briefs[brief], ASKED("T7", "7"));
        (void)snprintf(
            document, sizeof document, CUT("{'node': 'n1', 'resources': [%s], 'waits': [%s]}"),
            resources,
            WAITS("T2", "2", "a", "n1") ", " WAITS("T2", "4", "c", "n1") ", " WAITS(
                "T7", "7", "z", "n1") ", " NEEDS("T3", "3",
                                                 "{'any': [{'resource': 'a'}, {'resource': "
                                                 "'c'}]}") ", " NEEDS("T1", "1", "'T3'"));
        struct judged j = judge(document);
        assert_string_equal(order_of(j, only(j)), brief == 0 ? "T3<T2 T3<T2" : "");
        assert_int_equal(only(j)->victim_count, brief);
        forget(j);
    }
}

static void a_stated_wait_may_be_one_of_order(void **state)
{
    (void)state;
    struct judged j = judge(CUT(FULL(
        "n1", "",
        NEEDS("T1", "1", "{'process': 'T2', 'queued': true}") ", " NEEDS("T2", "2", "'T1'"), "")));
    assert_string_equal(witness_of(j, only(j)), "T1 -+> T2 -> T1");
    assert_string_equal(order_of(j, only(j)), "T1<T2");
    forget(j);
}

/* ---- Names and ids ---- */

/* The issuer's 16 bytes, then incarnation and number, low byte first, of each ticket, sorted. */
static gdn_id id_by_hand(const char *issuer, uint64_t incarnation, const uint64_t *numbers,
                         size_t count)
{
    uint8_t bytes[256];
    size_t length = 0;
    gdn_id id = gdn_id_from_name(issuer);
    for (size_t i = 0; i < count; i++) {
        memcpy(&bytes[length], id.bytes, sizeof id.bytes);
        length += sizeof id.bytes;
        for (int b = 0; b < 8; b++) bytes[length++] = (uint8_t)(incarnation >> (8 * b));
        for (int b = 0; b < 8; b++) bytes[length++] = (uint8_t)(numbers[i] >> (8 * b));
    }
    return gdn_id_from_bytes(bytes, length);
}

static void the_id_depends_on_the_core_s_tickets_alone(void **state)
{
    (void)state;
    struct judged alone = judge(CUT(AT("n1", CROSSED)));
    struct judged behind =
        judge(CUT_OF(FIXED("T1"), AT("n1", CROSSED
                                     ", " RESOURCE("c", HELD("T1"), ASKED("T8", "3")) ", " RESOURCE(
                                         "d", HELD("T7"), ASKED("T1", "9")))));
    struct judged later =
        judge(CUT(AT("n1", RESOURCE("a", HELD("T1"), ASKED("T2", "3")) ", " RESOURCE(
                               "b", HELD("T2"), ASKED("T1", "1")))));
    const uint64_t numbers[] = {1, 2};
    uint64_t incarnation = alone.cut->parties[alone.cut->nodes[0].party].incarnation;
    gdn_id by_hand = id_by_hand("n1", incarnation, numbers, 2);
    assert_true(gdn_id_equal(only(alone)->id, by_hand));
    assert_true(gdn_id_equal(only(alone)->id, only(behind)->id));
    assert_false(gdn_id_equal(only(alone)->id, only(later)->id));
    forget(alone);
    forget(behind);
    forget(later);
}

static void names_that_look_the_same_show_their_ids(void **state)
{
    (void)state;
    struct judged j = judge(CUT_OF(
        "{'process': '000000000000000000000000000000aa', 'label': 'x'}, "
        "{'process': '000000000000000000000000000000bb', 'label': 'x'}",
        AT("n1", RESOURCE("a", HELD("000000000000000000000000000000aa"), ASKED("T2", "2")))));
    char name[GDN_SHOWN_NAME_BYTES];
    gdn_id id = gdn_id_from_name("000000000000000000000000000000bb");
    uint32_t process = gdn_cut_find_process(j.cut, (gdn_process_id){id});
    assert_string_equal(gdn_verdict_process_name(j.verdict, process, name),
                        "x (000000000000000000000000000000bb)");
    id = gdn_id_from_name("000000000000000000000000000000aa");
    process = gdn_cut_find_process(j.cut, (gdn_process_id){id});
    assert_string_equal(gdn_verdict_process_name(j.verdict, process, name),
                        "x (000000000000000000000000000000aa)");
    process = gdn_cut_find_process(j.cut, gdn_process_named("T2"));
    assert_string_equal(gdn_verdict_process_name(j.verdict, process, name), "T2");
    forget(j);
}

/* A detector built from the same reports in another order must say the same. */
static void deadlocks_and_members_are_sorted_by_name(void **state)
{
    (void)state;
    assert_string_equal(
        deadlocks_in(CUT(AT(
            "n1",
            RESOURCE("a", HELD("Z1"), ASKED("Z2", "2")) ", " RESOURCE(
                "b", HELD("Z2"),
                ASKED("Z1", "1")) ", " RESOURCE("c", HELD("B"),
                                                ASKED("A", "3")) ", " RESOURCE("d", HELD("A"),
                                                                               ASKED("B", "4"))))),
        "A B; Z1 Z2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_prefers_its_own),
        cmocka_unit_test(policies_have_the_names_that_options_use),
        cmocka_unit_test(what_is_unknown_or_equal_goes_by_id),
        cmocka_unit_test(a_known_start_goes_before_an_unknown_one),
        cmocka_unit_test(who_may_not_be_aborted_is_not),
        cmocka_unit_test(nobody_is_proposed_where_an_abort_answers_nobody),
        cmocka_unit_test(no_victim_is_named_where_none_would_do),
        cmocka_unit_test(three_that_upgrade_need_two_victims),
        cmocka_unit_test(two_cycles_through_one_process_cost_one_victim),
        cmocka_unit_test(the_abort_names_a_wait_inside_the_core),
        cmocka_unit_test(cores_that_share_a_process_choose_together),
        cmocka_unit_test(where_the_queue_alone_closes_it_an_order_is_advised),
        cmocka_unit_test(an_order_may_take_two_steps),
        cmocka_unit_test(no_order_is_advised_where_none_helps),
        cmocka_unit_test(no_order_is_advised_around_a_hold),
        cmocka_unit_test(an_order_may_be_that_of_a_pool),
        cmocka_unit_test(an_order_may_open_one_of_several_ways),
        cmocka_unit_test(an_order_holds_in_all_queues),
        cmocka_unit_test(no_order_is_advised_in_names_that_say_too_much),
        cmocka_unit_test(a_stated_wait_may_be_one_of_order),
        cmocka_unit_test(nobody_is_served_before_itself),
        cmocka_unit_test(no_order_is_advised_that_another_branch_cannot_keep),
        cmocka_unit_test(the_id_depends_on_the_core_s_tickets_alone),
        cmocka_unit_test(names_that_look_the_same_show_their_ids),
        cmocka_unit_test(deadlocks_and_members_are_sorted_by_name),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
