/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/world_inside.h"
#include <cmocka.h>
#include <string.h>

void world_starve(struct world *world, const char *name, size_t allowed)
{
    world__place(world, name)->memory.allowed = allowed;
}

void world_feed_all(struct world *world)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) world->places[i].memory.allowed = SIZE_MAX;
}

size_t world_starved(const struct world *world)
{
    size_t starved = world->starved;
    for (int i = 0; i < WORLD_PLACES_MAX; i++) starved += world->places[i].memory.failed;
    return starved;
}

/* ---- Nothing has changed ---- */

/* All that a site shows of itself. */
struct picture {
    gdn_id books; /* A hash of its inspection. */
    struct gdn_site_counters counters;
    uint64_t unacknowledged;
};

/* Costs none of the memory that it may still have. */
static struct picture picture_of(struct place *place)
{
    gdn_cut *cut;
    uint8_t *bytes;
    size_t length, allowed = place->memory.allowed;
    struct picture picture;
    memset(&picture, 0, sizeof picture);
    place->memory.allowed = SIZE_MAX;
    assert_int_equal(gdn_site_inspect(place->site, place->site->now_us, &cut), GDN_OK);
    assert_int_equal(gdn_cut_encode(cut, &bytes, &length), GDN_OK);
    picture.books = gdn_id_from_bytes(bytes, length);
    (void)faulty_resize(&place->memory, bytes, 0);
    gdn_cut_free(cut);
    picture.counters = gdn_site_counters(place->site);
    picture.unacknowledged = gdn_site_unacknowledged(place->site);
    place->memory.allowed = allowed;
    return picture;
}

static void expect_unchanged(struct place *place, const struct picture *before, bool taking)
{
    struct picture after = picture_of(place);
    /* What the application does not hear of is taken on the way to the next item; site.h says so.
     */
    if (taking && after.counters.items_waiting < before->counters.items_waiting) return;
    assert_memory_equal(&after, before, sizeof after);
}

enum gdn_err world__step(struct place *place, const struct gdn_event *event,
                         struct gdn_actions *actions)
{
    if (place->memory.allowed == SIZE_MAX) return gdn_site_step(place->site, event, actions);
    size_t failed = place->memory.failed;
    place->site->now_us = event->now_us;
    struct picture before = picture_of(place);
    enum gdn_err err = gdn_site_step(place->site, event, actions);
    if (err != GDN_ERR_MEMORY) return err;
    assert_int_equal(place->memory.failed, failed + 1);
    expect_unchanged(place, &before, event->type == GDN_EVENT_ITEM_TAKEN);
    return gdn_site_step(place->site, event, actions);
}
