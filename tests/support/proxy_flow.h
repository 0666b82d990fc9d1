/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of one connection through the proxy: what was read and is not written yet, and
 * what is being done to it. */
#ifndef TESTS_PROXY_FLOW_H
#define TESTS_PROXY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_HELD_MAX (256 * 1024) /* Bytes; then it reads no more. */

struct chunk {
    struct chunk *next;
    int64_t due_us; /* Not written before. */
    size_t at, length;
    uint8_t bytes[];
};

struct flow {
    int from, to;
    struct chunk *first, *last;
    size_t held;
    bool ended;      /* Its source will send no more. */
    bool blocked;    /* Its destination takes nothing now. */
    uint64_t passed; /* Bytes written. */
    /* Faults. */
    bool stalled, swallowing;
    int64_t late_us;
    uint32_t bytes_per_ms;  /* 0: as fast as it goes. */
    int64_t allowed_at_us;  /* Throttled: when the next byte may go. */
    uint64_t cut_at_passed; /* UINT64_MAX: never. */
};

void flow_init(struct flow *flow, int from, int to);
void flow_fini(struct flow *flow);

bool flow_wants_to_read(const struct flow *flow);
/* Its first bytes may be written now. */
bool flow_wants_to_write(const struct flow *flow, int64_t now_us);
/* When to look at it though no descriptor is ready; INT64_MAX: never. */
int64_t flow_deadline(const struct flow *flow);

/* Move what can be moved. False: the connection has failed. */
bool flow_read(struct flow *flow, int64_t now_us);
bool flow_write(struct flow *flow, int64_t now_us);

/* The byte it was to be cut at has passed. */
bool flow_is_cut(const struct flow *flow);
/* All that will ever come has been passed on. */
bool flow_is_over(const struct flow *flow);

#endif
