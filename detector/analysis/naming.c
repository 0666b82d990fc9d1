/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/naming.h"

#include "src/core/mem.h"
#include <stdlib.h>

static int compare_issuers(const void *a, const void *b, void *context)
{
    const gdn_cut *cut = context;
    const struct gdn_cut_party *x = &cut->parties[*(const uint32_t *)a];
    const struct gdn_cut_party *y = &cut->parties[*(const uint32_t *)b];
    int order = gdn_id_compare(x->id.id, y->id.id);
    if (order != 0) return order;
    return x->incarnation < y->incarnation ? -1 : x->incarnation > y->incarnation;
}

/* Two that are the same have the same. */
static void rank(struct gdn__naming *naming, uint32_t *sorted)
{
    size_t count = naming->cut->party_count;
    for (uint32_t i = 0; i < count; i++) sorted[i] = i;
    if (count == 0) return;
    qsort_r(sorted, count, sizeof *sorted, compare_issuers, (void *)naming->cut);
    for (size_t i = 1; i < count; i++) {
        bool same = compare_issuers(&sorted[i - 1], &sorted[i], (void *)naming->cut) == 0;
        naming->rank[sorted[i]] = naming->rank[sorted[i - 1]] + !same;
    }
}

enum gdn_err gdn__naming_init(struct gdn__naming *naming, const gdn_cut *cut)
{
    *naming = (struct gdn__naming){.cut = cut};
    naming->rank = gdn__calloc(&cut->allocator, cut->party_count * sizeof *naming->rank);
    uint32_t *sorted = gdn__alloc(&cut->allocator, cut->party_count * sizeof *sorted);
    bool fits = naming->rank != NULL && sorted != NULL;
    if (fits) rank(naming, sorted);
    gdn__free(&cut->allocator, sorted);
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}

void gdn__naming_fini(struct gdn__naming *naming, const struct gdn_allocator *memory)
{
    gdn__free(memory, naming->rank);
}

/* Ranks stand for ids: no party is looked up. */
static int compare_tickets(const void *a, const void *b, void *ranks)
{
    const struct gdn_cut_ticket *x = a, *y = b;
    uint32_t rank_x = ((const uint32_t *)ranks)[x->issuer];
    uint32_t rank_y = ((const uint32_t *)ranks)[y->issuer];
    if (rank_x != rank_y) return rank_x < rank_y ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

/* FNV-1a over the sorted tickets: issuer's id, incarnation and number, low byte first. */
enum gdn_err gdn__naming_name(const struct gdn__naming *naming, struct gdn_deadlock *deadlock)
{
    const gdn_cut *cut = naming->cut;
    const size_t ticket_bytes = sizeof(gdn_id) + 16;
    qsort_r(deadlock->tickets, deadlock->ticket_count, sizeof *deadlock->tickets, compare_tickets,
            naming->rank);
    uint8_t *bytes = gdn__alloc(&cut->allocator, deadlock->ticket_count * ticket_bytes);
    if (bytes == NULL) return GDN_ERR_MEMORY;
    uint8_t *at = bytes;
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        const struct gdn_cut_party *issuer = &cut->parties[deadlock->tickets[i].issuer];
        memcpy(at, issuer->id.id.bytes, sizeof(gdn_id));
        at = put_u64(at + sizeof(gdn_id), issuer->incarnation);
        at = put_u64(at, deadlock->tickets[i].number);
    }
    deadlock->id = gdn_id_from_bytes(bytes, (size_t)(at - bytes));
    gdn__free(&cut->allocator, bytes);
    return GDN_OK;
}
