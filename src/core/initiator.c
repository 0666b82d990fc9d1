/* SPDX-License-Identifier: MIT */
#include "src/core/initiator.h"

const struct gdn__initiator *gdn__initiators_find(const struct gdn__initiators *initiators,
                                                  gdn_round_id round)
{
    for (size_t i = 0; i < initiators->count; i++) {
        const struct gdn__initiator *row = &initiators->rows[i];
        if (gdn__same_initiator(row->newest, round)) return row;
    }
    return NULL;
}

/* For an initiator: its own row, a free one, or that of the one idle longest. */
static struct gdn__initiator *row_for(struct gdn__initiators *initiators, gdn_round_id round)
{
    const struct gdn__initiator *known = gdn__initiators_find(initiators, round);
    if (known != NULL) return &initiators->rows[known - initiators->rows];
    if (initiators->count < GDN_INITIATORS_MAX) return &initiators->rows[initiators->count++];
    struct gdn__initiator *idlest = &initiators->rows[0];
    for (size_t i = 1; i < initiators->count; i++) {
        if (initiators->rows[i].used_at < idlest->used_at) idlest = &initiators->rows[i];
    }
    return idlest;
}

void gdn__initiators_remember(struct gdn__initiators *initiators, gdn_round_id round, uint64_t now)
{
    *row_for(initiators, round) = (struct gdn__initiator){.newest = round, .used_at = now};
}

size_t gdn__initiators_list(const struct gdn__initiators *initiators, gdn_round_id *rounds)
{
    for (size_t i = 0; i < initiators->count; i++) rounds[i] = initiators->rows[i].newest;
    return initiators->count;
}
