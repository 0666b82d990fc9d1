/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits that a manager states by itself, through whole sites: what names a resource is met by its
 * release in flight, and threads of one process are told apart. "A" and "B" are nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/story/story_fixture.h"
#include <cmocka.h>
#include <gordian/verdict.h>

static gdn_process_id P(const char *name)
{
    return gdn_process_named(name);
}

static void wait_on(struct world *world, const char *node, const char *process, uint32_t branch_id,
                    struct gdn_need need)
{
    gdn_ticket ticket;
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on = (struct gdn_wait){
        .process = P(process), .needs = &need, .count = 1, .branch_id = branch_id};
    assert_int_equal(world_event(world, node, &event, &ticket), GDN_OK);
}

/* A round now, with what lies untaken in the inboxes; how many deadlocks. */
static size_t deadlocks(struct world *world)
{
    char why[256];
    gdn_verdict *verdict;
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    gdn_cut *cut = world_round_cut(world, "D1", round, GDN_OK);
    assert_int_equal(gdn_analyze(cut, GDN_POLICY_NONE, &verdict, why, sizeof why), GDN_OK);
    size_t count = verdict->deadlock_count;
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
    return count;
}

/* P has x, which lives at B, and waits for T; T waits for P: for all of it, or for x alone. Then P
 * gives x up, and B has not read it. */
static void wait_for_p_who_gives_x_up(struct world *world, struct gdn_need need)
{
    story_lock(world, "A", "B", "P", "x", GDN_MODE_EXCLUSIVE);
    wait_on(world, "B", "T", 0, need);
    wait_on(world, "A", "P", 0, gdn_need_process(P("T")));
    assert_int_equal(deadlocks(world), 1);
    assert_int_equal(world_release_lock(world, "A", "P", "x"), GDN_OK);
}

static void a_release_in_flight_meets_the_need_that_names_its_resource(void **state)
{
    struct world *world = *state;
    wait_for_p_who_gives_x_up(world, gdn_need_hold(P("P"), gdn_resource_named("x")));
    assert_int_equal(deadlocks(world), 0);
}

static void a_release_in_flight_does_not_meet_a_need_of_another_resource(void **state)
{
    struct world *world = *state;
    wait_for_p_who_gives_x_up(world, gdn_need_hold(P("P"), gdn_resource_named("y")));
    assert_int_equal(deadlocks(world), 1);
}

static void a_release_in_flight_does_not_meet_a_need_of_the_whole_process(void **state)
{
    struct world *world = *state;
    wait_for_p_who_gives_x_up(world, gdn_need_process(P("P")));
    assert_int_equal(deadlocks(world), 1);
}

/* U waits for the second worker of T at A, whose first waits for U. */
static void workers_of_one_process_are_told_apart(void **state)
{
    struct world *world = *state;
    struct gdn_need second = gdn_need_process(P("T"));
    second.branch_at = "A";
    second.branch_id = 2;
    wait_on(world, "B", "U", 0, second);
    wait_on(world, "A", "T", 1, gdn_need_process(P("U")));
    assert_int_equal(deadlocks(world), 0);
    wait_on(world, "A", "T", 2, gdn_need_process(P("U")));
    assert_int_equal(deadlocks(world), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_OF_TWO(a_release_in_flight_meets_the_need_that_names_its_resource),
        STORY_OF_TWO(a_release_in_flight_does_not_meet_a_need_of_another_resource),
        STORY_OF_TWO(a_release_in_flight_does_not_meet_a_need_of_the_whole_process),
        STORY_OF_TWO(workers_of_one_process_are_told_apart),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
