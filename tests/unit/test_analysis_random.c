/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random small cuts, judged by the analysis and by definition (analysis_oracle.h). What must agree:
 * who is stuck, which cores there are, that each witness is a shortest cycle of real edges, that
 * each victim set frees its core and none smaller would, and that nothing depends on the order of
 * the cut's tables. GDN_SEED and GDN_RUNS replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_oracle.h"
#include "analysis_print.h"
#include "tests/support/replay.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_DEFAULT 75000 /* And a third of that with choices: 100,000 in all. */

static struct world world;
static struct oracle oracle;
static uint64_t seed_of_run;

/* Fails with the command that replays the run. */
#define expect(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("%s; replay: GDN_SEED=%" PRIu64 " GDN_RUNS=1 %s", #condition, seed_of_run,    \
                     "test_analysis_random");                                                      \
        }                                                                                          \
    } while (0)

/* ---- Verdicts in the world's numbers ---- */

static uint64_t tickets_of(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    uint64_t set = 0;
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        int node = world_node(verdict->cut, deadlock->tickets[i].issuer);
        int ticket = oracle_find(&oracle, node, deadlock->tickets[i].number);
        expect(ticket != NOWHERE);
        set |= UINT64_C(1) << ticket;
    }
    return set;
}

static unsigned set_of(const gdn_verdict *verdict, const uint32_t *processes, size_t count)
{
    unsigned set = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned bit = 1u << world_process(verdict->cut, processes[i]);
        expect((set & bit) == 0);
        if (i > 0) expect(bit > set); /* Sorted by name. */
        set |= bit;
    }
    return set;
}

static unsigned victims_of(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    unsigned set = 0;
    for (size_t i = 0; i < deadlock->victim_count; i++) {
        set |= 1u << world_process(verdict->cut, deadlock->victims[i].process);
    }
    return set;
}

/* ---- Who is stuck ---- */

static void check_counts(const gdn_verdict *verdict)
{
    size_t waiting = 0;
    for (int p = 0; p < PROCESSES; p++) waiting += oracle.waiting[p];
    expect(verdict->waiting_count == waiting);
    expect(verdict->process_count >= waiting && verdict->process_count <= PROCESSES);
}

static void check_stuck(const gdn_verdict *verdict)
{
    unsigned members = 0, tails = 0, stuck = 0;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[i];
        members |= set_of(verdict, deadlock->members, deadlock->member_count);
        tails |= set_of(verdict, deadlock->tail, deadlock->tail_count);
    }
    for (int p = 0; p < PROCESSES; p++) stuck |= oracle.stuck[p] ? 1u << p : 0;
    expect((members & tails) == 0);
    expect((members | tails) == stuck);
}

/* ---- Cores ---- */

/* Stuck by itself, whatever goes on outside. */
static void check_irreducible(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    uint64_t tickets = tickets_of(verdict, deadlock);
    expect(oracle_served(&oracle, tickets, 0) == 0);
    unsigned owners = 0;
    for (int t = 0; t < oracle.ticket_count; t++) {
        if ((tickets >> t & 1) != 0) owners |= 1u << oracle.tickets[t].process;
    }
    expect(owners == set_of(verdict, deadlock->members, deadlock->member_count));
}

static void check_cores(const gdn_verdict *verdict)
{
    uint64_t in_cores = 0, by_oracle = 0;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        uint64_t tickets = tickets_of(verdict, &verdict->deadlocks[i]);
        expect((in_cores & tickets) == 0);
        in_cores |= tickets;
        int core = NOWHERE;
        for (int t = 0; t < oracle.ticket_count; t++) {
            if ((tickets >> t & 1) == 0) continue;
            if (core == NOWHERE) core = oracle.tickets[t].core;
            expect(core != NOWHERE && oracle.tickets[t].core == core);
        }
        expect(verdict->deadlocks[i].model == GDN_MODEL_ALL);
    }
    size_t cores = 0;
    for (int t = 0; t < oracle.ticket_count; t++) {
        if (oracle.tickets[t].core == NOWHERE) continue;
        by_oracle |= UINT64_C(1) << t;
        cores += oracle.tickets[t].core == t;
    }
    expect(in_cores == by_oracle);
    expect(cores == verdict->deadlock_count);
}

static void check_tail(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    uint64_t core = tickets_of(verdict, deadlock);
    unsigned expected = 0;
    for (int t = 0; t < oracle.ticket_count; t++) {
        const struct oracle_ticket *ticket = &oracle.tickets[t];
        if (!ticket->stuck) continue;
        bool member = false, reaches = false;
        for (int u = 0; u < oracle.ticket_count; u++) {
            bool own = oracle.tickets[u].process == ticket->process;
            member |= own && oracle.tickets[u].core != NOWHERE;
            reaches |= ticket->reach[u] && (core >> u & 1) != 0;
        }
        if (reaches && !member) expected |= 1u << ticket->process;
    }
    expect(set_of(verdict, deadlock->tail, deadlock->tail_count) == expected);
}

/* ---- Witness ---- */

static bool is_real(const struct gdn_edge *edge, int ticket, int holder)
{
    const struct oracle_ticket *t = &oracle.tickets[ticket];
    bool real = false, lasting = false;
    for (int i = 0; i < t->blocker_count; i++) {
        const struct oracle_blocker *b = &t->blockers[i];
        if (b->process != holder) continue;
        bool same_branch = b->branch == NOWHERE
                               ? !edge->branch && edge->holder_branch == 0
                               : edge->branch && b->branch % 2 == (int)edge->holder_branch;
        real |= b->queued == edge->queued && same_branch;
        lasting |= !b->queued && b->branch == NOWHERE;
    }
    bool of_waiter = edge->waiter_branch == (uint32_t)(t->branch % 2);
    return real && of_waiter && !(lasting && edge->queued);
}

static size_t shortest_cycle(uint64_t core)
{
    for (size_t length = 1;; length++) {
        for (int start = 0; start < oracle.ticket_count; start++) {
            if ((core >> start & 1) == 0) continue;
            uint64_t at = UINT64_C(1) << start;
            for (size_t step = 0; step < length; step++) {
                uint64_t next = 0;
                for (int t = 0; t < oracle.ticket_count; t++) {
                    for (int u = 0; (at >> t & 1) != 0 && u < oracle.ticket_count; u++) {
                        if (oracle.tickets[t].next[u]) next |= UINT64_C(1) << u;
                    }
                }
                at = next & core;
            }
            if ((at >> start & 1) != 0) return length;
        }
        assert_true(length <= THINGS * 2);
    }
}

static void check_witness(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    uint64_t core = tickets_of(verdict, deadlock);
    size_t count = deadlock->witness_count;
    expect(count == shortest_cycle(core));
    for (size_t i = 0; i < count; i++) {
        const struct gdn_edge *edge = &deadlock->witness[i];
        const struct gdn_edge *next = &deadlock->witness[(i + 1) % count];
        int ticket = oracle_find(&oracle, world_node(verdict->cut, edge->issuer), edge->ticket);
        int after = oracle_find(&oracle, world_node(verdict->cut, next->issuer), next->ticket);
        expect(ticket != NOWHERE && (core >> ticket & 1) != 0);
        expect(oracle.tickets[ticket].process == world_process(verdict->cut, edge->waiter));
        expect(edge->holder == next->waiter);
        expect(oracle.tickets[ticket].next[after]);
        expect(is_real(edge, ticket, world_process(verdict->cut, edge->holder)));
        int first = world_process(verdict->cut, deadlock->witness[0].waiter);
        expect(world_process(verdict->cut, edge->waiter) >= first);
    }
}

/* ---- Order ---- */

/* What @p ticket states as a matter of order alone is met. */
static void meet_queued(struct world *w, const struct oracle_ticket *ticket, int holder)
{
    if (!ticket->direct) return; /* It may be no listed wait. */
    struct world_wait *wait = &w->waits[ticket->wait];
    for (int i = 0; i < wait->need_count; i++) {
        struct world_need *need = &wait->needs[i];
        bool meant = need->kind == GDN_NEED_PROCESS && need->process == holder && need->queued;
        if (meant) *need = (struct world_need){.kind = GDN_NEED_GROUP};
    }
}

/* Those of the process's tickets that wait behind the core: what it is given lasts as long. */
static uint64_t tail_tickets_of(uint64_t core, int process)
{
    uint64_t set = 0;
    for (int t = 0; t < oracle.ticket_count; t++) {
        const struct oracle_ticket *ticket = &oracle.tickets[t];
        if (ticket->process != process || ticket->core != NOWHERE) continue;
        for (int u = 0; u < oracle.ticket_count; u++) {
            if ((core >> u & 1) != 0 && ticket->reach[u]) set |= UINT64_C(1) << t;
        }
    }
    return set;
}

static void check_order(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    static struct oracle changed;
    static struct world ordered;
    uint64_t core = tickets_of(verdict, deadlock), concerned = core;
    changed = oracle;
    ordered = world;
    changed.world = &ordered;
    for (size_t i = 0; i < deadlock->reorder_count; i++) {
        const struct gdn_reorder *told = &deadlock->reorder[i];
        int first = world_process(verdict->cut, told->first);
        int second = world_process(verdict->cut, told->second);
        expect(first != second);
        for (int t = 0; t < oracle.ticket_count; t++) {
            if (oracle.tickets[t].process != first) continue;
            meet_queued(&ordered, &oracle.tickets[t], second);
            if (told->resource == GDN_NONE) continue;
            oracle_pass(&changed, &oracle, t, second, world_resource(verdict->cut, told->resource));
        }
        if (oracle.all_of) concerned |= tail_tickets_of(core, first);
    }
    expect(oracle_frees(&changed, concerned, 0));
}

/* ---- Victims ---- */

static unsigned abortable_of(unsigned members)
{
    unsigned set = 0;
    for (int p = 0; p < PROCESSES; p++) set |= world.abortable[p] ? members & 1u << p : 0;
    return set;
}

static int size_of(unsigned set)
{
    return __builtin_popcount(set);
}

static void check_victims(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock)
{
    uint64_t tickets = tickets_of(verdict, deadlock);
    unsigned members = set_of(verdict, deadlock->members, deadlock->member_count);
    unsigned victims = victims_of(verdict, deadlock), allowed = abortable_of(members);
    expect((victims & ~allowed) == 0);
    expect((size_t)size_of(victims) == deadlock->victim_count);
    expect(deadlock->victim_reason != NULL && deadlock->victim_reason[0] != '\0');
    for (size_t i = 0; i < deadlock->victim_count; i++) {
        int node = world_node(verdict->cut, deadlock->victims[i].party);
        int ticket = oracle_find(&oracle, node, deadlock->victims[i].ticket);
        expect(ticket != NOWHERE && (tickets >> ticket & 1) != 0 && world.reported[node]);
    }
    if (deadlock->reorder_count > 0) {
        unsigned otherwise = 0;
        for (size_t i = 0; i < deadlock->otherwise_count; i++) {
            otherwise |= 1u << world_process(verdict->cut, deadlock->otherwise[i].process);
        }
        expect(victims == 0 && (otherwise & ~allowed) == 0);
        expect(oracle_frees(&oracle, tickets, otherwise != 0 ? otherwise : allowed) ==
               (otherwise != 0));
        check_order(verdict, deadlock);
        return;
    }
    if (victims == 0) {
        if (strstr(deadlock->victim_reason, "together") == NULL) {
            expect(!oracle_frees(&oracle, tickets, allowed));
        }
        return;
    }
    expect(oracle_frees(&oracle, tickets, victims));
    if (strstr(deadlock->victim_reason, "together") != NULL) return;
    for (unsigned set = allowed; set > 0; set = (set - 1) & allowed) {
        if (size_of(set) < size_of(victims)) expect(!oracle_frees(&oracle, tickets, set));
    }
}

/* With every core broken, every tail goes on. */
static void check_all_broken(const gdn_verdict *verdict)
{
    unsigned gone = 0;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        if (verdict->deadlocks[i].victim_count == 0) return;
        gone |= victims_of(verdict, &verdict->deadlocks[i]);
    }
    expect(oracle_frees(&oracle, UINT64_MAX, gone));
}

/* ---- Runs ---- */

static gdn_verdict *judge(const gdn_cut *cut, enum gdn_policy policy)
{
    gdn_verdict *verdict;
    char why[256];
    enum gdn_err err = gdn_analyze(cut, policy, &verdict, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s; replay: GDN_SEED=%" PRIu64 " GDN_RUNS=1", why, seed_of_run);
    return verdict;
}

static void check(const gdn_verdict *verdict)
{
    check_counts(verdict);
    check_stuck(verdict);
    if (oracle.all_of) check_cores(verdict);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[i];
        check_irreducible(verdict, deadlock);
        check_victims(verdict, deadlock);
        if (!oracle.all_of) continue;
        check_tail(verdict, deadlock);
        check_witness(verdict, deadlock);
    }
    check_all_broken(verdict);
}

static void check_again_in_other_order(const gdn_verdict *verdict, enum gdn_policy policy,
                                       uint64_t *seed)
{
    static struct analysis_print first, second;
    gdn_cut *cut = world_cut(&world, seed);
    gdn_verdict *other = judge(cut, policy);
    analysis_print(&first, verdict);
    analysis_print(&second, other);
    expect(strcmp(first.text, second.text) == 0);
    gdn_verdict_free(other);
    gdn_cut_free(cut);
}

struct tally {
    size_t deadlocks, incomplete, queued, branches, in_flight, pools, several_victims, reorders,
        shared, mixed_reorders;
};

static void count(struct tally *tally, const gdn_verdict *verdict)
{
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *d = &verdict->deadlocks[i];
        tally->deadlocks++;
        tally->incomplete += !verdict->complete;
        tally->several_victims += d->victim_count > 1;
        tally->reorders += d->reorder_count > 0;
        tally->mixed_reorders += d->reorder_count > 0 && d->model != GDN_MODEL_ALL;
        tally->shared += strstr(d->victim_reason, "together") != NULL;
        for (size_t e = 0; e < d->witness_count; e++) {
            tally->queued += d->witness[e].queued;
            tally->branches += d->witness[e].branch;
            tally->in_flight += d->witness[e].in_flight;
            tally->pools += d->witness[e].units != 0;
        }
    }
}

static void run(uint64_t seed, bool any, struct tally *tally)
{
    seed_of_run = seed;
    world_make(&world, &seed, any ? WORLD_CHOICES : 0);
    enum gdn_policy policy = (enum gdn_policy)(1 + world_below(&seed, 5));
    bool twice = world_below(&seed, 4) == 0;
    oracle_judge(&oracle, &world);
    gdn_cut *cut = world_cut(&world, &seed);
    gdn_verdict *verdict = judge(cut, policy);
    check(verdict);
    if (twice && verdict->deadlock_count > 0) check_again_in_other_order(verdict, policy, &seed);
    count(tally, verdict);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

static struct tally run_many(bool any)
{
    struct tally tally = {0};
    uint64_t seed = number_from_environment("GDN_SEED", any ? 2 : 1);
    uint64_t runs = number_from_environment("GDN_RUNS", any ? RUNS_DEFAULT / 3 : RUNS_DEFAULT);
    for (uint64_t i = 0; i < runs; i++) {
        run(seed, any, &tally);
        (void)world_random(&seed); /* A run replays by its own seed. */
    }
    print_message("%" PRIu64 " cuts: %zu deadlocks, %zu in incomplete cuts; edges: %zu queued, %zu "
                  "of a branch, %zu in flight, %zu of a pool; %zu need several victims, %zu an "
                  "order (%zu with a choice), %zu share\n",
                  runs, tally.deadlocks, tally.incomplete, tally.queued, tally.branches,
                  tally.in_flight, tally.pools, tally.several_victims, tally.reorders,
                  tally.mixed_reorders, tally.shared);
    return tally;
}

/* Locks with modes, pools, queues and every message in flight, and direct waits for all of a list.
 */
static void all_of_waits_are_judged_by_definition(void **state)
{
    (void)state;
    struct tally tally = run_many(false);
    if (getenv("GDN_RUNS") != NULL) return;
    /* The worlds are of the kind that the test is about. */
    assert_true(tally.deadlocks > 1000 && tally.incomplete > 10 && tally.queued > 100);
    assert_true(tally.branches > 100 && tally.in_flight > 100 && tally.pools > 100);
    assert_true(tally.several_victims > 10 && tally.reorders > 10 && tally.shared > 0);
}

/* The graph and its reduction are general: any-of, at least k, nested. */
static void waits_with_a_choice_are_judged_by_definition(void **state)
{
    (void)state;
    struct tally tally = run_many(true);
    if (getenv("GDN_RUNS") != NULL) return;
    assert_true(tally.deadlocks > 1000 && tally.queued > 100 && tally.pools > 100);
    assert_true(tally.mixed_reorders > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_waits_are_judged_by_definition),
        cmocka_unit_test(waits_with_a_choice_are_judged_by_definition),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
