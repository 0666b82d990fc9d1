/* SPDX-License-Identifier: MIT */
/* Random two-phase locking over three real sites, with rounds taken at random moments, and no
 * abort: so a deadlock that exists stays. Then
 *
 *   - every cut balances, whatever was in flight when it was taken;
 *   - no phantom: whatever any round reported still waits when everything has come to rest;
 *   - no miss: a round taken at rest reports exactly the deadlocks of the true state.
 *
 * GDN_SEED=n replays one seed, GDN_RUNS=n tries that many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/support/world.h"
#include <cmocka.h>
#include <gordian/verdict.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES     3
#define PROCESSES 6
#define RESOURCES 5
#define STEPS     300
#define RUNS      500

static const char *const nodes[NODES] = {"A", "B", "C"};
static const char *const processes[PROCESSES] = {"T0", "T1", "T2", "T3", "T4", "T5"};
static const char *const resources[RESOURCES] = {"r0", "r1", "r2", "r3", "r4"};

struct process {
    bool waiting;
    gdn_ticket ticket;
    int held;
    bool holds[RESOURCES];
    int wanted;
};

struct run {
    uint64_t seed, random;
    struct world *world;
    struct process processes[PROCESSES];
    uint64_t round;          /* Under way; 0: none. */
    gdn_ticket reported[64]; /* Tickets of every deadlock that any round reported. */
    size_t reported_count;
    size_t rounds_judged;
};

/* splitmix64 */
static uint64_t draw(struct run *run)
{
    uint64_t z = (run->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void replay_hint(const struct run *run, const char *broken)
{
    print_error("not true: %s\nreplay: GDN_SEED=%llu GDN_RUNS=1 "
                "build/asan/tests/story/test_random_rounds\n",
                broken, (unsigned long long)run->seed);
}

#define CHECK(run, condition)                                                                      \
    do {                                                                                           \
        bool holds_ = (condition);                                                                 \
        if (!holds_) replay_hint(run, #condition);                                                 \
        assert_true(holds_);                                                                       \
    } while (0)

/* ---- Workload ---- */

static void act(struct run *run, int which)
{
    struct process *process = &run->processes[which];
    const char *node = nodes[which % NODES];
    if (process->waiting) return;
    int wanted = (int)(draw(run) % RESOURCES);
    if (process->held == 3 || draw(run) % 6 == 0 || process->holds[wanted]) {
        CHECK(run, world_end(run->world, node, processes[which]) == GDN_OK);
        memset(process, 0, sizeof *process);
        return;
    }
    uint8_t mode = draw(run) % 3 == 0 ? GDN_MODE_SHARED : GDN_MODE_EXCLUSIVE;
    CHECK(run, world_request(run->world, node, nodes[wanted % NODES], processes[which],
                             resources[wanted], mode, &process->ticket) == GDN_OK);
    process->waiting = true;
    process->wanted = wanted;
}

static void on_granted(struct run *run, const struct gdn_item *item)
{
    for (int i = 0; i < PROCESSES; i++) {
        struct process *process = &run->processes[i];
        if (!process->waiting || !gdn_ticket_equal(process->ticket, item->ticket)) continue;
        process->waiting = false;
        process->holds[process->wanted] = true;
        process->held++;
    }
}

static bool take_one(struct run *run, const char *node)
{
    struct gdn_item item;
    if (!world_take(run->world, node, &item)) return false;
    if (item.type == GDN_ITEM_GRANTED) on_granted(run, &item);
    if (item.type == GDN_ITEM_REQUESTED || item.type == GDN_ITEM_RELEASED) {
        gdn_ticket ticket;
        struct gdn_event event = {.type = GDN_EVENT_GRANTED};
        while (gdn_site_next(world_site(run->world, node), item.resource, &ticket)) {
            event.as.ticket = ticket;
            CHECK(run, world_event(run->world, node, &event, NULL) == GDN_OK);
        }
    }
    return true;
}

/* ---- Judging ---- */

static void remember(struct run *run, const gdn_cut *cut, struct gdn_cut_ticket ticket)
{
    const struct gdn_cut_party *party = &cut->parties[ticket.issuer];
    gdn_ticket named = {party->id, party->incarnation, ticket.number};
    for (size_t i = 0; i < run->reported_count; i++) {
        if (gdn_ticket_equal(run->reported[i], named)) return;
    }
    CHECK(run, run->reported_count < sizeof run->reported / sizeof run->reported[0]);
    run->reported[run->reported_count++] = named;
}

static gdn_verdict *judge(struct run *run, const gdn_cut *cut)
{
    char why[256];
    gdn_verdict *verdict;
    enum gdn_err err = gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why);
    CHECK(run, err == GDN_OK);
    return verdict;
}

static void judge_round(struct run *run)
{
    if (run->round == 0 || world_reports(run->world, "D1", run->round) < NODES) return;
    gdn_cut *cut = world_round_cut(run->world, "D1", run->round, GDN_OK);
    gdn_verdict *verdict = judge(run, cut);
    CHECK(run, verdict->complete);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        for (size_t k = 0; k < verdict->deadlocks[i].ticket_count; k++) {
            remember(run, cut, verdict->deadlocks[i].tickets[k]);
        }
    }
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
    run->round = 0;
    run->rounds_judged++;
}

/* ---- At rest ---- */

static void come_to_rest(struct run *run)
{
    bool moving = true;
    while (moving) {
        moving = world_deliver_one(run->world, 0);
        for (int i = 0; i < NODES; i++) moving |= take_one(run, nodes[i]);
        judge_round(run);
    }
    world_pass_ms(run->world, 20);
}

/* The true state, read from the sites themselves while nothing is in flight. */
static gdn_cut *true_state(struct run *run)
{
    char why[256];
    gdn_cut *whole = gdn_cut_new(NULL);
    assert_non_null(whole);
    for (int i = 0; i < NODES; i++) {
        gdn_cut *part;
        CHECK(run, gdn_site_inspect(world_site(run->world, nodes[i]), 0, &part) == GDN_OK);
        CHECK(run, gdn_cut_merge(whole, part, why, sizeof why) == GDN_OK);
        gdn_cut_free(part);
    }
    CHECK(run, gdn_cut_check(whole, why, sizeof why) == GDN_OK);
    return whole;
}

static bool still_waits(const struct run *run, gdn_ticket ticket)
{
    for (int i = 0; i < PROCESSES; i++) {
        if (run->processes[i].waiting && gdn_ticket_equal(run->processes[i].ticket, ticket)) {
            return true;
        }
    }
    return false;
}

static void check_no_phantom(struct run *run)
{
    for (size_t i = 0; i < run->reported_count; i++) {
        CHECK(run, still_waits(run, run->reported[i]));
    }
}

static size_t check_no_miss(struct run *run)
{
    gdn_cut *truth = true_state(run);
    gdn_verdict *expected = judge(run, truth);
    uint64_t round = world_start(run->world, "D1");
    world_settle(run->world);
    gdn_cut *cut = world_round_cut(run->world, "D1", round, GDN_OK);
    gdn_verdict *verdict = judge(run, cut);
    CHECK(run, verdict->deadlock_count == expected->deadlock_count);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        CHECK(run, gdn_id_equal(verdict->deadlocks[i].id, expected->deadlocks[i].id));
    }
    size_t found = verdict->deadlock_count;
    gdn_verdict_free(verdict);
    gdn_verdict_free(expected);
    gdn_cut_free(cut);
    gdn_cut_free(truth);
    return found;
}

static void run_seed(uint64_t seed, size_t *deadlocks, size_t *rounds)
{
    struct run run = {.seed = seed, .random = seed, .world = world_new()};
    for (int i = 0; i < NODES; i++) world_add_node(run.world, nodes[i], NULL);
    world_add_detector(run.world, "D1");
    world_connect_all(run.world);
    for (int step = 0; step < STEPS; step++) {
        world_forget_trace(run.world);
        switch (draw(&run) % 8) {
        case 0:
        case 1:
            act(&run, (int)(draw(&run) % PROCESSES));
            break;
        case 2:
        case 3:
            (void)take_one(&run, nodes[draw(&run) % NODES]);
            break;
        case 4:
            if (run.round == 0) run.round = world_start(run.world, "D1");
            break;
        default:
            (void)world_deliver_one(run.world, draw(&run));
            break;
        }
        judge_round(&run);
    }
    come_to_rest(&run);
    check_no_phantom(&run);
    *deadlocks += check_no_miss(&run);
    *rounds += run.rounds_judged;
    world_free(run.world);
}

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Promises 1, 2 and 4 of the design, sampled. */
static void cuts_balance_and_verdicts_are_true(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", RUNS);
    size_t deadlocks = 0, rounds = 0;
    for (uint64_t i = 0; i < runs; i++) run_seed(seed + i, &deadlocks, &rounds);
    print_message("%llu runs from seed %llu: %zu rounds judged on the way, %zu deadlocks at rest\n",
                  (unsigned long long)runs, (unsigned long long)seed, rounds, deadlocks);
    if (runs >= RUNS) {
        assert_true(rounds > runs); /* The test would prove nothing otherwise. */
        assert_true(deadlocks > runs / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cuts_balance_and_verdicts_are_true)};
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
