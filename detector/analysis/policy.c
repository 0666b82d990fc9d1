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

/* ---- Ranks ---- */

/* What is not known comes after all that is. */
#define RANK_UNKNOWN UINT64_MAX

static uint64_t known(uint64_t rank)
{
    return rank == RANK_UNKNOWN ? RANK_UNKNOWN - 1 : rank;
}

/* As @p value goes up, so does it. */
static uint64_t ascending(int64_t value)
{
    return (uint64_t)value ^ UINT64_C(1) << 63;
}

/* Who has less is rather aborted. */
static uint64_t rank_of(const struct gdn__preference *preference, uint32_t process)
{
    const struct gdn_cut_process *known_of = &preference->cut->processes[process];
    switch (preference->policy) {
    case GDN_POLICY_NONE:
        return 0;
    case GDN_POLICY_YOUNGEST:
        return known_of->started_us == 0 ? RANK_UNKNOWN : known(~ascending(known_of->started_us));
    case GDN_POLICY_OLDEST:
        return known_of->started_us == 0 ? RANK_UNKNOWN : known(ascending(known_of->started_us));
    case GDN_POLICY_LEAST_WORK:
        return known_of->described ? known(known_of->work) : RANK_UNKNOWN;
    case GDN_POLICY_FEWEST_LOCKS:
        return preference->holds[process];
    case GDN_POLICY_LOWEST_PRIORITY:
        return known_of->described ? ascending(known_of->priority) : RANK_UNKNOWN;
    }
    return 0;
}

bool gdn__preference_is_tie(const struct gdn__preference *preference, uint32_t a, uint32_t b)
{
    return rank_of(preference, a) == rank_of(preference, b);
}

/* ---- Sorting ---- */

/* What mostly decides, so that few comparisons look a process up. */
struct ranked {
    uint64_t rank;
    uint64_t id_begins; /* With these bytes, the first one highest. */
    uint32_t process;
};

static uint64_t id_begins(gdn_id id)
{
    uint64_t begins = 0;
    for (int i = 0; i < 8; i++) begins = begins << 8 | id.bytes[i];
    return begins;
}

static int compare_ranked(const void *a, const void *b, void *cut)
{
    const struct ranked *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->id_begins != y->id_begins) return x->id_begins < y->id_begins ? -1 : 1;
    const struct gdn_cut_process *processes = ((const gdn_cut *)cut)->processes;
    return gdn_id_compare(processes[x->process].id.id, processes[y->process].id.id);
}

bool gdn__preference_sort(const struct gdn__preference *preference, uint32_t *processes,
                          size_t count)
{
    const gdn_cut *cut = preference->cut;
    struct ranked *ranked = gdn__alloc(&cut->allocator, count * sizeof *ranked);
    if (ranked == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t process = processes[i];
        ranked[i] = (struct ranked){rank_of(preference, process),
                                    id_begins(cut->processes[process].id.id), process};
    }
    qsort_r(ranked, count, sizeof *ranked, compare_ranked, (void *)cut);
    for (size_t i = 0; i < count; i++) processes[i] = ranked[i].process;
    gdn__free(&cut->allocator, ranked);
    return true;
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
