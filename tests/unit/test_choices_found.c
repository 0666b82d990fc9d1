/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets with a choice, against what can happen: of a small system every course is followed, grant
 * by grant. Whoever never goes on, whatever is granted to whom, waits for ever; who is reported
 * must be one of them. Where each choice is one of several and all that its process waits for, no
 * grant is a mistake, and all of them must be reported. GDN_SEED and GDN_RUNS replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include "tests/support/replay.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_DEFAULT 6000
#define ENTRIES_MAX  10
#define ACTIVE       4 /* Of the world's processes, */
#define USED         3 /* and of its resources. */
#define STATES_MAX   (1u << 14)

/* ---- A small system: all of it at one node, and nothing in flight ---- */

static struct world world;

static uint8_t make_mode(uint64_t *seed, int resource)
{
    return world.capacity[resource] != 0 ? 0 : (uint8_t)world_below(seed, 2);
}

static uint32_t make_units(uint64_t *seed, int resource)
{
    uint32_t capacity = world.capacity[resource];
    return capacity == 0 ? 0 : 1 + (uint32_t)world_below(seed, (int)capacity);
}

/* Beside what is held already. */
static bool fits(const struct world_hold *added)
{
    uint32_t held = added->units;
    for (int i = 0; i < world.hold_count; i++) {
        const struct world_hold *hold = &world.holds[i];
        if (hold->resource != added->resource) continue;
        held += hold->units;
        bool conflict = gdn_modes_conflict(&world.modes, added->mode, hold->mode);
        if (added->units == 0 && hold->process != added->process && conflict) return false;
    }
    return held <= world.capacity[added->resource];
}

static void make_hold(uint64_t *seed)
{
    int resource = world_below(seed, USED);
    struct world_hold hold = {.resource = resource,
                              .process = world_below(seed, ACTIVE),
                              .ticket = ++world.last_ticket[0],
                              .mode = make_mode(seed, resource),
                              .units = make_units(seed, resource)};
    if (fits(&hold)) world.holds[world.hold_count++] = hold;
}

static void make_entry(uint64_t *seed, const struct world_wait *wait, int resource)
{
    world.entries[world.entry_count++] = (struct world_entry){.resource = resource,
                                                              .process = wait->process,
                                                              .ticket = wait->ticket,
                                                              .mode = make_mode(seed, resource),
                                                              .units = make_units(seed, resource)};
}

/* For a resource that the ticket does not name yet, or else for a process. */
static void make_leaf(uint64_t *seed, struct world_wait *wait, unsigned *named)
{
    int resource = world_below(seed, USED);
    bool fresh = (*named >> resource & 1) == 0 && world.entry_count < ENTRIES_MAX;
    struct world_need need = {.process = NOWHERE, .resource = NOWHERE, .branch = NOWHERE};
    if (fresh && world_chance(seed, 85)) {
        need.kind = GDN_NEED_RESOURCE;
        need.resource = resource;
        *named |= 1u << resource;
        make_entry(seed, wait, resource);
    } else {
        need.kind = GDN_NEED_PROCESS;
        need.process = world_below(seed, ACTIVE);
    }
    wait->needs[wait->need_count++] = need;
}

static void make_group(uint64_t *seed, struct world_wait *wait, unsigned *named, int depth)
{
    uint32_t children = 2 + (uint32_t)world_below(seed, 2);
    wait->needs[wait->need_count++] =
        (struct world_need){.kind = GDN_NEED_GROUP,
                            .process = NOWHERE,
                            .resource = NOWHERE,
                            .branch = NOWHERE,
                            .at_least = 1 + (uint32_t)world_below(seed, (int)children),
                            .children = children};
    for (uint32_t i = 0; i < children; i++) {
        bool group = depth == 0 && i == 0 && world_chance(seed, 30);
        if (group) {
            make_group(seed, wait, named, depth + 1);
        } else {
            make_leaf(seed, wait, named);
        }
    }
}

static void make_wait(uint64_t *seed, bool simple)
{
    struct world_wait *wait = &world.waits[world.wait_count++];
    unsigned named = 0;
    *wait = (struct world_wait){.process = world_below(seed, ACTIVE),
                                .resource = NOWHERE,
                                .ticket = ++world.last_ticket[0]};
    for (int i = 0; simple && i < world.wait_count - 1; i++) {
        if (world.waits[i].process != wait->process) continue;
        world.wait_count--; /* One ticket each. */
        return;
    }
    if (world_chance(seed, 50)) {
        wait->resource = world_below(seed, USED);
        make_entry(seed, wait, wait->resource);
        wait->mode = world.entries[world.entry_count - 1].mode;
        return;
    }
    make_group(seed, wait, &named, simple ? 1 : 0);
    if (simple) wait->needs[0].at_least = 1;
    if (!simple && world_chance(seed, 40)) make_leaf(seed, wait, &named);
}

static void shuffle_entries(uint64_t *seed)
{
    for (int i = world.entry_count - 1; i > 0; i--) {
        int j = world_below(seed, i + 1);
        struct world_entry kept = world.entries[i];
        world.entries[i] = world.entries[j];
        world.entries[j] = kept;
    }
}

static void make_system(uint64_t *seed, bool simple)
{
    memset(&world, 0, sizeof world);
    world.modes = gdn_modes_default();
    for (int n = 0; n < NODES; n++) world.reported[n] = world.waits_listed[n] = true;
    for (int p = 0; p < PROCESSES; p++) world.abortable[p] = true;
    for (int r = 0; r < RESOURCES; r++) {
        world.unordered[r] = world_chance(seed, 10);
        world.capacity[r] = world_chance(seed, 20) ? 1 + (uint32_t)world_below(seed, 3) : 0;
    }
    int holds = 2 + world_below(seed, 4);
    for (int i = 0; i < holds; i++) make_hold(seed);
    int waits = 3 + world_below(seed, 4);
    for (int i = 0; i < waits && world.entry_count + 4 <= ENTRIES_MAX; i++) make_wait(seed, simple);
    shuffle_entries(seed);
}

/* ---- What can happen ---- */

/* Two bits for each entry, then one for each process that has gone on and given all back. */
enum { WAITING, HELD, GONE };

static unsigned status_of(uint32_t state, int entry)
{
    return state >> (2 * entry) & 3;
}

static uint32_t with_status(uint32_t state, int entry, unsigned status)
{
    return (state & ~(UINT32_C(3) << (2 * entry))) | (uint32_t)status << (2 * entry);
}

static uint32_t gone_bit(int process)
{
    return UINT32_C(1) << (2 * ENTRIES_MAX + process);
}

static int entry_of(const struct world_wait *wait, int resource)
{
    for (int i = 0; i < world.entry_count; i++) {
        const struct world_entry *e = &world.entries[i];
        if (e->ticket == wait->ticket && e->resource == resource) return i;
    }
    fail_msg("ticket %" PRIu64 " has no entry", wait->ticket);
    return NOWHERE;
}

/* Reads one need and its children; *index moves behind them. *needless is set if @p entry is below
 * a group that is met and leaves a choice; *below if it is there. */
static bool is_met(uint32_t state, const struct world_wait *wait, int *index, int entry,
                   bool *below, bool *needless)
{
    const struct world_need *need = &wait->needs[(*index)++];
    if (need->kind == GDN_NEED_PROCESS) return (state & gone_bit(need->process)) != 0;
    if (need->kind == GDN_NEED_RESOURCE) {
        int own = entry_of(wait, need->resource);
        *below |= own == entry;
        return status_of(state, own) == HELD;
    }
    uint32_t met = 0;
    bool here = false;
    for (uint32_t i = 0; i < need->children; i++) {
        met += is_met(state, wait, index, entry, &here, needless);
    }
    *below |= here;
    *needless |= here && need->at_least < need->children && met >= need->at_least;
    return met >= need->at_least;
}

static bool is_served(uint32_t state, const struct world_wait *wait)
{
    bool below = false, needless = false, served = true;
    if (wait->resource != NOWHERE) return status_of(state, entry_of(wait, wait->resource)) == HELD;
    for (int index = 0; index < wait->need_count;) {
        if (!is_met(state, wait, &index, NOWHERE, &below, &needless)) served = false;
    }
    return served;
}

static bool is_needless(uint32_t state, int entry)
{
    bool needless = false;
    for (int w = 0; w < world.wait_count; w++) {
        const struct world_wait *wait = &world.waits[w];
        if (wait->ticket != world.entries[entry].ticket) continue;
        for (int index = 0; index < wait->need_count;) {
            bool below = false;
            (void)is_met(state, wait, &index, entry, &below, &needless);
        }
    }
    return needless;
}

/* What others hold at the resource and what stands before the entry is not in its way. */
static bool may_be_granted(uint32_t state, int entry)
{
    const struct world_entry *e = &world.entries[entry];
    uint32_t out = e->units;
    uint16_t own = 0;
    bool in_the_way = false;
    for (int i = 0; i < world.hold_count; i++) {
        const struct world_hold *hold = &world.holds[i];
        bool held = (state & gone_bit(hold->process)) == 0;
        if (hold->resource != e->resource || !held) continue;
        out += hold->units;
        if (hold->process == e->process) {
            own |= (uint16_t)(1u << hold->mode);
        } else {
            in_the_way |= gdn_modes_conflict(&world.modes, e->mode, hold->mode);
        }
    }
    for (int i = 0; i < world.entry_count; i++) {
        const struct world_entry *other = &world.entries[i];
        unsigned status = status_of(state, i);
        bool before = status == WAITING && i < entry && !world.unordered[e->resource];
        if (other->resource != e->resource || (status != HELD && !before)) continue;
        out += other->units;
        if (other->process != e->process) {
            in_the_way |= gdn_modes_conflict(&world.modes, e->mode, other->mode);
        } else if (status == HELD) {
            own |= (uint16_t)(1u << other->mode);
        }
    }
    if (world.capacity[e->resource] != 0) return out <= world.capacity[e->resource];
    return !in_the_way || (own != 0 && gdn_modes_cover(&world.modes, own, e->mode));
}

static bool may_go_on(uint32_t state, int process)
{
    for (int w = 0; w < world.wait_count; w++) {
        if (world.waits[w].process == process && !is_served(state, &world.waits[w])) return false;
    }
    return true;
}

static uint32_t go_on(uint32_t state, int process)
{
    for (int i = 0; i < world.entry_count; i++) {
        if (world.entries[i].process == process) state = with_status(state, i, GONE);
    }
    return state | gone_bit(process);
}

/* ---- Every course ---- */

static struct {
    uint32_t seen[2 * STATES_MAX]; /* 1 + state, where its hash says or behind that. */
    uint32_t worklist[STATES_MAX];
    uint32_t count;
} search;

/* False: there are too many. */
static bool reach(uint32_t state)
{
    uint32_t at = state * UINT32_C(2654435761) % (2 * STATES_MAX);
    while (search.seen[at] != 0 && search.seen[at] != state + 1) at = (at + 1) % (2 * STATES_MAX);
    if (search.seen[at] != 0) return true;
    if (search.count == STATES_MAX) return false;
    search.seen[at] = state + 1;
    search.worklist[search.count++] = state;
    return true;
}

static bool reach_next(uint32_t state)
{
    for (int p = 0; p < PROCESSES; p++) {
        bool gone = (state & gone_bit(p)) != 0;
        if (!gone && may_go_on(state, p) && !reach(go_on(state, p))) return false;
    }
    for (int i = 0; i < world.entry_count; i++) {
        if (status_of(state, i) != WAITING) continue;
        if (may_be_granted(state, i) && !reach(with_status(state, i, HELD))) return false;
        if (is_needless(state, i) && !reach(with_status(state, i, GONE))) return false;
    }
    return true;
}

/* Who never goes on, a bit each. False: there are too many courses. */
static bool follow_all(unsigned *never)
{
    unsigned gone = 0;
    memset(&search, 0, sizeof search);
    bool all = reach(0);
    for (uint32_t done = 0; all && done < search.count; done++) {
        gone |= search.worklist[done] >> (2 * ENTRIES_MAX);
        all = reach_next(search.worklist[done]);
    }
    *never = ~gone & ((1u << PROCESSES) - 1);
    return all;
}

/* ---- Judging ---- */

static unsigned set_of(const gdn_cut *cut, const uint32_t *listed, size_t count)
{
    unsigned set = 0;
    for (size_t i = 0; i < count; i++) set |= 1u << world_process(cut, listed[i]);
    return set;
}

static unsigned judge(uint64_t *seed)
{
    gdn_cut *cut = world_cut(&world, seed);
    gdn_verdict *verdict;
    char why[256];
    enum gdn_err err = gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    unsigned stuck = 0;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *d = &verdict->deadlocks[i];
        stuck |= set_of(cut, d->members, d->member_count) | set_of(cut, d->tail, d->tail_count);
    }
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
    return stuck;
}

static bool has_several_places(void)
{
    for (int i = 0; i < world.entry_count; i++) {
        for (int j = 0; j < i; j++) {
            const struct world_entry *a = &world.entries[i], *b = &world.entries[j];
            if (a->resource == b->resource && a->process == b->process) return true;
        }
    }
    return false;
}

struct tally {
    size_t systems, reported, missed, too_many;
};

static void check_one(uint64_t seed, bool simple, struct tally *tally)
{
    uint64_t seed_of_run = seed;
    unsigned never;
    make_system(&seed, simple);
    if (!follow_all(&never)) {
        tally->too_many++;
        return;
    }
    unsigned stuck = judge(&seed);
    bool exact = simple && !has_several_places();
    if ((stuck & ~never) != 0 || (exact && stuck != never)) {
        fail_msg("%s; replay: GDN_SEED=%" PRIu64 " GDN_RUNS=1 test_choices_found",
                 (stuck & ~never) != 0 ? "one who can go on was reported"
                                       : "one who never goes on was missed",
                 seed_of_run);
    }
    tally->systems++;
    tally->reported += stuck != 0;
    tally->missed += stuck != never;
}

static struct tally run_many(bool simple)
{
    struct tally tally = {0};
    uint64_t seed = number_from_environment("GDN_SEED", simple ? 2 : 1);
    uint64_t runs = number_from_environment("GDN_RUNS", RUNS_DEFAULT);
    for (uint64_t i = 0; i < runs; i++) {
        check_one(seed, simple, &tally);
        (void)world_random(&seed); /* A run replays by its own seed. */
    }
    print_message("%zu systems: %zu reported, %zu not all that never go on; %zu had too many "
                  "courses\n",
                  tally.systems, tally.reported, tally.missed, tally.too_many);
    return tally;
}

static void whoever_is_reported_never_goes_on(void **state)
{
    (void)state;
    struct tally tally = run_many(false);
    if (getenv("GDN_RUNS") != NULL) return;
    assert_true(tally.reported > tally.systems / 20 && tally.too_many < tally.systems / 20);
}

static void where_no_grant_is_a_mistake_all_are_reported(void **state)
{
    (void)state;
    struct tally tally = run_many(true);
    if (getenv("GDN_RUNS") != NULL) return;
    assert_true(tally.reported > tally.systems / 20 && tally.too_many < tally.systems / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_reported_never_goes_on),
        cmocka_unit_test(where_no_grant_is_a_mistake_all_are_reported),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
