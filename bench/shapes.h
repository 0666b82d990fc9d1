/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file shapes.h  Large cuts of known shapes, to measure what reading and judging them costs.
 *
 *  Who waits for whom is one plain list of edges, and the cut is a system of eight nodes that is
 *  in that state: each lock has a home, its queue there, and each wait is listed by its issuer. */
#ifndef GORDIAN_BENCH_SHAPES_H
#define GORDIAN_BENCH_SHAPES_H

#include <gordian/cut.h>

enum shape_kind {
    SHAPE_CHAIN,  /**< Each waits for the next, and the last runs. */
    SHAPE_STAR,   /**< All wait in one queue for one that runs. */
    SHAPE_RANDOM, /**< 1.3 waits for each process on the average, for any other. */
    SHAPE_RING,   /**< One core: the chain closed. */
    SHAPE_CLUMP,  /**< One core: all hold one lock and all want more of it. */
    SHAPE_PAIRS,  /**< Many cores: each two wait for each other. */
    SHAPE_COUNT
};

struct shape_stake {
    uint32_t process;
    uint32_t lock;
};

struct shape {
    uint32_t process_count, lock_count;
    bool shared; /**< The holders hold in shared mode; all waiters want exclusive. */
    struct shape_stake *holds, *waits; /**< In the order of the locks. */
    size_t hold_count, wait_count;
};

/** A cut listed on both sides is larger than GDN_CUT_BYTES_MAX beyond this; larger ones are
 *  listed by the homes alone. */
#define SHAPE_LISTED_TWICE_MAX 4000000

const char *shape_name(enum shape_kind kind);

/** About @p waits waits, the same each time. False: out of memory. shape_fini() in any case. */
bool shape_init(struct shape *shape, enum shape_kind kind, size_t waits);
void shape_fini(struct shape *shape);

/** NULL when out of memory. Caller frees with gdn_cut_free(). */
gdn_cut *shape_cut(const struct shape *shape);

#endif
