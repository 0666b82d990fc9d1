/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/rounds/watch.h"

#include "detector/rounds/rounds.h"
#include "src/core/mem.h"
#include <stdio.h>
#include <string.h>

struct gdn__watch {
    struct gdn_allocator allocator;
    enum gdn_policy policy;
    void (*tell)(void *context, const struct gdn_detector_event *event);
    void (*say)(void *context, const char *line);
    void *context;
    struct gdn__now now; /* Of the call under way. */
    gdn__mesh *mesh;
    gdn__rounds *rounds;
    gdn__incidents *incidents;
    struct gdn__watched *nodes;
    size_t node_count, node_capacity;
    bool unregistered; /* Some node that is up, for want of memory. */
    gdn_cut *cut;      /* Of the last round. */
    gdn_verdict *verdict;
    gdn_round_id round;
    int64_t latency_us;
    bool found; /* That round found a deadlock not reported before. */
    struct gdn_detector_counters counters;
};

static void tell(gdn__watch *watch, const struct gdn_detector_event *event)
{
    watch->tell(watch->context, event);
}

/* ---- Orders to nodes ---- */

static void send_order(gdn__watch *watch, uint32_t peer, enum gdn__record_type type,
                       gdn_round_id round)
{
    if (gdn__mesh_peer(watch->mesh, peer)->state != GDN__PEER_UP) return;
    gdn__put_round_id(gdn__mesh_begin(watch->mesh, peer, type), round);
    /* Without memory this node misses the deadline, and the round says so. */
    (void)gdn__mesh_end(watch->mesh, peer);
}

static void send_abort(gdn__watch *watch, const struct gdn__order *order)
{
    uint32_t peer = gdn__mesh_find_incarnation(watch->mesh, order->incarnation);
    if (peer == 0 || gdn__mesh_peer(watch->mesh, peer)->state != GDN__PEER_UP) return;
    struct gdn__abort abort = {order->deadlock, order->process, order->ticket};
    gdn__put_abort(gdn__mesh_begin(watch->mesh, peer, GDN__ABORT), &abort);
    (void)gdn__mesh_end(watch->mesh, peer); /* Unanswered, it becomes unknown. */
}

/* ---- What the incidents tell ---- */

static enum gdn_detector_event_type count_outcome(gdn__watch *watch, enum gdn__order_state state)
{
    switch (state) {
    case GDN__ORDER_ABORTED:
        watch->counters.aborted++;
        return GDN_DETECTOR_ABORTED;
    case GDN__ORDER_STALE:
        watch->counters.stale++;
        return GDN_DETECTOR_STALE;
    case GDN__ORDER_REFUSED:
        watch->counters.refused++;
        return GDN_DETECTOR_REFUSED;
    case GDN__ORDER_ASKED:
    case GDN__ORDER_UNKNOWN:
        break;
    }
    watch->counters.unknown++;
    return GDN_DETECTOR_UNKNOWN;
}

static void on_news(void *context, const struct gdn__news *news)
{
    gdn__watch *watch = context;
    struct gdn_detector_event event = {
        .id = news->id, .round = watch->round, .after_us = news->after_us};
    if (news->order != NULL) {
        event.process = news->order->shown;
        event.node = news->order->node;
        event.incarnation = news->order->incarnation;
        event.ticket = news->order->ticket;
    }
    switch (news->type) {
    case GDN__NEWS_FOUND:
        watch->counters.deadlocks_found++;
        watch->found = true;
        event.type = GDN_DETECTOR_DEADLOCK;
        event.cut = watch->cut;
        event.verdict = watch->verdict;
        event.deadlock = news->deadlock;
        event.latency_us = watch->latency_us;
        break;
    case GDN__NEWS_ASK:
        watch->counters.aborts_asked++;
        event.type = GDN_DETECTOR_ABORT_ASKED;
        send_abort(watch, news->order);
        break;
    case GDN__NEWS_OUTCOME:
        event.type = count_outcome(watch, news->order->state);
        break;
    case GDN__NEWS_GONE:
        event.type = GDN_DETECTOR_GONE;
        break;
    }
    tell(watch, &event);
}

/* ---- Rounds ---- */

void gdn__watch_forget(gdn__watch *watch)
{
    gdn_verdict_free(watch->verdict);
    gdn_cut_free(watch->cut);
    watch->verdict = NULL;
    watch->cut = NULL;
}

static void tell_failed(gdn__watch *watch, gdn_round_id round, const char *why)
{
    watch->counters.rounds_failed++;
    tell(watch, &(struct gdn_detector_event){
                    .type = GDN_DETECTOR_ROUND_FAILED, .round = round, .why = why});
}

/* A round's cut is complete: judge it, and tell what is new. */
static void finish(gdn__watch *watch, const struct gdn__rounds_action *action)
{
    char why[512] = "";
    gdn__watch_forget(watch);
    watch->cut = action->cut;
    watch->round = action->round;
    enum gdn_err err = gdn_analyze(action->cut, watch->policy, &watch->verdict, why, sizeof why);
    if (err != GDN_OK) {
        tell_failed(watch, action->round, why[0] != '\0' ? why : gdn_err_text(err));
        gdn__watch_forget(watch);
        return;
    }
    struct gdn__seen seen = {.verdict = watch->verdict,
                             .round = action->round,
                             .started_us = action->started_us,
                             .now_us = watch->now.monotonic_us,
                             .utc_us = watch->now.utc_us};
    watch->latency_us = seen.now_us - action->started_us;
    watch->found = false;
    watch->counters.rounds_finished++;
    if (!watch->verdict->complete) watch->counters.rounds_incomplete++;
    err = gdn__incidents_see(watch->incidents, &seen);
    if (err != GDN_OK) tell_failed(watch, action->round, gdn_err_text(err));
    tell(watch, &(struct gdn_detector_event){.type = GDN_DETECTOR_ROUND,
                                             .round = action->round,
                                             .cut = watch->cut,
                                             .verdict = watch->verdict,
                                             .news = watch->found,
                                             .latency_us = watch->latency_us});
}

static void warn(gdn__watch *watch, const char *what)
{
    char line[GDN__ROUND_WHY_BYTES + 1];
    (void)snprintf(line, sizeof line, "!%s", what);
    watch->say(watch->context, line);
}

static void carry_out(gdn__watch *watch, const struct gdn__rounds_action *action)
{
    switch (action->type) {
    case GDN__ROUNDS_START:
        send_order(watch, action->node, GDN__START, action->round);
        return;
    case GDN__ROUNDS_COLLECT:
        send_order(watch, action->node, GDN__COLLECT, action->round);
        return;
    case GDN__ROUNDS_ABANDON:
        send_order(watch, action->node, GDN__ABANDON, action->round);
        return;
    case GDN__ROUNDS_REFUSE:
        warn(watch, action->why);
        return;
    case GDN__ROUNDS_FAIL:
        tell_failed(watch, action->round, action->why);
        return;
    case GDN__ROUNDS_FINISH:
        finish(watch, action);
        return;
    }
}

static enum gdn_err step_rounds(gdn__watch *watch, struct gdn__rounds_event event)
{
    struct gdn__rounds_actions actions;
    event.now_us = watch->now.monotonic_us;
    event.utc_us = watch->now.utc_us;
    enum gdn_err err = gdn__rounds_step(watch->rounds, &event, &actions);
    for (size_t i = 0; i < actions.count; i++) carry_out(watch, &actions.actions[i]);
    return err;
}

static void suspect(gdn__watch *watch)
{
    (void)!step_rounds(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_SUSPECTED});
}

/* ---- What the mesh tells ---- */

static bool enlist(gdn__watch *watch, const struct gdn__peer *peer)
{
    struct gdn__rounds_event event = {.type = GDN__ROUNDS_JOINED,
                                      .node = peer->number,
                                      .name = peer->name,
                                      .incarnation = peer->incarnation};
    if (!gdn__grow(&watch->allocator, &watch->nodes, watch->node_count, &watch->node_capacity,
                   sizeof *watch->nodes) ||
        step_rounds(watch, event) != GDN_OK) {
        return false;
    }
    watch->nodes[watch->node_count++] = (struct gdn__watched){peer->number, watch->now.utc_us};
    tell(watch, &(struct gdn_detector_event){.type = GDN_DETECTOR_NODE_JOINED,
                                             .node = peer->name,
                                             .incarnation = peer->incarnation});
    return true;
}

static void on_up(void *context, uint32_t number)
{
    gdn__watch *watch = context;
    const struct gdn__peer *peer = gdn__mesh_peer(watch->mesh, number);
    if (peer->role != GDN__ROLE_NODE || enlist(watch, peer)) return;
    warn(watch, "out of memory: a node is registered later");
    watch->unregistered = true;
}

static bool is_enlisted(const gdn__watch *watch, uint32_t number)
{
    for (size_t i = 0; i < watch->node_count; i++) {
        if (watch->nodes[i].peer == number) return true;
    }
    return false;
}

/* Whom there was no memory for: nobody says again that it is up. */
static void enlist_late(gdn__watch *watch)
{
    if (!watch->unregistered) return;
    watch->unregistered = false;
    for (uint32_t i = 1; i < gdn__mesh_count(watch->mesh); i++) {
        const struct gdn__peer *peer = gdn__mesh_peer(watch->mesh, i);
        if (peer->role != GDN__ROLE_NODE || peer->state != GDN__PEER_UP) continue;
        if (!is_enlisted(watch, i) && !enlist(watch, peer)) watch->unregistered = true;
    }
}

static bool unregister(gdn__watch *watch, uint32_t number)
{
    for (size_t i = 0; i < watch->node_count; i++) {
        if (watch->nodes[i].peer != number) continue;
        watch->node_count--;
        memmove(&watch->nodes[i], &watch->nodes[i + 1],
                (watch->node_count - i) * sizeof *watch->nodes);
        return true;
    }
    return false;
}

static void on_lost(void *context, uint32_t number)
{
    gdn__watch *watch = context;
    const struct gdn__peer *peer = gdn__mesh_peer(watch->mesh, number);
    if (!unregister(watch, number)) return;
    tell(watch, &(struct gdn_detector_event){.type = GDN_DETECTOR_NODE_LOST,
                                             .node = peer->name,
                                             .incarnation = peer->incarnation});
    (void)!step_rounds(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_LEFT, .node = number});
    gdn__incidents_lose(watch->incidents, peer->name, peer->incarnation, watch->now.monotonic_us);
}

static enum gdn_err report_arrived(gdn__watch *watch, uint32_t number,
                                   const struct gdn__record *record)
{
    struct gdn__rounds_event event = {.type = GDN__ROUNDS_REPORTED, .node = number};
    if (!gdn__get_report(record, &event.round, &event.bytes, &event.length)) return GDN_ERR_FORMAT;
    return step_rounds(watch, event);
}

static enum gdn_err failure_arrived(gdn__watch *watch, uint32_t number,
                                    const struct gdn__record *record)
{
    struct gdn__failed failed;
    if (!gdn__get_failed(record, &failed)) return GDN_ERR_FORMAT;
    return step_rounds(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_FAILED,
                                                         .node = number,
                                                         .round = failed.round,
                                                         .reason = failed.reason});
}

static enum gdn_err answer_arrived(gdn__watch *watch, uint32_t number,
                                   const struct gdn__record *record)
{
    static const enum gdn__order_state states[] = {
        [GDN__OUTCOME_ABORTED] = GDN__ORDER_ABORTED,
        [GDN__OUTCOME_STALE] = GDN__ORDER_STALE,
        [GDN__OUTCOME_REFUSED] = GDN__ORDER_REFUSED,
    };
    struct gdn__aborted aborted;
    const struct gdn__peer *peer = gdn__mesh_peer(watch->mesh, number);
    if (!gdn__get_aborted(record, &aborted)) return GDN_ERR_FORMAT;
    gdn__incidents_answer(watch->incidents, peer->name, peer->incarnation, aborted.what.ticket,
                          states[aborted.outcome], watch->now.monotonic_us);
    return GDN_OK;
}

static enum gdn_err on_arrived(void *context, uint32_t number, const struct gdn__record *record)
{
    gdn__watch *watch = context;
    struct gdn__suspect what;
    if (gdn__mesh_peer(watch->mesh, number)->role != GDN__ROLE_NODE) return GDN_ERR_FORMAT;
    switch (record->type) {
    case GDN__REPORT:
        return report_arrived(watch, number, record);
    case GDN__FAILED:
        return failure_arrived(watch, number, record);
    case GDN__ABORTED:
        return answer_arrived(watch, number, record);
    case GDN__SUSPECT:
        if (!gdn__get_suspect(record, &what)) return GDN_ERR_FORMAT;
        suspect(watch);
        return GDN_OK;
    case GDN__HELLO:
    case GDN__ACK:
    case GDN__NACK:
    case GDN__BYE:
    case GDN__OPEN:
    case GDN__MARKER:
    case GDN__LOCK:
    case GDN__PAYLOAD:
    case GDN__START:
    case GDN__COLLECT:
    case GDN__ABANDON:
    case GDN__ABORT:
        break;
    }
    return GDN_ERR_FORMAT;
}

static void on_say(void *context, const char *line)
{
    const gdn__watch *watch = context;
    watch->say(watch->context, line);
}

/* ---- Life ---- */

static bool make_parts(gdn__watch *watch, const struct gdn__watch_options *options)
{
    struct gdn__mesh_options mesh = {
        .name = options->name,
        .endpoint = options->endpoint,
        .incarnation = options->incarnation,
        .role = GDN__ROLE_DETECTOR,
        .limits = gdn__channel_limits_of(options->silence_ms, 0, 0),
        .allocator = watch->allocator,
        .events = {
            .context = watch, .up = on_up, .lost = on_lost, .arrived = on_arrived, .say = on_say}};
    struct gdn__rounds_options rounds = {.name = options->name,
                                         .incarnation = options->incarnation,
                                         .period_us = options->period_us,
                                         .deadline_us = options->deadline_us,
                                         .expect = options->expect,
                                         .expect_count = options->expect_count,
                                         .allocator = watch->allocator};
    struct gdn__incidents_options incidents = {.order_us = options->order_us,
                                               .tell = on_news,
                                               .context = watch,
                                               .allocator = watch->allocator};
    watch->mesh = gdn__mesh_new(&mesh);
    watch->rounds = gdn__rounds_new(&rounds, watch->now.monotonic_us);
    watch->incidents = gdn__incidents_new(&incidents);
    return watch->mesh != NULL && watch->rounds != NULL && watch->incidents != NULL;
}

gdn__watch *gdn__watch_new(const struct gdn__watch_options *options, struct gdn__now now)
{
    gdn__watch *watch = gdn__calloc(&options->allocator, sizeof *watch);
    if (watch == NULL) return NULL;
    watch->allocator = options->allocator;
    watch->policy = options->policy;
    watch->tell = options->tell;
    watch->say = options->say;
    watch->context = options->context;
    watch->now = now;
    if (!make_parts(watch, options)) {
        gdn__watch_free(watch);
        return NULL;
    }
    return watch;
}

void gdn__watch_free(gdn__watch *watch)
{
    if (watch == NULL) return;
    struct gdn_allocator allocator = watch->allocator;
    gdn__watch_forget(watch);
    gdn__incidents_free(watch->incidents);
    gdn__rounds_free(watch->rounds);
    gdn__mesh_free(watch->mesh);
    gdn__free(&allocator, watch->nodes);
    gdn__free(&allocator, watch);
}

/* ---- Frames and time ---- */

enum gdn_err gdn__watch_receive(gdn__watch *watch, const uint8_t *bytes, size_t length,
                                const char *from, struct gdn__now now)
{
    watch->now = now;
    enlist_late(watch);
    enum gdn_err err = gdn__mesh_receive(watch->mesh, bytes, length, from, now.monotonic_us);
    if (err != GDN_OK) watch->counters.frames_refused++;
    return err;
}

void gdn__watch_suspect(gdn__watch *watch, struct gdn__now now)
{
    watch->now = now;
    suspect(watch);
}

static void tell_heard(gdn__watch *watch)
{
    for (size_t i = 0; i < watch->node_count; i++) {
        const struct gdn__peer *peer = gdn__mesh_peer(watch->mesh, watch->nodes[i].peer);
        (void)!step_rounds(watch,
                           (struct gdn__rounds_event){.type = GDN__ROUNDS_HEARD,
                                                      .node = peer->number,
                                                      .heard_us = peer->channel.heard_at_us});
    }
}

void gdn__watch_passed(gdn__watch *watch, struct gdn__now now)
{
    watch->now = now;
    enlist_late(watch);
    if (gdn__rounds_deadline(watch->rounds) <= now.monotonic_us) {
        tell_heard(watch);
        (void)!step_rounds(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_TIME_PASSED});
    }
    gdn__mesh_passed(watch->mesh, now.monotonic_us);
    gdn__incidents_pass(watch->incidents, now.monotonic_us);
}

int64_t gdn__watch_deadline(const gdn__watch *watch)
{
    int64_t earliest = gdn__rounds_deadline(watch->rounds);
    int64_t mesh = gdn__mesh_deadline(watch->mesh);
    int64_t orders = gdn__incidents_deadline(watch->incidents);
    if (mesh < earliest) earliest = mesh;
    return orders < earliest ? orders : earliest;
}

/* ---- Looking inside ---- */

gdn__mesh *gdn__watch_mesh(gdn__watch *watch)
{
    return watch->mesh;
}

size_t gdn__watch_node_count(const gdn__watch *watch)
{
    return watch->node_count;
}

struct gdn__watched gdn__watch_node(const gdn__watch *watch, size_t index)
{
    return watch->nodes[index];
}

const gdn__incidents *gdn__watch_incidents(const gdn__watch *watch)
{
    return watch->incidents;
}

struct gdn_detector_counters gdn__watch_counters(const gdn__watch *watch)
{
    return watch->counters;
}
