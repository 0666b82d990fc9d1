/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_mail.h"

/* ---- Channels, holds, waits ---- */

static bool any_open(const struct world *w)
{
    for (int n = 0; n < NODES; n++) {
        for (int m = 0; m < NODES; m++) {
            if (w->reported[n] && w->open[m][n]) return true;
        }
    }
    return false;
}

bool mail_is_incomplete(const struct world *w)
{
    return !w->reported[0] || !w->reported[1] || !w->reported[2] || any_open(w);
}

bool mail_is_certain(const struct world *w, int issuer, int home)
{
    return w->reported[issuer] && w->reported[home] && !w->open[issuer][home];
}

/* Messages to nodes without a report were not recorded. */
static const struct world_message *recorded(const struct world *w, int i)
{
    return w->reported[w->messages[i].to] ? &w->messages[i] : NULL;
}

bool mail_gives_up(const struct world *w, int home, int process, int issuer, uint64_t ticket,
                   int position)
{
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->from != issuer || m->to != home) continue;
        bool ends = m->verb == GDN_VERB_CANCEL || m->verb == GDN_VERB_RELEASE;
        if (ends && m->ticket == ticket) return true;
        if (m->verb == GDN_VERB_END && m->process == process && i > position) return true;
    }
    return false;
}

static bool released_unnamed(const struct world *w, const struct world_hold *hold)
{
    int home = w->home_of[hold->resource];
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->verb != GDN_VERB_RELEASE || m->ticket != 0) continue;
        if (m->to != home || m->process != hold->process || m->resource != hold->resource) continue;
        if (m->from == hold->issuer) return true;
        bool senders_own = false;
        for (int h = 0; h < w->hold_count; h++) {
            const struct world_hold *other = &w->holds[h];
            senders_own |= other->resource == hold->resource && other->process == hold->process &&
                           other->issuer == m->from;
        }
        if (!senders_own) return true;
    }
    return false;
}

bool mail_leaves(const struct world *w, const struct world_hold *hold)
{
    int home = w->home_of[hold->resource];
    return w->reported[home] &&
           !mail_gives_up(w, home, hold->process, hold->issuer, hold->ticket, NOWHERE) &&
           !released_unnamed(w, hold);
}

bool mail_is_certain_hold(const struct world *w, const struct world_hold *hold)
{
    return mail_is_certain(w, hold->issuer, w->home_of[hold->resource]);
}

/* It holds it for certain, and nothing that it holds there is uncertain. */
static bool holds_for_certain(const struct world *w, int process, int resource)
{
    bool found = false;
    for (int i = 0; i < w->hold_count; i++) {
        const struct world_hold *hold = &w->holds[i];
        if (hold->process != process || hold->resource != resource || !mail_leaves(w, hold))
            continue;
        if (!mail_is_certain_hold(w, hold)) return false;
        found = true;
    }
    return found;
}

bool mail_ends(const struct world *w, const struct world_wait *wait)
{
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->to != wait->node) continue;
        bool wake = m->verb == GDN_VERB_WAKE;
        if (!wake && m->verb != GDN_VERB_GRANT) continue;
        bool of_listing = wake && m->by != NOWHERE;
        if (of_listing && wait->resource == NOWHERE) continue;
        if (m->ticket != 0 && m->ticket == wait->ticket) return true;
        if (m->ticket != 0 || of_listing) continue;
        if (m->process == wait->process && m->resource == wait->resource) return true;
    }
    return false;
}

/* ---- Direct needs ---- */

static int wakes_for(const struct world *w, const struct world_wait *wait, int by)
{
    int count = 0;
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->verb != GDN_VERB_WAKE || m->by != by || m->to != wait->node) continue;
        bool fits = m->ticket == 0 ? m->process == wait->process : m->ticket == wait->ticket;
        count += fits;
    }
    return count;
}

static bool given_back(const struct world *w, int process, int resource)
{
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->process != process) continue;
        if (m->verb == GDN_VERB_END) return true;
        bool gives = m->verb == GDN_VERB_RELEASE || m->verb == GDN_VERB_CANCEL;
        if (gives && m->resource == resource) return true;
    }
    return false;
}

/* Without a wake: its hold is being given back, or may be unseen. */
static bool met_unwoken(const struct world *w, const struct world_need *need)
{
    if (need->resource == NOWHERE) return false;
    if (holds_for_certain(w, need->process, need->resource)) return false;
    return mail_is_incomplete(w) || given_back(w, need->process, need->resource);
}

bool mail_may_wake(const struct world *w, const struct world_wait *wait)
{
    for (int n = 0; n < NODES; n++) {
        if (n != wait->node && w->open[n][wait->node]) return true;
    }
    return false;
}

bool mail_meets(const struct world *w, const struct world_wait *wait, int index)
{
    const struct world_need *need = &wait->needs[index];
    if (mail_may_wake(w, wait)) return true;
    if (met_unwoken(w, need)) return true;
    int earlier =
        0; /* Listings of that process before, not met otherwise: they take wakes first. */
    for (int i = 0; i < index; i++) {
        const struct world_need *other = &wait->needs[i];
        bool same = other->kind == GDN_NEED_PROCESS && other->process == need->process;
        earlier += same && !met_unwoken(w, other);
    }
    return earlier < wakes_for(w, wait, need->process);
}
