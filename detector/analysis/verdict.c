/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <gordian/verdict.h>

#include "detector/analysis/names.h"
#include "src/core/mem.h"

static void free_deadlock(const struct gdn_allocator *memory, struct gdn_deadlock *deadlock)
{
    gdn__free(memory, deadlock->members);
    gdn__free(memory, deadlock->tail);
    gdn__free(memory, deadlock->tickets);
    gdn__free(memory, deadlock->witness);
    gdn__free(memory, deadlock->victims);
    gdn__free(memory, deadlock->victim_reason);
    gdn__free(memory, deadlock->reorder);
    gdn__free(memory, deadlock->otherwise);
}

void gdn_verdict_free(gdn_verdict *verdict)
{
    if (verdict == NULL) return;
    const struct gdn_allocator *memory = &verdict->cut->allocator;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        free_deadlock(memory, &verdict->deadlocks[i]);
    }
    gdn__free(memory, verdict->deadlocks);
    if (verdict->names != NULL) gdn__names_fini(verdict->names);
    gdn__free(memory, verdict->names);
    gdn__free(memory, verdict);
}

const char *gdn_verdict_process_name(const gdn_verdict *verdict, uint32_t process, char *text)
{
    return gdn__names_process(verdict->names, process, text);
}

const char *gdn_verdict_resource_name(const gdn_verdict *verdict, uint32_t resource, char *text)
{
    return gdn__names_resource(verdict->names, resource, text);
}
