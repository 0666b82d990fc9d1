/* SPDX-License-Identifier: MIT */
/* One turn at the site and the sockets, under the mutex. Nothing of the protocol is here. */
#include "src/node/node.h"

#include "src/core/mem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_AT_ONCE 64    /* Received in one turn ... */
#define BYTES_AT_ONCE  65536 /* ... unless they are large: others want the mutex too. */
/* Packing. Who sends again within the patience is in a burst, and leaves it to the next one who
 * comes by after it, or when a frame is full; the timer sees to it where nobody does. Patience is
 * GDN__LONE_US, about what waking a thread takes, and grows while BUSY messages come in each
 * GDN__LONE_US. */
#define PATIENCE_MAX_US 500
#define BUSY            8
#define FRAME_BYTES     (GDN__FRAME_BYTES_SOFT - GDN__FRAME_BYTES_SOFT / 8)

/* ---- The log ---- */

/* One zero-ended block: "line\nline\n". A line that begins with '!' is a warning. Without memory
 * they are lost. */
static void keep_log(gdn_node *node, const char *lines)
{
    if (lines != NULL && node->log.write != NULL) {
        gdn__put_bytes(&node->told, lines, strlen(lines));
    }
}

static void tell(const gdn_node *node, struct gdn__buffer *told)
{
    gdn__put_u8(told, 0);
    if (!told->failed) {
        for (char *line = (char *)told->bytes, *end; (end = strchr(line, '\n')) != NULL;
             line = end + 1) {
            *end = '\0';
            bool warning = line[0] == '!';
            node->log.write(node->log.context, warning ? GDN_LOG_WARNING : GDN_LOG_INFO,
                            warning ? line + 1 : line);
        }
    }
    gdn__buffer_fini(told);
}

void gdn__node_lock(gdn_node *node)
{
    pthread_mutex_lock(&node->mutex);
}

void gdn__node_unlock(gdn_node *node)
{
    struct gdn__buffer told = node->told;
    bool any = told.length > 0 || told.failed;
    if (any) gdn__buffer_init(&node->told, &node->allocator);
    pthread_mutex_unlock(&node->mutex);
    if (any) tell(node, &told);
}

/* ---- Descriptors ---- */

void gdn__raise(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}

void gdn__lower(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) continue;
}

void gdn__node_show_items(gdn_node *node, size_t items_waiting)
{
    bool asked_for = node->shown || (node->watched && node->wants_items);
    bool readable = node->stopping || (items_waiting > 0 && asked_for);
    if (items_waiting > 0 && node->takers > 0) pthread_cond_signal(&node->items);
    if (readable == node->readable) return;
    node->readable = readable;
    if (readable) {
        gdn__raise(node->items_fd);
    } else {
        gdn__lower(node->items_fd);
    }
}

void gdn__node_kick(gdn_node *node)
{
    if (node->kicked) return;
    node->kicked = true;
    gdn__raise(node->kick_fd);
}

/* ---- Steps ---- */

enum gdn_err gdn__node_step(gdn_node *node, const struct gdn_event *event,
                            struct gdn_actions *actions)
{
    enum gdn_err err = gdn_site_step(node->site, event, actions);
    bool heard = node->flushing > 0 && event->type == GDN_EVENT_FRAME_RECEIVED;
    if (actions->peers_changed || heard) {
        node->peers_news++;
        if (node->awaiting > 0) pthread_cond_broadcast(&node->peers);
    }
    if (actions->log != NULL) keep_log(node, actions->log);
    node->deadline_us = actions->deadline_us;
    return err;
}

bool gdn__node_receive(gdn_node *node, bool until_item, size_t *items_waiting)
{
    struct gdn_actions actions;
    struct gdn__arrived arrived;
    size_t bytes = 0;
    for (int i = 0; i < FRAMES_AT_ONCE && bytes < BYTES_AT_ONCE; i++) {
        if (!gdn__wires_receive(&node->wires, &arrived)) return false;
        struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED, .now_us = gdn__node_now(node)};
        event.as.frame.bytes = arrived.bytes;
        event.as.frame.length = arrived.length;
        event.as.frame.from = arrived.from;
        (void)!gdn__node_step(node, &event, &actions); /* What is refused was counted and told. */
        *items_waiting = actions.items_waiting;
        if (until_item && actions.items_waiting > 0) break;
        bytes += arrived.length;
    }
    return true;
}

static void open_links(gdn_node *node, const struct gdn_actions *actions)
{
    char why[512], line[600];
    for (size_t i = 0; i < actions->dial_count; i++) {
        why[0] = '\0';
        enum gdn_err err = gdn__wires_dial(&node->wires, actions->dials[i].link,
                                           actions->dials[i].endpoint, why, sizeof why);
        if (err == GDN_OK) continue;
        (void)snprintf(line, sizeof line, "!%s\n", why[0] != '\0' ? why : gdn_err_text(err));
        keep_log(node, line);
    }
}

static void learn_patience(gdn_node *node)
{
    int64_t more_us = 2 * node->patience_us;
    if (node->waiting * GDN__LONE_US < BUSY * (size_t)node->patience_us) {
        node->patience_us = GDN__LONE_US;
    } else {
        node->patience_us = more_us < PATIENCE_MAX_US ? more_us : PATIENCE_MAX_US;
    }
}

void gdn__node_send(gdn_node *node)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_LINKS_READY, .now_us = gdn__node_now(node)};
    (void)!gdn__node_step(node, &event, &actions);
    open_links(node, &actions);
    for (size_t i = 0; i < actions.frame_count; i++) {
        /* A frame that its link does not take is resent by the channel. */
        (void)gdn__wires_send(&node->wires, actions.frames[i].link, actions.frames[i].bytes,
                              actions.frames[i].length);
    }
    if (actions.frame_count > 0) node->sent_us = event.now_us;
    learn_patience(node);
    node->tail_us = INT64_MAX;
    node->waiting = 0;
}

void gdn__node_send_rest(gdn_node *node)
{
    if (node->tail_us != INT64_MAX) gdn__node_send(node);
}

/* Who is in a burst looks at the clock for every few messages. If the burst ends between, the timer
 * sees to it as ever. */
bool gdn__node_is_impatient(const gdn_node *node)
{
    return node->waiting % BUSY == 0;
}

void gdn__node_finish_turn(gdn_node *node, const struct gdn_actions *actions, int64_t now_us)
{
    bool due = node->deadline_us <= now_us;
    bool full = actions->bytes_to_send >= FRAME_BYTES;
    bool burst = now_us - node->sent_us < node->patience_us;
    if (due || (actions->wants_to_send && (full || !burst))) {
        gdn__node_send(node);
    } else if (actions->wants_to_send) {
        if (node->waiting++ == 0) node->tail_us = now_us + 2 * node->patience_us;
    }
    if (!node->awake) gdn__node_set_timer(node);
}
