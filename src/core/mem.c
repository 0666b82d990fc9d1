/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include <stdlib.h>

static void *resize_with_malloc(void *context, void *block, size_t bytes)
{
    (void)context;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, bytes);
}

struct gdn_allocator gdn__allocator_or_default(const struct gdn_allocator *allocator)
{
    if (allocator != NULL && allocator->resize != NULL) return *allocator;
    return (struct gdn_allocator){.resize = resize_with_malloc};
}

void *gdn__alloc(const struct gdn_allocator *allocator, size_t bytes)
{
    return allocator->resize(allocator->context, NULL, bytes == 0 ? 1 : bytes);
}

void *gdn__calloc(const struct gdn_allocator *allocator, size_t bytes)
{
    void *block = gdn__alloc(allocator, bytes);
    if (block != NULL) memset(block, 0, bytes);
    return block;
}

void gdn__free(const struct gdn_allocator *allocator, void *block)
{
    if (block != NULL) (void)allocator->resize(allocator->context, block, 0);
}

char *gdn__strdup(const struct gdn_allocator *allocator, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = gdn__alloc(allocator, bytes);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}

bool gdn__grow(const struct gdn_allocator *allocator, void *array, size_t count, size_t *capacity,
               size_t element_bytes)
{
    if (count < *capacity) return true;
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    if (wanted > SIZE_MAX / element_bytes) return false;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = allocator->resize(allocator->context, old, wanted * element_bytes);
    if (grown == NULL) return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}
