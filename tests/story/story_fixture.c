/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/story/story_fixture.h"
#include <cmocka.h>

struct world *story_world(int nodes, int detectors, const struct world_options *a,
                          const struct world_options *b)
{
    static const char *const node_names[] = {"A", "B", "C"};
    static const char *const detector_names[] = {"D1", "D2"};
    struct world *world = world_new();
    assert_in_range(nodes, 0, 3);
    assert_in_range(detectors, 0, 2);
    for (int i = 0; i < nodes; i++) {
        world_add_node(world, node_names[i], i == 0 ? a : i == 1 ? b : NULL);
    }
    for (int i = 0; i < detectors; i++) world_add_detector(world, detector_names[i]);
    world_connect_all(world);
    return world;
}

int story_begin_two(void **state)
{
    *state = story_world(2, 1, NULL, NULL);
    return 0;
}

int story_begin_three(void **state)
{
    *state = story_world(3, 2, NULL, NULL);
    return 0;
}

int story_end(void **state)
{
    world_free(*state);
    return 0;
}

gdn_ticket story_ask(struct world *world, const char *node, const char *home, const char *process,
                     const char *resource, uint8_t mode)
{
    gdn_ticket ticket;
    assert_int_equal(world_request(world, node, home, process, resource, mode, &ticket), GDN_OK);
    return ticket;
}

void story_lock(struct world *world, const char *node, const char *home, const char *process,
                const char *resource, uint8_t mode)
{
    (void)story_ask(world, node, home, process, resource, mode);
    world_settle(world);
    world_manage(world, home);
    world_settle(world);
    world_manage(world, node);
    world_settle(world);
    world_forget_trace(world);
}

void story_deadlock(struct world *world, gdn_ticket *first, gdn_ticket *second)
{
    story_lock(world, "A", "A", "T1", "x", GDN_MODE_EXCLUSIVE);
    story_lock(world, "B", "B", "T2", "y", GDN_MODE_EXCLUSIVE);
    *first = story_ask(world, "A", "B", "T1", "y", GDN_MODE_EXCLUSIVE);
    *second = story_ask(world, "B", "A", "T2", "x", GDN_MODE_EXCLUSIVE);
    world_settle(world);
    world_manage_all(world);
    world_forget_trace(world);
}
