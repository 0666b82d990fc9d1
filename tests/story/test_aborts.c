/* SPDX-License-Identifier: MIT */
/* What becomes of a detector's order to abort a wait, whatever crosses it. "A" and "B" are nodes,
 * "D1" is a detector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/wire.h"
#include "tests/story/story_fixture.h"
#include <cmocka.h>

/* The whole way of an abort: taken by the manager, the wait ends, the rollback frees the other. */
static void an_abort_ends_the_wait_and_frees_the_other(void **state)
{
    struct world *world = *state;
    gdn_ticket first, second;
    story_deadlock(world, &first, &second);
    world_abort(world, "D1", second, "T2");
    world_settle(world);
    assert_int_equal(world_outcome(world, "D1"), 0); /* Not taken yet. */
    struct gdn_item item;
    assert_true(world_take(world, "B", &item));
    assert_int_equal(item.type, GDN_ITEM_ABORTED);
    assert_true(gdn_ticket_equal(item.ticket, second));
    assert_int_equal(world_end(world, "B", "T2"), GDN_OK);
    world_settle(world);
    world_manage_all(world);
    assert_int_equal(world_outcome(world, "D1"), GDN__OUTCOME_ABORTED);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).ledger.tickets_granted, 2);
}

/* A grant that has arrived has ended the wait, though nobody took it yet (RULES 14). */
static void an_abort_that_meets_an_arrived_grant_is_stale(void **state)
{
    struct world *world = *state;
    gdn_ticket first, second;
    story_deadlock(world, &first, &second);
    assert_int_equal(world_end(world, "B", "T2"), GDN_OK);
    world_settle(world);
    world_manage(world, "B");
    world_settle(world); /* T1's grant lies in A's inbox. */
    world_abort(world, "D1", first, "T1");
    world_settle(world);
    assert_int_equal(world_outcome(world, "D1"), GDN__OUTCOME_STALE);
    world_manage_all(world);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).ledger.tickets_granted, 2);
}

/* The grant comes while the abort lies in the inbox: at taking it is checked again. */
static void an_abort_overtaken_by_a_cancel_is_stale(void **state)
{
    struct world *world = *state;
    gdn_ticket first, second;
    story_deadlock(world, &first, &second);
    world_abort(world, "D1", first, "T1");
    world_settle(world);
    assert_int_equal(world_cancel(world, "A", first), GDN_OK);
    world_manage_all(world);
    assert_int_equal(world_outcome(world, "D1"), GDN__OUTCOME_STALE);
}

/* Another process's name on the order: an innocent is never hit. */
static void an_abort_for_another_process_is_stale(void **state)
{
    struct world *world = *state;
    gdn_ticket first, second;
    story_deadlock(world, &first, &second);
    world_abort(world, "D1", first, "T2");
    world_settle(world);
    world_manage_all(world);
    assert_int_equal(world_outcome(world, "D1"), GDN__OUTCOME_STALE);
}

static void an_unabortable_process_is_refused(void **state)
{
    struct world *world = *state;
    gdn_ticket first, second;
    struct gdn_process_info info = {.label = "backup", .abortable = false};
    assert_int_equal(world_describe(world, "A", "T1", &info), GDN_OK);
    story_deadlock(world, &first, &second);
    world_abort(world, "D1", first, "T1");
    world_settle(world);
    assert_int_equal(world_outcome(world, "D1"), GDN__OUTCOME_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_OF_TWO(an_abort_ends_the_wait_and_frees_the_other),
        STORY_OF_TWO(an_abort_that_meets_an_arrived_grant_is_stale),
        STORY_OF_TWO(an_abort_overtaken_by_a_cancel_is_stale),
        STORY_OF_TWO(an_abort_for_another_process_is_stale),
        STORY_OF_TWO(an_unabortable_process_is_refused),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
