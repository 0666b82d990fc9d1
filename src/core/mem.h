/* SPDX-License-Identifier: MIT */
/* Memory through the owner's allocator, and arrays that grow. */
#ifndef GDN_CORE_MEM_H
#define GDN_CORE_MEM_H

#include <gordian/base.h>
#include <string.h>

/* A copy of @p allocator, or one over malloc() when it is NULL. */
struct gdn_allocator gdn__allocator_or_default(const struct gdn_allocator *allocator);

void *gdn__alloc(const struct gdn_allocator *allocator, size_t bytes);
void *gdn__calloc(const struct gdn_allocator *allocator, size_t bytes);
void gdn__free(const struct gdn_allocator *allocator, void *block);

/* NULL when out of memory. */
char *gdn__strdup(const struct gdn_allocator *allocator, const char *text);

/* Room for one more element: *array may move. False when out of memory; nothing changed. */
bool gdn__grow(const struct gdn_allocator *allocator, void *array, size_t count, size_t *capacity,
               size_t element_bytes);

#endif
