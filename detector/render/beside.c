/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "beside.h"

#include <stdlib.h>

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

enum gdn_err gdn__beside_find(const struct gdn_deadlock *deadlock, size_t edges, uint32_t *beside,
                              size_t max, size_t *count)
{
    uint32_t *shown = malloc((2 * edges + 1) * sizeof *shown);
    if (shown == NULL) return GDN_ERR_MEMORY;
    for (size_t i = 0; i < edges; i++) {
        shown[2 * i] = deadlock->witness[i].waiter;
        shown[2 * i + 1] = deadlock->witness[i].holder;
    }
    qsort(shown, 2 * edges, sizeof *shown, compare_numbers);
    *count = 0;
    for (size_t i = 0; i < deadlock->member_count; i++) {
        const uint32_t *member = &deadlock->members[i];
        if (bsearch(member, shown, 2 * edges, sizeof *shown, compare_numbers) != NULL) continue;
        if (*count < max) beside[*count] = *member;
        ++*count;
    }
    free(shown);
    return GDN_OK;
}
