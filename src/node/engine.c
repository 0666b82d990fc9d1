/* SPDX-License-Identifier: MIT */
/* The thread that owns every socket: receive, step, carry out the actions in order, wait until the
 * deadline. Nothing of the protocol is here. */
#include "src/node/node.h"

#include "src/core/mem.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define FRAMES_AT_ONCE 64 /* Received before what they caused is sent. */

static void log_line(gdn_node *node, const char *line)
{
    if (node->log.write != NULL) node->log.write(node->log.context, GDN_LOG_WARNING, line);
}

static void step(gdn_node *node, struct gdn_event event)
{
    struct gdn_actions actions;
    char *log;
    pthread_mutex_lock(&node->mutex);
    event.now_us = gdn__now_us();
    enum gdn_err err = gdn__node_step(node, &event, &actions, &log);
    pthread_mutex_unlock(&node->mutex);
    gdn__node_tell(node, log);
    (void)err; /* A refused frame was counted and said why. */
}

static void receive_frames(gdn_node *node)
{
    struct gdn__arrived arrived;
    for (int i = 0; i < FRAMES_AT_ONCE && gdn__wires_receive(&node->wires, &arrived); i++) {
        struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED};
        event.as.frame.bytes = arrived.bytes;
        event.as.frame.length = arrived.length;
        event.as.frame.from = arrived.from;
        step(node, event);
    }
}

/* Under the mutex, so what goes wrong is left in @p why for later; the last one counts. */
static void open_links(gdn_node *node, const struct gdn_actions *actions, char *why,
                       size_t why_bytes)
{
    char reason[512];
    for (size_t i = 0; i < actions->dial_count; i++) {
        reason[0] = '\0';
        enum gdn_err err = gdn__wires_dial(&node->wires, actions->dials[i].link,
                                           actions->dials[i].endpoint, reason, sizeof reason);
        if (err == GDN_OK) continue;
        (void)snprintf(why, why_bytes, "%s", reason[0] != '\0' ? reason : gdn_err_text(err));
    }
}

static void lower_kick(gdn_node *node)
{
    uint64_t count;
    while (read(node->kick_fd, &count, sizeof count) < 0 && errno == EINTR) continue;
}

/* Send what waits. The frames are ours until the next LINKS_READY, which only this thread says.
 * Returns the deadline. */
static int64_t send_frames(gdn_node *node, bool *closing)
{
    struct gdn_actions actions;
    char why[512] = "";
    char *log;
    pthread_mutex_lock(&node->mutex);
    if (node->kicked) lower_kick(node);
    node->kicked = false;
    *closing = node->closing;
    struct gdn_event event = {.type = GDN_EVENT_LINKS_READY, .now_us = gdn__now_us()};
    enum gdn_err err = gdn__node_step(node, &event, &actions, &log);
    open_links(node, &actions, why, sizeof why); /* Borrowed until the next step. */
    pthread_mutex_unlock(&node->mutex);
    gdn__node_tell(node, log);
    if (why[0] != '\0') log_line(node, why);
    (void)err;
    for (size_t i = 0; i < actions.frame_count; i++) {
        /* A frame that its link does not take is resent by the channel. */
        (void)gdn__wires_send(&node->wires, actions.frames[i].link, actions.frames[i].bytes,
                              actions.frames[i].length);
    }
    return actions.deadline_us;
}

static void wait_until(gdn_node *node, int64_t deadline_us)
{
    int64_t timeout_us = -1;
    if (deadline_us != INT64_MAX) {
        timeout_us = deadline_us - gdn__now_us();
        if (timeout_us < 0) timeout_us = 0;
    }
    (void)gdn__wires_wait(&node->wires, node->kick_fd, timeout_us);
}

void *gdn__engine_run(void *opened)
{
    gdn_node *node = opened;
    bool closing = false;
    while (!closing) {
        int64_t deadline_us = send_frames(node, &closing);
        if (closing) break;
        wait_until(node, deadline_us);
        receive_frames(node);
        if (deadline_us <= gdn__now_us()) {
            step(node, (struct gdn_event){.type = GDN_EVENT_TIME_PASSED});
        }
    }
    return NULL;
}
