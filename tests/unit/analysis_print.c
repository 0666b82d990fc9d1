/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_print.h"
#include "analysis_world.h"
#include <inttypes.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static void put(struct analysis_print *print,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(print->text + print->length, sizeof print->text - print->length, format,
                           arguments);
    va_end(arguments);
    print->length += (size_t)length;
    assert_true(print->length < sizeof print->text);
}

static void put_process(struct analysis_print *print, const gdn_verdict *verdict, uint32_t process)
{
    put(print, " p%d", world_process(verdict->cut, process));
}

static void put_deadlock(struct analysis_print *print, const gdn_verdict *verdict,
                         const struct gdn_deadlock *d)
{
    const gdn_cut *cut = verdict->cut;
    char id[GDN_ID_TEXT_BYTES];
    put(print, "%s model %d\nmembers", gdn_id_format(d->id, id), (int)d->model);
    for (size_t i = 0; i < d->member_count; i++) put_process(print, verdict, d->members[i]);
    put(print, "\ntail");
    for (size_t i = 0; i < d->tail_count; i++) put_process(print, verdict, d->tail[i]);
    put(print, "\nwitness");
    for (size_t i = 0; i < d->witness_count; i++) {
        const struct gdn_edge *e = &d->witness[i];
        put_process(print, verdict, e->waiter);
        put(print, "%" PRIu32 "-%s/%" PRIu64 "-%s-m%d-%d%d%d%" PRIu32 "-", e->waiter_branch,
            cut->parties[e->issuer].name, e->ticket,
            e->resource == GDN_NONE ? "" : cut->resources[e->resource].label, e->mode, e->in_flight,
            e->queued, e->branch, e->holder_branch);
        put_process(print, verdict, e->holder);
    }
    put(print, "\nvictims");
    for (size_t i = 0; i < d->victim_count; i++) {
        put_process(print, verdict, d->victims[i].process);
        put(print, "-%s/%" PRIu64, cut->parties[d->victims[i].party].name, d->victims[i].ticket);
    }
    put(print, "\n%s\nreorder", d->victim_reason);
    for (size_t i = 0; i < d->reorder_count; i++) {
        put_process(print, verdict, d->reorder[i].first);
        put_process(print, verdict, d->reorder[i].second);
    }
    put(print, "\n");
}

void analysis_print(struct analysis_print *print, const gdn_verdict *verdict)
{
    print->length = 0;
    put(print, "%d %zu %zu\n", verdict->complete, verdict->process_count, verdict->waiting_count);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        put_deadlock(print, verdict, &verdict->deadlocks[i]);
    }
}
