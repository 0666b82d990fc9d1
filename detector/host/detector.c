/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets and clock around the pure part (detector/rounds/watch.h): frames and time go in, and what
 * comes of it goes to the caller, one event at a time. */
#include <gordian/detector.h>

#include "detector/host/news.h"
#include "detector/rounds/watch.h"
#include "src/core/mem.h"
#include "src/core/why.h"
#include "src/node/incarnation.h"
#include "src/node/wires.h"
#include <poll.h>
#include <string.h>
#include <time.h>

#define FRAMES_AT_ONCE 64 /* Received before what they caused is sent. */
#define DEADLINE_MS    1000

#define DEADLINE_MS_MAX 60000 /* Less than nodes keep a round that nobody ends. */

struct gdn_detector {
    struct gdn_allocator allocator;
    struct gdn_log log;
    uint64_t incarnation;
    struct gdn__wires wires;
    bool has_wires;
    char *endpoint;
    gdn__watch *watch;
    struct gdn__now told; /* The time that the watch was told last. */
    struct gdn__news_queue news;
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

/* What the watch is told, and remembers as the time of what it tells. */
static struct gdn__now tell_time(gdn_detector *detector)
{
    detector->told = (struct gdn__now){now_us(), clock_us(CLOCK_REALTIME)};
    return detector->told;
}

/* ---- What the watch tells ---- */

static void on_event(void *context, const struct gdn_detector_event *event)
{
    gdn_detector *detector = context;
    struct gdn_detector_event added = *event;
    bool judged = event->type == GDN_DETECTOR_ROUND || event->type == GDN_DETECTOR_DEADLOCK;
    if (judged) added.latency_us += now_us() - detector->told.monotonic_us;
    gdn__news_add(&detector->news, &added);
}

static void say(gdn_detector *detector, enum gdn_log_level level, const char *line)
{
    if (detector->log.write != NULL) detector->log.write(detector->log.context, level, line);
}

static void on_say(void *context, const char *line)
{
    bool warning = line[0] == '!';
    say(context, warning ? GDN_LOG_WARNING : GDN_LOG_INFO, warning ? line + 1 : line);
}

void gdn_detector_suspect(gdn_detector *detector)
{
    gdn__watch_suspect(detector->watch, tell_time(detector));
}

/* ---- Opening and closing ---- */

static enum gdn_err check_options(const struct gdn_detector_options *options, char *why,
                                  size_t why_bytes)
{
    if (!gdn_name_is_valid(options->name)) {
        return gdn__explain(GDN_ERR_NAME, why, why_bytes,
                            "the detector's name must have 1 to %d bytes of UTF-8 and no control "
                            "character",
                            GDN_NAME_MAX);
    }
    if (options->bind == NULL) {
        return gdn__explain(GDN_ERR_ADDRESS, why, why_bytes,
                            "detector %s: bind needs an endpoint, such as tcp://127.0.0.1:7400",
                            options->name);
    }
    if (options->period_ms < 0 || options->deadline_ms < 0) {
        return gdn__explain(GDN_ERR_MISUSE, why, why_bytes,
                            "detector %s: a period or deadline is negative", options->name);
    }
    if (options->deadline_ms > DEADLINE_MS_MAX) {
        return gdn__explain(GDN_ERR_MISUSE, why, why_bytes,
                            "detector %s: a round's deadline of %lld ms is more than %d ms",
                            options->name, (long long)options->deadline_ms, DEADLINE_MS_MAX);
    }
    if (options->silence_ms != 0 && options->silence_ms < GDN__SILENCE_MS_MIN) {
        return gdn__explain(GDN_ERR_MISUSE, why, why_bytes,
                            "detector %s: silence_ms is %u; give at least %d, or 0 for the default",
                            options->name, options->silence_ms, GDN__SILENCE_MS_MIN);
    }
    for (size_t i = 0; i < options->expect_count; i++) {
        if (gdn_name_is_valid(options->expect[i])) continue;
        return gdn__explain(GDN_ERR_NAME, why, why_bytes,
                            "detector %s: expected node number %zu has no valid name",
                            options->name, i + 1);
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
    if (detector->endpoint == NULL) {
        return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "detector %s: out of memory",
                            options->name);
    }
    if (gdn_name_is_valid(detector->endpoint)) return GDN_OK;
    return gdn__explain(GDN_ERR_ADDRESS, why, why_bytes, "detector %s: %s cannot be advertised",
                        options->name, options->advertise);
}

static enum gdn_err make_watch(gdn_detector *detector, const struct gdn_detector_options *options,
                               char *why, size_t why_bytes)
{
    int64_t deadline_ms = options->deadline_ms != 0 ? options->deadline_ms : DEADLINE_MS;
    struct gdn__watch_options watch = {.name = options->name,
                                       .endpoint = detector->endpoint,
                                       .incarnation = detector->incarnation,
                                       .period_us = options->period_ms * 1000,
                                       .deadline_us = deadline_ms * 1000,
                                       .order_us = options->answer_ms * 1000,
                                       .silence_ms = options->silence_ms,
                                       .expect = options->expect,
                                       .expect_count = options->expect_count,
                                       .policy = options->policy,
                                       .allocator = detector->allocator,
                                       .tell = on_event,
                                       .say = on_say,
                                       .context = detector};
    detector->watch = gdn__watch_new(&watch, tell_time(detector));
    if (detector->watch != NULL) return GDN_OK;
    return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "detector %s: out of memory",
                        options->name);
}

enum gdn_err gdn_detector_open(const struct gdn_detector_options *options, gdn_detector **opened,
                               char *why, size_t why_bytes)
{
    enum gdn_err err = check_options(options, why, why_bytes);
    if (err != GDN_OK) return err;
    struct gdn_allocator allocator = gdn__allocator_or_default(&options->allocator);
    gdn_detector *detector = gdn__calloc(&allocator, sizeof *detector);
    if (detector == NULL) return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "out of memory");
    detector->allocator = allocator;
    detector->log = options->log;
    detector->incarnation = gdn__new_incarnation();
    gdn__news_init(&detector->news, &allocator);
    err = open_wires(detector, options, why, why_bytes);
    if (err == GDN_OK) err = make_watch(detector, options, why, why_bytes);
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
    gdn__mesh *mesh = gdn__watch_mesh(detector->watch);
    const struct gdn__packed *frames;
    const uint8_t *bytes;
    const char *endpoint;
    uint32_t link;
    char why[512];
    while (gdn__mesh_take_dial(mesh, &link, &endpoint)) {
        if (gdn__wires_dial(&detector->wires, link, endpoint, why, sizeof why) != GDN_OK) {
            say(detector, GDN_LOG_WARNING, why);
        }
    }
    if (!gdn__mesh_wants_to_send(mesh)) return;
    size_t count = gdn__mesh_pack(mesh, now_us(), &frames, &bytes);
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
        /* A refused frame is counted and told. */
        (void)!gdn__watch_receive(detector->watch, frame.bytes, frame.length, frame.from,
                                  tell_time(detector));
    }
}

void gdn_detector_close(gdn_detector *detector)
{
    if (detector == NULL) return;
    if (detector->watch != NULL) {
        gdn__mesh_close(gdn__watch_mesh(detector->watch));
        send_frames(detector);
    }
    if (detector->has_wires) gdn__wires_fini(&detector->wires);
    gdn__watch_free(detector->watch);
    gdn__news_fini(&detector->news);
    struct gdn_allocator allocator = detector->allocator;
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
        gdn__watch_forget(detector->watch); /* Its events have all been handed out. */
        gdn__watch_passed(detector->watch, tell_time(detector));
        send_frames(detector);
        if (!gdn__news_is_empty(&detector->news)) continue;

        int64_t now = now_us();
        if (now >= until) return GDN_ERR_TIMEOUT;
        int64_t wake = gdn__watch_deadline(detector->watch);
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
    return gdn__watch_node_count(detector->watch);
}

struct gdn_detector_node gdn_detector_node(const gdn_detector *detector, size_t index)
{
    struct gdn__watched node = gdn__watch_node(detector->watch, index);
    const struct gdn__peer *peer = gdn__mesh_peer(gdn__watch_mesh(detector->watch), node.peer);
    return (struct gdn_detector_node){.name = peer->name,
                                      .endpoint = detector->wires.links[peer->link].endpoint,
                                      .incarnation = peer->incarnation,
                                      .since_us = node.since_us};
}

size_t gdn_detector_incident_count(const gdn_detector *detector)
{
    return gdn__incidents_count(gdn__watch_incidents(detector->watch));
}

struct gdn_detector_incident gdn_detector_incident(const gdn_detector *detector, size_t index)
{
    const struct gdn__incident *incident =
        gdn__incidents_at(gdn__watch_incidents(detector->watch), index);
    return (struct gdn_detector_incident){.id = incident->id,
                                          .who = incident->who,
                                          .found_us = incident->found_utc_us,
                                          .member_count = incident->member_count,
                                          .resolving = incident->resolving,
                                          .rounds = incident->rounds,
                                          .seen_in = incident->seen_in};
}

struct gdn_detector_counters gdn_detector_counters(const gdn_detector *detector)
{
    return gdn__watch_counters(detector->watch);
}
