/* SPDX-License-Identifier: MIT */
/* The inside of a node: a site and its sockets under one mutex, and the engine thread, which does
 * what no other thread happens to do first.
 *
 *     a verb        lock, step; a lone message is sent at once, by the caller; in a burst whoever
 *                   comes by when a frame is worth it sends all that came meanwhile; unlock
 *     gdn_take      lock, step; where nothing waits, the first taker watches the inbox in the
 *                   engine's place, so that a message wakes the thread that wants it; so does
 *                   whoever waits for a peer
 *     the engine    wait for frames, kick or timer; lock, step, send what came out; unlock
 *
 *     node.c     opening, closing, verbs
 *     turn.c     one turn at the site and the sockets, whoever makes it
 *     taking.c   gdn_take and the descriptor of items
 *     watching.c the inbox, by a thread that waits
 *     engine.c   the thread
 *     clock.c    what time it is, exactly or about
 *
 * The order in which messages are numbered under the mutex is the order of their channel. The
 * sockets are used under the mutex alone, which is the fence that ZeroMQ asks for when a socket
 * goes from thread to thread; nothing waits while it is held. */
#ifndef GDN_NODE_NODE_H
#define GDN_NODE_NODE_H

#include <gordian/node.h>

#include "src/core/buffer.h"
#include "src/node/wires.h"
#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#define GDN__LONE_US 20 /* About what waking a thread takes. */

struct gdn_node {
    struct gdn_allocator allocator;
    struct gdn_log log;
    const unsigned char *alive; /* Not 0; but 0 in a forked child. NULL: compare the pid. */
    pid_t pid;                  /* Of the process that opened it. */
    char *name;
    char *endpoint;
    gdn_node_id self;
    uint64_t incarnation;

    pthread_mutex_t mutex;
    pthread_cond_t items; /* An item waits, nobody watches the inbox, or the node stops. */
    pthread_cond_t peers; /* A peer came up or has room again, all arrived, or the node stops. */
    uint64_t peers_news;  /* How often any of that happened. */
    size_t takers;        /* That wait for items. */
    size_t awaiting;      /* Threads that wait for peers ... */
    size_t flushing;      /* ... those among them that wait for acknowledgements. */
    int close_ms;
    gdn_site *site;
    struct gdn__buffer told; /* Lines of the log, to be told once the mutex is free. */
    int64_t now_us;          /* When the clock was last read ... */
    int64_t tick_us;         /* ... and the coarse one. */
    int64_t deadline_us;     /* When the site wants to hear of the time. */
    int64_t tail_us;         /* When the engine sends what others left; INT64_MAX: nothing. */
    int64_t patience_us;     /* Between frames while a burst goes on. */
    size_t waiting;          /* Turns whose messages wait for more to come. */
    int64_t return_us;       /* When it takes the inbox back from takers; INT64_MAX: it has it. */
    int64_t timer_us;        /* What timer_fd is set to; INT64_MAX: to nothing. */
    int64_t sent_us;         /* When frames were last sent. */
    bool stopping;           /* Takers go home. */
    bool closing;            /* The engine goes home. */
    bool awake;              /* The engine is: it sends what waits before it sleeps. */
    bool kicked;             /* kick_fd has been written. */
    bool rung;               /* timer_fd has rung, and was not read. */
    bool watched;            /* A thread that waits watches the inbox ... */
    bool wants_items;        /* ... and is a taker. */
    bool shown;              /* The host has asked for items_fd. */
    bool readable;           /* items_fd has been written. */
    int items_fd;
    int kick_fd;
    int timer_fd;
    int engine_fd; /* The epoll that the engine sleeps on: kick, timer and inbox. */

    struct gdn__wires wires;
    bool has_wires;
    pthread_t engine;
    bool has_engine;
};

bool gdn__node_is_forked(const gdn_node *node);

/* ---- clock.c ---- */

/* Microseconds of the monotonic clock; the mutex is held. */
int64_t gdn__node_now(gdn_node *node);
/* The same, at most one tick of the kernel (some milliseconds) late, and not before what the other
 * last gave: it costs a tenth, and reading the clock is much of what a message costs. */
int64_t gdn__node_now_about(gdn_node *node);
/* Of that clock, @p timeout_ms from now (below 0: now). */
struct timespec gdn__time_in(int timeout_ms);

/* ---- turn.c: all but the first with the mutex held ---- */

void gdn__node_lock(gdn_node *node);
/* And tell the log what there is to tell. */
void gdn__node_unlock(gdn_node *node);

/* Whether the patience may be over with the next message: time to look at the clock. */
bool gdn__node_is_impatient(const gdn_node *node);

/* Step the site. */
enum gdn_err gdn__node_step(gdn_node *node, const struct gdn_event *event,
                            struct gdn_actions *actions);
/* Step it for the frames that have arrived, up to a bound, or until an item waits. False: none is
 * left, so the inbox's descriptor will tell of the next one. */
bool gdn__node_receive(gdn_node *node, bool until_item, size_t *items_waiting);
/* Hand the frames that wait to their links. */
void gdn__node_send(gdn_node *node);
/* The same, if any wait for more to come. */
void gdn__node_send_rest(gdn_node *node);
/* After a step by any thread but the engine: what waits is sent, now or later, and the timer is
 * set. */
void gdn__node_finish_turn(gdn_node *node, const struct gdn_actions *actions, int64_t now_us);
void gdn__node_kick(gdn_node *node);
void gdn__node_set_timer(gdn_node *node);

/* The descriptor is readable exactly while an item waits, and for good once the node stops. */
void gdn__node_show_items(gdn_node *node, size_t items_waiting);

/* An eventfd is made readable, and not. */
void gdn__raise(int fd);
void gdn__lower(int fd);

/* ---- watching.c ---- */

/* In the engine's place, while nobody else watches: until an item waits or else something has
 * happened to a peer, or there is something to tell the log. False: the time is up. */
bool gdn__node_watch(gdn_node *node, bool for_item, int timeout_ms, const struct timespec *until);

/* ---- engine.c ---- */

/* The descriptors that the engine sleeps on. False: errno. */
bool gdn__engine_init(gdn_node *node);
/* Another thread watches the inbox, and the engine no longer wakes for frames. */
void gdn__engine_lend(gdn_node *node);
/* It has left. If none comes back soon, the engine watches again. */
void gdn__engine_expect(gdn_node *node);
/* The thread's function. */
void *gdn__engine_run(void *node);

#endif
