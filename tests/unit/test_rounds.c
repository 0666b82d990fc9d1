/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a detector takes snapshots and when it has waited long enough: a virtual clock, and the
 * orders it gives as a trace. "1" and "2" are the nodes n1 and n2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "detector/rounds/rounds.h"
#include "src/core/mem.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS       INT64_C(1000)
#define PERIOD   (1000 * MS)
#define DEADLINE (400 * MS)

struct desk {
    gdn__rounds *rounds;
    char trace[8192];
};

static int setup(void **state)
{
    static const char *const expect[] = {"n1"};
    struct desk *desk = calloc(1, sizeof *desk);
    assert_non_null(desk);
    struct gdn__rounds_options options = {.name = "D",
                                          .incarnation = 77,
                                          .period_us = PERIOD,
                                          .deadline_us = DEADLINE,
                                          .expect = expect,
                                          .expect_count = 1,
                                          .allocator = gdn__allocator_or_default(NULL)};
    desk->rounds = gdn__rounds_new(&options, 0);
    assert_non_null(desk->rounds);
    *state = desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    gdn__rounds_free(desk->rounds);
    free(desk);
    return 0;
}

static void tell(struct desk *desk, const struct gdn__rounds_action *action)
{
    static const char *const names[] = {"start", "collect", "abandon", "refuse", "fail", "finish"};
    size_t used = strlen(desk->trace);
    char more[256] = "";
    if (action->type == GDN__ROUNDS_FINISH) {
        (void)snprintf(more, sizeof more, ", %zu reports", action->cut->node_count);
        for (size_t i = 0; i < action->cut->missing_count; i++) {
            size_t at = strlen(more);
            (void)snprintf(more + at, sizeof more - at, ", missing %s", action->cut->missing[i]);
        }
        gdn_cut_free(action->cut);
    }
    if (action->type <= GDN__ROUNDS_REFUSE) (void)snprintf(more, sizeof more, " %u", action->node);
    (void)snprintf(desk->trace + used, sizeof desk->trace - used, "%s%s\n", names[action->type],
                   more);
}

static void step(struct desk *desk, struct gdn__rounds_event event)
{
    struct gdn__rounds_actions actions;
    assert_int_equal(gdn__rounds_step(desk->rounds, &event, &actions), GDN_OK);
    for (size_t i = 0; i < actions.count; i++) tell(desk, &actions.actions[i]);
}

static void join(struct desk *desk, uint32_t node, int64_t at_us)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", node);
    step(desk, (struct gdn__rounds_event){.type = GDN__ROUNDS_JOINED,
                                          .now_us = at_us,
                                          .node = node,
                                          .name = name,
                                          .incarnation = node + 10});
}

static void happen(struct desk *desk, enum gdn__rounds_event_type type, uint32_t node,
                   int64_t at_us)
{
    step(desk, (struct gdn__rounds_event){.type = type, .now_us = at_us, .node = node});
}

static gdn_round_id round_number(uint64_t number)
{
    return (gdn_round_id){gdn_node_named("D"), 77, number};
}

/* Node @p node reports for round @p number as @p name, having taken @p taken messages of n1. */
static void report_as(struct desk *desk, uint32_t node, const char *name, uint64_t incarnation,
                      uint64_t taken, uint64_t number, int64_t at_us)
{
    uint8_t *bytes;
    size_t length;
    uint32_t own;
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_non_null(cut);
    uint32_t party = gdn_cut_party(cut, name, incarnation);
    assert_int_equal(gdn_cut_add_node(cut, party, &own), GDN_OK);
    struct gdn_cut_channel channel = {.counted = true, .count = taken};
    channel.incoming = node != 1;
    channel.peer = gdn_cut_party(cut, node == 1 ? "n2" : "n1", node == 1 ? 12 : 11);
    assert_int_equal(gdn_cut_add_channel(cut, own, &channel), GDN_OK);
    assert_int_equal(gdn_cut_encode(cut, &bytes, &length), GDN_OK);
    step(desk, (struct gdn__rounds_event){.type = GDN__ROUNDS_REPORTED,
                                          .now_us = at_us,
                                          .node = node,
                                          .round = round_number(number),
                                          .bytes = bytes,
                                          .length = length});
    free(bytes);
    gdn_cut_free(cut);
}

static void report(struct desk *desk, uint32_t node, uint64_t number, int64_t at_us)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", node);
    report_as(desk, node, name, node + 10, 3, number, at_us);
}

static void expect(struct desk *desk, const char *trace)
{
    assert_string_equal(desk->trace, trace);
    desk->trace[0] = '\0';
}

/* Two nodes are registered, and what that caused is forgotten. */
static void both_join(struct desk *desk)
{
    join(desk, 1, 0);
    join(desk, 2, 0);
    expect(desk, "");
}

static void a_round_ends_with_the_last_report(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 1 * MS);
    expect(desk, "start 1\nstart 2\n");
    report(desk, 1, 1, 2 * MS);
    expect(desk, "");
    report(desk, 2, 1, 3 * MS);
    expect(desk, "finish, 2 reports\n");
}

static void the_timer_starts_rounds_without_suspicion(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    assert_int_equal(gdn__rounds_deadline(desk->rounds), PERIOD);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, PERIOD - 1);
    expect(desk, "");
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, PERIOD);
    expect(desk, "start 1\nstart 2\n");
}

/* RULES 8: else suspicions faster than rounds would never let one end. */
static void a_suspicion_during_a_round_starts_the_next_when_it_ends(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 1 * MS);
    expect(desk, "start 1\nstart 2\n");
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 2 * MS);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 3 * MS);
    expect(desk, "");
    report(desk, 1, 1, 4 * MS);
    report(desk, 2, 1, 5 * MS);
    expect(desk, "finish, 2 reports\nstart 1\nstart 2\n");
}

/* At the deadline the silent are asked for what they have; then the verdict is about the others. */
static void a_silent_node_is_missing_after_both_deadlines(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    report(desk, 1, 1, 1 * MS);
    desk->trace[0] = '\0';
    int64_t deadline = gdn__rounds_deadline(desk->rounds);
    assert_int_equal(deadline, DEADLINE);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, deadline);
    expect(desk, "collect 2\n");
    deadline = gdn__rounds_deadline(desk->rounds);
    assert_int_equal(deadline, DEADLINE + GDN__ROUND_CALL_US);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, deadline);
    expect(desk, "");
    deadline = gdn__rounds_deadline(desk->rounds);
    assert_true(deadline > DEADLINE && deadline <= 2 * DEADLINE);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, deadline);
    expect(desk, "abandon 2\nfinish, 1 reports, missing n2\n");
}

static void an_expected_node_that_never_registered_is_missing(void **state)
{
    struct desk *desk = *state;
    join(desk, 2, 0);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    expect(desk, "start 2\n");
    report(desk, 2, 1, 1 * MS);
    expect(desk, "finish, 1 reports, missing n1\n");
}

/* RULES 9: joining or leaving restarts the round. */
static void joining_restarts_the_round(void **state)
{
    struct desk *desk = *state;
    join(desk, 1, 0);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    expect(desk, "start 1\n");
    join(desk, 2, 1 * MS);
    int64_t retry = gdn__rounds_deadline(desk->rounds);
    if (strstr(desk->trace, "start 2\n") == NULL) happen(desk, GDN__ROUNDS_TIME_PASSED, 0, retry);
    assert_non_null(strstr(desk->trace, "start 1\nstart 2\n"));
    desk->trace[0] = '\0';
    report(desk, 1, 1, 2 * MS); /* Of the round before: nobody wants it. */
    expect(desk, "");
}

static void a_round_without_anybody_is_not_taken(void **state)
{
    struct desk *desk = *state;
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, PERIOD);
    expect(desk, "");
}

/* "A cut that does not balance is thrown away", and tried again. */
static void a_cut_that_does_not_balance_fails_and_is_retried(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    report_as(desk, 1, "n1", 11, 3, 1, 1 * MS); /* n1 sent 3 ... */
    desk->trace[0] = '\0';
    report_as(desk, 2, "n2", 12, 2, 1, 2 * MS); /* ... and n2 took 2, with none on the way. */
    assert_non_null(strstr(desk->trace, "fail\n"));
    assert_null(strstr(desk->trace, "finish"));
    desk->trace[0] = '\0';
    int64_t retry = gdn__rounds_deadline(desk->rounds);
    assert_true(retry < PERIOD);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, retry);
    expect(desk, "start 1\nstart 2\n");
}

/* A node speaks for itself alone: a report in another's name, or of another incarnation, counts
 * for nothing. */
static void a_report_in_anothers_name_is_refused(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    desk->trace[0] = '\0';
    report_as(desk, 2, "n1", 11, 3, 1, 1 * MS);
    assert_non_null(strstr(desk->trace, "refuse 2\n"));
    desk->trace[0] = '\0';
    report(desk, 1, 1, 2 * MS);
    expect(desk, "finish, 1 reports, missing n2\n");
}

static void garbage_instead_of_a_report_is_refused(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    desk->trace[0] = '\0';
    step(desk, (struct gdn__rounds_event){.type = GDN__ROUNDS_REPORTED,
                                          .now_us = 1 * MS,
                                          .node = 1,
                                          .round = round_number(1),
                                          .bytes = (const uint8_t *)"garbage",
                                          .length = 7});
    assert_non_null(strstr(desk->trace, "refuse 1\n"));
}

/* The node says why it cannot report; the round is tried again after a pause. */
static void a_failed_round_is_retried_after_a_pause(void **state)
{
    struct desk *desk = *state;
    both_join(desk);
    happen(desk, GDN__ROUNDS_SUSPECTED, 0, 0);
    desk->trace[0] = '\0';
    step(desk, (struct gdn__rounds_event){.type = GDN__ROUNDS_FAILED,
                                          .now_us = 1 * MS,
                                          .node = 1,
                                          .round = round_number(1),
                                          .reason = "a peer was lost during it"});
    assert_non_null(strstr(desk->trace, "fail\n"));
    desk->trace[0] = '\0';
    assert_int_equal(gdn__rounds_deadline(desk->rounds), 1 * MS + GDN__ROUND_PAUSE_US);
    happen(desk, GDN__ROUNDS_TIME_PASSED, 0, 1 * MS + GDN__ROUND_PAUSE_US);
    expect(desk, "start 1\nstart 2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_round_ends_with_the_last_report, setup, teardown),
        cmocka_unit_test_setup_teardown(the_timer_starts_rounds_without_suspicion, setup, teardown),
        cmocka_unit_test_setup_teardown(a_suspicion_during_a_round_starts_the_next_when_it_ends,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_node_is_missing_after_both_deadlines, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_expected_node_that_never_registered_is_missing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(joining_restarts_the_round, setup, teardown),
        cmocka_unit_test_setup_teardown(a_round_without_anybody_is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_that_does_not_balance_fails_and_is_retried, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_report_in_anothers_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(garbage_instead_of_a_report_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_round_is_retried_after_a_pause, setup, teardown),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
