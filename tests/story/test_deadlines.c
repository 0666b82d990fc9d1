/* SPDX-License-Identifier: MIT */
/* How long a round waits for whom. A whole detector D1 with a deadline of a second watches A, B and
 * C, while A and B stand in a deadlock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/story/story_fixture.h"
#include <cmocka.h>

#define DEADLINE_US INT64_C(1000000)
#define CALL_US     INT64_C(20000)
#define HURRY_US    INT64_C(500000)

/* Of the last round. */
struct round {
    int64_t latency_us; /* 0: none has ended. */
    bool complete;
    size_t deadlocks;
};

static void on_told(void *context, int detector, const struct gdn_detector_event *event)
{
    struct round *last = context;
    (void)detector;
    if (event->type != GDN_DETECTOR_ROUND) return;
    *last = (struct round){.latency_us = event->latency_us,
                           .complete = event->verdict->complete,
                           .deadlocks = event->verdict->deadlock_count};
}

static struct world *deadlocked_world(struct round *last)
{
    gdn_ticket first, second;
    struct world *world = world_new();
    struct world_hooks hooks = {.context = last, .told = on_told};
    *last = (struct round){0};
    world_set_hooks(world, &hooks);
    world_add_node(world, "A", NULL);
    world_add_node(world, "B", NULL);
    world_add_node(world, "C", NULL);
    world_add_watch(world, "D1", &(struct world_watch){.deadline_us = DEADLINE_US});
    world_connect_all(world);
    story_deadlock(world, &first, &second);
    return world;
}

/* Nothing comes from C any more, and nothing gets there. */
static void hang(struct world *world)
{
    static const char *const others[] = {"A", "B", "D1"};
    for (int i = 0; i < 3; i++) {
        world_hold(world, "C", others[i]);
        world_hold(world, others[i], "C");
    }
}

static void a_round_ends_soon_after_its_deadline_when_a_node_hangs(void **state)
{
    struct round last;
    struct world *world = deadlocked_world(&last);
    (void)state;
    hang(world);
    world_suspect(world, "D1");
    world_pass_ms(world, 1100);
    assert_in_range(last.latency_us, DEADLINE_US, DEADLINE_US + CALL_US);
    assert_false(last.complete);
    assert_int_equal(last.deadlocks, 1);
    world_free(world);
}

/* C is there, and its report is on the way: what was heard of it is worth the second deadline. */
static void a_round_waits_longer_for_a_node_that_was_heard(void **state)
{
    struct round last;
    struct world *world = deadlocked_world(&last);
    (void)state;
    world_hold(world, "A", "C");
    world_suspect(world, "D1");
    world_pass_ms(world, 100); /* C has cut; A's marker is missing. */
    hang(world);
    world_pass_ms(world, 1200);
    assert_int_equal(last.latency_us, 0);
    world_pass_ms(world, 300);
    assert_in_range(last.latency_us, DEADLINE_US + HURRY_US, DEADLINE_US + HURRY_US + 1000);
    assert_false(last.complete);
    assert_int_equal(last.deadlocks, 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_ends_soon_after_its_deadline_when_a_node_hangs),
        cmocka_unit_test(a_round_waits_longer_for_a_node_that_was_heard),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
