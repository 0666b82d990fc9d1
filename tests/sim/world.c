/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/mem.h"
#include "tests/sim/world_inside.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* ---- Places ---- */

int world__find(const struct world *world, const char *name)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        if (world->places[i].used && strcmp(world->places[i].name, name) == 0) return i;
    }
    return -1;
}

int world__index(const struct world *world, const char *name)
{
    int place = world__find(world, name);
    if (place < 0) fail_msg("no place called %s", name);
    return place;
}

struct place *world__place(struct world *world, const char *name)
{
    return &world->places[world__index(world, name)];
}

struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->now_us = 1000000;
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        for (int k = 0; k < WORLD_PLACES_MAX; k++) {
            world->queues[i][k].last = &world->queues[i][k].first;
        }
    }
    return world;
}

void world__clear_queue(struct queue *queue)
{
    while (queue->first != NULL) {
        struct frame *frame = queue->first;
        queue->first = frame->next;
        free(frame);
    }
    queue->last = &queue->first;
}

static void empty_place(struct world *world, struct place *place)
{
    for (size_t i = 0; i < ROUNDS_KEPT; i++) gdn_cut_free(place->answers[i].cut);
    gdn_site_free(place->site);
    if (place->watch == NULL) gdn__mesh_free(place->mesh);
    gdn__watch_free(place->watch);
    assert_int_equal(place->memory.live, 0);
    world->starved += place->memory.failed;
    memset(place, 0, sizeof *place);
}

void world_free(struct world *world)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        empty_place(world, &world->places[i]);
        for (int k = 0; k < WORLD_PLACES_MAX; k++) world__clear_queue(&world->queues[i][k]);
    }
    free(world);
}

struct place *world__new_place(struct world *world, const char *name)
{
    assert_true(world__find(world, name) < 0);
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        struct place *place = &world->places[i];
        if (place->used) continue;
        *place = (struct place){
            .used = true, .memory = {.allowed = SIZE_MAX, .once = true}, .deadline_us = INT64_MAX};
        (void)snprintf(place->name, sizeof place->name, "%s", name);
        place->incarnation = 100 + ++world->incarnations;
        return place;
    }
    fail_msg("the world is full");
    return NULL;
}

void world_add_node(struct world *world, const char *name, const struct world_options *options)
{
    struct place *place = world__new_place(world, name);
    struct gdn_allocator allocator = faulty_allocator(&place->memory);
    struct gdn_site_options site = {.name = place->name,
                                    .endpoint = place->name,
                                    .incarnation = place->incarnation,
                                    .allocator = &allocator};
    if (options != NULL) {
        site.window = options->window;
        site.silence_ms = options->silence_ms;
        site.window_bytes = options->window_bytes;
        site.recording_max = options->recording_max;
        site.report_max = options->report_max;
        site.tickets_max = options->tickets_max;
        site.items_max = options->items_max;
    }
    place->site = gdn_site_new(&site);
    assert_non_null(place->site);
}

void world_dial(struct world *world, const char *from, const char *to)
{
    struct place *target = world__place(world, to);
    struct gdn_event event = {.type = GDN_EVENT_PEER_DIALLED};
    event.as.dial.name = target->detector ? NULL : to;
    event.as.dial.endpoint = to;
    event.as.dial.detector = target->detector;
    assert_int_equal(world_event(world, from, &event, NULL), GDN_OK);
}

void world_connect_all(struct world *world)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        if (world->places[i].site == NULL) continue;
        for (int k = 0; k < WORLD_PLACES_MAX; k++) {
            if (k == i || !world->places[k].used) continue;
            world_dial(world, world->places[i].name, world->places[k].name);
        }
    }
    world_pass_ms(world, 50);
    world_manage_all(world);
    world_forget_trace(world);
}

void world_remove(struct world *world, const char *name, bool goodbye)
{
    int at = world__index(world, name);
    if (goodbye && world->places[at].mesh != NULL) {
        gdn__mesh_close(world->places[at].mesh);
        world__flush(world, at);
    } else if (goodbye) {
        struct gdn_event event = {.type = GDN_EVENT_CLOSING};
        assert_int_equal(world_event(world, name, &event, NULL), GDN_OK);
        world__flush(world, at);
    }
    empty_place(world, &world->places[at]);
    for (int i = 0; i < WORLD_PLACES_MAX; i++) world__clear_queue(&world->queues[i][at]);
}

/* ---- Applications ---- */

gdn_site *world_site(struct world *world, const char *node)
{
    return world__place(world, node)->site;
}

enum gdn_err world_event(struct world *world, const char *node, struct gdn_event *event,
                         gdn_ticket *ticket)
{
    int at = world__index(world, node);
    struct gdn_actions actions;
    event->now_us = world->now_us;
    enum gdn_err err = world__step(&world->places[at], event, &actions);
    if (err == GDN_OK && ticket != NULL) *ticket = actions.ticket;
    world__flush(world, at);
    return err;
}

enum gdn_err world_ask(struct world *world, const char *node, const char *home, const char *process,
                       const char *resource, struct gdn_request how, gdn_ticket *ticket)
{
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    world__learn(world, process);
    world__learn(world, resource);
    how.process = gdn_process_named(process);
    how.resource = gdn_resource_named(resource);
    how.label = resource;
    event.as.requested.home = gdn_node_named(home);
    event.as.requested.request = &how;
    return world_event(world, node, &event, ticket);
}

enum gdn_err world_request(struct world *world, const char *node, const char *home,
                           const char *process, const char *resource, uint8_t mode,
                           gdn_ticket *ticket)
{
    struct gdn_request how = {.mode = mode};
    return world_ask(world, node, home, process, resource, how, ticket);
}

enum gdn_err world_release_lock(struct world *world, const char *node, const char *process,
                                const char *resource)
{
    struct gdn_event event = {.type = GDN_EVENT_RELEASED};
    event.as.lock.process = gdn_process_named(process);
    event.as.lock.resource = gdn_resource_named(resource);
    return world_event(world, node, &event, NULL);
}

enum gdn_err world_cancel(struct world *world, const char *node, gdn_ticket ticket)
{
    struct gdn_event event = {.type = GDN_EVENT_CANCELLED};
    event.as.ticket = ticket;
    return world_event(world, node, &event, NULL);
}

enum gdn_err world_end(struct world *world, const char *node, const char *process)
{
    struct gdn_event event = {.type = GDN_EVENT_ENDED};
    event.as.lock.process = gdn_process_named(process);
    return world_event(world, node, &event, NULL);
}

enum gdn_err world_describe(struct world *world, const char *node, const char *process,
                            const struct gdn_process_info *info)
{
    struct gdn_event event = {.type = GDN_EVENT_DESCRIBED};
    world__learn(world, process);
    event.as.described.process = gdn_process_named(process);
    event.as.described.info = info;
    return world_event(world, node, &event, NULL);
}

enum gdn_err world_send(struct world *world, const char *node, const char *to, const char *text)
{
    struct gdn_event event = {.type = GDN_EVENT_PAYLOAD_SENT};
    event.as.payload.to = gdn_node_named(to);
    event.as.payload.bytes = text;
    event.as.payload.length = strlen(text);
    return world_event(world, node, &event, NULL);
}

bool world_take(struct world *world, const char *node, struct gdn_item *item)
{
    int at = world__index(world, node);
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN, .now_us = world->now_us};
    enum gdn_err err = world__step(&world->places[at], &event, &actions);
    if (err == GDN_OK) {
        world__tell_item(world, node, &actions.item);
        gdn__free(&actions.item.allocator, actions.item.bytes);
        actions.item.bytes = NULL;
        if (item != NULL) *item = actions.item;
    }
    world__flush(world, at);
    if (err != GDN_OK) assert_int_equal(err, GDN_ERR_EMPTY);
    return err == GDN_OK;
}

static int grant_all(struct world *world, const char *node, gdn_resource_id resource)
{
    int granted = 0;
    struct gdn_event event = {.type = GDN_EVENT_GRANTED};
    while (gdn_site_next(world_site(world, node), resource, &event.as.ticket)) {
        assert_int_equal(world_event(world, node, &event, NULL), GDN_OK);
        granted++;
    }
    return granted;
}

int world_grant(struct world *world, const char *node, const char *resource)
{
    return grant_all(world, node, gdn_resource_named(resource));
}

void world_manage(struct world *world, const char *node)
{
    struct gdn_item item;
    while (world_take(world, node, &item)) {
        if (item.type == GDN_ITEM_REQUESTED || item.type == GDN_ITEM_RELEASED) {
            (void)grant_all(world, node, item.resource);
        }
    }
}

void world_manage_all(struct world *world)
{
    for (int turn = 0; turn < 8; turn++) {
        for (int i = 0; i < WORLD_PLACES_MAX; i++) {
            if (world->places[i].site != NULL) world_manage(world, world->places[i].name);
        }
        world_settle(world);
    }
}
