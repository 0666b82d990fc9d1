/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file floor.h  The least a Chandy-Lamport round can cost on ZeroMQ: the same messages, sent by
 *  programs that do nothing else.
 *
 *      coordinator            node 1 ... node N          (a process each, tcp over loopback)
 *          |--- START ----------->|  to all N
 *          |                      |--- MARKER --->       on START or first marker, to N-1 peers
 *          |                      |<-- MARKER ---
 *          |<-- REPORT -----------|                      after N-1 markers
 *
 *  Each process has a context of its own, one bound PULL, and one PUSH per process it sends to. A
 *  round is timed by the coordinator, from its first START to the last REPORT.
 *
 *  The caller's process holds neither a socket nor a thread of it, so that one program can measure
 *  its subject and the floor in turn. */
#ifndef GORDIAN_BENCH_FLOOR_H
#define GORDIAN_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

#define FLOOR_NODES_MAX 256
#define FLOOR_BYTES_MIN 16
#define FLOOR_BYTES_MAX 65536

/** 0 in a size: its default, which is what the real protocol sends between idle nodes. */
struct floor_options {
    unsigned nodes;      /**< 2 to FLOOR_NODES_MAX. */
    size_t start_bytes;  /**< FLOOR_BYTES_MIN to FLOOR_BYTES_MAX; default 80. */
    size_t marker_bytes; /**< Default 80. */
    size_t report_bytes; /**< Default 300. */
};

typedef struct floor_mesh floor_mesh;

/** Fork the processes and connect them. NULL: options out of range (EINVAL) or no resources; see
 *  errno. Call it before the program starts threads or opens sockets, for the children inherit
 *  them; the processes end with the calling thread, whatever happens to it. Caller frees with
 *  floor_close(). */
floor_mesh *floor_open(const struct floor_options *options);

/** Run @p count rounds and set us[0..count). False: a process died or a message did not come within
 *  ten seconds (errno ECONNABORTED); then only floor_close() is left. */
bool floor_run(floor_mesh *mesh, unsigned count, double *us);

/** End every process and wait for it. NULL is fine. */
void floor_close(floor_mesh *mesh);

#endif
