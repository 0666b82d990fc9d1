/* SPDX-License-Identifier: MIT */
/* The thread that is always there: it receives, sends what others left to it, and knows the time.
 * Nothing of the protocol is here.
 *
 * Those who watch the inbox come and go with every message, so it takes it back only when none has
 * come for RETURN_US, or when somebody waits without watching. */
#include "src/node/node.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define RETURN_US 1000

static bool watch(const gdn_node *node, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(node->engine_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool gdn__engine_init(gdn_node *node)
{
    node->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    node->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    node->engine_fd = epoll_create1(EPOLL_CLOEXEC);
    return node->kick_fd >= 0 && node->timer_fd >= 0 && node->engine_fd >= 0 &&
           watch(node, node->kick_fd) && watch(node, node->timer_fd) &&
           watch(node, node->wires.inbox_fd);
}

/* Whether the engine wakes for frames. */
static void watch_inbox(const gdn_node *node, bool on)
{
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.fd = node->wires.inbox_fd};
    (void)epoll_ctl(node->engine_fd, EPOLL_CTL_MOD, node->wires.inbox_fd, &event);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t wanted_at(const gdn_node *node)
{
    return earlier(node->deadline_us, earlier(node->tail_us, node->return_us));
}

/* Only ever earlier: one that rings too early is set again by the engine. */
void gdn__node_set_timer(gdn_node *node)
{
    int64_t wanted_us = wanted_at(node);
    if (wanted_us >= node->timer_us) return;
    int64_t at_us = wanted_us > 0 ? wanted_us : 1; /* 0 would turn it off. */
    struct itimerspec at = {
        .it_value = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000}};
    if (timerfd_settime(node->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0) {
        node->timer_us = wanted_us;
        node->rung = false; /* Setting it stops its ringing. */
    }
}

void gdn__engine_lend(gdn_node *node)
{
    if (node->return_us == INT64_MAX) watch_inbox(node, false);
    node->return_us = INT64_MAX;
    node->watched = true;
}

void gdn__engine_expect(gdn_node *node)
{
    node->watched = false;
    node->return_us = gdn__node_now(node) + (node->awaiting > 0 ? 0 : RETURN_US);
    if (!node->awake) gdn__node_set_timer(node);
}

static bool has_inbox(const gdn_node *node)
{
    return !node->watched && node->return_us == INT64_MAX;
}

static void take_inbox_back(gdn_node *node)
{
    if (node->return_us == INT64_MAX || node->return_us > gdn__node_now(node)) return;
    watch_inbox(node, true);
    node->return_us = INT64_MAX;
}

/* Without the mutex, until something wakes it. True: something else than the timer has. */
static bool sleep_until_woken(gdn_node *node)
{
    struct epoll_event events[3];
    bool woken = false;
    node->awake = false;
    gdn__node_set_timer(node);
    if (node->rung) gdn__lower(node->timer_fd);
    node->rung = false;
    gdn__node_unlock(node);
    int count = epoll_wait(node->engine_fd, events, 3, -1);
    gdn__node_lock(node);
    node->awake = true;
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (fd == node->timer_fd) {
            node->rung = true;
            node->timer_us = INT64_MAX;
        } else {
            woken = true;
        }
        if (fd == node->kick_fd) gdn__lower(fd);
    }
    node->kicked = false;
    return woken;
}

/* Mostly the timer finds that others have done already what it was set for. */
static void sleep_until_needed(gdn_node *node)
{
    bool needed = false;
    while (!needed) needed = sleep_until_woken(node) || wanted_at(node) <= gdn__node_now(node);
}

static void let_others_in(gdn_node *node)
{
    gdn__node_unlock(node);
    gdn__node_lock(node);
}

/* True when it ended before all was received. */
static bool turn(gdn_node *node)
{
    struct gdn_actions actions = {.items_waiting = SIZE_MAX};
    take_inbox_back(node);
    bool more = has_inbox(node) && gdn__node_receive(node, false, &actions.items_waiting);
    int64_t now_us = gdn__node_now(node);
    if (node->deadline_us <= now_us) {
        struct gdn_event event = {.type = GDN_EVENT_TIME_PASSED, .now_us = now_us};
        (void)!gdn__node_step(node, &event, &actions);
    }
    if (actions.items_waiting != SIZE_MAX) gdn__node_show_items(node, actions.items_waiting);
    gdn__node_send(node);
    return more;
}

void *gdn__engine_run(void *opened)
{
    gdn_node *node = opened;
    gdn__node_lock(node);
    while (!node->closing) {
        if (turn(node)) {
            let_others_in(node);
        } else if (!node->closing) {
            sleep_until_needed(node);
        }
    }
    gdn__node_send(node); /* Goodbyes. */
    gdn__node_unlock(node);
    return NULL;
}
