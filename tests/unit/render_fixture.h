/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts made by hand, so that rendering is tested without the analysis. */
#ifndef GDN_TESTS_RENDER_FIXTURE_H
#define GDN_TESTS_RENDER_FIXTURE_H

#include "detector/analysis/names.h"
#include <gordian/verdict.h>

#define FIXTURE_MAX 16

/* A ring of @p count processes P1, P2, … over nodes n1, n2, …: each waits for a resource that the
 * next one holds. P1 is the victim. */
struct fixture {
    gdn_cut *cut;
    gdn_verdict verdict; /* Rendered as fixture_verdict(). */
    struct gdn__names names;
    bool named;
    struct gdn_deadlock deadlocks[2];
    uint32_t members[FIXTURE_MAX], tail[FIXTURE_MAX];
    struct gdn_edge edges[FIXTURE_MAX];
    struct gdn_victim victims[FIXTURE_MAX];
    struct gdn_reorder reorder[FIXTURE_MAX];
    char reason[64];
};

void fixture_ring(struct fixture *fixture, size_t count);

/* What a name from outside may hold at its worst. */
#define HOSTILE "\"\\\n\x1b]0;x\x07<b>&amp;{|}\xe2\x80\xae\xff"

/* A ring of two with such names. */
void fixture_hostile(struct fixture *fixture);

/* A process or resource of the cut, by name. */
uint32_t fixture_process(struct fixture *fixture, const char *name, const char *label);
uint32_t fixture_resource(struct fixture *fixture, const char *name);

/* The verdict, with the names of all that is in the cut by now. Borrowed until the next change. */
const gdn_verdict *fixture_verdict(struct fixture *fixture);

void fixture_free(struct fixture *fixture);

#endif
