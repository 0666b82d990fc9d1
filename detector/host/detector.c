/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets and clock around the pure parts: frames go to the mesh, records to rounds and incidents,
 * cuts to the analysis, and what comes of it to the caller, one event at a time. */
#include <gordian/detector.h>

#include "detector/host/news.h"
#include "detector/rounds/incidents.h"
#include "detector/rounds/rounds.h"
#include "src/core/mem.h"
#include "src/core/mesh.h"
#include "src/node/incarnation.h"
#include "src/node/wires.h"
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FRAMES_AT_ONCE 64 /* Received before what they caused is sent. */
#define DEADLINE_MS    1000

struct registered {
    uint32_t peer;
    int64_t since_us; /* UTC. */
};

struct gdn_detector {
    struct gdn_allocator allocator;
    struct gdn_log log;
    enum gdn_policy policy;
    uint64_t incarnation;
    struct gdn__wires wires;
    bool has_wires;
    char *endpoint;
    gdn__mesh *mesh;
    gdn__rounds *rounds;
    gdn__incidents *incidents;
    struct registered *nodes;
    size_t node_count, node_capacity;
    struct gdn__news_queue news;
    gdn_cut *cut; /* Of the last round, until its events are handed out. */
    gdn_verdict *verdict;
    gdn_round_id round;
    int64_t latency_us;
    bool found; /* That round found a deadlock not reported before. */
    struct gdn_detector_counters counters;
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static void add_event(gdn_detector *detector, const struct gdn_detector_event *event)
{
    gdn__news_add(&detector->news, event);
}

/* ---- Orders to nodes ---- */

static void send_order(gdn_detector *detector, uint32_t peer, enum gdn__record_type type,
                       gdn_round_id round)
{
    if (gdn__mesh_peer(detector->mesh, peer)->state != GDN__PEER_UP) return;
    gdn__put_round_id(gdn__mesh_begin(detector->mesh, peer, type), round);
    /* Without memory this node misses the deadline, and the round says so. */
    (void)gdn__mesh_end(detector->mesh, peer);
}

static void send_abort(gdn_detector *detector, const struct gdn__order *order)
{
    uint32_t peer = gdn__mesh_find_incarnation(detector->mesh, order->incarnation);
    if (peer == 0 || gdn__mesh_peer(detector->mesh, peer)->state != GDN__PEER_UP) return;
    struct gdn__abort abort = {order->deadlock, order->process, order->ticket};
    gdn__put_abort(gdn__mesh_begin(detector->mesh, peer, GDN__ABORT), &abort);
    (void)gdn__mesh_end(detector->mesh, peer); /* Unanswered, it becomes unknown. */
}

/* ---- What the incidents tell ---- */

static enum gdn_detector_event_type count_outcome(gdn_detector *detector,
                                                  enum gdn__order_state state)
{
    switch (state) {
    case GDN__ORDER_ABORTED:
        detector->counters.aborted++;
        return GDN_DETECTOR_ABORTED;
    case GDN__ORDER_STALE:
        detector->counters.stale++;
        return GDN_DETECTOR_STALE;
    case GDN__ORDER_REFUSED:
        detector->counters.refused++;
        return GDN_DETECTOR_REFUSED;
    case GDN__ORDER_ASKED:
    case GDN__ORDER_UNKNOWN:
        break;
    }
    detector->counters.unknown++;
    return GDN_DETECTOR_UNKNOWN;
}

static void on_news(void *context, const struct gdn__news *news)
{
    gdn_detector *detector = context;
    struct gdn_detector_event event = {
        .id = news->id, .round = detector->round, .after_us = news->after_us};
    if (news->order != NULL) {
        event.process = news->order->shown;
        event.node = news->order->node;
        event.incarnation = news->order->incarnation;
        event.ticket = news->order->ticket;
    }
    switch (news->type) {
    case GDN__NEWS_FOUND:
        detector->counters.deadlocks_found++;
        detector->found = true;
        event.type = GDN_DETECTOR_DEADLOCK;
        event.cut = detector->cut;
        event.verdict = detector->verdict;
        event.deadlock = news->deadlock;
        event.latency_us = detector->latency_us;
        break;
    case GDN__NEWS_ASK:
        detector->counters.aborts_asked++;
        event.type = GDN_DETECTOR_ABORT_ASKED;
        send_abort(detector, news->order);
        break;
    case GDN__NEWS_OUTCOME:
        event.type = count_outcome(detector, news->order->state);
        break;
    case GDN__NEWS_GONE:
        event.type = GDN_DETECTOR_GONE;
        break;
    }
    add_event(detector, &event);
}

/* ---- Rounds ---- */

static void drop_verdict(gdn_detector *detector)
{
    gdn_verdict_free(detector->verdict);
    gdn_cut_free(detector->cut);
    detector->verdict = NULL;
    detector->cut = NULL;
}

static void tell_failed(gdn_detector *detector, gdn_round_id round, const char *why)
{
    detector->counters.rounds_failed++;
    add_event(detector, &(struct gdn_detector_event){
                            .type = GDN_DETECTOR_ROUND_FAILED, .round = round, .why = why});
}

/* A round's cut is complete: judge it, and tell what is new. */
static void finish(gdn_detector *detector, const struct gdn__rounds_action *action)
{
    char why[512] = "";
    drop_verdict(detector);
    detector->cut = action->cut;
    detector->round = action->round;
    enum gdn_err err =
        gdn_analyze(action->cut, detector->policy, &detector->verdict, why, sizeof why);
    if (err != GDN_OK) {
        tell_failed(detector, action->round, why[0] != '\0' ? why : gdn_err_text(err));
        drop_verdict(detector);
        return;
    }
    struct gdn__seen seen = {.verdict = detector->verdict,
                             .round = action->round,
                             .started_us = action->started_us,
                             .now_us = now_us(),
                             .utc_us = clock_us(CLOCK_REALTIME)};
    detector->latency_us = seen.now_us - action->started_us;
    detector->found = false;
    detector->counters.rounds_finished++;
    if (!detector->verdict->complete) detector->counters.rounds_incomplete++;
    err = gdn__incidents_see(detector->incidents, &seen);
    if (err != GDN_OK) tell_failed(detector, action->round, gdn_err_text(err));
    add_event(detector, &(struct gdn_detector_event){.type = GDN_DETECTOR_ROUND,
                                                     .round = action->round,
                                                     .cut = detector->cut,
                                                     .verdict = detector->verdict,
                                                     .news = detector->found,
                                                     .latency_us = detector->latency_us});
}

static void say(gdn_detector *detector, enum gdn_log_level level, const char *line)
{
    if (detector->log.write != NULL) detector->log.write(detector->log.context, level, line);
}

static void carry_out(gdn_detector *detector, const struct gdn__rounds_action *action)
{
    switch (action->type) {
    case GDN__ROUNDS_START:
        send_order(detector, action->node, GDN__START, action->round);
        return;
    case GDN__ROUNDS_COLLECT:
        send_order(detector, action->node, GDN__COLLECT, action->round);
        return;
    case GDN__ROUNDS_ABANDON:
        send_order(detector, action->node, GDN__ABANDON, action->round);
        return;
    case GDN__ROUNDS_REFUSE:
        say(detector, GDN_LOG_WARNING, action->why);
        return;
    case GDN__ROUNDS_FAIL:
        tell_failed(detector, action->round, action->why);
        return;
    case GDN__ROUNDS_FINISH:
        finish(detector, action);
        return;
    }
}

static enum gdn_err step_rounds(gdn_detector *detector, struct gdn__rounds_event event)
{
    struct gdn__rounds_actions actions;
    event.now_us = now_us();
    event.utc_us = clock_us(CLOCK_REALTIME);
    enum gdn_err err = gdn__rounds_step(detector->rounds, &event, &actions);
    for (size_t i = 0; i < actions.count; i++) carry_out(detector, &actions.actions[i]);
    return err;
}

void gdn_detector_suspect(gdn_detector *detector)
{
    (void)!step_rounds(detector, (struct gdn__rounds_event){.type = GDN__ROUNDS_SUSPECTED});
}

/* ---- What the mesh tells ---- */

static void on_up(void *context, uint32_t number)
{
    gdn_detector *detector = context;
    const struct gdn__peer *peer = gdn__mesh_peer(detector->mesh, number);
    if (peer->role != GDN__ROLE_NODE) return;
    struct gdn__rounds_event event = {.type = GDN__ROUNDS_JOINED,
                                      .node = number,
                                      .name = peer->name,
                                      .incarnation = peer->incarnation};
    if (!gdn__grow(&detector->allocator, &detector->nodes, detector->node_count,
                   &detector->node_capacity, sizeof *detector->nodes) ||
        step_rounds(detector, event) != GDN_OK) {
        say(detector, GDN_LOG_WARNING, "out of memory: a node could not be registered");
        return;
    }
    detector->nodes[detector->node_count++] = (struct registered){number, clock_us(CLOCK_REALTIME)};
    add_event(detector, &(struct gdn_detector_event){.type = GDN_DETECTOR_NODE_JOINED,
                                                     .node = peer->name,
                                                     .incarnation = peer->incarnation});
}

static bool unregister(gdn_detector *detector, uint32_t number)
{
    for (size_t i = 0; i < detector->node_count; i++) {
        if (detector->nodes[i].peer != number) continue;
        detector->node_count--;
        memmove(&detector->nodes[i], &detector->nodes[i + 1],
                (detector->node_count - i) * sizeof *detector->nodes);
        return true;
    }
    return false;
}

static void on_lost(void *context, uint32_t number)
{
    gdn_detector *detector = context;
    const struct gdn__peer *peer = gdn__mesh_peer(detector->mesh, number);
    if (!unregister(detector, number)) return;
    add_event(detector, &(struct gdn_detector_event){.type = GDN_DETECTOR_NODE_LOST,
                                                     .node = peer->name,
                                                     .incarnation = peer->incarnation});
    (void)!step_rounds(detector,
                       (struct gdn__rounds_event){.type = GDN__ROUNDS_LEFT, .node = number});
    gdn__incidents_lose(detector->incidents, peer->name, peer->incarnation, now_us());
}

static enum gdn_err report_arrived(gdn_detector *detector, uint32_t number,
                                   const struct gdn__record *record)
{
    struct gdn__rounds_event event = {.type = GDN__ROUNDS_REPORTED, .node = number};
    if (!gdn__get_report(record, &event.round, &event.bytes, &event.length)) return GDN_ERR_FORMAT;
    return step_rounds(detector, event);
}

static enum gdn_err failure_arrived(gdn_detector *detector, uint32_t number,
                                    const struct gdn__record *record)
{
    struct gdn__failed failed;
    if (!gdn__get_failed(record, &failed)) return GDN_ERR_FORMAT;
    return step_rounds(detector, (struct gdn__rounds_event){.type = GDN__ROUNDS_FAILED,
                                                            .node = number,
                                                            .round = failed.round,
                                                            .reason = failed.reason});
}

static enum gdn_err answer_arrived(gdn_detector *detector, uint32_t number,
                                   const struct gdn__record *record)
{
    static const enum gdn__order_state states[] = {
        [GDN__OUTCOME_ABORTED] = GDN__ORDER_ABORTED,
        [GDN__OUTCOME_STALE] = GDN__ORDER_STALE,
        [GDN__OUTCOME_REFUSED] = GDN__ORDER_REFUSED,
    };
    struct gdn__aborted aborted;
    const struct gdn__peer *peer = gdn__mesh_peer(detector->mesh, number);
    if (!gdn__get_aborted(record, &aborted)) return GDN_ERR_FORMAT;
    gdn__incidents_answer(detector->incidents, peer->name, peer->incarnation, aborted.what.ticket,
                          states[aborted.outcome], now_us());
    return GDN_OK;
}

static enum gdn_err on_arrived(void *context, uint32_t number, const struct gdn__record *record)
{
    gdn_detector *detector = context;
    struct gdn__suspect suspect;
    if (gdn__mesh_peer(detector->mesh, number)->role != GDN__ROLE_NODE) return GDN_ERR_FORMAT;
    switch (record->type) {
    case GDN__REPORT:
        return report_arrived(detector, number, record);
    case GDN__FAILED:
        return failure_arrived(detector, number, record);
    case GDN__ABORTED:
        return answer_arrived(detector, number, record);
    case GDN__SUSPECT:
        if (!gdn__get_suspect(record, &suspect)) return GDN_ERR_FORMAT;
        gdn_detector_suspect(detector);
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
    bool warning = line[0] == '!';
    say(context, warning ? GDN_LOG_WARNING : GDN_LOG_INFO, warning ? line + 1 : line);
}

/* ---- Opening and closing ---- */

__attribute__((format(printf, 4, 5))) static enum gdn_err refuse(enum gdn_err err, char *why,
                                                                 size_t why_bytes,
                                                                 const char *format, ...)
{
    if (why == NULL || why_bytes == 0) return err;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    return err;
}

static enum gdn_err check_options(const struct gdn_detector_options *options, char *why,
                                  size_t why_bytes)
{
    if (!gdn_name_is_valid(options->name)) {
        return refuse(GDN_ERR_NAME, why, why_bytes,
                      "the detector's name must have 1 to %d bytes and no control character",
                      GDN_NAME_MAX);
    }
    if (options->bind == NULL) {
        return refuse(GDN_ERR_ADDRESS, why, why_bytes,
                      "detector %s: bind needs an endpoint, such as tcp://127.0.0.1:7400",
                      options->name);
    }
    if (options->period_ms < 0 || options->deadline_ms < 0) {
        return refuse(GDN_ERR_MISUSE, why, why_bytes,
                      "detector %s: a period or deadline is negative", options->name);
    }
    for (size_t i = 0; i < options->expect_count; i++) {
        if (gdn_name_is_valid(options->expect[i])) continue;
        return refuse(GDN_ERR_NAME, why, why_bytes,
                      "detector %s: expected node number %zu has no valid name", options->name,
                      i + 1);
    }
    return GDN_OK;
}

static enum gdn_err open_wires(gdn_detector *detector, const struct gdn_detector_options *options,
                               char *why, size_t why_bytes)
{
    struct gdn__wires_options wires = {.context = options->zmq_context,
                                       .bind = options->bind,
                                       .allow_remote = options->allow_remote,
                                       .allocator = detector->allocator};
    enum gdn_err err = gdn__wires_init(&detector->wires, &wires, why, why_bytes);
    if (err != GDN_OK) return err;
    detector->has_wires = true;
    detector->endpoint = gdn__strdup(
        &detector->allocator,
        options->advertise != NULL ? options->advertise : gdn__wires_endpoint(&detector->wires));
    if (detector->endpoint != NULL && gdn_name_is_valid(detector->endpoint)) return GDN_OK;
    return refuse(GDN_ERR_ADDRESS, why, why_bytes, "detector %s: %s cannot be advertised",
                  options->name, options->advertise);
}

static enum gdn_err make_parts(gdn_detector *detector, const struct gdn_detector_options *options,
                               char *why, size_t why_bytes)
{
    int64_t deadline_ms = options->deadline_ms != 0 ? options->deadline_ms : DEADLINE_MS;
    struct gdn__mesh_options mesh = {.name = options->name,
                                     .endpoint = detector->endpoint,
                                     .incarnation = detector->incarnation,
                                     .role = GDN__ROLE_DETECTOR,
                                     .allocator = detector->allocator,
                                     .events = {.context = detector,
                                                .up = on_up,
                                                .lost = on_lost,
                                                .arrived = on_arrived,
                                                .say = on_say}};
    struct gdn__rounds_options rounds = {.name = options->name,
                                         .incarnation = detector->incarnation,
                                         .period_us = options->period_ms * 1000,
                                         .deadline_us = deadline_ms * 1000,
                                         .expect = options->expect,
                                         .expect_count = options->expect_count,
                                         .allocator = detector->allocator};
    struct gdn__incidents_options incidents = {.order_us = options->answer_ms * 1000,
                                               .tell = on_news,
                                               .context = detector,
                                               .allocator = detector->allocator};
    detector->mesh = gdn__mesh_new(&mesh);
    detector->rounds = gdn__rounds_new(&rounds, now_us());
    detector->incidents = gdn__incidents_new(&incidents);
    if (detector->mesh != NULL && detector->rounds != NULL && detector->incidents != NULL) {
        return GDN_OK;
    }
    return refuse(GDN_ERR_MEMORY, why, why_bytes, "detector %s: out of memory", options->name);
}

enum gdn_err gdn_detector_open(const struct gdn_detector_options *options, gdn_detector **opened,
                               char *why, size_t why_bytes)
{
    enum gdn_err err = check_options(options, why, why_bytes);
    if (err != GDN_OK) return err;
    struct gdn_allocator allocator = gdn__allocator_or_default(&options->allocator);
    gdn_detector *detector = gdn__calloc(&allocator, sizeof *detector);
    if (detector == NULL) return refuse(GDN_ERR_MEMORY, why, why_bytes, "out of memory");
    detector->allocator = allocator;
    detector->log = options->log;
    detector->policy = options->policy;
    detector->incarnation = gdn__new_incarnation();
    gdn__news_init(&detector->news, &allocator);
    err = open_wires(detector, options, why, why_bytes);
    if (err == GDN_OK) err = make_parts(detector, options, why, why_bytes);
    if (err != GDN_OK) {
        gdn_detector_close(detector);
        return err;
    }
    *opened = detector;
    return GDN_OK;
}

/* ---- Working ---- */

static void send_frames(gdn_detector *detector)
{
    const struct gdn__packed *frames;
    const uint8_t *bytes;
    const char *endpoint;
    uint32_t link;
    char why[512];
    while (gdn__mesh_take_dial(detector->mesh, &link, &endpoint)) {
        if (gdn__wires_dial(&detector->wires, link, endpoint, why, sizeof why) != GDN_OK) {
            say(detector, GDN_LOG_WARNING, why);
        }
    }
    if (!gdn__mesh_wants_to_send(detector->mesh)) return;
    size_t count = gdn__mesh_pack(detector->mesh, now_us(), &frames, &bytes);
    for (size_t i = 0; i < count; i++) {
        /* A frame that its link does not take is resent by the channel. */
        (void)gdn__wires_send(&detector->wires, frames[i].link, bytes + frames[i].at,
                              frames[i].length);
    }
}

static void receive_frames(gdn_detector *detector)
{
    struct gdn__arrived frame;
    /* Events first: a second verdict would take the first one's place under them. */
    for (int i = 0; i < FRAMES_AT_ONCE && gdn__news_is_empty(&detector->news); i++) {
        if (!gdn__wires_receive(&detector->wires, &frame)) return;
        enum gdn_err err =
            gdn__mesh_receive(detector->mesh, frame.bytes, frame.length, frame.from, now_us());
        if (err != GDN_OK) detector->counters.frames_refused++;
    }
}

static void pass_time(gdn_detector *detector)
{
    int64_t now = now_us();
    if (gdn__rounds_deadline(detector->rounds) <= now) {
        (void)!step_rounds(detector, (struct gdn__rounds_event){.type = GDN__ROUNDS_TIME_PASSED});
    }
    gdn__mesh_passed(detector->mesh, now);
    gdn__incidents_pass(detector->incidents, now);
}

static int64_t earliest_deadline(const gdn_detector *detector)
{
    int64_t earliest = gdn__rounds_deadline(detector->rounds);
    int64_t mesh = gdn__mesh_deadline(detector->mesh);
    int64_t orders = gdn__incidents_deadline(detector->incidents);
    if (mesh < earliest) earliest = mesh;
    return orders < earliest ? orders : earliest;
}

void gdn_detector_close(gdn_detector *detector)
{
    if (detector == NULL) return;
    if (detector->mesh != NULL && detector->has_wires) {
        gdn__mesh_close(detector->mesh);
        send_frames(detector);
    }
    if (detector->has_wires) gdn__wires_fini(&detector->wires);
    drop_verdict(detector);
    gdn__incidents_free(detector->incidents);
    gdn__rounds_free(detector->rounds);
    gdn__mesh_free(detector->mesh);
    gdn__news_fini(&detector->news);
    struct gdn_allocator allocator = detector->allocator;
    gdn__free(&allocator, detector->nodes);
    gdn__free(&allocator, detector->endpoint);
    gdn__free(&allocator, detector);
}

static bool is_readable(int descriptor)
{
    struct pollfd watched = {.fd = descriptor, .events = POLLIN};
    return descriptor >= 0 && poll(&watched, 1, 0) == 1;
}

enum gdn_err gdn_detector_next_or(gdn_detector *detector, int descriptor, int timeout_ms,
                                  struct gdn_detector_event *event)
{
    int64_t until = timeout_ms < 0 ? INT64_MAX : now_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        if (gdn__news_take(&detector->news, event)) return GDN_OK;
        drop_verdict(detector); /* Its events have all been handed out. */
        pass_time(detector);
        send_frames(detector);
        if (!gdn__news_is_empty(&detector->news)) continue;

        int64_t now = now_us();
        if (now >= until) return GDN_ERR_TIMEOUT;
        int64_t wake = earliest_deadline(detector);
        if (until < wake) wake = until;
        int64_t timeout_us = wake == INT64_MAX ? -1 : wake > now ? wake - now : 0;
        if (!gdn__wires_wait(&detector->wires, descriptor, timeout_us)) return GDN_ERR_TIMEOUT;
        receive_frames(detector);
        send_frames(detector);
        if (gdn__news_is_empty(&detector->news) && is_readable(descriptor)) return GDN_ERR_TIMEOUT;
    }
}

enum gdn_err gdn_detector_next(gdn_detector *detector, int timeout_ms,
                               struct gdn_detector_event *event)
{
    return gdn_detector_next_or(detector, -1, timeout_ms, event);
}

/* ---- Looking inside ---- */

const char *gdn_detector_endpoint(const gdn_detector *detector)
{
    return detector->endpoint;
}

size_t gdn_detector_node_count(const gdn_detector *detector)
{
    return detector->node_count;
}

struct gdn_detector_node gdn_detector_node(const gdn_detector *detector, size_t index)
{
    const struct registered *node = &detector->nodes[index];
    const struct gdn__peer *peer = gdn__mesh_peer(detector->mesh, node->peer);
    return (struct gdn_detector_node){.name = peer->name,
                                      .endpoint = detector->wires.links[peer->link].endpoint,
                                      .incarnation = peer->incarnation,
                                      .since_us = node->since_us};
}

size_t gdn_detector_incident_count(const gdn_detector *detector)
{
    return gdn__incidents_count(detector->incidents);
}

struct gdn_detector_incident gdn_detector_incident(const gdn_detector *detector, size_t index)
{
    const struct gdn__incident *incident = gdn__incidents_at(detector->incidents, index);
    return (struct gdn_detector_incident){.id = incident->id,
                                          .who = incident->who,
                                          .found_us = incident->found_utc_us,
                                          .member_count = incident->member_count,
                                          .resolving = incident->resolving};
}

struct gdn_detector_counters gdn_detector_counters(const gdn_detector *detector)
{
    return detector->counters;
}
