/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlocks over many rounds: found once, the same one in a new shape, gone when they are gone, and
 * what happens at the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "incidents_fixture.h"
#include "tests/support/faulty.h"

#include "src/core/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Found and gone ---- */

static void a_deadlock_is_found_once_however_many_rounds_see_it(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 100; ms += 10) SEE(ms, ms + 1, {"A", {1, 2}, {0}});
    told_expect("  1 A: found, number 0\n");
    assert_int_equal(gdn__incidents_count(told.incidents), 1);
}

/* RULES 15: a core that changed its shape, and with it its id, is no new deadlock. The chain of
 * shapes may share no ticket between its first and its last. */
static void a_core_that_shares_a_ticket_is_the_same_deadlock(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE(10, 11, {"B", {2, 3}, {0}});
    SEE(20, 21, {"C", {3, 4}, {0}});
    told_expect("  1 A: found, number 0\n");
    SEE(30, 31, {"D", {5, 6}, {0}}, {"C", {4}, {0}});
    told_expect(" 31 D: found, number 0\n");
    SEE(40, 41, NOTHING);
    told_expect(" 41 D: gone after 10\n 41 A: gone after 40\n");
}

/* Tickets are numbered anew by a restarted node: equal numbers are not equal waits. */
static void a_ticket_of_another_incarnation_is_another_wait(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    assert_int_equal(
        told_try_see(10, 11, (const struct told_core[]){{"B", {1, 2}, {0}}, {0}}, true, 200),
        GDN_OK);
    told_expect("  1 A: found, number 0\n 11 B: found, number 0\n 11 A: gone after 10\n");
}

/* A node that did not answer may be just the one where it can be seen. */
static void only_a_complete_round_can_say_that_it_is_gone(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE_INCOMPLETE(10, 11, NOTHING);
    told_expect("  1 A: found, number 0\n");
    SEE(20, 21, NOTHING);
    told_expect(" 21 A: gone after 20\n");
    assert_int_equal(gdn__incidents_count(told.incidents), 0);
}

/* Whoever deadlocks again has new tickets; the same id can then only be the same mistake. */
static void what_was_gone_and_comes_back_is_found_again(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE(10, 11, NOTHING);
    SEE(20, 21, {"A", {1, 2}, {0}});
    told_expect("  1 A: found, number 0\n 11 A: gone after 10\n 21 A: found, number 0\n");
}

/* A third wait ties two known deadlocks together: both stand, and nothing is new. */
static void two_deadlocks_that_become_one_both_stand(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}}, {"B", {3, 4}, {0}});
    told_expect("  1 A: found, number 0\n  1 B: found, number 1\n");
    SEE(10, 11, {"C", {1, 2, 3, 4, 5}, {0}});
    told_expect("");
    assert_int_equal(gdn__incidents_count(told.incidents), 2);
}

static void what_stands_is_listed_oldest_first(void **state)
{
    (void)state;
    SEE(0, 1, {"B", {3, 4, 5}, {0}});
    SEE(10, 11, {"A", {1, 2}, {2}}, {"B", {3, 4, 5}, {0}});
    assert_int_equal(gdn__incidents_count(told.incidents), 2);
    const struct gdn__incident *old = gdn__incidents_at(told.incidents, 0);
    const struct gdn__incident *young = gdn__incidents_at(told.incidents, 1);
    assert_int_equal(told_letter(old->id), 'B');
    assert_int_equal(old->member_count, 3);
    assert_string_equal(old->who, "T3, T4, T5");
    assert_int_equal(old->found_in.number, 1);
    assert_int_equal(old->found_us, 1000);
    assert_int_equal(old->found_utc_us, 1000001000);
    assert_false(old->resolving);
    assert_int_equal(told_letter(young->id), 'A');
    assert_int_equal(young->found_in.number, 2);
    assert_true(young->resolving);
    assert_int_equal(young->last, GDN__ORDER_ASKED);
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
    assert_int_equal(told_see_verdict(&verdict, 0), GDN_OK);
    assert_string_equal(gdn__incidents_at(told.incidents, 0)->who, expected);
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
    struct told_made made;
    assert_true(deadlocks != NULL && tickets != NULL);
    told_make_verdict(&made, (const struct told_core[]){{"A", {1}, {0}}, {0}}, 100);
    for (size_t i = 0; i < count; i++) {
        tickets[i].number = i + 1;
        deadlocks[i] = made.deadlocks[0];
        deadlocks[i].tickets = &tickets[i];
    }
    made.verdict.deadlocks = deadlocks;
    made.verdict.deadlock_count = count;
    struct gdn__incidents_options silent = {.allocator = gdn__allocator_or_default(NULL)};
    gdn__incidents_free(told.incidents);
    told.incidents = gdn__incidents_new(&silent);
    assert_non_null(told.incidents);
    assert_int_equal(told_see_verdict(&made.verdict, 0), GDN_ERR_LIMIT);
    assert_int_equal(gdn__incidents_count(told.incidents), GDN__INCIDENTS_MAX);
    made.verdict.deadlock_count = 0;
    assert_int_equal(told_see_verdict(&made.verdict, 0), GDN_OK);
    assert_int_equal(gdn__incidents_count(told.incidents), 0);
    gdn__names_fini(&made.names);
    gdn_cut_free(made.cut);
    free(deadlocks);
    free(tickets);
}

/* Whichever allocation fails: nothing leaks, the round says so, and the next one reports what was
 * not remembered, once, and asks what was not asked. */
static void every_allocation_may_fail(void **state)
{
    struct faulty faulty;
    const struct told_core first[] = {{"A", {1, 2}, {2}}, {"B", {3, 4}, {4}}, {0}};
    const struct told_core second[] = {{"A", {1, 2, 5, 6, 7, 8}, {2}}, {"B", {3, 4}, {4}}, {0}};
    size_t runs = 0;
    told_teardown(state);
    do {
        faulty = (struct faulty){.allowed = runs++, .once = true};
        const struct gdn_allocator allocator = faulty_allocator(&faulty);
        while (!told_open(&allocator)) assert_true(faulty.failed > 0);
        for (int64_t ms = 0; ms < 30; ms += 10) {
            const size_t failed_before = faulty.failed;
            enum gdn_err err = told_try_see(ms, ms, ms == 0 ? first : second, true, 100);
            assert_int_equal(err, faulty.failed > failed_before ? GDN_ERR_MEMORY : GDN_OK);
        }
        const char *const once[] = {"A: found", "B: found", "A: abort", "B: abort"};
        told.trace[told.length] = '\0';
        for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
            const char *line = strstr(told.trace, once[i]);
            assert_non_null(line);
            assert_null(strstr(line + 1, once[i]));
        }
        told_teardown(state);
        assert_int_equal(faulty.live, 0);
    } while (faulty.failed > 0);
    assert_true(runs > 8);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, told_setup, told_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_deadlock_is_found_once_however_many_rounds_see_it),
        RUN(a_core_that_shares_a_ticket_is_the_same_deadlock),
        RUN(a_ticket_of_another_incarnation_is_another_wait),
        RUN(only_a_complete_round_can_say_that_it_is_gone),
        RUN(what_was_gone_and_comes_back_is_found_again),
        RUN(two_deadlocks_that_become_one_both_stand),
        RUN(what_stands_is_listed_oldest_first),
        RUN(many_members_are_counted),
        RUN(names_that_do_not_fit_are_left_out_whole),
        RUN(there_is_a_maximum_of_deadlocks),
        RUN(every_allocation_may_fail),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
