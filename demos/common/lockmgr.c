/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/lockmgr.h"

#include "demos/common/clock.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define TAKE_MS   10 /* How soon lockmgr_pause() is noticed. */
#define FULL_US   1000000
#define FOREVER_S 86400

struct lockmgr {
    gdn_node *node;
    struct lockmgr_hooks hooks;
    pthread_t thread;
    pthread_mutex_t mutex; /* Guards all below. */
    pthread_cond_t changed;
    struct lock_call *calls; /* Undecided, or decided and not yet seen by their caller. */
    uint64_t last_number;
    bool paused, resting; /* It should rest; it does. */
};

/* ---- The manager thread ---- */

/* Grant while something can be granted; tells whether @p watched was among it. A ticket that left
 * the queue between the two calls is normal. */
static bool serve(struct lockmgr *locks, gdn_resource_id resource, gdn_ticket watched)
{
    gdn_ticket next;
    bool found = false;
    while (gdn_next(locks->node, resource, &next) == GDN_OK) {
        enum gdn_err err = gdn_grant(locks->node, next);
        if (err == GDN_OK && gdn_ticket_equal(next, watched)) found = true;
        if (err == GDN_ERR_MEMORY || err == GDN_ERR_CLOSED) break;
    }
    return found;
}

void lockmgr_serve(struct lockmgr *locks, gdn_resource_id resource)
{
    (void)serve(locks, resource, (gdn_ticket){.number = 0});
}

/* Decide the call that @p item is about. Its cookie is a number, not a pointer: a caller whose
 * time ran out just before may be gone. */
static void decide(struct lockmgr *locks, const struct gdn_item *item, enum lock_result result)
{
    (void)pthread_mutex_lock(&locks->mutex);
    for (struct lock_call *call = locks->calls; call != NULL; call = call->next) {
        if (call->number != item->cookie || call->result != LOCK_PENDING) continue;
        call->result = result;
        call->deadlock = item->deadlock;
    }
    (void)pthread_cond_broadcast(&locks->changed);
    (void)pthread_mutex_unlock(&locks->mutex);
}

static void handle(struct lockmgr *locks, const struct gdn_item *item)
{
    switch (item->type) {
    case GDN_ITEM_REQUESTED:
        if (!serve(locks, item->resource, item->ticket) && locks->hooks.blocked != NULL) {
            locks->hooks.blocked(locks->hooks.context, item);
        }
        break;
    case GDN_ITEM_RELEASED:
        lockmgr_serve(locks, item->resource);
        break;
    case GDN_ITEM_GRANTED:
        decide(locks, item, LOCK_GRANTED);
        break;
    case GDN_ITEM_REFUSED:
        decide(locks, item, LOCK_REFUSED);
        break;
    case GDN_ITEM_ABORTED:
        decide(locks, item, LOCK_ABORTED);
        break;
    case GDN_ITEM_PEER_LOST:
        /* Its transactions died with it, and so did what they had not committed. */
        (void)!gdn_drop_orphans(locks->node, item->peer);
        break;
    case GDN_ITEM_WOKEN:   /* We make no direct waits. */
    case GDN_ITEM_PAYLOAD: /* The sender only wanted it taken. */
    case GDN_ITEM_PEER_UP:
        break;
    }
}

static void rest_while_paused(struct lockmgr *locks)
{
    (void)pthread_mutex_lock(&locks->mutex);
    locks->resting = locks->paused;
    (void)pthread_cond_broadcast(&locks->changed);
    while (locks->paused) (void)pthread_cond_wait(&locks->changed, &locks->mutex);
    locks->resting = false;
    (void)pthread_mutex_unlock(&locks->mutex);
}

static void *manage(void *context)
{
    struct lockmgr *locks = context;
    struct gdn_item item;
    enum gdn_err err;
    do {
        rest_while_paused(locks);
        err = gdn_take(locks->node, &item, TAKE_MS);
        if (err != GDN_OK) continue;
        handle(locks, &item);
        gdn_item_fini(&item);
    } while (err != GDN_ERR_CLOSED);
    return NULL;
}

/* ---- Workers ---- */

static void enlist(struct lockmgr *locks, struct lock_call *call)
{
    (void)pthread_mutex_lock(&locks->mutex);
    call->number = ++locks->last_number;
    call->next = locks->calls;
    locks->calls = call;
    (void)pthread_mutex_unlock(&locks->mutex);
}

/* With the mutex held. */
static void delist(struct lockmgr *locks, const struct lock_call *call)
{
    struct lock_call **at = &locks->calls;
    while (*at != call) at = &(*at)->next;
    *at = call->next;
}

/* A full window and a peer that is just coming up pass. */
static enum gdn_err request_patiently(struct lockmgr *locks, gdn_node_id home,
                                      const struct gdn_request *request, gdn_ticket *ticket)
{
    int64_t deadline = clock_us() + FULL_US;
    enum gdn_err err = gdn_request(locks->node, home, request, ticket);
    while ((err == GDN_ERR_FULL || err == GDN_ERR_NOT_CONNECTED) && clock_us() < deadline) {
        if (gdn_await(locks->node, home, FULL_US / 1000) != GDN_OK) break;
        err = gdn_request(locks->node, home, request, ticket);
    }
    return err;
}

enum gdn_err lockmgr_ask(struct lockmgr *locks, struct lock_call *call, gdn_process_id process,
                         gdn_node_id home, const char *resource, uint8_t mode)
{
    gdn_ticket ticket = {.number = 0};
    *call = (struct lock_call){.process = process, .result = LOCK_PENDING};
    enlist(locks, call); /* First: the answer may come before gdn_request() returns. */
    struct gdn_request request = {.process = process,
                                  .resource = gdn_resource_named(resource),
                                  .label = resource,
                                  .mode = mode,
                                  .cookie = call->number};
    enum gdn_err err = request_patiently(locks, home, &request, &ticket);
    (void)pthread_mutex_lock(&locks->mutex);
    call->ticket = ticket;
    if (err != GDN_OK) delist(locks, call);
    (void)pthread_mutex_unlock(&locks->mutex);
    return err;
}

/* With the mutex held. When the ticket has just ended its item is on its way, and decides. */
static bool give_up(struct lockmgr *locks, struct lock_call *call, enum lock_result result)
{
    if (call->result != LOCK_PENDING || call->ticket.number == 0) return false;
    if (gdn_cancel(locks->node, call->ticket) != GDN_OK) return false;
    call->result = result;
    return true;
}

enum lock_result lockmgr_wait(struct lockmgr *locks, struct lock_call *call, int timeout_ms)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    if (timeout_ms < 0) {
        deadline.tv_sec += FOREVER_S;
    } else {
        deadline.tv_sec += timeout_ms / 1000;
        deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        deadline.tv_sec += deadline.tv_nsec / 1000000000;
        deadline.tv_nsec %= 1000000000;
    }
    (void)pthread_mutex_lock(&locks->mutex);
    while (call->result == LOCK_PENDING) {
        int late = pthread_cond_timedwait(&locks->changed, &locks->mutex, &deadline);
        if (late != ETIMEDOUT || give_up(locks, call, LOCK_TIMEOUT)) continue;
        deadline.tv_sec += FOREVER_S;
    }
    delist(locks, call);
    (void)pthread_mutex_unlock(&locks->mutex);
    return call->result;
}

bool lockmgr_cancel(struct lockmgr *locks, gdn_process_id process)
{
    bool cancelled = false;
    (void)pthread_mutex_lock(&locks->mutex);
    for (struct lock_call *call = locks->calls; call != NULL; call = call->next) {
        if (!gdn_id_equal(call->process.id, process.id)) continue;
        cancelled = give_up(locks, call, LOCK_CANCELLED) || cancelled;
    }
    (void)pthread_cond_broadcast(&locks->changed);
    (void)pthread_mutex_unlock(&locks->mutex);
    return cancelled;
}

void lockmgr_cancel_all(struct lockmgr *locks)
{
    (void)pthread_mutex_lock(&locks->mutex);
    for (struct lock_call *call = locks->calls; call != NULL; call = call->next) {
        (void)give_up(locks, call, LOCK_CANCELLED);
    }
    (void)pthread_cond_broadcast(&locks->changed);
    (void)pthread_mutex_unlock(&locks->mutex);
}

bool lockmgr_release(struct lockmgr *locks, gdn_process_id process, const char *resource)
{
    return gdn_release(locks->node, process, gdn_resource_named(resource)) == GDN_OK;
}

void lockmgr_end(struct lockmgr *locks, gdn_process_id process)
{
    (void)!gdn_end(locks->node, process);
}

/* ---- Life ---- */

void lockmgr_pause(struct lockmgr *locks)
{
    (void)pthread_mutex_lock(&locks->mutex);
    locks->paused = true;
    while (!locks->resting) (void)pthread_cond_wait(&locks->changed, &locks->mutex);
    (void)pthread_mutex_unlock(&locks->mutex);
}

void lockmgr_resume(struct lockmgr *locks)
{
    (void)pthread_mutex_lock(&locks->mutex);
    locks->paused = false;
    (void)pthread_cond_broadcast(&locks->changed);
    (void)pthread_mutex_unlock(&locks->mutex);
}

struct lockmgr *lockmgr_start(gdn_node *node, const struct lockmgr_hooks *hooks)
{
    pthread_condattr_t monotonic;
    struct lockmgr *locks = calloc(1, sizeof *locks);
    if (locks == NULL) return NULL;
    locks->node = node;
    if (hooks != NULL) locks->hooks = *hooks;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&locks->mutex, NULL);
    (void)pthread_cond_init(&locks->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&locks->thread, NULL, manage, locks) == 0) return locks;
    (void)pthread_cond_destroy(&locks->changed);
    (void)pthread_mutex_destroy(&locks->mutex);
    free(locks);
    return NULL;
}

void lockmgr_stop(struct lockmgr *locks)
{
    lockmgr_resume(locks);
    gdn_node_stop(locks->node);
    (void)pthread_join(locks->thread, NULL);
    (void)pthread_cond_destroy(&locks->changed);
    (void)pthread_mutex_destroy(&locks->mutex);
    free(locks);
}
