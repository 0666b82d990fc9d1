/* SPDX-License-Identifier: MIT */
/* The inside of a node: a site under one mutex, and the engine thread that owns its sockets.
 *
 *     host threads --lock--> gdn_site_step --wants_to_send--> kick (eventfd)
 *     engine: wait for frames, kick or deadline; lock, step, unlock; send what came out
 *
 * The order in which messages are numbered under the mutex is the order of their channel; only
 * the engine sends. */
#ifndef GDN_NODE_NODE_H
#define GDN_NODE_NODE_H

#include <gordian/node.h>

#include "src/node/wires.h"
#include <pthread.h>
#include <sys/types.h>

struct gdn_node {
    struct gdn_allocator allocator;
    struct gdn_log log;
    pid_t pid; /* Of the process that opened it. */
    char *name;
    char *endpoint;
    gdn_node_id self;
    uint64_t incarnation;

    pthread_mutex_t mutex;
    pthread_cond_t items; /* An item waits, or the node stops. */
    pthread_cond_t peers; /* A peer came up, or the node stops. */
    gdn_site *site;
    bool stopping; /* Takers go home. */
    bool closing;  /* The engine goes home. */
    bool readable; /* items_fd has been written. */
    bool kicked;   /* kick_fd has been written. */
    int items_fd;
    int kick_fd;

    struct gdn__wires wires; /* The engine's alone, after the node is open. */
    bool has_wires;
    pthread_t engine;
    bool has_engine;
};

/* Microseconds of the monotonic clock. */
int64_t gdn__now_us(void);

/* Step the site; call with the mutex held. What must be told to the log is returned, owned by the
 * caller, in *log (NULL: nothing): tell it with gdn__node_tell() once the mutex is free. */
enum gdn_err gdn__node_step(gdn_node *node, const struct gdn_event *event,
                            struct gdn_actions *actions, char **log);
void gdn__node_tell(const gdn_node *node, char *log);

/* The engine thread's function. */
void *gdn__engine_run(void *node);

#endif
