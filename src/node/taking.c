/* SPDX-License-Identifier: MIT */
/* Taking items.
 *
 *     takers    one watches the inbox; the others wait on a condition
 *               woken by: an item, the watcher's leaving (the next one watches), gdn_node_stop()
 *
 * The watcher receives and sends as the engine would, which meanwhile wakes for its timer and kicks
 * alone. So a message wakes one thread on its way in, the one that wants it. When the watcher
 * leaves, with an item or without, and none comes soon, the engine watches again: nobody's slowness
 * delays a round. */
#include "src/node/node.h"

#include "src/core/mem.h"
#include <errno.h>
#include <poll.h>

/* Until a frame or an item comes or the time is up; false then. */
static bool sleep_on_inbox(gdn_node *node, int timeout_ms, const struct timespec *until)
{
    struct pollfd fds[2] = {{.fd = node->wires.inbox_fd, .events = POLLIN},
                            {.fd = node->items_fd, .events = POLLIN}};
    struct timespec left = {.tv_sec = 0};
    if (timeout_ms >= 0) {
        struct timespec now = gdn__time_in(0);
        int64_t left_ns =
            (int64_t)(until->tv_sec - now.tv_sec) * 1000000000 + (until->tv_nsec - now.tv_nsec);
        if (left_ns <= 0) return false;
        left = (struct timespec){.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    }
    gdn__node_unlock(node);
    int ready = ppoll(fds, 2, timeout_ms < 0 ? NULL : &left, NULL);
    gdn__node_lock(node);
    return ready != 0;
}

/* Receive, and send what that asks for. False: the last frame was received. */
static bool receive(gdn_node *node, size_t *items_waiting)
{
    bool more = gdn__node_receive(node, true, items_waiting);
    if (!node->awake) {
        gdn__node_send(node);
        gdn__node_set_timer(node);
    }
    return more;
}

/* In the engine's place, until an item waits or nothing more is to be had. False: the time is
 * up. */
static bool watch_inbox(gdn_node *node, int timeout_ms, const struct timespec *until)
{
    size_t items_waiting = 0;
    bool in_time = true;
    gdn__engine_lend(node);
    do {
        bool more = receive(node, &items_waiting);
        if (items_waiting > 0 || node->readable || node->told.length > 0) break;
        if (!more) in_time = sleep_on_inbox(node, timeout_ms, until);
    } while (in_time && !node->stopping);
    gdn__engine_expect(node);
    if (node->takers > 0) pthread_cond_signal(&node->items);
    return in_time;
}

static bool wait_for_watcher(gdn_node *node, int timeout_ms, const struct timespec *until)
{
    node->takers++;
    int waited = timeout_ms < 0 ? pthread_cond_wait(&node->items, &node->mutex)
                                : pthread_cond_timedwait(&node->items, &node->mutex, until);
    node->takers--;
    return waited == 0;
}

static enum gdn_err take(gdn_node *node, struct gdn_item *item)
{
    struct gdn_actions actions;
    if (node->stopping) return GDN_ERR_CLOSED;
    struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN, .now_us = gdn__now_us()};
    enum gdn_err err = gdn__node_step(node, &event, &actions);
    gdn__node_show_items(node, actions.items_waiting);
    gdn__node_finish_turn(node, &actions, event.now_us);
    if (err == GDN_OK) *item = actions.item;
    return err;
}

enum gdn_err gdn_take(gdn_node *node, struct gdn_item *item, int timeout_ms)
{
    if (gdn__node_is_forked(node)) return GDN_ERR_FORKED;
    struct timespec until = {.tv_sec = 0};
    bool in_time = timeout_ms != 0, timed = false;
    gdn__node_lock(node);
    enum gdn_err err = take(node, item);
    while (err == GDN_ERR_EMPTY && in_time) {
        if (!timed) until = gdn__time_in(timeout_ms);
        timed = true;
        if (node->told.length > 0) { /* Tell it, then look again. */
            gdn__node_unlock(node);
            gdn__node_lock(node);
        } else if (node->watched) {
            in_time = wait_for_watcher(node, timeout_ms, &until);
        } else {
            in_time = watch_inbox(node, timeout_ms, &until);
        }
        err = take(node, item);
    }
    gdn__node_unlock(node);
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
    if (gdn__node_is_forked(node)) return -1;
    gdn_node *shown = (gdn_node *)(uintptr_t)node;
    gdn__node_lock(shown);
    shown->shown = true;
    gdn__node_show_items(shown, gdn_site_counters(shown->site).items_waiting);
    gdn__node_unlock(shown);
    return node->items_fd;
}
