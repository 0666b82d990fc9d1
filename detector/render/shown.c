/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shown.h"

#include <inttypes.h>
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
