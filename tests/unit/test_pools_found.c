/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools on their whole way: a ledger is captured and judged, and then made to go on: whoever may be
 * granted is, whoever waits for nothing ends. Those who still wait were to be found, no others. */
#include "analysis_fixture.h"
#include "capture_fixture.h"
#include "cutfile_fixture.h"

#include <gordian/verdict.h>

#define PROCESSES 5
#define RESOURCES 4 /* Two pools, then two locks. */
#define POOLS     2
#define ISSUERS   3 /* This node and two peers. */
#define TICKETS   24

static const char *const processes[PROCESSES] = {"T0", "T1", "T2", "T3", "T4"};
static const char *const resources[RESOURCES] = {"p", "q", "r", "s"};

/* ---- A small system ---- */

struct asked {
    uint32_t issuer, process, resource;
    uint64_t number;
    uint8_t flags;
    bool in_flight;
    struct gdn_message message; /* In flight. */
};

struct system {
    gdn_ledger *ledger;
    uint32_t capacity[POOLS];
    bool unordered;
    bool jumps; /* A request may pass others when it arrives, or not. */
    struct asked asked[TICKETS];
    size_t count;
    uint64_t last_number[ISSUERS];
};

static bool is_held_now(const struct system *s, const struct asked *a)
{
    return !a->in_flight && is_held(s->ledger, a->issuer, a->number);
}

static bool waits_now(const struct system *s, const struct asked *a)
{
    if ((a->flags & GDN_REQUEST_NO_WAIT) != 0) return false;
    return a->in_flight || is_queued(s->ledger, a->issuer, a->number);
}

static bool holds_something(const struct system *s, uint32_t process, uint32_t resource)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct asked *a = &s->asked[i];
        if (a->process == process && a->resource == resource && is_held_now(s, a)) return true;
    }
    return false;
}

/* Of one that asks for a lock twice, once for a brief hold, it depends on when that ends whether
 * the other request is covered. */
static bool is_covered_for_a_while(const struct system *s, const struct asked *asked)
{
    bool again = false, brief = (asked->flags & GDN_REQUEST_BRIEF) != 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct asked *a = &s->asked[i];
        if (a->process != asked->process || a->resource != asked->resource) continue;
        again |= waits_now(s, a) || is_held_now(s, a);
        brief |= (a->flags & GDN_REQUEST_BRIEF) != 0;
    }
    return again && brief;
}

static void ask_for(struct system *s, uint64_t *seed, bool in_flight)
{
    static const uint8_t flags[] = {GDN_REQUEST_BRIEF, GDN_REQUEST_FRONT, GDN_REQUEST_NO_WAIT};
    struct asked a = {.issuer = in_flight ? 1 : below(seed, ISSUERS),
                      .process = below(seed, PROCESSES),
                      .resource = below(seed, 5) < 3 ? below(seed, POOLS) : below(seed, RESOURCES),
                      .flags = below(seed, 4) == 0 ? flags[below(seed, 3)] : 0,
                      .in_flight = in_flight};
    uint32_t units = a.resource < POOLS ? below(seed, s->capacity[a.resource] + 1) : 0;
    uint8_t mode = below(seed, 2) == 0 ? X : S;
    s->jumps |= a.resource >= POOLS && is_covered_for_a_while(s, &a);
    if (a.issuer == 0) {
        struct gdn_request request = {.process = P(processes[a.process]),
                                      .resource = R(resources[a.resource]),
                                      .mode = mode,
                                      .flags = a.flags,
                                      .units = units};
        struct gdn_message out;
        enum gdn_err err = gdn_ledger_request(s->ledger, 0, &request, 0, &a.number, &out);
        assert_true(err == GDN_OK || err == GDN_ERR_NOT_GRANTABLE);
        if (err == GDN_OK) s->asked[s->count++] = a;
        return;
    }
    a.number = ++s->last_number[a.issuer];
    a.message =
        request_message(processes[a.process], resources[a.resource], a.number, mode, a.flags);
    a.message.units = units;
    if (!in_flight && arrive(s->ledger, a.issuer, a.message).type == GDN_EFFECT_NONE) return;
    bool ahead = (a.flags & GDN_REQUEST_FRONT) != 0 || holds_something(s, a.process, a.resource);
    s->jumps |= in_flight && (ahead || (a.flags & GDN_REQUEST_NO_WAIT) != 0);
    s->asked[s->count++] = a;
}

static bool grant_next(struct system *s, uint32_t resource)
{
    struct gdn_ticket_ref next;
    if (!gdn_ledger_next(s->ledger, R(resources[resource]), &next)) return false;
    grant(s->ledger, next.issuer, next.number);
    return true;
}

static void end_process(struct system *s, uint32_t process)
{
    for (uint32_t issuer = 1; issuer < ISSUERS; issuer++) {
        arrive(s->ledger, issuer, message(GDN_VERB_END, processes[process], "", 0));
    }
    end(s->ledger, processes[process]);
}

/* The same seed makes the same system. */
static struct system make_system(uint64_t seed)
{
    struct system s = {.ledger = gdn_ledger_new(NULL)};
    assert_non_null(s.ledger);
    for (uint32_t p = 0; p < POOLS; p++) {
        s.capacity[p] = 1 + below(&seed, 4);
        assert_ok(gdn_ledger_set_capacity(s.ledger, R(resources[p]), s.capacity[p]));
    }
    s.unordered = below(&seed, 4) == 0;
    assert_ok(gdn_ledger_set_unordered(s.ledger, R("q"), s.unordered));
    size_t steps = 6 + below(&seed, TICKETS - 10);
    for (size_t i = 0; i < steps; i++) {
        ask_for(&s, &seed, false);
        for (uint32_t k = below(&seed, 3); k > 0; k--) grant_next(&s, below(&seed, RESOURCES));
    }
    for (uint32_t k = below(&seed, 3); k > 0; k--) ask_for(&s, &seed, true);
    return s;
}

/* ---- Going on ---- */

static void take_mail(struct system *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct asked *a = &s->asked[i];
        if (a->in_flight) (void)arrive(s->ledger, a->issuer, a->message);
        a->in_flight = false;
    }
}

/* At the node @p issuer, or (ISSUERS) anywhere. */
static bool process_waits(const struct system *s, uint32_t process, uint32_t issuer)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct asked *a = &s->asked[i];
        if (a->process != process || (issuer != ISSUERS && a->issuer != issuer)) continue;
        if (waits_now(s, a)) return true;
    }
    return false;
}

static bool give_back_brief(struct system *s)
{
    bool changed = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct asked *a = &s->asked[i];
        if ((a->flags & GDN_REQUEST_BRIEF) == 0 || !is_held_now(s, a)) continue;
        if (process_waits(s, a->process, a->issuer)) continue;
        if (a->issuer == 0) {
            cancel(s->ledger, a->number);
        } else {
            arrive(s->ledger, a->issuer,
                   message(GDN_VERB_RELEASE, processes[a->process], resources[a->resource],
                           a->number));
        }
        changed = true;
    }
    return changed;
}

static bool end_the_free(struct system *s)
{
    bool changed = false;
    for (uint32_t p = 0; p < PROCESSES; p++) {
        bool has = false;
        struct gdn_entry_view view;
        for (size_t i = 0; i < s->count; i++) {
            const struct asked *a = &s->asked[i];
            has |= a->process == p && gdn_ledger_entry(s->ledger, ref(a->issuer, a->number), &view);
        }
        if (!has || process_waits(s, p, ISSUERS)) continue;
        end_process(s, p);
        changed = true;
    }
    return changed;
}

/* Those who wait for ever, a bit each. */
static unsigned go_on(struct system *s)
{
    bool changed = true;
    take_mail(s);
    while (changed) {
        changed = give_back_brief(s);
        for (uint32_t r = 0; r < RESOURCES; r++) {
            while (grant_next(s, r)) changed = true;
        }
        changed |= end_the_free(s);
    }
    unsigned stuck = 0;
    for (uint32_t p = 0; p < PROCESSES; p++) {
        if (process_waits(s, p, ISSUERS)) stuck |= 1u << p;
    }
    return stuck;
}

/* ---- Judging ---- */

static void add_mail(const struct system *s, gdn_cut *cut, gdn_capture *capture)
{
    struct gdn_cut_channel channel = {.peer = party_of(NULL, cut, 1), .incoming = true};
    assert_ok(gdn_cut_add_channel(cut, 0, &channel));
    for (size_t i = 0; i < s->count; i++) {
        const struct gdn_message *sent = &s->asked[i].message;
        if (!s->asked[i].in_flight) continue;
        struct gdn_cut_message added = {.verb = sent->verb,
                                        .process = gdn_cut_process(cut, sent->process, NULL),
                                        .resource = gdn_cut_resource(cut, sent->resource, NULL),
                                        .by = GDN_NONE,
                                        .ticket = sent->number,
                                        .units = sent->units,
                                        .mode = sent->mode,
                                        .flags = sent->flags};
        assert_ok(gdn_cut_add_message(cut, 0, &added));
        assert_ok(gdn_capture_resource(capture, sent->resource));
    }
}

/* As a node records it, through the bytes of its report and a document. */
static gdn_cut *record(const struct system *s)
{
    gdn_cut *cut = begin_cut(NULL), *decoded, *loaded;
    gdn_capture *capture;
    uint8_t *bytes, *again;
    size_t length, length_again;
    uint32_t node;
    assert_ok(gdn_ledger_capture(s->ledger, cut, 0, party_of, NULL, 0, &capture));
    cut->nodes[0].waits_listed = true;
    add_mail(s, cut, capture);
    gdn_capture_free(capture);
    for (uint32_t i = 1; i < ISSUERS; i++) {
        assert_ok(gdn_cut_add_node(cut, party_of(NULL, cut, i), &node));
    }

    assert_ok(gdn_cut_encode(cut, &bytes, &length));
    assert_ok(gdn_cut_decode(NULL, bytes, length, &decoded, why, sizeof why));
    assert_ok(gdn_cut_encode(decoded, &again, &length_again));
    assert_true(length == length_again && memcmp(bytes, again, length) == 0);
    free(bytes);
    free(again);
    char *document = saved_cut(decoded);
    enum gdn_err err =
        gdn__cutfile_parse("f.json", document, strlen(document), &loaded, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    char *second = saved_cut(loaded);
    assert_string_equal(document, second);
    free(document);
    free(second);
    gdn_cut_free(cut);
    gdn_cut_free(decoded);
    return loaded;
}

static unsigned set_of(const gdn_cut *cut, const uint32_t *listed, size_t count)
{
    unsigned set = 0;
    for (size_t i = 0; i < count; i++) {
        for (unsigned p = 0; p < PROCESSES; p++) {
            if (gdn_id_equal(cut->processes[listed[i]].id.id, P(processes[p]).id)) set |= 1u << p;
        }
    }
    return set;
}

/* Serve one process before another in one queue. */
struct advice {
    unsigned first, second; /* A bit each. */
    uint32_t resource;
    size_t core;
};

struct found {
    unsigned stuck, victims;
    unsigned core[PROCESSES];
    size_t cores;
    struct advice advice[TICKETS];
    size_t advice_count;
    bool mixed, weighed_order; /* The order of a pool's queue is to change. */
};

static void note_order(struct found *found, const gdn_cut *cut, const struct gdn_deadlock *deadlock)
{
    for (size_t k = 0; k < deadlock->reorder_count; k++) {
        const struct gdn_reorder *told = &deadlock->reorder[k];
        struct advice advice = {.first = set_of(cut, &told->first, 1),
                                .second = set_of(cut, &told->second, 1),
                                .core = found->cores - 1};
        gdn_id id = cut->resources[told->resource].id.id;
        while (!gdn_id_equal(id, R(resources[advice.resource]).id)) advice.resource++;
        assert_true(found->advice_count < TICKETS);
        found->advice[found->advice_count++] = advice;
        found->weighed_order |= deadlock->model == GDN_MODEL_MIXED;
    }
}

static struct found judge_system(const struct system *s)
{
    gdn_cut *cut = record(s);
    gdn_verdict *verdict;
    struct found found = {0};
    assert_ok(gdn_analyze(cut, GDN_POLICY_FEWEST_LOCKS, &verdict, why, sizeof why));
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[i];
        unsigned core = set_of(cut, deadlock->members, deadlock->member_count);
        found.core[found.cores++] = core;
        found.stuck |= core | set_of(cut, deadlock->tail, deadlock->tail_count);
        found.mixed |= deadlock->model == GDN_MODEL_MIXED;
        note_order(&found, cut, deadlock);
        assert_true(deadlock->victim_count + deadlock->reorder_count > 0);
        for (size_t k = 0; k < deadlock->victim_count; k++) {
            found.victims |= set_of(cut, &deadlock->victims[k].process, 1);
        }
        for (size_t k = 0; k < deadlock->otherwise_count; k++) {
            found.victims |= set_of(cut, &deadlock->otherwise[k].process, 1);
        }
    }
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
    return found;
}

static unsigned go_on_without(uint64_t seed, unsigned gone)
{
    struct system s = make_system(seed);
    take_mail(&s);
    for (uint32_t p = 0; p < PROCESSES; p++) {
        if ((gone >> p & 1) != 0) end_process(&s, p);
    }
    unsigned stuck = go_on(&s);
    gdn_ledger_free(s.ledger);
    return stuck;
}

/* A queue as it stands. */
struct line {
    struct {
        struct gdn_ticket_ref ticket;
        unsigned process; /* A bit. */
    } at[TICKETS];
    size_t count;
};

static struct line line_of(const struct system *s, uint32_t resource)
{
    struct line line = {.count = 0};
    gdn_cut *cut = record(s);
    const struct gdn_cut_node *node = &cut->nodes[0];
    for (size_t h = 0; h < node->home_count; h++) {
        const struct gdn_cut_home *home = &node->homes[h];
        gdn_resource_id id = cut->resources[home->resource].id;
        if (!gdn_id_equal(id.id, R(resources[resource]).id)) continue;
        for (size_t i = home->entry_first; i < home->entry_first + home->entry_count; i++) {
            const struct gdn_cut_entry *entry = &node->queue[i];
            uint32_t issuer = 0;
            while (party_of(NULL, cut, issuer) != entry->issuer) issuer++;
            line.at[line.count].ticket = ref(issuer, entry->ticket);
            line.at[line.count++].process = set_of(cut, &entry->process, 1);
        }
    }
    gdn_cut_free(cut);
    return line;
}

/* Each entry of the first goes before the first one of the second, or (late) the second's go behind
 * the last of the first. */
static void serve_before(struct system *s, const struct advice *advice, bool late)
{
    struct line line = line_of(s, advice->resource);
    size_t passed = 0, last = 0;
    while (passed < line.count && line.at[passed].process != advice->second) passed++;
    for (size_t i = passed; i < line.count; i++) {
        if (line.at[i].process != advice->first) continue;
        last = i;
        if (late) continue;
        assert_ok(gdn_ledger_requeue(s->ledger, line.at[i].ticket, line.at[passed].ticket));
    }
    struct gdn_ticket_ref before = {0};
    if (last + 1 < line.count) before = line.at[last + 1].ticket;
    for (size_t i = passed; late && i < last; i++) {
        if (line.at[i].process != advice->second) continue;
        assert_ok(gdn_ledger_requeue(s->ledger, line.at[i].ticket, before));
    }
}

static bool shares_a_process(const struct found *found, size_t core)
{
    unsigned others = 0;
    for (size_t i = 0; i < found->cores; i++) others |= i == core ? 0 : found->core[i];
    return (found->core[core] & others) != 0;
}

/* Whether the core goes on by itself in the order advised. Of several that obey the advice two are
 * tried. */
static bool order_frees(uint64_t seed, const struct found *found, size_t core)
{
    bool advised = false, frees = false;
    if (shares_a_process(found, core)) return true; /* It may stay stuck elsewhere. */
    for (int way = 0; way < 2; way++) {
        struct system s = make_system(seed);
        take_mail(&s);
        for (uint32_t r = 0; r < RESOURCES; r++) {
            while (grant_next(&s, r)) continue; /* Who may be served at once is passed by nobody. */
        }
        for (size_t i = 0; i < found->advice_count; i++) {
            if (found->advice[i].core != core) continue;
            advised = true;
            serve_before(&s, &found->advice[i], way == 1);
        }
        for (uint32_t p = 0; p < PROCESSES; p++) {
            if ((found->core[core] >> p & 1) == 0) end_process(&s, p);
        }
        frees = go_on(&s) == 0 || frees;
        gdn_ledger_free(s.ledger);
    }
    return frees || !advised;
}

struct tally {
    uint64_t deadlocks, mixed, weighed_orders;
};

static const char *check_one(uint64_t seed, struct tally *tally)
{
    struct system s = make_system(seed);
    struct found found = judge_system(&s);
    bool exact = !s.unordered && !s.jumps;
    unsigned stuck = go_on(&s);
    gdn_ledger_free(s.ledger);
    tally->deadlocks += stuck != 0;
    tally->mixed += found.mixed;
    tally->weighed_orders += exact && found.weighed_order;
    if ((found.stuck & ~stuck) != 0) return "one who goes on was reported";
    if (exact && found.stuck != stuck) return "one who is stuck was missed";
    if (!exact) return NULL;
    if (go_on_without(seed, found.victims) != 0) return "the victims do not free all";
    for (size_t i = 0; i < found.cores; i++) {
        unsigned others = ~found.core[i] & ((1u << PROCESSES) - 1);
        if (go_on_without(seed, others) != found.core[i]) return "a core goes on by itself";
        if (!order_frees(seed, &found, i)) return "the order advised does not free its core";
    }
    return NULL;
}

static void whoever_waits_for_ever_is_found_and_nobody_else(void **state)
{
    (void)state;
    uint64_t first = number_from_environment("GDN_SEED", 20261125);
    uint64_t runs = number_from_environment("GDN_RUNS", 12000);
    struct tally tally = {0};
    for (uint64_t run = 0; run < runs; run++) {
        const char *wrong = check_one(first + run, &tally);
        if (wrong != NULL) {
            fail_msg("%s; replay: GDN_SEED=%ju GDN_RUNS=1 build/tests/unit/test_pools_found", wrong,
                     (uintmax_t)(first + run));
        }
    }
    if (runs < 1000) return;
    assert_true(tally.deadlocks > runs / 5 && tally.deadlocks < runs && tally.mixed > runs / 10);
    assert_true(tally.weighed_orders > runs / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_waits_for_ever_is_found_and_nobody_else),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
