/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bad network between processes: a TCP proxy, a process of its own, that spoils connections on
 * demand.
 *
 *     peer --> [gate: a port of ours] proxy --> [the node's port] node
 *              \______________________________________________/
 *                one connection: "to the node" and "from the node"
 *
 * A node binds its own port and advertises its gate, so that everything that is sent to it passes
 * here. Bytes are passed on as they are, in order; only what a fault says is done to them. */
#ifndef TESTS_PROXY_H
#define TESTS_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROXY_GATES_MAX       16
#define PROXY_CONNECTIONS_MAX 256
#define PROXY_FAULTS_MAX      64 /* Under way at once. */

enum proxy_kind {
    PROXY_FIN,      /* After so many more bytes the connection ends. */
    PROXY_RESET,    /* The same, with a reset. */
    PROXY_STALL,    /* Nothing passes for a while; then it goes on. */
    PROXY_SWALLOW,  /* Half-open: all is taken and nothing passed on for a while; then a reset. */
    PROXY_DELAY,    /* For a while every byte is late. */
    PROXY_THROTTLE, /* For a while only so many bytes pass each millisecond. */
    PROXY_REFUSE,   /* All connections of the gate are reset, and for a while new ones refused. */
    PROXY_KINDS
};
extern const char *const proxy_kind_names[PROXY_KINDS];

#define PROXY_NEXT UINT32_MAX /* The next connection that is made, from its first byte. */

struct proxy_fault {
    enum proxy_kind kind;
    int gate;
    bool from_node;       /* The direction (FIN, RESET: whose bytes are counted). */
    uint32_t which;       /* Of the gate's connections, modulo their number; or PROXY_NEXT. */
    uint64_t after_bytes; /* FIN, RESET. */
    uint32_t for_ms;      /* The others; FIN and RESET: then it happens anyway. 0: for ever. */
    uint32_t amount;      /* DELAY: milliseconds; THROTTLE: bytes each millisecond. */
};

struct proxy_done {
    enum proxy_kind kind;
    int gate;
    bool took_effect; /* There was a connection to spoil. */
};

struct proxy_counts {
    uint64_t connections, bytes;  /* Accepted; passed on, both directions. */
    uint64_t faults[PROXY_KINDS]; /* That took effect and are over. */
    uint32_t under_way;
    uint32_t open[PROXY_GATES_MAX]; /* Connections now. */
};

struct proxy {
    pid_t pid; /* -1: none. */
    int control;
    int done; /* Readable while proxy_next_done() has something. */
};

/* Start it. The calling program has one thread. False on failure. */
bool proxy_start(struct proxy *proxy);
/* Harmless when it does not run. */
void proxy_stop(struct proxy *proxy);

/* A gate before port @p node_port of the loopback: its port, or 0. Gates are numbered from 0. */
int proxy_open_gate(struct proxy *proxy, int node_port);

/* Begin a fault. False when it is none, or too many are under way. */
bool proxy_begin(struct proxy *proxy, const struct proxy_fault *fault);

/* End every fault of the gate that is under way. */
bool proxy_heal(struct proxy *proxy, int gate);

/* A fault that is over; false when none ends within @p timeout_ms. */
bool proxy_next_done(struct proxy *proxy, struct proxy_done *done, int timeout_ms);

/* False when the proxy has gone. */
bool proxy_count(struct proxy *proxy, struct proxy_counts *counts);

#endif
