/* SPDX-License-Identifier: MIT */
#include "src/core/pool.h"

#include "src/core/mem.h"
#include <assert.h>
#include <stdalign.h>

struct gdn__pool_block {
    struct gdn__pool *pool;
    struct gdn__pool_block *next; /* Spare. */
    size_t used;                  /* Bytes cut off. */
    size_t live;                  /* Pieces not yet given back. */
    alignas(max_align_t) unsigned char bytes[GDN__POOL_BLOCK_BYTES];
};

/* Stands before each piece. */
union head {
    struct gdn__pool_block *block;
    max_align_t alignment;
};

void gdn__pool_init(struct gdn__pool *pool, const struct gdn_allocator *allocator)
{
    *pool = (struct gdn__pool){.allocator = *allocator};
}

void gdn__pool_fini(struct gdn__pool *pool)
{
    assert(pool->filling == NULL || pool->filling->live == 0);
    gdn__free(&pool->allocator, pool->filling);
    while (pool->spares != NULL) {
        struct gdn__pool_block *next = pool->spares->next;
        gdn__free(&pool->allocator, pool->spares);
        pool->spares = next;
    }
    *pool = (struct gdn__pool){.allocator = pool->allocator};
}

/* A block to cut from. The full one before it comes back with its last piece. */
static bool begin_block(struct gdn__pool *pool)
{
    struct gdn__pool_block *block = pool->spares;
    if (block != NULL) {
        pool->spares = block->next;
        pool->spare_count--;
    } else {
        block = gdn__alloc(&pool->allocator, sizeof *block);
        if (block == NULL) return false;
    }
    block->pool = pool;
    block->used = block->live = 0;
    pool->filling = block;
    return true;
}

void *gdn__pool_take(struct gdn__pool *pool, size_t bytes)
{
    assert(bytes <= GDN__POOL_PIECE_MAX);
    size_t unit = sizeof(union head);
    size_t whole = unit + (bytes + unit - 1) / unit * unit;
    if (pool->filling == NULL || whole > GDN__POOL_BLOCK_BYTES - pool->filling->used) {
        if (!begin_block(pool)) return NULL;
    }
    struct gdn__pool_block *block = pool->filling;
    union head *head = (union head *)(void *)(block->bytes + block->used);
    head->block = block;
    block->used += whole;
    block->live++;
    return head + 1;
}

static void come_back(struct gdn__pool *pool, struct gdn__pool_block *block)
{
    if (block == pool->filling) {
        block->used = 0;
    } else if (pool->spare_count < GDN__POOL_SPARES_MAX) {
        block->next = pool->spares;
        pool->spares = block;
        pool->spare_count++;
    } else {
        gdn__free(&pool->allocator, block);
    }
}

void gdn__pool_give(void *piece)
{
    struct gdn__pool_block *block = ((union head *)piece - 1)->block;
    assert(block->live > 0);
    if (--block->live == 0) come_back(block->pool, block);
}

struct gdn__pool *gdn__pool_of(void *piece)
{
    return ((union head *)piece - 1)->block->pool;
}
