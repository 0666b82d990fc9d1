/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file pair.h  Two real processes with two ways between them: a bare ZeroMQ PUSH and PULL in each
 *  direction, and a Gordian node at each end.
 *
 *      near   PUSH ----------> PULL   far        one way: far measures, from first to last
 *             PULL <---------- PUSH              there and back: near measures
 *             node a <------> node b
 *
 *  Both ways stand all the time and are used in turns, so that what else the machine does falls on
 *  both alike. */
#ifndef GORDIAN_BENCH_PAIR_H
#define GORDIAN_BENCH_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#define PAIR_BYTES_MIN 8
#define PAIR_BYTES_MAX 65536
#define PAIR_COUNT_MAX 10000000

/** What travels. */
enum pair_kind {
    PAIR_BARE,    /**< zmq_send, zmq_recv. */
    PAIR_PAYLOAD, /**< gdn_send, gdn_take. */
    PAIR_LOCKS    /**< Lock messages: gdn_request and gdn_cancel in turn, without waiting for
                       answers, as fast as the home's gdn_take lets in. */
};

struct pair;

/** Bytes of one lock message of PAIR_LOCKS, as it is packed. */
#define PAIR_LOCK_BYTES 52

/** Fork both processes and connect them over @p transport: "tcp" (loopback) or "ipc". NULL: one
 *  line on stderr says why. Call it while the process has no thread and no socket. Caller frees
 *  with pair_close(). */
struct pair *pair_open(const char *transport);

/** Send @p count messages of @p bytes one way; *per_second. False: a process died or ten seconds
 *  passed without a message. */
bool pair_stream(struct pair *pair, enum pair_kind kind, size_t bytes, unsigned count,
                 double *per_second);

/** Send @p count messages of @p bytes there and back, each alone, and set us[0..count). Not for
 *  PAIR_LOCKS. */
bool pair_ping(struct pair *pair, enum pair_kind kind, size_t bytes, unsigned count, double *us);

/** Processor time used so far by the near end (us[0]) and the far one, all threads, once what they
 *  were given before is done. */
bool pair_cpu(struct pair *pair, double us[2]);

/** End both processes and wait for them. NULL is fine. */
void pair_close(struct pair *pair);

#endif
