/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/policy.h"

#include "src/core/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MICROSECONDS INT64_C(1000000)

struct policy {
    const char *name; /* As options have it. */
    const char *word; /* As sentences have it. */
};

static const struct policy policies[] = {
    [GDN_POLICY_NONE] = {"none", "none"},
    [GDN_POLICY_YOUNGEST] = {"youngest", "youngest"},
    [GDN_POLICY_OLDEST] = {"oldest", "oldest"},
    [GDN_POLICY_LEAST_WORK] = {"least-work", "least work"},
    [GDN_POLICY_FEWEST_LOCKS] = {"fewest-locks", "fewest locks"},
    [GDN_POLICY_LOWEST_PRIORITY] = {"lowest-priority", "lowest priority"},
};

#define POLICY_COUNT (sizeof policies / sizeof policies[0])

const char *gdn_policy_name(enum gdn_policy policy)
{
    return policies[policy].name;
}

const char *gdn__preference_word(enum gdn_policy policy)
{
    return policies[policy].word;
}

bool gdn_policy_from_name(const char *name, enum gdn_policy *policy)
{
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        if (strcmp(name, policies[i].name) != 0) continue;
        *policy = (enum gdn_policy)i;
        return true;
    }
    return false;
}

/* ---- Life ---- */

enum gdn_err gdn__preference_init(struct gdn__preference *preference, const gdn_cut *cut,
                                  enum gdn_policy policy)
{
    *preference = (struct gdn__preference){.cut = cut, .policy = policy};
    if (policy != GDN_POLICY_FEWEST_LOCKS) return GDN_OK;
    preference->holds = gdn__calloc(&cut->allocator, cut->process_count * sizeof(uint32_t));
    if (preference->holds == NULL) return GDN_ERR_MEMORY;
    for (size_t n = 0; n < cut->node_count; n++) {
        for (size_t i = 0; i < cut->nodes[n].holder_count; i++) {
            preference->holds[cut->nodes[n].holders[i].process]++;
        }
    }
    return GDN_OK;
}

void gdn__preference_fini(struct gdn__preference *preference)
{
    gdn__free(&preference->cut->allocator, preference->holds);
}

/* ---- Comparing ---- */

static int sign(bool less, bool more)
{
    return more - less;
}

/* A time that is not known comes after all that are. */
static int compare_starts(int64_t a, int64_t b, bool later_first)
{
    if (a == 0 || b == 0) return sign(b == 0 && a != 0, a == 0 && b != 0);
    return later_first ? sign(a > b, a < b) : sign(a<b, a> b);
}

static int compare_by_policy(const struct gdn__preference *preference, uint32_t a, uint32_t b)
{
    const struct gdn_cut_process *x = &preference->cut->processes[a];
    const struct gdn_cut_process *y = &preference->cut->processes[b];
    switch (preference->policy) {
    case GDN_POLICY_NONE:
        return 0;
    case GDN_POLICY_YOUNGEST:
        return compare_starts(x->started_us, y->started_us, true);
    case GDN_POLICY_OLDEST:
        return compare_starts(x->started_us, y->started_us, false);
    case GDN_POLICY_LEAST_WORK:
        if (x->described != y->described) return sign(x->described, y->described);
        return sign(x->work<y->work, x->work> y->work);
    case GDN_POLICY_FEWEST_LOCKS:
        return sign(
            preference->holds[a]<preference->holds[b], preference->holds[a]> preference->holds[b]);
    case GDN_POLICY_LOWEST_PRIORITY:
        if (x->described != y->described) return sign(x->described, y->described);
        return sign(x->priority<y->priority, x->priority> y->priority);
    }
    return 0;
}

bool gdn__preference_is_tie(const struct gdn__preference *preference, uint32_t a, uint32_t b)
{
    return compare_by_policy(preference, a, b) == 0;
}

int gdn__preference_compare(const struct gdn__preference *preference, uint32_t a, uint32_t b)
{
    int order = compare_by_policy(preference, a, b);
    if (order != 0) return order;
    const struct gdn_cut_process *processes = preference->cut->processes;
    return gdn_id_compare(processes[a].id.id, processes[b].id.id);
}

static int compare_for_sort(const void *a, const void *b, void *preference)
{
    return gdn__preference_compare(preference, *(const uint32_t *)a, *(const uint32_t *)b);
}

void gdn__preference_sort(const struct gdn__preference *preference, uint32_t *processes,
                          size_t count)
{
    if (count < 2) return;
    qsort_r(processes, count, sizeof *processes, compare_for_sort, (void *)preference);
}

/* ---- In words ---- */

static void write_start(int64_t started_us, char text[GDN__DETAIL_BYTES])
{
    int64_t seconds = started_us / MICROSECONDS, rest = started_us % MICROSECONDS;
    if (rest < 0) {
        seconds--;
        rest += MICROSECONDS;
    }
    time_t when = (time_t)seconds;
    struct tm utc;
    char date[40], fraction[8] = "";
    if (started_us == 0 || gmtime_r(&when, &utc) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0) {
        (void)snprintf(text, GDN__DETAIL_BYTES, "start unknown");
        return;
    }
    if (rest != 0) (void)snprintf(fraction, sizeof fraction, ".%06d", (int)rest);
    (void)snprintf(text, GDN__DETAIL_BYTES, "started %s%sZ", date, fraction);
}

const char *gdn__preference_detail(const struct gdn__preference *preference, uint32_t process,
                                   char text[GDN__DETAIL_BYTES])
{
    const struct gdn_cut_process *known = &preference->cut->processes[process];
    text[0] = '\0';
    switch (preference->policy) {
    case GDN_POLICY_NONE:
        break;
    case GDN_POLICY_YOUNGEST:
    case GDN_POLICY_OLDEST:
        write_start(known->started_us, text);
        break;
    case GDN_POLICY_LEAST_WORK:
        (void)snprintf(text, GDN__DETAIL_BYTES, known->described ? "work %" PRIu64 : "work unknown",
                       known->work);
        break;
    case GDN_POLICY_FEWEST_LOCKS:
        (void)snprintf(text, GDN__DETAIL_BYTES, "%" PRIu32 " held", preference->holds[process]);
        break;
    case GDN_POLICY_LOWEST_PRIORITY:
        (void)snprintf(text, GDN__DETAIL_BYTES,
                       known->described ? "priority %" PRId32 : "priority unknown",
                       known->priority);
        break;
    }
    return text;
}
