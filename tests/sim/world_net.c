/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/world_inside.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* ---- The network ---- */

static void enqueue(struct world *world, int from, int to, const uint8_t *bytes, size_t length)
{
    struct frame *frame = malloc(sizeof *frame + length);
    assert_non_null(frame);
    if (world->hooks.sent != NULL) {
        world->hooks.sent(world->hooks.context, from, to, bytes, length);
    }
    frame->next = NULL;
    frame->length = length;
    memcpy(frame->bytes, bytes, length);
    *world->queues[from][to].last = frame;
    world->queues[from][to].last = &frame->next;
}

static void open_link(struct place *place, uint32_t link, const char *endpoint)
{
    assert_true(link < WORLD_PLACES_MAX);
    (void)snprintf(place->links[link], sizeof place->links[link], "%s", endpoint);
}

static void send_from(struct world *world, int from, uint32_t link, const uint8_t *bytes,
                      size_t length)
{
    int to = world__find(world, world->places[from].links[link]);
    if (to >= 0) enqueue(world, from, to, bytes, length);
}

static void flush_site(struct world *world, int at)
{
    struct place *place = &world->places[at];
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_LINKS_READY, .now_us = world->now_us};
    assert_int_equal(gdn_site_step(place->site, &event, &actions), GDN_OK);
    for (size_t i = 0; i < actions.dial_count; i++) {
        open_link(place, actions.dials[i].link, actions.dials[i].endpoint);
    }
    for (size_t i = 0; i < actions.frame_count; i++) {
        send_from(world, at, actions.frames[i].link, actions.frames[i].bytes,
                  actions.frames[i].length);
    }
    place->deadline_us = actions.deadline_us;
}

static void flush_mesh(struct world *world, int at)
{
    struct place *place = &world->places[at];
    const struct gdn__packed *frames;
    const uint8_t *bytes;
    uint32_t link;
    const char *endpoint;
    while (gdn__mesh_take_dial(place->mesh, &link, &endpoint)) {
        open_link(place, link, endpoint);
    }
    size_t count = gdn__mesh_pack(place->mesh, world->now_us, &frames, &bytes);
    for (size_t i = 0; i < count; i++) {
        send_from(world, at, frames[i].link, bytes + frames[i].at, frames[i].length);
    }
    place->deadline_us =
        place->watch != NULL ? gdn__watch_deadline(place->watch) : gdn__mesh_deadline(place->mesh);
}

void world__flush(struct world *world, int at)
{
    if (world->places[at].site != NULL) flush_site(world, at);
    if (world->places[at].mesh != NULL) flush_mesh(world, at);
}

/* The sender's HELLO may come later than its first frames: these are a stranger's, and resent. So
 * is what there was no memory for. */
static void check_received(enum gdn_err err, bool starved)
{
    if (err == GDN_ERR_MEMORY && starved) return;
    if (err != GDN_ERR_UNKNOWN_NODE) assert_int_equal(err, GDN_OK);
}

static void receive_at_site(struct world *world, int from, int to, const struct frame *frame)
{
    struct gdn_actions actions;
    struct place *place = &world->places[to];
    size_t failed = place->memory.failed;
    struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED, .now_us = world->now_us};
    event.as.frame.bytes = frame->bytes;
    event.as.frame.length = frame->length;
    event.as.frame.from = world->places[from].name;
    if (world->hooks.before != NULL) world->hooks.before(world->hooks.context, to);
    enum gdn_err err = gdn_site_step(place->site, &event, &actions);
    check_received(err, place->memory.failed > failed);
    if (world->hooks.after != NULL) world->hooks.after(world->hooks.context, to);
}

static void receive_at_detector(struct world *world, int from, int to, const struct frame *frame)
{
    struct place *place = &world->places[to];
    const char *sender = world->places[from].name;
    size_t failed = place->memory.failed;
    enum gdn_err err;
    world->receiving = place;
    if (place->watch != NULL) {
        err = gdn__watch_receive(place->watch, frame->bytes, frame->length, sender,
                                 world__now(world));
    } else {
        err = gdn__mesh_receive(place->mesh, frame->bytes, frame->length, sender, world->now_us);
    }
    check_received(err, place->memory.failed > failed);
}

static void deliver(struct world *world, int from, int to)
{
    struct queue *queue = &world->queues[from][to];
    struct place *place = &world->places[to];
    struct frame *frame = queue->first;
    queue->first = frame->next;
    if (queue->first == NULL) queue->last = &queue->first;
    if (place->used) {
        if (!world->muted) world__tell_frame(world, from, to, frame);
        if (place->site != NULL) receive_at_site(world, from, to, frame);
        if (place->mesh != NULL) receive_at_detector(world, from, to, frame);
        world__flush(world, to);
    }
    free(frame);
}

bool world_deliver_one(struct world *world, uint64_t choice)
{
    int ready[WORLD_PLACES_MAX * WORLD_PLACES_MAX];
    int count = 0;
    for (int i = 0; i < WORLD_PLACES_MAX * WORLD_PLACES_MAX; i++) {
        const struct queue *queue = &world->queues[i / WORLD_PLACES_MAX][i % WORLD_PLACES_MAX];
        if (queue->first != NULL && !queue->held) ready[count++] = i;
    }
    if (count == 0) return false;
    int chosen = ready[choice % (uint64_t)count];
    deliver(world, chosen / WORLD_PLACES_MAX, chosen % WORLD_PLACES_MAX);
    return true;
}

void world_settle(struct world *world)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        if (world->places[i].used) world__flush(world, i);
    }
    while (world_deliver_one(world, 0)) continue;
}

struct gdn__now world__now(const struct world *world)
{
    const int64_t epoch_us = INT64_C(1764000000000000);
    return (struct gdn__now){world->now_us, epoch_us + world->now_us};
}

static void pass_at_site(struct world *world, int at)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_TIME_PASSED, .now_us = world->now_us};
    if (world->hooks.before != NULL) world->hooks.before(world->hooks.context, at);
    assert_int_equal(gdn_site_step(world->places[at].site, &event, &actions), GDN_OK);
    if (world->hooks.after != NULL) world->hooks.after(world->hooks.context, at);
}

static void pass(struct world *world, int at)
{
    struct place *place = &world->places[at];
    if (!place->used || place->deadline_us > world->now_us) return;
    if (place->site != NULL) {
        pass_at_site(world, at);
    } else if (place->watch != NULL) {
        world->receiving = place;
        gdn__watch_passed(place->watch, world__now(world));
    } else {
        gdn__mesh_passed(place->mesh, world->now_us);
    }
    world__flush(world, at);
}

int64_t world_time_us(const struct world *world)
{
    return world->now_us;
}

int64_t world_deadline_us(const struct world *world)
{
    int64_t earliest = INT64_MAX;
    for (int at = 0; at < WORLD_PLACES_MAX; at++) {
        const struct place *place = &world->places[at];
        if (place->used && place->deadline_us < earliest) earliest = place->deadline_us;
    }
    return earliest;
}

void world_advance(struct world *world, int64_t until_us)
{
    for (;;) {
        int64_t due_us = world_deadline_us(world);
        if (due_us <= world->now_us) due_us = world->now_us + 1;
        world->now_us = due_us < until_us ? due_us : until_us;
        for (int at = 0; at < WORLD_PLACES_MAX; at++) pass(world, at);
        if (world->now_us >= until_us) return;
    }
}

/* The next millisecond from now on, but at most @p until_us, at which something is due. */
static int64_t next_millisecond(const struct world *world, int64_t until_us)
{
    int64_t due_us = world_deadline_us(world);
    if (due_us >= until_us) return until_us;
    int64_t steps = due_us <= world->now_us ? 1 : (due_us - world->now_us + 999) / 1000;
    return world->now_us + 1000 * steps;
}

void world_pass_ms(struct world *world, int64_t milliseconds)
{
    int64_t until_us = world->now_us + 1000 * milliseconds;
    world_settle(world);
    while (world->now_us < until_us) {
        world->now_us = next_millisecond(world, until_us);
        for (int at = 0; at < WORLD_PLACES_MAX; at++) pass(world, at);
        while (world_deliver_one(world, 0)) continue;
    }
}

void world_hold(struct world *world, const char *from, const char *to)
{
    world->queues[world__index(world, from)][world__index(world, to)].held = true;
}

void world_release(struct world *world, const char *from, const char *to)
{
    world->queues[world__index(world, from)][world__index(world, to)].held = false;
}

bool world_drop(struct world *world, const char *from, const char *to)
{
    struct queue *queue = &world->queues[world__index(world, from)][world__index(world, to)];
    bool some = queue->first != NULL;
    world__clear_queue(queue);
    return some;
}

bool world_duplicate(struct world *world, const char *from, const char *to)
{
    int sender = world__index(world, from), receiver = world__index(world, to);
    const struct frame *first = world->queues[sender][receiver].first;
    if (first == NULL) return false;
    struct frame *copy = malloc(sizeof *copy + first->length);
    assert_non_null(copy);
    memcpy(copy, first, sizeof *copy + first->length);
    copy->next = NULL;
    *world->queues[sender][receiver].last = copy;
    world->queues[sender][receiver].last = &copy->next;
    return true;
}

bool world_swap(struct world *world, const char *from, const char *to)
{
    struct queue *queue = &world->queues[world__index(world, from)][world__index(world, to)];
    struct frame *first = queue->first;
    if (first == NULL || first->next == NULL) return false;
    struct frame *second = first->next;
    first->next = second->next;
    second->next = first;
    queue->first = second;
    if (first->next == NULL) queue->last = &first->next;
    return true;
}

bool world_deliver_from(struct world *world, const char *from, const char *to)
{
    int sender = world__index(world, from), receiver = world__index(world, to);
    const struct queue *queue = &world->queues[sender][receiver];
    if (queue->first == NULL || queue->held) return false;
    deliver(world, sender, receiver);
    return true;
}
