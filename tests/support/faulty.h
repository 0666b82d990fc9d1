/* SPDX-License-Identifier: MIT */
/* An allocator that fails when it is told to, and counts what lives. */
#ifndef TESTS_SUPPORT_FAULTY_H
#define TESTS_SUPPORT_FAULTY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gordian/base.h>
#include <stdlib.h>

struct faulty {
    size_t allowed; /* Requests until they fail; SIZE_MAX: never. */
    bool once;      /* One request fails, and those after it succeed. */
    size_t live;    /* Blocks. */
    size_t failed;  /* Requests. */
};

static inline void *faulty_resize(void *context, void *block, size_t bytes)
{
    struct faulty *faulty = context;
    if (bytes == 0) {
        if (block != NULL) faulty->live--;
        free(block);
        return NULL;
    }
    if (faulty->allowed == 0) {
        faulty->failed++;
        if (faulty->once) faulty->allowed = SIZE_MAX;
        return NULL;
    }
    if (faulty->allowed != SIZE_MAX) faulty->allowed--;
    void *grown = realloc(block, bytes);
    assert_non_null(grown);
    if (block == NULL) faulty->live++;
    return grown;
}

static inline struct gdn_allocator faulty_allocator(struct faulty *faulty)
{
    return (struct gdn_allocator){faulty_resize, faulty};
}

#endif
