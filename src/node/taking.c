/* SPDX-License-Identifier: MIT */
/* Taking items.
 *
 *     takers    one watches the inbox; the others wait on a condition
 *               woken by: an item, the watcher's leaving (the next one watches), gdn_node_stop() */
#include "src/node/node.h"

#include "src/core/mem.h"
#include "src/core/site.h"

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
    struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN};
    bool timed = gdn__site_take_is_timed(node->site);
    event.now_us = timed ? gdn__node_now(node) : gdn__node_now_about(node);
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
            in_time = gdn__node_watch(node, true, timeout_ms, &until);
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

int gdn_node_descriptor(gdn_node *node)
{
    if (gdn__node_is_forked(node)) return -1;
    gdn__node_lock(node);
    node->shown = true;
    gdn__node_show_items(node, gdn__site_items_waiting(node->site));
    gdn__node_unlock(node);
    return node->items_fd;
}
