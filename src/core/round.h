/* SPDX-License-Identifier: MIT */
/* The rounds under way at a participant, each in a slot. A round that has ended keeps its slot, and
 * what it recorded, until the next event, so that it can be read:
 *
 *     free -- gdn__round_begin() --> live --> ended -- gdn__round_free_ended() --> free */
#ifndef GDN_CORE_ROUND_H
#define GDN_CORE_ROUND_H

#include "src/core/recording.h"

struct gdn__round {
    bool used;
    bool ended; /* Reported, failed or replaced. */
    gdn_round_id id;
    struct gdn__recording recording;
};

/* All zero: none. */
struct gdn__round_table {
    struct gdn__round slots[GDN_ROUNDS_MAX];
    size_t used_count; /* Mostly 0: then a message need not look at them. */
};

/* A live one that has recorded nothing yet. NULL: no slot is free. */
struct gdn__round *gdn__round_begin(struct gdn__round_table *table, gdn_round_id id);

/* One that could not begin after all, or those that have ended. */
void gdn__round_free(struct gdn__round_table *table, struct gdn__round *round,
                     const struct gdn_participant_options *options);
void gdn__round_free_ended(struct gdn__round_table *table,
                           const struct gdn_participant_options *options);

/* The live one of that name, or NULL. */
struct gdn__round *gdn__round_find(struct gdn__round_table *table, gdn_round_id id);

/* The first live one in @p slot or behind it, or NULL. */
struct gdn__round *gdn__round_from(struct gdn__round_table *table, struct gdn__round *slot);

static inline struct gdn__round *gdn__round_first(struct gdn__round_table *table)
{
    return table->used_count == 0 ? NULL : gdn__round_from(table, table->slots);
}

/* Every live one, in the order of the slots; @p round may end meanwhile. */
#define GDN__EACH_ROUND(round, table)                                                              \
    for (struct gdn__round *round = gdn__round_first(table); round != NULL;                        \
         round = gdn__round_from(table, round + 1))

#endif
