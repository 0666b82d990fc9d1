/* SPDX-License-Identifier: MIT */
/* Memory for what arrives in bursts and leaves in nearly the same order. Pieces are cut from large
 * blocks, one after the other; a block whose pieces are all back is used again from its start.
 *
 *     block   | piece | piece | piece |  ... free ...  |      live: pieces not yet given back
 *
 * malloc() would give the memory of a burst back to the system after it, and fetch it again for
 * the next one. */
#ifndef GDN_CORE_POOL_H
#define GDN_CORE_POOL_H

#include <gordian/base.h>
#include <stdbool.h>
#include <stddef.h>

#define GDN__POOL_BLOCK_BYTES (64 * 1024)
#define GDN__POOL_PIECE_MAX   4096 /* Of a piece, in bytes. */
#define GDN__POOL_SPARES_MAX  8    /* Empty blocks that are kept. */

struct gdn__pool_block;

struct gdn__pool {
    struct gdn_allocator allocator;
    struct gdn__pool_block *filling; /* The one that pieces are cut from; NULL: none. */
    struct gdn__pool_block *spares;
    size_t spare_count;
};

void gdn__pool_init(struct gdn__pool *pool, const struct gdn_allocator *allocator);
/* Every piece must be back. */
void gdn__pool_fini(struct gdn__pool *pool);

/* A piece of @p bytes, at most GDN__POOL_PIECE_MAX, aligned for anything, not cleared. NULL: out of
 * memory. Caller gives it back with gdn__pool_give(). */
void *gdn__pool_take(struct gdn__pool *pool, size_t bytes);
void gdn__pool_give(void *piece);

/* Whose piece it is. */
struct gdn__pool *gdn__pool_of(void *piece);

#endif
