/* SPDX-License-Identifier: MIT */
/* What the tests of recording share: a ledger, a cut of one node, and the capture that fills it. */
#ifndef TESTS_UNIT_CAPTURE_FIXTURE_H
#define TESTS_UNIT_CAPTURE_FIXTURE_H

#include "ledger_fixture.h"
#include <gordian/cut.h>

/* Peers 0 to 9 are the parties of that number; PEER_WITHOUT_MEMORY stands for a failure. */
#define PEER_WITHOUT_MEMORY 9

static inline uint32_t party_of(void *context, struct gdn_cut *cut, uint32_t peer)
{
    (void)context;
    if (peer == PEER_WITHOUT_MEMORY) return GDN_NONE;
    const char name[] = {'n', (char)('0' + peer), '\0'};
    return gdn_cut_party(cut, name, 7);
}

struct world {
    gdn_ledger *ledger;
    gdn_cut *cut;
    gdn_capture *capture;
};

static inline int make_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL) return -1;
    *state = world;
    world->ledger = gdn_ledger_new(NULL);
    return world->ledger == NULL ? -1 : 0;
}

static inline int free_world(void **state)
{
    struct world *world = *state;
    gdn_capture_free(world->capture);
    gdn_cut_free(world->cut);
    gdn_ledger_free(world->ledger);
    free(world);
    return 0;
}

static inline gdn_cut *begin_cut(const struct gdn_allocator *allocator)
{
    gdn_cut *cut = gdn_cut_new(allocator);
    uint32_t node;
    assert_non_null(cut);
    assert_ok(gdn_cut_add_node(cut, party_of(NULL, cut, 0), &node));
    return cut;
}

static inline void capture(struct world *world)
{
    world->cut = begin_cut(NULL);
    assert_ok(
        gdn_ledger_capture(world->ledger, world->cut, 0, party_of, NULL, 1000, &world->capture));
}

/* The home of that resource in the cut; NULL: not there. Fails if it is there twice. */
static inline const struct gdn_cut_home *home_of(const gdn_cut *cut, gdn_resource_id id)
{
    uint32_t resource = gdn_cut_find_resource(cut, id);
    const struct gdn_cut_home *found = NULL;
    for (size_t i = 0; i < cut->nodes[0].home_count; i++) {
        if (cut->nodes[0].homes[i].resource != resource) continue;
        assert_null(found);
        found = &cut->nodes[0].homes[i];
    }
    return found;
}

#endif
