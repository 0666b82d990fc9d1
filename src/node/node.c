/* SPDX-License-Identifier: MIT */
#include "src/node/node.h"

#include "src/core/mem.h"
#include "src/core/why.h"
#include "src/node/incarnation.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define CLOSE_MS 1000

/* ---- Forks ---- */

/* A page that the kernel clears in a forked child tells a fork without a system call. */
static const unsigned char *new_wiped_page(void)
{
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *page =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return NULL;
    if (madvise(page, bytes, MADV_WIPEONFORK) != 0) { /* Before Linux 4.14. */
        (void)munmap(page, bytes);
        return NULL;
    }
    page[0] = 1;
    return page;
}

static void free_wiped_page(const unsigned char *page)
{
    if (page != NULL) (void)munmap((void *)(uintptr_t)page, (size_t)sysconf(_SC_PAGESIZE));
}

bool gdn__node_is_forked(const gdn_node *node)
{
    return node->alive != NULL ? *node->alive == 0 : node->pid != getpid();
}

/* Whether the books keep the time of a verb. */
static bool is_timed(enum gdn_event_type type)
{
    switch (type) {
    case GDN_EVENT_PAYLOAD_SENT:
    case GDN_EVENT_CANCELLED:
    case GDN_EVENT_RELEASED:
    case GDN_EVENT_ENDED:
    case GDN_EVENT_GRANTED:
    case GDN_EVENT_REFUSED:
        return false;
    default:
        return true;
    }
}

/* One verb: lock, step, send, unlock. */
static enum gdn_err verb(gdn_node *node, struct gdn_event *event, struct gdn_actions *actions)
{
    if (gdn__node_is_forked(node)) return GDN_ERR_FORKED;
    gdn__node_lock(node);
    bool timed = is_timed(event->type) || gdn__node_is_impatient(node);
    event->now_us = timed ? gdn__node_now(node) : gdn__node_now_about(node);
    enum gdn_err err = gdn__node_step(node, event, actions);
    gdn__node_show_items(node, actions->items_waiting);
    gdn__node_finish_turn(node, actions, event->now_us);
    if (err == GDN_ERR_FULL) gdn__node_send_rest(node); /* Else there is nothing to make room. */
    gdn__node_unlock(node);
    return err;
}

/* ---- Waiting for peers ---- */

/* False when the time is up. */
static bool wait_for_peers(gdn_node *node, int timeout_ms, const struct timespec *deadline)
{
    gdn__node_send_rest(node);
    if (node->told.length > 0) { /* Tell it, then look again. */
        gdn__node_unlock(node);
        gdn__node_lock(node);
        return true;
    }
    if (!node->watched && !node->readable && !node->stopping) {
        return gdn__node_watch(node, false, timeout_ms, deadline);
    }
    node->awaiting++;
    int waited = timeout_ms < 0 ? pthread_cond_wait(&node->peers, &node->mutex)
                                : pthread_cond_timedwait(&node->peers, &node->mutex, deadline);
    node->awaiting--;
    return waited == 0;
}

/* Under the mutex. True: all is acknowledged. */
static bool flush(gdn_node *node, int timeout_ms, bool until_stopped)
{
    struct timespec deadline = gdn__time_in(timeout_ms);
    bool in_time = timeout_ms != 0;
    node->flushing++;
    while (in_time && !(until_stopped && node->stopping) &&
           gdn_site_unacknowledged(node->site) > 0) {
        in_time = wait_for_peers(node, timeout_ms, &deadline);
    }
    node->flushing--;
    return gdn_site_unacknowledged(node->site) == 0;
}

/* ---- Opening and closing ---- */

static enum gdn_err check_options(const struct gdn_node_options *options, char *why,
                                  size_t why_bytes)
{
    if (!gdn_name_is_valid(options->name)) {
        return gdn__explain(GDN_ERR_NAME, why, why_bytes,
                            "the node's name must have 1 to %d bytes of UTF-8 and no control "
                            "character",
                            GDN_NAME_MAX);
    }
    if (options->bind == NULL || !gdn_name_is_valid(options->bind)) {
        return gdn__explain(GDN_ERR_ADDRESS, why, why_bytes,
                            "node %s: bind needs an endpoint, such as tcp://127.0.0.1:*",
                            options->name);
    }
    if (options->modes != NULL && !gdn_modes_are_valid(options->modes)) {
        return gdn__explain(GDN_ERR_MISUSE, why, why_bytes, "node %s: the lock modes are not valid",
                            options->name);
    }
    if (options->silence_ms != 0 && options->silence_ms < GDN__SILENCE_MS_MIN) {
        return gdn__explain(GDN_ERR_MISUSE, why, why_bytes,
                            "node %s: silence_ms is %u; give at least %d, or 0 for the default",
                            options->name, options->silence_ms, GDN__SILENCE_MS_MIN);
    }
    if (options->window_bytes != 0 && options->window_bytes < GDN__WINDOW_BYTES_MIN) {
        return gdn__explain(GDN_ERR_MISUSE, why, why_bytes,
                            "node %s: window_bytes is %zu; give at least %d, or 0 for the default",
                            options->name, options->window_bytes, GDN__WINDOW_BYTES_MIN);
    }
    return GDN_OK;
}

static enum gdn_err make_descriptors(gdn_node *node, char *why, size_t why_bytes)
{
    node->items_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (node->items_fd >= 0 && gdn__engine_init(node)) return GDN_OK;
    return gdn__explain(GDN_ERR_SYSTEM, why, why_bytes, "node %s: no descriptor: %s", node->name,
                        strerror(errno));
}

static void init_conditions(gdn_node *node)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    /* What it guards is brief, so one that finds it taken looks again before it sleeps. */
    pthread_mutexattr_t brief;
    pthread_mutexattr_init(&brief);
    pthread_mutexattr_settype(&brief, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&node->mutex, &brief);
    pthread_mutexattr_destroy(&brief);
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
                                    .silence_ms = options->silence_ms,
                                    .window = options->window,
                                    .window_bytes = options->window_bytes,
                                    .payload_max = options->payload_max,
                                    .recording_max = options->recording_max,
                                    .report_max = options->report_max,
                                    .tickets_max = options->tickets_max,
                                    .items_max = options->items_max,
                                    .aborts_unanswered = options->aborts_unanswered,
                                    .given_up_by_others = options->given_up_by_others,
                                    .allocator = &node->allocator};
    node->site = gdn_site_new(&site);
    if (node->site != NULL) return GDN_OK;
    return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "node %s: out of memory", options->name);
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
    err = verb(node, &event, &actions);
    return err == GDN_OK ? err : gdn__explain(err, why, why_bytes, "%s", gdn_err_text(err));
}

static enum gdn_err dial_detectors(gdn_node *node, const struct gdn_node_options *options,
                                   char *why, size_t why_bytes)
{
    char reason[512];
    for (size_t i = 0; i < options->detector_count; i++) {
        const char *endpoint = options->detectors[i];
        enum gdn_err err = dial(node, NULL, endpoint, true, reason, sizeof reason);
        if (err != GDN_OK) {
            return gdn__explain(err, why, why_bytes, "node %s: detector %s", node->name, reason);
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
    return gdn__explain(GDN_ERR_SYSTEM, why, why_bytes, "node %s: no thread: %s", node->name,
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
        return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "node %s: out of memory", node->name);
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
    if (node == NULL) return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "out of memory");
    node->allocator = allocator;
    node->log = options->log;
    node->close_ms = options->close_ms != 0 ? (int)options->close_ms : CLOSE_MS;
    node->pid = getpid();
    node->self = gdn_node_named(options->name);
    node->incarnation = gdn__new_incarnation();
    node->alive = new_wiped_page();
    node->items_fd = node->kick_fd = node->timer_fd = node->engine_fd = -1;
    node->deadline_us = node->timer_us = node->tail_us = node->return_us = INT64_MAX;
    node->patience_us = GDN__LONE_US;
    node->awake = true; /* Whoever has something to send leaves it to the engine, once it runs. */
    gdn__buffer_init(&node->told, &allocator);
    init_conditions(node);
    node->name = gdn__strdup(&allocator, options->name);
    err =
        node->name == NULL ? gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "out of memory") : GDN_OK;
    if (err == GDN_OK) err = open_wires(node, options, why, why_bytes);
    if (err == GDN_OK) err = make_descriptors(node, why, why_bytes);
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
    if (gdn__node_is_forked(node)) return;
    gdn__node_lock(node);
    node->stopping = true;
    gdn__node_show_items(node, 0);
    pthread_cond_broadcast(&node->items);
    pthread_cond_broadcast(&node->peers);
    gdn__node_unlock(node);
}

static void stop_engine(gdn_node *node)
{
    struct gdn_actions actions;
    gdn__node_lock(node);
    (void)flush(node, node->close_ms, false); /* What is missing, the site tells as it closes. */
    node->closing = true;
    struct gdn_event event = {.type = GDN_EVENT_CLOSING, .now_us = gdn__node_now(node)};
    (void)!gdn__node_step(node, &event, &actions);
    gdn__node_kick(node);
    gdn__node_unlock(node);
    pthread_join(node->engine, NULL);
}

static void close_descriptor(int fd)
{
    if (fd >= 0) (void)close(fd);
}

void gdn_node_close(gdn_node *node)
{
    if (node == NULL || gdn__node_is_forked(node)) return;
    gdn_node_stop(node);
    if (node->has_engine) stop_engine(node);
    if (node->has_wires) gdn__wires_fini(&node->wires);
    gdn_site_free(node->site);
    close_descriptor(node->items_fd);
    close_descriptor(node->kick_fd);
    close_descriptor(node->timer_fd);
    close_descriptor(node->engine_fd);
    pthread_cond_destroy(&node->items);
    pthread_cond_destroy(&node->peers);
    pthread_mutex_destroy(&node->mutex);
    gdn__buffer_fini(&node->told);
    free_wiped_page(node->alive);
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

enum gdn_err gdn_await(gdn_node *node, gdn_node_id peer, int timeout_ms)
{
    if (gdn__node_is_forked(node)) return GDN_ERR_FORKED;
    struct timespec deadline = gdn__time_in(timeout_ms);
    bool can_send = false;
    bool in_time = true;
    enum gdn_err err = GDN_OK;
    gdn__node_lock(node);
    while (err == GDN_OK) {
        err = node->stopping ? GDN_ERR_CLOSED : gdn_site_can_send(node->site, peer, &can_send);
        if (err != GDN_OK || can_send) break;
        if (!in_time) err = GDN_ERR_TIMEOUT;
        if (err == GDN_OK) in_time = wait_for_peers(node, timeout_ms, &deadline);
    }
    gdn__node_unlock(node);
    return err;
}

enum gdn_err gdn_flush(gdn_node *node, int timeout_ms, uint64_t *unacknowledged)
{
    if (gdn__node_is_forked(node)) return GDN_ERR_FORKED;
    gdn__node_lock(node);
    bool flushed = flush(node, timeout_ms, true);
    if (unacknowledged != NULL) *unacknowledged = gdn_site_unacknowledged(node->site);
    bool stopping = node->stopping;
    gdn__node_unlock(node);
    if (flushed) return GDN_OK;
    return stopping ? GDN_ERR_CLOSED : GDN_ERR_TIMEOUT;
}

/* ---- Verbs ---- */

enum gdn_err gdn_request(gdn_node *node, gdn_node_id home, const struct gdn_request *request,
                         gdn_ticket *ticket)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    event.as.requested.home = home;
    event.as.requested.request = request;
    enum gdn_err err = verb(node, &event, &actions);
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
    return verb(node, &event, &actions);
}

enum gdn_err gdn_end(gdn_node *node, gdn_process_id process)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ENDED};
    event.as.lock.process = process;
    return verb(node, &event, &actions);
}

static enum gdn_err ticket_verb(gdn_node *node, enum gdn_event_type type, gdn_ticket ticket)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = type};
    event.as.ticket = ticket;
    return verb(node, &event, &actions);
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
    return verb(node, &event, &actions);
}

enum gdn_err gdn_set_unordered(gdn_node *node, gdn_resource_id resource, bool unordered)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_UNORDERED};
    event.as.unordered.resource = resource;
    event.as.unordered.on = unordered;
    return verb(node, &event, &actions);
}

enum gdn_err gdn_set_capacity(gdn_node *node, gdn_resource_id resource, uint32_t capacity)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_CAPACITY_SET};
    event.as.capacity.resource = resource;
    event.as.capacity.units = capacity;
    return verb(node, &event, &actions);
}

enum gdn_err gdn_drop_orphans(gdn_node *node, gdn_node_id peer)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ORPHANS_DROPPED};
    event.as.peer = peer;
    return verb(node, &event, &actions);
}

enum gdn_err gdn_describe(gdn_node *node, gdn_process_id process,
                          const struct gdn_process_info *info)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_DESCRIBED};
    event.as.described.process = process;
    event.as.described.info = info;
    return verb(node, &event, &actions);
}

enum gdn_err gdn_wait_on(gdn_node *node, const struct gdn_wait *wait, gdn_ticket *ticket)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on = *wait;
    enum gdn_err err = verb(node, &event, &actions);
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
    return verb(node, &event, &actions);
}

enum gdn_err gdn_send(gdn_node *node, gdn_node_id peer, const void *bytes, size_t length)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_PAYLOAD_SENT};
    event.as.payload.to = peer;
    event.as.payload.bytes = bytes;
    event.as.payload.length = length;
    return verb(node, &event, &actions);
}

enum gdn_err gdn_next(gdn_node *node, gdn_resource_id resource, gdn_ticket *ticket)
{
    if (gdn__node_is_forked(node)) return GDN_ERR_FORKED;
    gdn__node_lock(node);
    bool found = gdn_site_next(node->site, resource, ticket);
    gdn__node_unlock(node);
    return found ? GDN_OK : GDN_ERR_EMPTY;
}

/* ---- Looking inside ---- */

enum gdn_err gdn_inspect(gdn_node *node, gdn_cut **cut)
{
    if (gdn__node_is_forked(node)) return GDN_ERR_FORKED;
    gdn__node_lock(node);
    enum gdn_err err = gdn_site_inspect(node->site, gdn__node_now(node), cut);
    gdn__node_unlock(node);
    return err;
}

struct gdn_site_counters gdn_node_counters(gdn_node *node)
{
    if (gdn__node_is_forked(node)) return (struct gdn_site_counters){.messages_sent = 0};
    gdn__node_lock(node);
    struct gdn_site_counters counters = gdn_site_counters(node->site);
    gdn__node_unlock(node);
    return counters;
}
