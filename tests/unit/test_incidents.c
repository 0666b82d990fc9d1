/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlocks over many rounds: reported once, resolved without haste, gone when they are gone.
 *
 * Ticket k is process Tk's, issued by node nk in incarnation 100 + k. Deadlocks are called by a
 * letter. What is told is written down, one line each, with the millisecond in front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detector/analysis/names.h"
#include "detector/rounds/incidents.h"
#include "src/core/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORES_MAX   4
#define TICKETS_MAX 8
#define TRACE_BYTES 4096
#define ORDER_MS    50

/* One deadlock of a verdict; zeros end the lists. */
struct core {
    const char *letter;
    uint32_t tickets[TICKETS_MAX];
    uint32_t victims[TICKETS_MAX]; /* By ticket. */
};

struct world {
    gdn__incidents *incidents;
    int64_t now_us;
    uint64_t rounds;
    char trace[TRACE_BYTES];
    size_t length;
};

static struct world world;

/* ---- What is told ---- */

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written =
        vsnprintf(world.trace + world.length, sizeof world.trace - world.length, format, arguments);
    va_end(arguments);
    assert_true(written >= 0 && world.length + (size_t)written < sizeof world.trace);
    world.length += (size_t)written;
}

static char letter_of(gdn_id id)
{
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        if (gdn_id_equal(id, gdn_id_from_bytes(&letter, 1))) return letter;
    }
    return '?';
}

static void note_order(const struct gdn__news *news, const char *what)
{
    const struct gdn__order *order = news->order;
    assert_int_equal(letter_of(order->deadlock), letter_of(news->id));
    assert_true(gdn_id_equal(order->process.id, gdn_id_from_name(order->shown)));
    note("%c: %s %s at %s/%llu, ticket %llu", letter_of(news->id), what, order->shown, order->node,
         (unsigned long long)order->incarnation, (unsigned long long)order->ticket);
}

static void tell(void *context, const struct gdn__news *news)
{
    static const char *const outcomes[] = {"asked", "aborted", "stale", "refused", "unknown"};
    assert_ptr_equal(context, &world);
    note("%3lld ", (long long)(world.now_us / 1000));
    switch (news->type) {
    case GDN__NEWS_FOUND:
        note("%c: found, number %zu", letter_of(news->id), news->deadlock);
        break;
    case GDN__NEWS_ASK:
        assert_int_equal(news->order->state, GDN__ORDER_ASKED);
        note_order(news, "abort");
        break;
    case GDN__NEWS_OUTCOME:
        note_order(news, outcomes[news->order->state]);
        note(" after %lld", (long long)(news->after_us / 1000));
        break;
    case GDN__NEWS_GONE:
        note("%c: gone after %lld", letter_of(news->id), (long long)(news->after_us / 1000));
        break;
    }
    note("\n");
}

static void expect(const char *expected)
{
    world.trace[world.length] = '\0';
    assert_string_equal(world.trace, expected);
    world.length = 0;
}

/* ---- What happens ---- */

static bool open_world(const struct gdn_allocator *allocator)
{
    struct gdn__incidents_options options = {.order_us = ORDER_MS * 1000,
                                             .tell = tell,
                                             .context = &world,
                                             .allocator = gdn__allocator_or_default(allocator)};
    world = (struct world){.incidents = gdn__incidents_new(&options)};
    return world.incidents != NULL;
}

static int setup(void **state)
{
    (void)state;
    return open_world(NULL) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gdn__incidents_free(world.incidents);
    world.incidents = NULL;
    return 0;
}

struct made {
    gdn_cut *cut;
    struct gdn__names names;
    gdn_verdict verdict;
    struct gdn_deadlock deadlocks[CORES_MAX];
    struct gdn_cut_ticket tickets[CORES_MAX][TICKETS_MAX];
    uint32_t members[CORES_MAX][TICKETS_MAX];
    struct gdn_victim victims[CORES_MAX][TICKETS_MAX];
};

static uint32_t add_process(gdn_cut *cut, uint32_t ticket)
{
    char name[16];
    (void)snprintf(name, sizeof name, "T%u", ticket);
    uint32_t process = gdn_cut_process(cut, gdn_process_named(name), NULL);
    assert_int_not_equal(process, GDN_NONE);
    assert_int_equal(gdn_cut_name_process(cut, process, name), GDN_OK);
    return process;
}

static uint32_t add_issuer(gdn_cut *cut, uint32_t ticket, uint32_t incarnation)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", ticket);
    uint32_t party = gdn_cut_party(cut, name, incarnation + ticket);
    assert_int_not_equal(party, GDN_NONE);
    return party;
}

static void make_deadlock(struct made *made, size_t index, const struct core *core,
                          uint32_t incarnation)
{
    struct gdn_deadlock *deadlock = &made->deadlocks[index];
    *deadlock = (struct gdn_deadlock){.id = gdn_id_from_name(core->letter),
                                      .members = made->members[index],
                                      .tickets = made->tickets[index],
                                      .victims = made->victims[index]};
    for (const uint32_t *ticket = core->tickets; *ticket != 0; ticket++) {
        uint32_t issuer = add_issuer(made->cut, *ticket, incarnation);
        made->members[index][deadlock->member_count++] = add_process(made->cut, *ticket);
        made->tickets[index][deadlock->ticket_count++] =
            (struct gdn_cut_ticket){.issuer = issuer, .number = *ticket};
    }
    for (const uint32_t *victim = core->victims; *victim != 0; victim++) {
        made->victims[index][deadlock->victim_count++] =
            (struct gdn_victim){.process = add_process(made->cut, *victim),
                                .party = add_issuer(made->cut, *victim, incarnation),
                                .ticket = *victim};
    }
}

static void make_verdict(struct made *made, const struct core *cores, uint32_t incarnation)
{
    *made = (struct made){.cut = gdn_cut_new(NULL)};
    assert_non_null(made->cut);
    while (cores[made->verdict.deadlock_count].letter != NULL) {
        size_t index = made->verdict.deadlock_count++;
        make_deadlock(made, index, &cores[index], incarnation);
    }
    made->verdict.cut = made->cut;
    made->verdict.complete = true;
    made->verdict.deadlocks = made->deadlocks;
    assert_int_equal(gdn__names_init(&made->names, made->cut), GDN_OK);
    made->verdict.names = &made->names;
}

static enum gdn_err see_verdict(const gdn_verdict *verdict, int64_t started_ms)
{
    struct gdn__seen seen = {.verdict = verdict,
                             .round = {gdn_node_named("watcher"), 1, ++world.rounds},
                             .started_us = started_ms * 1000,
                             .now_us = world.now_us,
                             .utc_us = 1000000000 + world.now_us};
    return gdn__incidents_see(world.incidents, &seen);
}

/* A round that began at @p started_ms and has its verdict at @p now_ms. */
static enum gdn_err try_see(int64_t started_ms, int64_t now_ms, const struct core *cores,
                            bool complete, uint32_t incarnation)
{
    struct made made;
    make_verdict(&made, cores, incarnation);
    made.verdict.complete = complete;
    world.now_us = now_ms * 1000;
    enum gdn_err err = see_verdict(&made.verdict, started_ms);
    gdn__names_fini(&made.names);
    gdn_cut_free(made.cut);
    return err;
}

/* Cores up to a NULL letter, seen by a complete round. */
#define SEE(started_ms, now_ms, ...)                                                               \
    assert_int_equal(                                                                              \
        try_see(started_ms, now_ms, (const struct core[]){__VA_ARGS__, {0}}, true, 100), GDN_OK)
#define SEE_INCOMPLETE(started_ms, now_ms, ...)                                                    \
    assert_int_equal(                                                                              \
        try_see(started_ms, now_ms, (const struct core[]){__VA_ARGS__, {0}}, false, 100), GDN_OK)
#define NOTHING                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

static void answer(uint32_t ticket, int64_t now_ms, enum gdn__order_state outcome)
{
    char node[16];
    (void)snprintf(node, sizeof node, "n%u", ticket);
    world.now_us = now_ms * 1000;
    gdn__incidents_answer(world.incidents, node, 100 + ticket, ticket, outcome, world.now_us);
}

static void pass(int64_t now_ms)
{
    world.now_us = now_ms * 1000;
    gdn__incidents_pass(world.incidents, world.now_us);
}

/* ---- Found and gone ---- */

static void a_deadlock_is_found_once_however_many_rounds_see_it(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 100; ms += 10) SEE(ms, ms + 1, {"A", {1, 2}, {0}});
    expect("  1 A: found, number 0\n");
    assert_int_equal(gdn__incidents_count(world.incidents), 1);
}

/* RULES 15: a core that changed its shape, and with it its id, is no new deadlock. The chain of
 * shapes may share no ticket between its first and its last. */
static void a_core_that_shares_a_ticket_is_the_same_deadlock(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE(10, 11, {"B", {2, 3}, {0}});
    SEE(20, 21, {"C", {3, 4}, {0}});
    expect("  1 A: found, number 0\n");
    SEE(30, 31, {"D", {5, 6}, {0}}, {"C", {4}, {0}});
    expect(" 31 D: found, number 0\n");
    SEE(40, 41, NOTHING);
    expect(" 41 D: gone after 10\n 41 A: gone after 40\n");
}

/* Tickets are numbered anew by a restarted node: equal numbers are not equal waits. */
static void a_ticket_of_another_incarnation_is_another_wait(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    assert_int_equal(try_see(10, 11, (const struct core[]){{"B", {1, 2}, {0}}, {0}}, true, 200),
                     GDN_OK);
    expect("  1 A: found, number 0\n 11 B: found, number 0\n 11 A: gone after 10\n");
}

/* A node that did not answer may be just the one where it can be seen. */
static void only_a_complete_round_can_say_that_it_is_gone(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE_INCOMPLETE(10, 11, NOTHING);
    expect("  1 A: found, number 0\n");
    SEE(20, 21, NOTHING);
    expect(" 21 A: gone after 20\n");
    assert_int_equal(gdn__incidents_count(world.incidents), 0);
}

/* Whoever deadlocks again has new tickets; the same id can then only be the same mistake. */
static void what_was_gone_and_comes_back_is_found_again(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE(10, 11, NOTHING);
    SEE(20, 21, {"A", {1, 2}, {0}});
    expect("  1 A: found, number 0\n 11 A: gone after 10\n 21 A: found, number 0\n");
}

/* A third wait ties two known deadlocks together: both stand, and nothing is new. */
static void two_deadlocks_that_become_one_both_stand(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}}, {"B", {3, 4}, {0}});
    expect("  1 A: found, number 0\n  1 B: found, number 1\n");
    SEE(10, 11, {"C", {1, 2, 3, 4, 5}, {0}});
    expect("");
    assert_int_equal(gdn__incidents_count(world.incidents), 2);
}

static void what_stands_is_listed_oldest_first(void **state)
{
    (void)state;
    SEE(0, 1, {"B", {3, 4, 5}, {0}});
    SEE(10, 11, {"A", {1, 2}, {2}}, {"B", {3, 4, 5}, {0}});
    assert_int_equal(gdn__incidents_count(world.incidents), 2);
    const struct gdn__incident *old = gdn__incidents_at(world.incidents, 0);
    const struct gdn__incident *young = gdn__incidents_at(world.incidents, 1);
    assert_int_equal(letter_of(old->id), 'B');
    assert_int_equal(old->member_count, 3);
    assert_string_equal(old->who, "T3, T4, T5");
    assert_int_equal(old->found_in.number, 1);
    assert_int_equal(old->found_us, 1000);
    assert_int_equal(old->found_utc_us, 1000001000);
    assert_false(old->resolving);
    assert_int_equal(letter_of(young->id), 'A');
    assert_int_equal(young->found_in.number, 2);
    assert_true(young->resolving);
    assert_int_equal(young->last, GDN__ORDER_ASKED);
}

/* ---- Orders (RULES 14) ---- */

static void no_second_order_while_one_is_unanswered(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n");
    SEE(10, 11, {"A", {1, 2}, {2}});
    SEE(20, 21, {"B", {2, 3}, {3}}); /* Not even for another member, by another name. */
    expect("");
}

static void another_core_has_its_own_orders(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}}, {"B", {3, 4}, {4}});
    expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n"
           "  1 B: found, number 1\n  1 B: abort T4 at n4/104, ticket 4\n");
}

/* Three holders of S that all upgrade need two victims (RULES 2): they go together. */
static void all_victims_of_a_core_are_asked_at_once(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2, 3}, {2, 3}});
    expect("  1 A: found, number 0\n"
           "  1 A: abort T2 at n2/102, ticket 2\n  1 A: abort T3 at n3/103, ticket 3\n");
    answer(3, 5, GDN__ORDER_ABORTED);
    expect("  5 A: aborted T3 at n3/103, ticket 3 after 4\n");
    SEE(10, 11, {"A", {1, 2, 3}, {2, 3}}); /* T2's is still unanswered. */
    expect("");
}

static void an_abort_is_told_with_its_time_and_the_deadlock_then_goes(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    answer(2, 3, GDN__ORDER_ABORTED);
    SEE(10, 11, NOTHING);
    expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n"
           "  3 A: aborted T2 at n2/102, ticket 2 after 2\n"
           " 11 A: gone after 10\n");
}

/* A cut that was begun before the answer shows the deadlock as it was; acting on it would kill a
 * second member. */
static void a_picture_older_than_the_answer_asks_for_nothing(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    answer(2, 5, GDN__ORDER_ABORTED);
    world.length = 0;
    SEE(4, 6, {"A", {1, 2}, {1}});
    SEE(5, 7, {"A", {1, 2}, {1}});
    expect("");
    SEE(6, 8, {"A", {1, 2}, {1}});
    expect("  8 A: abort T1 at n1/101, ticket 1\n");
}

static void after_a_stale_answer_the_next_round_asks_again(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    answer(2, 3, GDN__ORDER_STALE);
    expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n"
           "  3 A: stale T2 at n2/102, ticket 2 after 2\n");
    assert_int_equal(gdn__incidents_at(world.incidents, 0)->last, GDN__ORDER_STALE);
    SEE(10, 11, {"A", {1, 2}, {2}});
    expect(" 11 A: abort T2 at n2/102, ticket 2\n");
}

/* Its manager would say the same again, round after round. Another victim is another matter. */
static void who_was_refused_is_not_asked_again(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    answer(2, 3, GDN__ORDER_REFUSED);
    world.length = 0;
    SEE(10, 11, {"A", {1, 2}, {2}});
    expect("");
    SEE(20, 21, {"A", {1, 2}, {2, 1}});
    expect(" 21 A: abort T1 at n1/101, ticket 1\n");
}

static void an_order_without_an_answer_becomes_unknown_and_may_be_given_again(void **state)
{
    (void)state;
    assert_int_equal(gdn__incidents_deadline(world.incidents), INT64_MAX);
    SEE(0, 1, {"A", {1, 2}, {2}});
    assert_int_equal(gdn__incidents_deadline(world.incidents), (1 + ORDER_MS) * 1000);
    world.length = 0;
    pass(ORDER_MS);
    expect("");
    pass(ORDER_MS + 1);
    expect(" 51 A: unknown T2 at n2/102, ticket 2 after 50\n");
    assert_int_equal(gdn__incidents_deadline(world.incidents), INT64_MAX);
    pass(ORDER_MS + 2);
    expect("");
    SEE(60, 61, {"A", {1, 2}, {2}});
    expect(" 61 A: abort T2 at n2/102, ticket 2\n");
    assert_int_equal(gdn__incidents_deadline(world.incidents), (61 + ORDER_MS) * 1000);
}

/* What became of it is worth knowing even late. */
static void an_answer_after_the_bound_is_told(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    pass(ORDER_MS + 1);
    world.length = 0;
    answer(2, 90, GDN__ORDER_ABORTED);
    answer(2, 95, GDN__ORDER_STALE); /* But only once. */
    expect(" 90 A: aborted T2 at n2/102, ticket 2 after 89\n");
}

/* The earliest order sets the deadline, and only those that are due become unknown. */
static void each_order_has_its_own_time(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    SEE(10, 11, {"A", {1, 2}, {2}}, {"B", {3, 4}, {3}});
    world.length = 0;
    assert_int_equal(gdn__incidents_deadline(world.incidents), (1 + ORDER_MS) * 1000);
    pass(ORDER_MS + 1);
    expect(" 51 A: unknown T2 at n2/102, ticket 2 after 50\n");
    assert_int_equal(gdn__incidents_deadline(world.incidents), (11 + ORDER_MS) * 1000);
}

static void a_lost_node_answers_nothing_any_more(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2, 3}, {2, 3}});
    answer(3, 2, GDN__ORDER_STALE);
    world.length = 0;
    world.now_us = 7000;
    gdn__incidents_lose(world.incidents, "n2", 1, world.now_us); /* An older incarnation. */
    gdn__incidents_lose(world.incidents, "n9", 102, world.now_us);
    gdn__incidents_lose(world.incidents, "n3", 103, world.now_us); /* Has answered. */
    expect("");
    gdn__incidents_lose(world.incidents, "n2", 102, world.now_us);
    expect("  7 A: unknown T2 at n2/102, ticket 2 after 6\n");
}

/* Nothing that a node says unasked may change what is known. */
static void an_answer_that_nobody_asked_for_is_ignored(void **state)
{
    (void)state;
    answer(2, 0, GDN__ORDER_ABORTED);
    SEE(0, 1, {"A", {1, 2}, {2}});
    world.length = 0;
    answer(1, 2, GDN__ORDER_ABORTED); /* A member, but not the one that was asked. */
    gdn__incidents_answer(world.incidents, "n2", 999, 2, GDN__ORDER_ABORTED, 2000);
    gdn__incidents_answer(world.incidents, "n3", 102, 2, GDN__ORDER_ABORTED, 2000);
    gdn__incidents_answer(world.incidents, "n2", 102, 3, GDN__ORDER_ABORTED, 2000);
    expect("");
    assert_int_equal(gdn__incidents_at(world.incidents, 0)->last, GDN__ORDER_ASKED);
}

/* The abort took effect before its answer came: first the outcome, then the end. */
static void a_deadlock_is_not_gone_before_its_order_is_answered(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    world.length = 0;
    SEE(10, 11, NOTHING);
    expect("");
    answer(2, 12, GDN__ORDER_ABORTED);
    SEE(20, 21, NOTHING);
    expect(" 12 A: aborted T2 at n2/102, ticket 2 after 11\n 21 A: gone after 20\n");
}

/* ---- Names ---- */

static void expect_who(const char *const *names, size_t count, const char *expected)
{
    uint32_t members[64];
    struct gdn_cut_ticket ticket = {0, 1};
    struct gdn__names shown;
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_non_null(cut);
    assert_int_equal(gdn_cut_party(cut, "n1", 1), 0);
    for (size_t i = 0; i < count; i++) {
        members[i] = gdn_cut_process(cut, gdn_process_named(names[i]), NULL);
        assert_int_equal(gdn_cut_name_process(cut, members[i], names[i]), GDN_OK);
    }
    assert_int_equal(gdn__names_init(&shown, cut), GDN_OK);
    struct gdn_deadlock deadlock = {
        .members = members, .member_count = count, .tickets = &ticket, .ticket_count = 1};
    gdn_verdict verdict = {
        .cut = cut, .deadlocks = &deadlock, .deadlock_count = 1, .names = &shown};
    assert_int_equal(see_verdict(&verdict, 0), GDN_OK);
    assert_string_equal(gdn__incidents_at(world.incidents, 0)->who, expected);
    gdn__names_fini(&shown);
    gdn_cut_free(cut);
}

static void many_members_are_counted(void **state)
{
    char room[60][16], expected[GDN__INCIDENT_WHO_BYTES + 64] = "";
    const char *names[60];
    (void)state;
    for (size_t i = 0; i < 60; i++) {
        (void)snprintf(room[i], sizeof room[i], "process%03zu", i);
        names[i] = room[i];
    }
    for (size_t i = 0, length = 0; i < 14; i++) {
        length += (size_t)snprintf(expected + length, sizeof expected - length, "%s%s",
                                   i == 0 ? "" : ", ", names[i]);
    }
    strcat(expected, " and 46 more");
    expect_who(names, 60, expected);
}

static void names_that_do_not_fit_are_left_out_whole(void **state)
{
    char name[GDN_NAME_MAX + 1];
    const char *names[] = {name, "T2"};
    (void)state;
    memset(name, 'x', GDN_NAME_MAX);
    name[GDN_NAME_MAX] = '\0';
    expect_who(names, 2, "2 processes");
}

/* ---- Limits ---- */

/* At the maximum new deadlocks are not remembered, and so not reported round after round; when
 * others have gone, there is room. */
static void there_is_a_maximum_of_deadlocks(void **state)
{
    (void)state;
    size_t count = GDN__INCIDENTS_MAX + 1;
    struct gdn_deadlock *deadlocks = calloc(count, sizeof *deadlocks);
    struct gdn_cut_ticket *tickets = calloc(count, sizeof *tickets);
    struct made made;
    assert_true(deadlocks != NULL && tickets != NULL);
    make_verdict(&made, (const struct core[]){{"A", {1}, {0}}, {0}}, 100);
    for (size_t i = 0; i < count; i++) {
        tickets[i].number = i + 1;
        deadlocks[i] = made.deadlocks[0];
        deadlocks[i].tickets = &tickets[i];
    }
    made.verdict.deadlocks = deadlocks;
    made.verdict.deadlock_count = count;
    struct gdn__incidents_options silent = {.allocator = gdn__allocator_or_default(NULL)};
    gdn__incidents_free(world.incidents);
    world.incidents = gdn__incidents_new(&silent);
    assert_non_null(world.incidents);
    assert_int_equal(see_verdict(&made.verdict, 0), GDN_ERR_LIMIT);
    assert_int_equal(gdn__incidents_count(world.incidents), GDN__INCIDENTS_MAX);
    made.verdict.deadlock_count = 0;
    assert_int_equal(see_verdict(&made.verdict, 0), GDN_OK);
    assert_int_equal(gdn__incidents_count(world.incidents), 0);
    gdn__names_fini(&made.names);
    gdn_cut_free(made.cut);
    free(deadlocks);
    free(tickets);
}

struct supply {
    size_t left; /* Allocations that still succeed before the one that fails. */
    bool failed;
};

static void *resize_or_fail(void *context, void *block, size_t bytes)
{
    struct supply *supply = context;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    if (!supply->failed && supply->left-- == 0) {
        supply->failed = true;
        return NULL;
    }
    return realloc(block, bytes);
}

/* Whichever allocation fails: nothing leaks, the round says so, and the next one reports what was
 * not remembered, once, and asks what was not asked. */
static void every_allocation_may_fail(void **state)
{
    struct supply supply = {0};
    const struct core first[] = {{"A", {1, 2}, {2}}, {"B", {3, 4}, {4}}, {0}};
    const struct core second[] = {{"A", {1, 2, 5, 6, 7, 8}, {2}}, {"B", {3, 4}, {4}}, {0}};
    size_t runs = 0;
    teardown(state);
    do {
        supply = (struct supply){.left = runs++};
        const struct gdn_allocator allocator = {resize_or_fail, &supply};
        while (!open_world(&allocator)) assert_true(supply.failed);
        for (int64_t ms = 0; ms < 30; ms += 10) {
            bool failed_before = supply.failed;
            enum gdn_err err = try_see(ms, ms, ms == 0 ? first : second, true, 100);
            assert_int_equal(err, supply.failed && !failed_before ? GDN_ERR_MEMORY : GDN_OK);
        }
        const char *const once[] = {"A: found", "B: found", "A: abort", "B: abort"};
        world.trace[world.length] = '\0';
        for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
            const char *told = strstr(world.trace, once[i]);
            assert_non_null(told);
            assert_null(strstr(told + 1, once[i]));
        }
        teardown(state);
    } while (supply.failed);
    assert_true(runs > 8);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_deadlock_is_found_once_however_many_rounds_see_it),
        RUN(a_core_that_shares_a_ticket_is_the_same_deadlock),
        RUN(a_ticket_of_another_incarnation_is_another_wait),
        RUN(only_a_complete_round_can_say_that_it_is_gone),
        RUN(what_was_gone_and_comes_back_is_found_again),
        RUN(two_deadlocks_that_become_one_both_stand),
        RUN(what_stands_is_listed_oldest_first),
        RUN(no_second_order_while_one_is_unanswered),
        RUN(another_core_has_its_own_orders),
        RUN(all_victims_of_a_core_are_asked_at_once),
        RUN(an_abort_is_told_with_its_time_and_the_deadlock_then_goes),
        RUN(a_picture_older_than_the_answer_asks_for_nothing),
        RUN(after_a_stale_answer_the_next_round_asks_again),
        RUN(who_was_refused_is_not_asked_again),
        RUN(an_order_without_an_answer_becomes_unknown_and_may_be_given_again),
        RUN(an_answer_after_the_bound_is_told),
        RUN(each_order_has_its_own_time),
        RUN(a_lost_node_answers_nothing_any_more),
        RUN(an_answer_that_nobody_asked_for_is_ignored),
        RUN(a_deadlock_is_not_gone_before_its_order_is_answered),
        RUN(many_members_are_counted),
        RUN(names_that_do_not_fit_are_left_out_whole),
        RUN(there_is_a_maximum_of_deadlocks),
        RUN(every_allocation_may_fail),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
