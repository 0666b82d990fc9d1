/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/world_inside.h"
#include <cmocka.h>
#include <string.h>

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
    struct place *place = world__new_place(world, name);
    place->detector = role == GDN__ROLE_DETECTOR;
    struct gdn__mesh_options options = {
        .name = place->name,
        .endpoint = place->name,
        .incarnation = place->incarnation,
        .role = role,
        .limits = gdn__channel_limits_of(0, 0, 0),
        .allocator = faulty_allocator(&place->memory),
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

/* ---- Whole detectors ---- */

static void on_told(void *context, const struct gdn_detector_event *event)
{
    struct world *world = context;
    if (world->hooks.told == NULL) return;
    world->hooks.told(world->hooks.context, (int)(world->receiving - world->places), event);
}

static void on_said(void *context, const char *line)
{
    struct world *world = context;
    world__tell(world, "%s: %s\n", world->receiving->name, line);
}

void world_add_watch(struct world *world, const char *name, const struct world_watch *options)
{
    struct place *place = world__new_place(world, name);
    struct gdn__watch_options watch = {.name = place->name,
                                       .endpoint = place->name,
                                       .incarnation = place->incarnation,
                                       .period_us = options->period_us,
                                       .deadline_us = options->deadline_us,
                                       .order_us = options->order_us,
                                       .silence_ms = options->silence_ms,
                                       .policy = options->policy,
                                       .allocator = faulty_allocator(&place->memory),
                                       .tell = on_told,
                                       .say = on_said,
                                       .context = world};
    place->watch = gdn__watch_new(&watch, world__now(world));
    assert_non_null(place->watch);
    place->mesh = gdn__watch_mesh(place->watch);
    place->detector = true;
}

gdn__watch *world_watch(struct world *world, const char *name)
{
    return world__place(world, name)->watch;
}

void world_suspect(struct world *world, const char *name)
{
    int at = world__index(world, name);
    world->receiving = &world->places[at];
    gdn__watch_suspect(world->receiving->watch, world__now(world));
    world__flush(world, at);
}

void world_set_hooks(struct world *world, const struct world_hooks *hooks)
{
    world->hooks = *hooks;
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
    world__flush(world, at);
}

uint64_t world_start(struct world *world, const char *name)
{
    int at = world__index(world, name);
    uint64_t number = ++world->places[at].rounds;
    struct answers *answers = answers_of(&world->places[at], number);
    gdn_cut_free(answers->cut);
    *answers = (struct answers){.cut = NULL};
    order_all(world, at, GDN__START, number);
    return number;
}

void world_collect(struct world *world, const char *detector, uint64_t round)
{
    order_all(world, world__index(world, detector), GDN__COLLECT, round);
}

void world_abort(struct world *world, const char *name, gdn_ticket ticket, const char *process)
{
    int at = world__index(world, name);
    struct place *detector = &world->places[at];
    uint32_t peer = gdn__mesh_find_incarnation(detector->mesh, ticket.incarnation);
    struct gdn__abort abort = {.process = gdn_process_named(process), .ticket = ticket.number};
    assert_int_not_equal(peer, 0);
    detector->outcome = 0;
    gdn__put_abort(gdn__mesh_begin(detector->mesh, peer, GDN__ABORT), &abort);
    assert_true(gdn__mesh_end(detector->mesh, peer));
    world__flush(world, at);
}

size_t world_reports(struct world *world, const char *detector, uint64_t round)
{
    return answers_of(world__place(world, detector), round)->reports;
}

const char *world_failure(struct world *world, const char *detector, uint64_t round)
{
    return answers_of(world__place(world, detector), round)->failure;
}

int world_outcome(struct world *world, const char *detector)
{
    return world__place(world, detector)->outcome;
}

size_t world_suspicions(struct world *world, const char *detector)
{
    return world__place(world, detector)->suspicions;
}

gdn_cut *world_round_cut(struct world *world, const char *detector, uint64_t round,
                         enum gdn_err expected)
{
    char why[512];
    struct answers *answers = answers_of(world__place(world, detector), round);
    gdn_cut *cut = answers->cut;
    assert_non_null(cut);
    answers->cut = NULL;
    gdn_round_id id = {gdn_node_named(detector), world__place(world, detector)->incarnation, round};
    assert_int_equal(gdn_cut_set_round(cut, detector, id, 0), GDN_OK);
    enum gdn_err err = gdn_cut_check(cut, why, sizeof why);
    if (err != expected) fail_msg("round %llu: %s", (unsigned long long)round, why);
    return cut;
}
