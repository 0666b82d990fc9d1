/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Direct waits on their whole way: ledger, capture, report bytes, merge, document, verdict. */
#include "capture_fixture.h"
#include "cutfile_fixture.h"

#include <gordian/verdict.h>

#define PROCESSES 5
#define SHAPE     16
#define TICKETS   2 /* Of one process, at most. */

static const char *const names[PROCESSES] = {"p0", "p1", "p2", "p3", "p4"};

/* ---- The way ---- */

static gdn_verdict *verdict_of(const gdn_cut *cut)
{
    gdn_verdict *verdict;
    assert_ok(gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why));
    return verdict;
}

static void expect_same_verdict(const gdn_cut *cut, const gdn_cut *other)
{
    gdn_verdict *a = verdict_of(cut), *b = verdict_of(other);
    assert_int_equal(a->deadlock_count, b->deadlock_count);
    for (size_t i = 0; i < a->deadlock_count; i++) {
        assert_true(gdn_id_equal(a->deadlocks[i].id, b->deadlocks[i].id));
        assert_int_equal(a->deadlocks[i].model, b->deadlocks[i].model);
        assert_int_equal(a->deadlocks[i].witness_count, b->deadlocks[i].witness_count);
    }
    gdn_verdict_free(a);
    gdn_verdict_free(b);
}

/* To a document and back: the same document again, and the same verdict. */
static void expect_stable_document(const gdn_cut *cut)
{
    char *first = saved_cut(cut);
    gdn_cut *again = NULL;
    enum gdn_err err = gdn__cutfile_parse("f.json", first, strlen(first), &again, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    char *second = saved_cut(again);
    assert_string_equal(first, second);
    expect_same_verdict(cut, again);
    gdn_cut_free(again);
    free(first);
    free(second);
}

/* As a detector gets it: encoded by the node, decoded and merged. */
static gdn_cut *merged(const gdn_cut *report)
{
    uint8_t *bytes, *again;
    size_t length, length_again;
    gdn_cut *decoded, *cut = gdn_cut_new(NULL);
    assert_ok(gdn_cut_encode(report, &bytes, &length));
    assert_ok(gdn_cut_decode(NULL, bytes, length, &decoded, why, sizeof why));
    assert_ok(gdn_cut_encode(decoded, &again, &length_again));
    assert_int_equal(length, length_again);
    assert_memory_equal(bytes, again, length);
    free(bytes);
    free(again);
    assert_ok(gdn_cut_merge(cut, decoded, why, sizeof why));
    gdn_cut_free(decoded);
    if (gdn_cut_check(cut, why, sizeof why) != GDN_OK) fail_msg("%s", why);
    return cut;
}

static unsigned bit_of(const gdn_cut *cut, uint32_t process)
{
    for (unsigned p = 0; p < PROCESSES; p++) {
        if (gdn_id_equal(cut->processes[process].id.id, P(names[p]).id)) return 1u << p;
    }
    fail_msg("a process that nobody named");
    return 0;
}

/* A wake that has not been taken when the cut is. */
struct in_flight {
    uint64_t ticket;
    const char *process, *by;
};

static gdn_cut *record(gdn_ledger *ledger, const struct in_flight *wakes, size_t count)
{
    gdn_cut *cut = begin_cut(NULL);
    gdn_capture *capture;
    uint32_t peer = party_of(NULL, cut, 3), other;
    struct gdn_cut_channel channel = {.peer = peer, .incoming = true};
    assert_ok(gdn_ledger_capture(ledger, cut, 0, party_of, NULL, 1000, &capture));
    gdn_capture_free(capture);
    assert_ok(gdn_cut_add_node(cut, peer, &other));
    assert_ok(gdn_cut_add_channel(cut, 0, &channel));
    for (size_t i = 0; i < count; i++) {
        struct gdn_cut_message wake = {.verb = GDN_VERB_WAKE,
                                       .process = gdn_cut_process(cut, P(wakes[i].process), NULL),
                                       .resource = GDN_NONE,
                                       .by = gdn_cut_process(cut, P(wakes[i].by), NULL),
                                       .ticket = wakes[i].ticket};
        assert_ok(gdn_cut_add_message(cut, 0, &wake));
    }
    cut->nodes[0].waits_listed = cut->nodes[1].waits_listed = true;
    return cut;
}

/* The processes of a verdict, a bit each. */
static unsigned stuck(gdn_ledger *ledger, const struct in_flight *wakes, size_t count)
{
    gdn_cut *report = record(ledger, wakes, count), *cut = merged(report);
    gdn_cut_free(report);
    expect_stable_document(cut);
    gdn_verdict *verdict = verdict_of(cut);
    unsigned found = 0;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[i];
        for (size_t k = 0; k < deadlock->member_count; k++) {
            found |= bit_of(cut, deadlock->members[k]);
        }
        for (size_t k = 0; k < deadlock->tail_count; k++) found |= bit_of(cut, deadlock->tail[k]);
    }
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
    return found;
}

static uint64_t wait_on(gdn_ledger *ledger, const char *process, const struct gdn_need *needs,
                        size_t count)
{
    uint64_t number = 0;
    struct gdn_wait wait = {.process = P(process), .needs = needs, .count = count};
    assert_ok(gdn_ledger_wait_on(ledger, &wait, 0, &number));
    return number;
}

static void wait_for(gdn_ledger *ledger, const char *process, const char *other)
{
    struct gdn_need need = gdn_need_process(P(other));
    (void)wait_on(ledger, process, &need, 1);
}

static void take_wake(gdn_ledger *ledger, struct in_flight wake)
{
    struct gdn_message sent = message(GDN_VERB_WAKE, wake.process, "", wake.ticket);
    sent.by = P(wake.by);
    (void)arrive(ledger, 3, sent);
}

/* ---- Facts ---- */

static void any_of_the_stuck_is_stuck_and_any_of_a_free_one_is_not(void **state)
{
    struct world *world = *state;
    const struct gdn_need any[] = {gdn_need_any(2), gdn_need_process(P("p1")),
                                   gdn_need_process(P("p2"))};
    (void)wait_on(world->ledger, "p0", any, 3);
    wait_for(world->ledger, "p1", "p0");
    assert_int_equal(stuck(world->ledger, NULL, 0), 0); /* p2 runs. */
    wait_for(world->ledger, "p2", "p0");
    assert_int_equal(stuck(world->ledger, NULL, 0), 7);
}

/* Several tickets of one process overwriting each other would find nothing here. */
static void tickets_of_one_process_count_together(void **state)
{
    struct world *world = *state;
    wait_for(world->ledger, "p0", "p1");
    wait_for(world->ledger, "p0", "p2");
    wait_for(world->ledger, "p0", "p3");
    assert_int_equal(stuck(world->ledger, NULL, 0), 0);
    wait_for(world->ledger, "p2", "p0");
    assert_int_equal(stuck(world->ledger, NULL, 0), 1 | 4);
}

/* A diamond: two ways from p0 to p3 and none back. */
static void diamond_is_no_deadlock(void **state)
{
    struct world *world = *state;
    const struct gdn_need both[] = {gdn_need_process(P("p1")), gdn_need_process(P("p2"))};
    (void)wait_on(world->ledger, "p0", both, 2);
    wait_for(world->ledger, "p1", "p3");
    wait_for(world->ledger, "p2", "p3");
    assert_int_equal(stuck(world->ledger, NULL, 0), 0);
}

/* p1 gives up r: what p0 waits for is on its way, whatever else p1 waits for. */
static void release_in_flight_meets_a_need_of_that_hold_alone(void **state)
{
    struct world *world = *state;
    struct gdn_need need = gdn_need_hold(P("p1"), R("r"));
    (void)wait_on(world->ledger, "p0", &need, 1);
    wait_for(world->ledger, "p1", "p0");
    for (int i = 0; i < 2; i++) {
        gdn_cut *cut = record(world->ledger, NULL, 0);
        struct gdn_cut_message sent = {.verb = GDN_VERB_RELEASE, .by = GDN_NONE, .ticket = 9};
        sent.process = gdn_cut_find_process(cut, P("p1"));
        sent.resource = gdn_cut_resource(cut, R(i == 0 ? "r" : "other"), NULL);
        assert_ok(gdn_cut_add_message(cut, 0, &sent));
        gdn_verdict *verdict = verdict_of(cut);
        assert_int_equal(verdict->deadlock_count, i);
        gdn_verdict_free(verdict);
        gdn_cut_free(cut);
    }
}

/* p0 waits for p1's work at n0, p1 for p0; p1 itself waits at another node only: its branch at n0
 * goes on, and p0 with it. A need on the branch at that other node closes the cycle. */
static void branch_is_named_here_or_at_another_node(void **state)
{
    static const struct {
        bool here;
        const char *at;
        size_t deadlocks;
    } cases[] = {{true, NULL, 0}, {false, "n0", 0}, {false, "n3", 1}, {false, NULL, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *world = *state;
        struct gdn_need need = gdn_need_process(P("p1"));
        need.branch = cases[i].here;
        need.branch_at = cases[i].at;
        uint64_t number = wait_on(world->ledger, "p0", &need, 1);
        gdn_cut *report = record(world->ledger, NULL, 0), *cut = merged(report);
        gdn_cut_free(report);
        uint32_t elsewhere = cut->parties[party_of(NULL, cut, 3)].node;
        struct gdn_cut_wait wait = {.process = gdn_cut_find_process(cut, P("p1")),
                                    .resource = GDN_NONE,
                                    .home = GDN_NONE,
                                    .ticket = 5};
        struct gdn_cut_need back = {.kind = GDN_NEED_PROCESS,
                                    .process = gdn_cut_find_process(cut, P("p0")),
                                    .resource = GDN_NONE,
                                    .home = GDN_NONE,
                                    .branch = GDN_NONE};
        assert_ok(gdn_cut_add_wait(cut, elsewhere, &wait));
        assert_ok(gdn_cut_add_need(cut, elsewhere, &back));
        expect_stable_document(cut);
        gdn_verdict *verdict = verdict_of(cut);
        assert_int_equal(verdict->deadlock_count, cases[i].deadlocks);
        gdn_verdict_free(verdict);
        gdn_cut_free(cut);
        cancel(world->ledger, number);
    }
}

/* ---- At random ---- */

struct shape {
    struct gdn_need needs[SHAPE];
    unsigned listed[SHAPE];
    size_t count;
    uint64_t ticket;           /* 0: none. */
    unsigned woken[PROCESSES]; /* By whom, how often, with this ticket. */
};

static uint64_t seed;
static struct shape shapes[PROCESSES][TICKETS];

static void add_need(struct shape *shape, unsigned depth)
{
    size_t at = shape->count++;
    if (depth < 3 && shape->count < 8 && below(&seed, 2) == 0) {
        uint32_t members = 1 + below(&seed, 3);
        shape->needs[at] = gdn_need_at_least(1 + below(&seed, members), members);
        for (uint32_t i = 0; i < members; i++) add_need(shape, depth + 1);
        return;
    }
    shape->listed[at] = below(&seed, PROCESSES);
    shape->needs[at] = gdn_need_process(P(names[shape->listed[at]]));
}

static bool is_met(const struct shape *shape, unsigned free, unsigned *seen, size_t *at)
{
    const struct gdn_need *need = &shape->needs[*at];
    unsigned listed = shape->listed[(*at)++], met = 0;
    if (need->kind == GDN_NEED_PROCESS) {
        bool woken = seen[listed]++ < shape->woken[listed];
        return woken || (free >> listed & 1) != 0;
    }
    for (uint32_t i = 0; i < need->count; i++) met += is_met(shape, free, seen, at);
    return met >= need->at_least;
}

/* All tickets of @p process are met when those in @p free go on. */
static bool goes_on(unsigned process, unsigned free)
{
    bool met = true;
    for (unsigned t = 0; t < TICKETS; t++) {
        unsigned seen[PROCESSES] = {0};
        const struct shape *shape = &shapes[process][t];
        for (size_t at = 0; at < shape->count;) met = is_met(shape, free, seen, &at) && met;
    }
    return met;
}

/* The union of all sets none of which can go on when all others do. */
static unsigned stuck_by_definition(void)
{
    unsigned all = (1u << PROCESSES) - 1, found = 0;
    for (unsigned set = 1; set <= all; set++) {
        bool holds = true;
        for (unsigned p = 0; p < PROCESSES; p++) {
            if ((set >> p & 1) != 0 && goes_on(p, all & ~set)) holds = false;
        }
        if (holds) found |= set;
    }
    return found;
}

static void draw_waits(gdn_ledger *ledger)
{
    memset(shapes, 0, sizeof shapes);
    for (unsigned p = 0; p < PROCESSES; p++) {
        for (unsigned t = 0; t < TICKETS; t++) {
            struct shape *shape = &shapes[p][t];
            if (below(&seed, 3) == 0) continue;
            for (uint32_t i = 1 + below(&seed, 2); i > 0; i--) add_need(shape, 0);
            shape->ticket = wait_on(ledger, names[p], shape->needs, shape->count);
        }
    }
}

static bool draw_wake(struct in_flight *wake)
{
    unsigned p = below(&seed, PROCESSES), by = below(&seed, PROCESSES);
    struct shape *shape = &shapes[p][below(&seed, TICKETS)];
    if (shape->ticket == 0) return false;
    shape->woken[by]++;
    *wake = (struct in_flight){shape->ticket, names[p], names[by]};
    return true;
}

/* Whether a wake has been taken or is in flight, the verdict is that of the definition. */
static void verdicts_agree_with_the_definition(void **state)
{
    struct world *world = *state;
    uint64_t first = number_from_environment("GDN_SEED", 20261125);
    uint64_t runs = number_from_environment("GDN_RUNS", 4000);
    uint64_t deadlocks = 0;
    seed = first;
    for (uint64_t run = 0; run < runs; run++) {
        struct in_flight wakes[6], wake;
        size_t count = 0;
        draw_waits(world->ledger);
        for (uint32_t i = below(&seed, 8); i > 0; i--) {
            if (draw_wake(&wake)) take_wake(world->ledger, wake);
        }
        for (uint32_t i = below(&seed, 6); i > 0; i--) count += draw_wake(&wakes[count]);
        unsigned expected = stuck_by_definition();
        unsigned in_flight = stuck(world->ledger, wakes, count);
        for (size_t i = 0; i < count; i++) take_wake(world->ledger, wakes[i]);
        unsigned taken = stuck(world->ledger, NULL, 0);
        if (in_flight != expected || taken != expected) {
            fail_msg("run %ju: stuck %x, with wakes in flight %x, taken %x; replay: GDN_SEED=%ju "
                     "GDN_RUNS=%ju build/tests/unit/test_needs_found",
                     (uintmax_t)run, expected, in_flight, taken, (uintmax_t)first, (uintmax_t)runs);
        }
        deadlocks += expected != 0;
        for (unsigned p = 0; p < PROCESSES; p++) end(world->ledger, names[p]);
    }
    assert_true(runs < 1000 || (deadlocks > runs / 5 && deadlocks < runs));
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_world, free_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(any_of_the_stuck_is_stuck_and_any_of_a_free_one_is_not),
        fact(tickets_of_one_process_count_together),
        fact(diamond_is_no_deadlock),
        fact(release_in_flight_meets_a_need_of_that_hold_alone),
        fact(branch_is_named_here_or_at_another_node),
        fact(verdicts_agree_with_the_definition),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
