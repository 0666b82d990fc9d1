/* SPDX-License-Identifier: MIT */
/* Whose rounds a participant has cut, and which was the newest of each.
 *
 * GDN_INITIATORS_MAX are remembered; then the one idle longest is forgotten. */
#ifndef GDN_CORE_INITIATOR_H
#define GDN_CORE_INITIATOR_H

#include <gordian/participant.h>

struct gdn__initiator {
    gdn_round_id newest; /* Of its rounds that we have cut. */
    uint64_t used_at;    /* When that was. */
};

/* All zero: none. */
struct gdn__initiators {
    struct gdn__initiator rows[GDN_INITIATORS_MAX];
    size_t count;
};

/* Another incarnation is another initiator. */
static inline bool gdn__same_initiator(gdn_round_id a, gdn_round_id b)
{
    return a.incarnation == b.incarnation && gdn_id_equal(a.initiator.id, b.initiator.id);
}

/* The one whose round that is; NULL: it is not known. Borrowed until the next is remembered. */
const struct gdn__initiator *gdn__initiators_find(const struct gdn__initiators *initiators,
                                                  gdn_round_id round);

/* That round is its newest. @p now counts events. */
void gdn__initiators_remember(struct gdn__initiators *initiators, gdn_round_id round, uint64_t now);

/* The newest rounds of all. @p rounds has room for GDN_INITIATORS_MAX; returns how many. */
size_t gdn__initiators_list(const struct gdn__initiators *initiators, gdn_round_id *rounds);

#endif
