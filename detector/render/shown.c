/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shown.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_ID_DIGITS 6

void gdn__show_process(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t process,
                       bool with_label)
{
    char name[GDN_SHOWN_NAME_BYTES];
    gdn__textbuf_add_shown(out, gdn_verdict_process_name(verdict, process, name));
    const struct gdn_cut_process *known = &verdict->cut->processes[process];
    /* Without a name of its own the label already is the name. */
    if (!with_label || known->name == NULL || known->label == NULL) return;
    if (strcmp(known->name, known->label) == 0) return;
    gdn__textbuf_add_char(out, ' ');
    gdn__textbuf_add_shown(out, known->label);
}

void gdn__show_branch(struct gdn__textbuf *out, uint32_t branch_id)
{
    if (branch_id != 0) gdn__textbuf_addf(out, " branch %" PRIu32, branch_id);
}

void gdn__show_resource(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t resource)
{
    char name[GDN_SHOWN_NAME_BYTES];
    gdn__textbuf_add_shown(out, gdn_verdict_resource_name(verdict, resource, name));
}

void gdn__show_party(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t party)
{
    gdn__textbuf_add_shown(out, verdict->cut->parties[party].name);
}

const char *gdn__edge_mode(const gdn_verdict *verdict, const struct gdn_edge *edge)
{
    const struct gdn_modes *modes = &verdict->cut->modes;
    if (edge->home == GDN_NONE || edge->units != 0 || edge->mode >= modes->count) return NULL;
    return modes->names[edge->mode];
}

void gdn__show_duration(struct gdn__textbuf *out, uint64_t us)
{
    uint64_t ms = us / 1000;
    if (ms < 10000) {
        gdn__textbuf_addf(out, "%" PRIu64 " ms", ms);
    } else if (ms < 600000) {
        gdn__textbuf_addf(out, "%" PRIu64 ".%u s", ms / 1000, (unsigned)(ms / 100 % 10));
    } else if (ms < 7200000) {
        gdn__textbuf_addf(out, "%" PRIu64 " min", ms / 60000);
    } else {
        gdn__textbuf_addf(out, "%" PRIu64 ".%u h", ms / 3600000, (unsigned)(ms / 360000 % 10));
    }
}

static size_t common_digits(const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] != '\0' && a[same] == b[same]) same++;
    return same;
}

static int compare_ids(const void *a, const void *b, void *deadlocks)
{
    const struct gdn_deadlock *all = deadlocks;
    return gdn_id_compare(all[*(const size_t *)a].id, all[*(const size_t *)b].id);
}

/* In the order of ids, who has most digits in common with one is a neighbour. */
static void find_digits(const gdn_verdict *verdict, size_t *order, uint8_t *digits)
{
    size_t count = verdict->deadlock_count;
    char before[GDN_ID_TEXT_BYTES], id[GDN_ID_TEXT_BYTES];
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
        digits[i] = SHORT_ID_DIGITS;
    }
    qsort_r(order, count, sizeof *order, compare_ids, verdict->deadlocks);
    for (size_t i = 0; i < count; i++) {
        gdn_id_format(verdict->deadlocks[order[i]].id, id);
        size_t same = i == 0 ? 0 : common_digits(id, before);
        if (same == GDN_ID_TEXT_BYTES - 1) same--;
        if (i > 0 && digits[order[i - 1]] <= same) digits[order[i - 1]] = (uint8_t)(same + 1);
        if (digits[order[i]] <= same) digits[order[i]] = (uint8_t)(same + 1);
        memcpy(before, id, sizeof before);
    }
}

uint8_t *gdn__short_id_digits(const gdn_verdict *verdict)
{
    size_t count = verdict->deadlock_count;
    size_t *order = malloc((count + 1) * sizeof *order);
    uint8_t *digits = malloc(count + 1);
    if (order != NULL && digits != NULL) {
        if (count > 0) find_digits(verdict, order, digits);
    } else {
        free(digits);
        digits = NULL;
    }
    free(order);
    return digits;
}

void gdn__show_id(struct gdn__textbuf *out, const struct gdn_deadlock *deadlock, uint8_t digits)
{
    char id[GDN_ID_TEXT_BYTES];
    gdn__textbuf_add_bytes(out, gdn_id_format(deadlock->id, id), digits);
}

void gdn__show_short_id(struct gdn__textbuf *out, const gdn_verdict *verdict,
                        const struct gdn_deadlock *deadlock)
{
    char own[GDN_ID_TEXT_BYTES], other[GDN_ID_TEXT_BYTES];
    size_t digits = SHORT_ID_DIGITS;
    gdn_id_format(deadlock->id, own);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        if (&verdict->deadlocks[i] == deadlock) continue;
        size_t same = common_digits(own, gdn_id_format(verdict->deadlocks[i].id, other));
        if (same >= digits) digits = same + 1;
    }
    if (digits >= GDN_ID_TEXT_BYTES) digits = GDN_ID_TEXT_BYTES - 1;
    gdn__textbuf_add_bytes(out, own, digits);
}

bool gdn__is_victim(const struct gdn_deadlock *deadlock, uint32_t process)
{
    for (size_t i = 0; i < deadlock->victim_count; i++) {
        if (deadlock->victims[i].process == process) return true;
    }
    return false;
}

bool gdn__is_ring(const struct gdn_deadlock *deadlock)
{
    size_t count = deadlock->witness_count;
    if (deadlock->model != GDN_MODEL_ALL || count < 2) return false;
    for (size_t i = 0; i < count; i++) {
        const struct gdn_edge *edge = &deadlock->witness[i];
        if (edge->holder != deadlock->witness[(i + 1) % count].waiter) return false;
        for (size_t k = 0; k < i && i < GDN__RING_LOOKED_AT; k++) {
            if (deadlock->witness[k].waiter == edge->waiter) return false;
        }
    }
    return true;
}
