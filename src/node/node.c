/* SPDX-License-Identifier: MIT */
#include "src/node/node.h"

#include "src/core/mem.h"
#include "src/node/incarnation.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int64_t gdn__now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- The log ---- */

/* A copy to be told after the mutex is free. Without memory the lines are lost. */
static char *copy_log(const gdn_node *node, const struct gdn_actions *actions)
{
    if (actions->log == NULL || node->log.write == NULL) return NULL;
    return gdn__strdup(&node->allocator, actions->log);
}

void gdn__node_tell(const gdn_node *node, char *log)
{
    if (log == NULL) return;
    for (char *line = log, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        bool warning = line[0] == '!';
        node->log.write(node->log.context, warning ? GDN_LOG_WARNING : GDN_LOG_INFO,
                        warning ? line + 1 : line);
    }
    gdn__free(&node->allocator, log);
}

/* ---- Stepping ---- */

static void raise_fd(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}

static void lower_fd(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) continue;
}

/* The descriptor is readable exactly while an item waits. */
static void show_items(gdn_node *node, size_t items_waiting)
{
    if (items_waiting > 0) pthread_cond_signal(&node->items);
    if ((items_waiting > 0) == node->readable) return;
    node->readable = items_waiting > 0;
    if (node->readable) {
        raise_fd(node->items_fd);
    } else {
        lower_fd(node->items_fd);
    }
}

enum gdn_err gdn__node_step(gdn_node *node, const struct gdn_event *event,
                            struct gdn_actions *actions, char **log)
{
    enum gdn_err err = gdn_site_step(node->site, event, actions);
    show_items(node, actions->items_waiting);
    if (actions->peers_changed) pthread_cond_broadcast(&node->peers);
    if (actions->wants_to_send && !node->kicked && event->type != GDN_EVENT_FRAME_RECEIVED &&
        event->type != GDN_EVENT_TIME_PASSED) {
        node->kicked = true;
        raise_fd(node->kick_fd);
    }
    *log = copy_log(node, actions);
    return err;
}

static bool is_forked(const gdn_node *node)
{
    return node->pid != getpid();
}

/* One verb: lock, step, unlock, tell. */
static enum gdn_err verb(gdn_node *node, struct gdn_event event, struct gdn_actions *actions)
{
    char *log;
    if (is_forked(node)) return GDN_ERR_FORKED;
    pthread_mutex_lock(&node->mutex);
    event.now_us = gdn__now_us();
    enum gdn_err err = gdn__node_step(node, &event, actions, &log);
    pthread_mutex_unlock(&node->mutex);
    gdn__node_tell(node, log);
    return err;
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

static enum gdn_err check_options(const struct gdn_node_options *options, char *why,
                                  size_t why_bytes)
{
    if (!gdn_name_is_valid(options->name)) {
        return refuse(GDN_ERR_NAME, why, why_bytes,
                      "the node's name must have 1 to %d bytes and no control character",
                      GDN_NAME_MAX);
    }
    if (options->bind == NULL || !gdn_name_is_valid(options->bind)) {
        return refuse(GDN_ERR_ADDRESS, why, why_bytes,
                      "node %s: bind needs an endpoint, such as tcp://127.0.0.1:*", options->name);
    }
    if (options->modes != NULL && !gdn_modes_are_valid(options->modes)) {
        return refuse(GDN_ERR_MISUSE, why, why_bytes, "node %s: the lock modes are not valid",
                      options->name);
    }
    return GDN_OK;
}

static enum gdn_err make_descriptors(gdn_node *node, char *why, size_t why_bytes)
{
    node->items_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    node->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (node->items_fd >= 0 && node->kick_fd >= 0) return GDN_OK;
    return refuse(GDN_ERR_SYSTEM, why, why_bytes, "node %s: no descriptor: %s", node->name,
                  strerror(errno));
}

static void init_conditions(gdn_node *node)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&node->mutex, NULL);
    pthread_cond_init(&node->items, &monotonic);
    pthread_cond_init(&node->peers, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static enum gdn_err make_site(gdn_node *node, const struct gdn_node_options *options, char *why,
                              size_t why_bytes)
{
    struct gdn_site_options site = {.name = options->name,
                                    .endpoint = node->endpoint,
                                    .incarnation = node->incarnation,
                                    .modes = options->modes,
                                    .patience_ms = options->patience_ms,
                                    .window = options->window,
                                    .payload_max = options->payload_max,
                                    .recording_max = options->recording_max,
                                    .tickets_max = options->tickets_max,
                                    .allocator = &node->allocator};
    node->site = gdn_site_new(&site);
    if (node->site != NULL) return GDN_OK;
    return refuse(GDN_ERR_MEMORY, why, why_bytes, "node %s: out of memory", options->name);
}

static enum gdn_err dial(gdn_node *node, const char *name, const char *endpoint, bool detector,
                         char *why, size_t why_bytes)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_PEER_DIALLED};
    event.as.dial.name = name;
    event.as.dial.endpoint = endpoint;
    event.as.dial.detector = detector;
    enum gdn_err err = gdn__endpoint_check(endpoint, &node->wires.rules, why, why_bytes);
    if (err != GDN_OK) return err;
    err = verb(node, event, &actions);
    return err == GDN_OK ? err : refuse(err, why, why_bytes, "%s", gdn_err_text(err));
}

static enum gdn_err dial_detectors(gdn_node *node, const struct gdn_node_options *options,
                                   char *why, size_t why_bytes)
{
    char reason[512];
    for (size_t i = 0; i < options->detector_count; i++) {
        const char *endpoint = options->detectors[i];
        enum gdn_err err = dial(node, NULL, endpoint, true, reason, sizeof reason);
        if (err != GDN_OK) {
            return refuse(err, why, why_bytes, "node %s: detector %s", node->name, reason);
        }
    }
    return GDN_OK;
}

static enum gdn_err start_engine(gdn_node *node, char *why, size_t why_bytes)
{
    /* The host's signals are the host's: the engine takes none. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&node->engine, NULL, gdn__engine_run, node);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    node->has_engine = failed == 0;
    if (failed == 0) return GDN_OK;
    return refuse(GDN_ERR_SYSTEM, why, why_bytes, "node %s: no thread: %s", node->name,
                  strerror(failed));
}

static enum gdn_err open_wires(gdn_node *node, const struct gdn_node_options *options, char *why,
                               size_t why_bytes)
{
    struct gdn__wires_options wires = {.context = options->zmq_context,
                                       .bind = options->bind,
                                       .allow_remote = options->allow_remote,
                                       .allocator = node->allocator};
    enum gdn_err err = gdn__wires_init(&node->wires, &wires, why, why_bytes);
    if (err != GDN_OK) return err;
    node->has_wires = true;
    node->endpoint = gdn__strdup(&node->allocator, options->advertise != NULL
                                                       ? options->advertise
                                                       : gdn__wires_endpoint(&node->wires));
    if (node->endpoint == NULL) {
        return refuse(GDN_ERR_MEMORY, why, why_bytes, "node %s: out of memory", node->name);
    }
    return GDN_OK;
}

enum gdn_err gdn_node_open(const struct gdn_node_options *options, gdn_node **opened, char *why,
                           size_t why_bytes)
{
    enum gdn_err err = check_options(options, why, why_bytes);
    if (err != GDN_OK) return err;
    struct gdn_allocator allocator = gdn__allocator_or_default(&options->allocator);
    gdn_node *node = gdn__calloc(&allocator, sizeof *node);
    if (node == NULL) return refuse(GDN_ERR_MEMORY, why, why_bytes, "out of memory");
    node->allocator = allocator;
    node->log = options->log;
    node->pid = getpid();
    node->self = gdn_node_named(options->name);
    node->incarnation = gdn__new_incarnation();
    node->items_fd = node->kick_fd = -1;
    init_conditions(node);
    node->name = gdn__strdup(&allocator, options->name);
    err = node->name == NULL ? refuse(GDN_ERR_MEMORY, why, why_bytes, "out of memory") : GDN_OK;
    if (err == GDN_OK) err = make_descriptors(node, why, why_bytes);
    if (err == GDN_OK) err = open_wires(node, options, why, why_bytes);
    if (err == GDN_OK) err = make_site(node, options, why, why_bytes);
    if (err == GDN_OK) err = dial_detectors(node, options, why, why_bytes);
    if (err == GDN_OK) err = start_engine(node, why, why_bytes);
    if (err != GDN_OK) {
        gdn_node_close(node);
        return err;
    }
    *opened = node;
    return GDN_OK;
}

void gdn_node_stop(gdn_node *node)
{
    if (is_forked(node)) return;
    pthread_mutex_lock(&node->mutex);
    node->stopping = true;
    pthread_cond_broadcast(&node->items);
    pthread_cond_broadcast(&node->peers);
    pthread_mutex_unlock(&node->mutex);
}

static void stop_engine(gdn_node *node)
{
    struct gdn_actions actions;
    char *log;
    pthread_mutex_lock(&node->mutex);
    node->closing = true;
    struct gdn_event event = {.type = GDN_EVENT_CLOSING, .now_us = gdn__now_us()};
    (void)gdn__node_step(node, &event, &actions, &log);
    raise_fd(node->kick_fd);
    pthread_mutex_unlock(&node->mutex);
    gdn__node_tell(node, log);
    pthread_join(node->engine, NULL);
}

void gdn_node_close(gdn_node *node)
{
    if (node == NULL || is_forked(node)) return;
    gdn_node_stop(node);
    if (node->has_engine) stop_engine(node);
    if (node->has_wires) gdn__wires_fini(&node->wires);
    gdn_site_free(node->site);
    if (node->items_fd >= 0) close(node->items_fd);
    if (node->kick_fd >= 0) close(node->kick_fd);
    pthread_cond_destroy(&node->items);
    pthread_cond_destroy(&node->peers);
    pthread_mutex_destroy(&node->mutex);
    struct gdn_allocator allocator = node->allocator;
    gdn__free(&allocator, node->name);
    gdn__free(&allocator, node->endpoint);
    gdn__free(&allocator, node);
}

const char *gdn_node_endpoint(const gdn_node *node)
{
    return node->endpoint;
}

gdn_node_id gdn_node_self(const gdn_node *node)
{
    return node->self;
}

uint64_t gdn_node_incarnation(const gdn_node *node)
{
    return node->incarnation;
}

/* ---- Peers ---- */

enum gdn_err gdn_connect(gdn_node *node, const char *name, const char *endpoint)
{
    if (!gdn_name_is_valid(name)) return GDN_ERR_NAME;
    return dial(node, name, endpoint, false, NULL, 0);
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

/* False when the time is up. */
static bool wait_for(gdn_node *node, pthread_cond_t *condition, int timeout_ms,
                     const struct timespec *deadline)
{
    if (timeout_ms < 0) return pthread_cond_wait(condition, &node->mutex) == 0;
    return pthread_cond_timedwait(condition, &node->mutex, deadline) == 0;
}

enum gdn_err gdn_await(gdn_node *node, gdn_node_id peer, int timeout_ms)
{
    if (is_forked(node)) return GDN_ERR_FORKED;
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    bool connected = gdn_id_equal(peer.id, node->self.id);
    bool in_time = true;
    enum gdn_err err = GDN_OK;
    pthread_mutex_lock(&node->mutex);
    while (!connected && err == GDN_OK) {
        err = node->stopping ? GDN_ERR_CLOSED : gdn_site_connected(node->site, peer, &connected);
        if (err != GDN_OK || connected) break;
        if (!in_time) err = GDN_ERR_TIMEOUT;
        if (err == GDN_OK) in_time = wait_for(node, &node->peers, timeout_ms, &deadline);
    }
    pthread_mutex_unlock(&node->mutex);
    return err;
}

/* ---- Verbs ---- */

enum gdn_err gdn_request(gdn_node *node, gdn_node_id home, const struct gdn_request *request,
                         gdn_ticket *ticket)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    event.as.requested.home = home;
    event.as.requested.request = request;
    enum gdn_err err = verb(node, event, &actions);
    if (err == GDN_OK) *ticket = actions.ticket;
    return err;
}

enum gdn_err gdn_try(gdn_node *node, gdn_node_id home, const struct gdn_request *request,
                     gdn_ticket *ticket)
{
    struct gdn_request without_wait = *request;
    without_wait.flags |= GDN_REQUEST_NO_WAIT;
    return gdn_request(node, home, &without_wait, ticket);
}

enum gdn_err gdn_release(gdn_node *node, gdn_process_id process, gdn_resource_id resource)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_RELEASED};
    event.as.lock.process = process;
    event.as.lock.resource = resource;
    return verb(node, event, &actions);
}

enum gdn_err gdn_end(gdn_node *node, gdn_process_id process)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ENDED};
    event.as.lock.process = process;
    return verb(node, event, &actions);
}

static enum gdn_err ticket_verb(gdn_node *node, enum gdn_event_type type, gdn_ticket ticket)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = type};
    event.as.ticket = ticket;
    return verb(node, event, &actions);
}

enum gdn_err gdn_cancel(gdn_node *node, gdn_ticket ticket)
{
    return ticket_verb(node, GDN_EVENT_CANCELLED, ticket);
}

enum gdn_err gdn_grant(gdn_node *node, gdn_ticket ticket)
{
    return ticket_verb(node, GDN_EVENT_GRANTED, ticket);
}

enum gdn_err gdn_refuse(gdn_node *node, gdn_ticket ticket)
{
    return ticket_verb(node, GDN_EVENT_REFUSED, ticket);
}

enum gdn_err gdn_requeue(gdn_node *node, gdn_ticket ticket, gdn_ticket before)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_REQUEUED};
    event.as.requeued.ticket = ticket;
    event.as.requeued.before = before;
    return verb(node, event, &actions);
}

enum gdn_err gdn_set_unordered(gdn_node *node, gdn_resource_id resource, bool unordered)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_UNORDERED};
    event.as.unordered.resource = resource;
    event.as.unordered.on = unordered;
    return verb(node, event, &actions);
}

enum gdn_err gdn_drop_orphans(gdn_node *node, gdn_node_id peer)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ORPHANS_DROPPED};
    event.as.peer = peer;
    return verb(node, event, &actions);
}

enum gdn_err gdn_describe(gdn_node *node, gdn_process_id process,
                          const struct gdn_process_info *info)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_DESCRIBED};
    event.as.described.process = process;
    event.as.described.info = info;
    return verb(node, event, &actions);
}

enum gdn_err gdn_wait_on(gdn_node *node, gdn_process_id process, const struct gdn_need *needs,
                         size_t count, uint64_t cookie, gdn_ticket *ticket)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on.process = process;
    event.as.waited_on.needs = needs;
    event.as.waited_on.count = count;
    event.as.waited_on.cookie = cookie;
    enum gdn_err err = verb(node, event, &actions);
    if (err == GDN_OK) *ticket = actions.ticket;
    return err;
}

enum gdn_err gdn_wake(gdn_node *node, gdn_ticket ticket, gdn_process_id process, gdn_process_id by)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_WOKEN};
    event.as.woken.ticket = ticket;
    event.as.woken.process = process;
    event.as.woken.by = by;
    return verb(node, event, &actions);
}

enum gdn_err gdn_send(gdn_node *node, gdn_node_id peer, const void *bytes, size_t length)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_PAYLOAD_SENT};
    event.as.payload.to = peer;
    event.as.payload.bytes = bytes;
    event.as.payload.length = length;
    return verb(node, event, &actions);
}

enum gdn_err gdn_next(gdn_node *node, gdn_resource_id resource, gdn_ticket *ticket)
{
    if (is_forked(node)) return GDN_ERR_FORKED;
    pthread_mutex_lock(&node->mutex);
    bool found = gdn_site_next(node->site, resource, ticket);
    pthread_mutex_unlock(&node->mutex);
    return found ? GDN_OK : GDN_ERR_EMPTY;
}

/* ---- Taking ---- */

enum gdn_err gdn_take(gdn_node *node, struct gdn_item *item, int timeout_ms)
{
    if (is_forked(node)) return GDN_ERR_FORKED;
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    struct gdn_actions actions;
    bool in_time = timeout_ms != 0;
    enum gdn_err err;
    char *log;
    pthread_mutex_lock(&node->mutex);
    for (;;) {
        struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN, .now_us = gdn__now_us()};
        err = node->stopping ? GDN_ERR_CLOSED : gdn__node_step(node, &event, &actions, &log);
        if (err == GDN_ERR_CLOSED) break;
        if (log != NULL) { /* Tell it outside, then look again. */
            pthread_mutex_unlock(&node->mutex);
            gdn__node_tell(node, log);
            pthread_mutex_lock(&node->mutex);
        }
        if (err != GDN_ERR_EMPTY || !in_time) break;
        if (log == NULL) in_time = wait_for(node, &node->items, timeout_ms, &deadline);
    }
    pthread_mutex_unlock(&node->mutex);
    if (err == GDN_OK) *item = actions.item;
    return err == GDN_ERR_EMPTY ? GDN_ERR_TIMEOUT : err;
}

void gdn_item_fini(struct gdn_item *item)
{
    if (item->bytes != NULL) gdn__free(&item->allocator, item->bytes);
    item->bytes = NULL;
    item->length = 0;
}

int gdn_node_descriptor(const gdn_node *node)
{
    return is_forked(node) ? -1 : node->items_fd;
}

/* ---- Looking inside ---- */

enum gdn_err gdn_inspect(gdn_node *node, gdn_cut **cut)
{
    if (is_forked(node)) return GDN_ERR_FORKED;
    pthread_mutex_lock(&node->mutex);
    enum gdn_err err = gdn_site_inspect(node->site, gdn__now_us(), cut);
    pthread_mutex_unlock(&node->mutex);
    return err;
}

struct gdn_site_counters gdn_node_counters(gdn_node *node)
{
    if (is_forked(node)) return (struct gdn_site_counters){.messages_sent = 0};
    pthread_mutex_lock(&node->mutex);
    struct gdn_site_counters counters = gdn_site_counters(node->site);
    pthread_mutex_unlock(&node->mutex);
    return counters;
}
