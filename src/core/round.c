/* SPDX-License-Identifier: MIT */
#include "src/core/round.h"

#include "src/core/initiator.h"

struct gdn__round *gdn__round_begin(struct gdn__round_table *table, gdn_round_id id)
{
    for (size_t i = 0; i < GDN_ROUNDS_MAX; i++) {
        struct gdn__round *round = &table->slots[i];
        if (round->used) continue;
        *round = (struct gdn__round){.used = true, .id = id};
        table->used_count++;
        return round;
    }
    return NULL;
}

void gdn__round_free(struct gdn__round_table *table, struct gdn__round *round,
                     const struct gdn_participant_options *options)
{
    gdn__recording_fini(&round->recording, options);
    *round = (struct gdn__round){.used = false};
    table->used_count--;
}

struct gdn__round *gdn__round_from(struct gdn__round_table *table, struct gdn__round *slot)
{
    for (; slot < table->slots + GDN_ROUNDS_MAX; slot++) {
        if (slot->used && !slot->ended) return slot;
    }
    return NULL;
}

struct gdn__round *gdn__round_find(struct gdn__round_table *table, gdn_round_id id)
{
    GDN__EACH_ROUND(round, table)
    {
        if (round->id.number == id.number && gdn__same_initiator(round->id, id)) return round;
    }
    return NULL;
}

void gdn__round_free_ended(struct gdn__round_table *table,
                           const struct gdn_participant_options *options)
{
    for (size_t i = 0; i < GDN_ROUNDS_MAX; i++) {
        if (table->slots[i].ended) gdn__round_free(table, &table->slots[i], options);
    }
}
