/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/mem.h"
#include "src/core/mesh.h"
#include "tests/support/world.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_KEPT 64
#define TEXT_MAX    65536

struct frame {
    struct frame *next;
    size_t length;
    uint8_t bytes[];
};

struct queue {
    struct frame *first, **last;
    bool held;
};

struct answers {
    gdn_cut *cut;
    size_t reports;
    char failure[GDN_NAME_MAX + 1];
};

/* A node or a detector. */
struct place {
    bool used;
    char name[16];
    gdn_site *site;  /* A node ... */
    gdn__mesh *mesh; /* ... or a detector, or a mute node. */
    bool detector;
    uint64_t incarnation;
    uint64_t rounds;
    struct answers answers[ROUNDS_KEPT];
    int outcome;
    size_t suspicions;
    int64_t deadline_us;
    char links[WORLD_PLACES_MAX][16]; /* Link number to the name of a place. */
};

struct world {
    struct gdn_allocator allocator;
    struct place places[WORLD_PLACES_MAX];
    struct queue queues[WORLD_PLACES_MAX][WORLD_PLACES_MAX];
    int64_t now_us;
    uint64_t incarnations;
    char trace[TEXT_MAX];
    char words[TEXT_MAX];
    const char *names[256]; /* Process and resource names seen, for the trace. */
    size_t name_count;
    struct place *receiving; /* The detector whose callback runs. */
};

/* ---- Words ---- */

__attribute__((format(printf, 2, 3))) static void tell(struct world *world, const char *format, ...)
{
    size_t used = strlen(world->trace);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->trace + used, TEXT_MAX - used, format, arguments);
    va_end(arguments);
}

static void learn(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->name_count; i++) {
        if (strcmp(world->names[i], name) == 0) return;
    }
    assert_true(world->name_count < sizeof world->names / sizeof world->names[0]);
    world->names[world->name_count++] = name;
}

static const char *name_of(const struct world *world, gdn_id id)
{
    for (size_t i = 0; i < world->name_count; i++) {
        if (gdn_id_equal(gdn_id_from_name(world->names[i]), id)) return world->names[i];
    }
    return "?";
}

static const char *verb_name(enum gdn_verb verb)
{
    static const char *const names[] = {"?",      "request", "grant", "release",
                                        "cancel", "end",     "wake"};
    return names[verb];
}

/* ---- Places ---- */

static int find_place(const struct world *world, const char *name)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        if (world->places[i].used && strcmp(world->places[i].name, name) == 0) return i;
    }
    return -1;
}

static int index_of(const struct world *world, const char *name)
{
    int place = find_place(world, name);
    if (place < 0) fail_msg("no place called %s", name);
    return place;
}

static struct place *place_of(struct world *world, const char *name)
{
    return &world->places[index_of(world, name)];
}

struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->allocator = gdn__allocator_or_default(NULL);
    world->now_us = 1000000;
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        for (int k = 0; k < WORLD_PLACES_MAX; k++) {
            world->queues[i][k].last = &world->queues[i][k].first;
        }
    }
    return world;
}

static void clear_queue(struct queue *queue)
{
    while (queue->first != NULL) {
        struct frame *frame = queue->first;
        queue->first = frame->next;
        free(frame);
    }
    queue->last = &queue->first;
}

static void empty_place(struct place *place)
{
    for (size_t i = 0; i < ROUNDS_KEPT; i++) gdn_cut_free(place->answers[i].cut);
    gdn_site_free(place->site);
    gdn__mesh_free(place->mesh);
    memset(place, 0, sizeof *place);
}

void world_free(struct world *world)
{
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        empty_place(&world->places[i]);
        for (int k = 0; k < WORLD_PLACES_MAX; k++) clear_queue(&world->queues[i][k]);
    }
    free(world);
}

static struct place *new_place(struct world *world, const char *name)
{
    assert_true(find_place(world, name) < 0);
    for (int i = 0; i < WORLD_PLACES_MAX; i++) {
        struct place *place = &world->places[i];
        if (place->used) continue;
        *place = (struct place){.used = true, .deadline_us = INT64_MAX};
        (void)snprintf(place->name, sizeof place->name, "%s", name);
        place->incarnation = 100 + ++world->incarnations;
        return place;
    }
    fail_msg("the world is full");
    return NULL;
}

void world_add_node(struct world *world, const char *name, const struct world_options *options)
{
    struct place *place = new_place(world, name);
    struct gdn_site_options site = {
        .name = place->name, .endpoint = place->name, .incarnation = place->incarnation};
    if (options != NULL) {
        site.window = options->window;
        site.window_bytes = options->window_bytes;
        site.recording_max = options->recording_max;
    }
    place->site = gdn_site_new(&site);
    assert_non_null(place->site);
}

/* ---- Detectors: a mesh that collects ---- */

static struct answers *answers_of(struct place *detector, uint64_t round)
{
    return &detector->answers[round % ROUNDS_KEPT];
}

static void collect_report(struct place *detector, const struct gdn__record *record)
{
    gdn_round_id round;
    const uint8_t *bytes;
    size_t length;
    char why[512];
    gdn_cut *report;
    assert_true(gdn__get_report(record, &round, &bytes, &length));
    enum gdn_err err = gdn_cut_decode(NULL, bytes, length, &report, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    struct answers *answers = answers_of(detector, round.number);
    if (answers->cut == NULL) answers->cut = gdn_cut_new(NULL);
    err = gdn_cut_merge(answers->cut, report, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    answers->reports++;
    gdn_cut_free(report);
}

static enum gdn_err on_record(void *context, uint32_t peer, const struct gdn__record *record)
{
    struct world *world = context;
    struct place *detector = world->receiving;
    struct gdn__failed failed;
    struct gdn__aborted aborted;
    (void)peer;
    switch (record->type) {
    case GDN__REPORT:
        collect_report(detector, record);
        break;
    case GDN__FAILED:
        assert_true(gdn__get_failed(record, &failed));
        memcpy(answers_of(detector, failed.round.number)->failure, failed.reason,
               sizeof failed.reason);
        break;
    case GDN__ABORTED:
        assert_true(gdn__get_aborted(record, &aborted));
        detector->outcome = (int)aborted.outcome;
        break;
    case GDN__SUSPECT:
        detector->suspicions++;
        break;
    default:
        fail_msg("a detector got a record of type %d", (int)record->type);
    }
    return GDN_OK;
}

static void add_mesh(struct world *world, const char *name, enum gdn__role role)
{
    struct place *place = new_place(world, name);
    place->detector = role == GDN__ROLE_DETECTOR;
    struct gdn__mesh_options options = {
        .name = place->name,
        .endpoint = place->name,
        .incarnation = place->incarnation,
        .role = role,
        .limits = gdn__channel_limits_of(0, 0, 0),
        .allocator = world->allocator,
        .events = {.context = world, .arrived = place->detector ? on_record : NULL}};
    place->mesh = gdn__mesh_new(&options);
    assert_non_null(place->mesh);
}

void world_add_detector(struct world *world, const char *name)
{
    add_mesh(world, name, GDN__ROLE_DETECTOR);
}

void world_add_mute(struct world *world, const char *name)
{
    add_mesh(world, name, GDN__ROLE_NODE);
}

/* ---- The network ---- */

static void enqueue(struct world *world, int from, int to, const uint8_t *bytes, size_t length)
{
    struct frame *frame = malloc(sizeof *frame + length);
    assert_non_null(frame);
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
    int to = find_place(world, world->places[from].links[link]);
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
    place->deadline_us = gdn__mesh_deadline(place->mesh);
}

static void flush(struct world *world, int at)
{
    if (world->places[at].site != NULL) flush_site(world, at);
    if (world->places[at].mesh != NULL) flush_mesh(world, at);
}

static void tell_record(struct world *world, int from, int to, const struct gdn__record *record)
{
    const char *sender = world->places[from].name;
    const char *receiver = world->places[to].name;
    struct gdn_message message;
    gdn_round_id round;
    if (gdn__get_lock(record, &message) && record->type == GDN__LOCK) {
        tell(world, "[%s > %s] %s %s", sender, receiver, verb_name(message.verb),
             name_of(world, message.process.id));
        if (message.verb != GDN_VERB_END) tell(world, " %s", name_of(world, message.resource.id));
        tell(world, "\n");
        return;
    }
    const char *what = record->type == GDN__MARKER    ? "marker"
                       : record->type == GDN__START   ? "start"
                       : record->type == GDN__COLLECT ? "collect"
                       : record->type == GDN__ABANDON ? "abandon"
                                                      : NULL;
    if (what != NULL && gdn__get_round_id(record, &round)) {
        tell(world, "[%s > %s] %s %llu\n", sender, receiver, what,
             (unsigned long long)round.number);
    }
    if (record->type == GDN__PAYLOAD) {
        tell(world, "[%s > %s] payload %.*s\n", sender, receiver, (int)record->length,
             (const char *)record->body);
    }
    if (record->type == GDN__REPORT) tell(world, "[%s > %s] report\n", sender, receiver);
    if (record->type == GDN__FAILED) tell(world, "[%s > %s] failed\n", sender, receiver);
    if (record->type == GDN__ABORT) tell(world, "[%s > %s] abort\n", sender, receiver);
    if (record->type == GDN__ABORTED) tell(world, "[%s > %s] aborted\n", sender, receiver);
}

static void tell_frame(struct world *world, int from, int to, const struct frame *frame)
{
    struct gdn__reader in = gdn__reader_of(frame->bytes, frame->length);
    struct gdn__header header;
    struct gdn__record record;
    assert_int_equal(gdn__get_header(&in, &header), GDN_OK);
    while (gdn__next_record(&in, &record)) tell_record(world, from, to, &record);
}

static void deliver(struct world *world, int from, int to)
{
    struct queue *queue = &world->queues[from][to];
    struct place *place = &world->places[to];
    struct frame *frame = queue->first;
    queue->first = frame->next;
    if (queue->first == NULL) queue->last = &queue->first;
    if (place->used) {
        tell_frame(world, from, to, frame);
        if (place->site != NULL) {
            struct gdn_actions actions;
            struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED, .now_us = world->now_us};
            event.as.frame.bytes = frame->bytes;
            event.as.frame.length = frame->length;
            event.as.frame.from = world->places[from].name;
            assert_int_equal(gdn_site_step(place->site, &event, &actions), GDN_OK);
        } else {
            world->receiving = place;
            assert_int_equal(gdn__mesh_receive(place->mesh, frame->bytes, frame->length,
                                               world->places[from].name, world->now_us),
                             GDN_OK);
        }
        flush(world, to);
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
        if (world->places[i].used) flush(world, i);
    }
    while (world_deliver_one(world, 0)) continue;
}

static void pass(struct world *world, int at)
{
    struct place *place = &world->places[at];
    if (!place->used || place->deadline_us > world->now_us) return;
    if (place->site != NULL) {
        struct gdn_actions actions;
        struct gdn_event event = {.type = GDN_EVENT_TIME_PASSED, .now_us = world->now_us};
        assert_int_equal(gdn_site_step(place->site, &event, &actions), GDN_OK);
    } else {
        gdn__mesh_passed(place->mesh, world->now_us);
    }
    flush(world, at);
}

void world_pass_ms(struct world *world, int64_t milliseconds)
{
    world_settle(world);
    for (int64_t i = 0; i < milliseconds; i++) {
        world->now_us += 1000;
        for (int at = 0; at < WORLD_PLACES_MAX; at++) pass(world, at);
        while (world_deliver_one(world, 0)) continue;
    }
}

void world_hold(struct world *world, const char *from, const char *to)
{
    world->queues[index_of(world, from)][index_of(world, to)].held = true;
}

void world_release(struct world *world, const char *from, const char *to)
{
    world->queues[index_of(world, from)][index_of(world, to)].held = false;
}

void world_drop(struct world *world, const char *from, const char *to)
{
    clear_queue(&world->queues[index_of(world, from)][index_of(world, to)]);
}

void world_dial(struct world *world, const char *from, const char *to)
{
    struct place *target = place_of(world, to);
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
    int at = index_of(world, name);
    if (goodbye) {
        struct gdn_event event = {.type = GDN_EVENT_CLOSING};
        assert_int_equal(world_event(world, name, &event, NULL), GDN_OK);
        flush(world, at);
    }
    empty_place(&world->places[at]);
    for (int i = 0; i < WORLD_PLACES_MAX; i++) clear_queue(&world->queues[i][at]);
}

/* ---- Applications ---- */

gdn_site *world_site(struct world *world, const char *node)
{
    return place_of(world, node)->site;
}

enum gdn_err world_event(struct world *world, const char *node, struct gdn_event *event,
                         gdn_ticket *ticket)
{
    int at = index_of(world, node);
    struct gdn_actions actions;
    event->now_us = world->now_us;
    enum gdn_err err = gdn_site_step(world->places[at].site, event, &actions);
    if (err == GDN_OK && ticket != NULL) *ticket = actions.ticket;
    flush(world, at);
    return err;
}

enum gdn_err world_request(struct world *world, const char *node, const char *home,
                           const char *process, const char *resource, uint8_t mode,
                           gdn_ticket *ticket)
{
    struct gdn_request request = {.process = gdn_process_named(process),
                                  .resource = gdn_resource_named(resource),
                                  .label = resource,
                                  .mode = mode};
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    learn(world, process);
    learn(world, resource);
    event.as.requested.home = gdn_node_named(home);
    event.as.requested.request = &request;
    return world_event(world, node, &event, ticket);
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
    learn(world, process);
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

static void tell_item(struct world *world, const char *node, const struct gdn_item *item)
{
    static const char *const names[] = {"requested", "released", "granted", "refused", "woken",
                                        "aborted",   "payload",  "up",      "lost"};
    tell(world, "%s took %s", node, names[item->type]);
    switch (item->type) {
    case GDN_ITEM_REQUESTED:
    case GDN_ITEM_GRANTED:
    case GDN_ITEM_REFUSED:
    case GDN_ITEM_ABORTED:
        tell(world, " %s %s", name_of(world, item->process.id), name_of(world, item->resource.id));
        break;
    case GDN_ITEM_RELEASED:
        tell(world, " %s", name_of(world, item->resource.id));
        break;
    case GDN_ITEM_WOKEN:
        tell(world, " %s", name_of(world, item->process.id));
        break;
    case GDN_ITEM_PAYLOAD:
        tell(world, " %.*s", (int)item->length, (const char *)item->bytes);
        break;
    case GDN_ITEM_PEER_UP:
    case GDN_ITEM_PEER_LOST:
        tell(world, " %s", item->peer_name);
        break;
    }
    tell(world, "\n");
}

bool world_take(struct world *world, const char *node, struct gdn_item *item)
{
    int at = index_of(world, node);
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN, .now_us = world->now_us};
    enum gdn_err err = gdn_site_step(world->places[at].site, &event, &actions);
    if (err == GDN_OK) {
        tell_item(world, node, &actions.item);
        gdn__free(&world->allocator, actions.item.bytes);
        actions.item.bytes = NULL;
        if (item != NULL) *item = actions.item;
    }
    flush(world, at);
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

/* ---- Rounds ---- */

static void order_all(struct world *world, int at, enum gdn__record_type type, uint64_t number)
{
    struct place *detector = &world->places[at];
    gdn_round_id round = {gdn_node_named(detector->name), detector->incarnation, number};
    for (uint32_t i = 1; i < gdn__mesh_count(detector->mesh); i++) {
        if (gdn__mesh_peer(detector->mesh, i)->state != GDN__PEER_UP) continue;
        gdn__put_round_id(gdn__mesh_begin(detector->mesh, i, type), round);
        assert_true(gdn__mesh_end(detector->mesh, i));
    }
    flush(world, at);
}

uint64_t world_start(struct world *world, const char *name)
{
    int at = index_of(world, name);
    uint64_t number = ++world->places[at].rounds;
    struct answers *answers = answers_of(&world->places[at], number);
    gdn_cut_free(answers->cut);
    *answers = (struct answers){.cut = NULL};
    order_all(world, at, GDN__START, number);
    return number;
}

void world_collect(struct world *world, const char *detector, uint64_t round)
{
    order_all(world, index_of(world, detector), GDN__COLLECT, round);
}

void world_abort(struct world *world, const char *name, gdn_ticket ticket, const char *process)
{
    int at = index_of(world, name);
    struct place *detector = &world->places[at];
    uint32_t peer = gdn__mesh_find_incarnation(detector->mesh, ticket.incarnation);
    struct gdn__abort abort = {.process = gdn_process_named(process), .ticket = ticket.number};
    assert_int_not_equal(peer, 0);
    detector->outcome = 0;
    gdn__put_abort(gdn__mesh_begin(detector->mesh, peer, GDN__ABORT), &abort);
    assert_true(gdn__mesh_end(detector->mesh, peer));
    flush(world, at);
}

size_t world_reports(struct world *world, const char *detector, uint64_t round)
{
    return answers_of(place_of(world, detector), round)->reports;
}

const char *world_failure(struct world *world, const char *detector, uint64_t round)
{
    return answers_of(place_of(world, detector), round)->failure;
}

int world_outcome(struct world *world, const char *detector)
{
    return place_of(world, detector)->outcome;
}

size_t world_suspicions(struct world *world, const char *detector)
{
    return place_of(world, detector)->suspicions;
}

gdn_cut *world_round_cut(struct world *world, const char *detector, uint64_t round,
                         enum gdn_err expected)
{
    char why[512];
    struct answers *answers = answers_of(place_of(world, detector), round);
    gdn_cut *cut = answers->cut;
    assert_non_null(cut);
    answers->cut = NULL;
    gdn_round_id id = {gdn_node_named(detector), place_of(world, detector)->incarnation, round};
    assert_int_equal(gdn_cut_set_round(cut, detector, id, 0), GDN_OK);
    enum gdn_err err = gdn_cut_check(cut, why, sizeof why);
    if (err != expected) fail_msg("round %llu: %s", (unsigned long long)round, why);
    return cut;
}

/* ---- A cut in words ---- */

static void add_word_line(char lines[][128], size_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_word_line(char lines[][128], size_t *count, const char *format, ...)
{
    va_list arguments;
    assert_true(*count < 256);
    va_start(arguments, format);
    (void)vsnprintf(lines[(*count)++], 128, format, arguments);
    va_end(arguments);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static const char *process_in(const struct world *world, const gdn_cut *cut, uint32_t process)
{
    return name_of(world, cut->processes[process].id.id);
}

static const char *resource_in(const struct world *world, const gdn_cut *cut, uint32_t resource)
{
    return resource == GDN_NONE ? "-" : name_of(world, cut->resources[resource].id.id);
}

static void describe_home(const struct world *world, const gdn_cut *cut,
                          const struct gdn_cut_node *node, const struct gdn_cut_home *home,
                          char lines[][128], size_t *count)
{
    const char *at = cut->parties[node->party].name;
    const char *resource = resource_in(world, cut, home->resource);
    for (size_t i = 0; i < home->holder_count; i++) {
        uint32_t process = node->holders[home->holder_first + i].process;
        add_word_line(lines, count, "%s: %s held by %s", at, resource,
                      process_in(world, cut, process));
    }
    for (size_t i = 0; i < home->entry_count; i++) {
        uint32_t process = node->queue[home->entry_first + i].process;
        add_word_line(lines, count, "%s: %s wanted by %s", at, resource,
                      process_in(world, cut, process));
    }
}

static void describe_channel(const struct world *world, const gdn_cut *cut,
                             const struct gdn_cut_node *node, const struct gdn_cut_channel *channel,
                             char lines[][128], size_t *count)
{
    const char *from = cut->parties[channel->peer].name;
    const char *to = cut->parties[node->party].name;
    if (channel->open) add_word_line(lines, count, "%s -> %s: open", from, to);
    if (channel->untagged > 0) {
        add_word_line(lines, count, "%s -> %s: %llu untagged", from, to,
                      (unsigned long long)channel->untagged);
    }
    for (size_t i = 0; i < channel->message_count; i++) {
        const struct gdn_cut_message *message = &node->messages[channel->message_first + i];
        add_word_line(lines, count, "%s -> %s: %s %s %s", from, to, verb_name(message->verb),
                      process_in(world, cut, message->process),
                      resource_in(world, cut, message->resource));
    }
}

const char *world_describe_cut(struct world *world, const gdn_cut *cut)
{
    char lines[256][128];
    size_t count = 0;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; i < node->home_count; i++) {
            describe_home(world, cut, node, &node->homes[i], lines, &count);
        }
        for (size_t i = 0; i < node->wait_count; i++) {
            add_word_line(lines, &count, "%s: %s waits for %s", cut->parties[node->party].name,
                          process_in(world, cut, node->waits[i].process),
                          resource_in(world, cut, node->waits[i].resource));
        }
        for (size_t i = 0; i < node->channel_count; i++) {
            describe_channel(world, cut, node, &node->channels[i], lines, &count);
        }
    }
    for (size_t i = 0; i < cut->missing_count; i++) {
        add_word_line(lines, &count, "missing %s", cut->missing[i]);
    }
    qsort(lines, count, sizeof lines[0], by_text);
    world->words[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(world->words);
        (void)snprintf(world->words + used, TEXT_MAX - used, "%s\n", lines[i]);
    }
    return world->words;
}

void world_expect_trace(struct world *world, const char *expected)
{
    assert_string_equal(world->trace, expected);
    world_forget_trace(world);
}

void world_forget_trace(struct world *world)
{
    world->trace[0] = '\0';
}
