/* SPDX-License-Identifier: MIT */
/* Watching the inbox in the engine's place, while the thread has nothing else to do.
 *
 * The watcher receives and sends as the engine would, which meanwhile wakes for its timer and kicks
 * alone. So a message wakes one thread on its way in, the one that wants it. When the watcher
 * leaves, the next one that waits watches; if none does soon, the engine does again: nobody's
 * slowness delays a round. */
#include "src/node/node.h"

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
    bool more = gdn__node_receive(node, node->wants_items, items_waiting);
    if (!node->awake) {
        gdn__node_send(node);
        gdn__node_set_timer(node);
    }
    return more;
}

bool gdn__node_watch(gdn_node *node, bool for_item, int timeout_ms, const struct timespec *until)
{
    uint64_t news = node->peers_news;
    bool in_time = true, done = false;
    node->wants_items = for_item;
    gdn__engine_lend(node);
    while (in_time && !done) {
        size_t items_waiting = 0;
        bool more = receive(node, &items_waiting);
        if (!for_item && items_waiting > 0) gdn__node_show_items(node, items_waiting);
        done = (for_item ? items_waiting > 0 : node->peers_news != news) || node->readable ||
               node->stopping || node->told.length > 0;
        if (!done && !more) in_time = sleep_on_inbox(node, timeout_ms, until);
    }
    gdn__engine_expect(node);
    if (node->takers > 0) pthread_cond_signal(&node->items);
    return in_time;
}
