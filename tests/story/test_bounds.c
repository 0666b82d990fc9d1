/* SPDX-License-Identifier: MIT */
/* What a node reaches its bounds with: memory where it is needed and no more, a named outcome at
 * each maximum. "A", "B" and "C" are nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/world.h"
#include <cmocka.h>

#define SHARED GDN_MODE_SHARED

static int three_nodes(void **state)
{
    struct world *world = world_new();
    world_add_node(world, "A", NULL);
    world_add_node(world, "B", NULL);
    world_add_node(world, "C", NULL);
    world_connect_all(world);
    *state = world;
    return 0;
}

static int end_world(void **state)
{
    world_free(*state);
    return 0;
}

/* ---- Memory ---- */

static size_t channel_capacity(struct world *world, const char *node, const char *peer)
{
    gdn__mesh *mesh = world_site(world, node)->mesh;
    uint32_t number = gdn__mesh_find(mesh, gdn_node_named(peer));
    assert_int_not_equal(number, 0);
    return gdn__mesh_peer(mesh, number)->channel.retained.capacity;
}

/* However many messages a release or an end gives, and however many peers there are. */
static void room_is_made_only_where_messages_go(void **state)
{
    enum { TICKETS = 200 };
    struct world *world = *state;
    gdn_ticket ticket;
    size_t idle = channel_capacity(world, "A", "C");
    for (int i = 0; i < TICKETS; i++) {
        assert_int_equal(world_request(world, "A", "B", "T1", "x", SHARED, &ticket), GDN_OK);
    }
    world_manage_all(world);
    assert_int_equal(world_release_lock(world, "A", "T1", "x"), GDN_OK);
    assert_in_range(channel_capacity(world, "A", "B"), TICKETS * GDN__LOCK_RECORD_BYTES, SIZE_MAX);
    assert_int_equal(channel_capacity(world, "A", "C"), idle);
    world_manage_all(world);
    assert_int_equal(gdn_site_counters(world_site(world, "B")).ledger.resources, 0);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, three_nodes, end_world)
    const struct CMUnitTest tests[] = {
        STORY(room_is_made_only_where_messages_go),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
