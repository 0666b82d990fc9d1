/* SPDX-License-Identifier: MIT */
/* Pools of units at their home: who may go next, what is refused, and what a cut shows of it. */
#include "capture_fixture.h"

static uint64_t ask_units(gdn_ledger *ledger, const char *process, uint32_t units, uint8_t flags)
{
    struct gdn_request request = {
        .process = P(process), .resource = R("pool"), .flags = flags, .units = units};
    struct gdn_message out;
    uint64_t number = 0;
    assert_ok(gdn_ledger_request(ledger, 0, &request, 0, &number, &out));
    return number;
}

static uint64_t hold_units(gdn_ledger *ledger, const char *process, uint32_t units)
{
    uint64_t number = ask_units(ledger, process, units, 0);
    grant(ledger, 0, number);
    return number;
}

static void set_capacity(struct world *world, uint32_t capacity)
{
    assert_ok(gdn_ledger_set_capacity(world->ledger, R("pool"), capacity));
}

static enum gdn_err try_capacity(struct world *world, uint32_t capacity)
{
    return gdn_ledger_set_capacity(world->ledger, R("pool"), capacity);
}

static void expect_not_grantable(gdn_ledger *ledger, uint64_t number)
{
    struct gdn_message out;
    assert_int_equal(gdn_ledger_grant(ledger, ref(0, number), &out), GDN_ERR_NOT_GRANTABLE);
}

/* ---- Who may go next ---- */

static void units_are_given_while_there_are_enough(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    hold_units(world->ledger, "T1", 2);
    uint64_t two = ask_units(world->ledger, "T2", 2, 0);
    expect_not_grantable(world->ledger, two);
    assert_int_equal(next_number(world->ledger, "pool"), 0);
    release(world->ledger, "T1", "pool");
    assert_int_equal(next_number(world->ledger, "pool"), two);
    grant(world->ledger, 0, two);
    hold_units(world->ledger, "T3", 0); /* Nothing said is one. */
    struct gdn_entry_view view;
    assert_true(gdn_ledger_entry(world->ledger, ref(0, two), &view) && view.units == 2);
}

/* T3's one unit is free, but T2 stands before it: else large requests would wait for ever. */
static void small_request_waits_behind_a_large_one(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    hold_units(world->ledger, "T1", 2);
    uint64_t large = ask_units(world->ledger, "T2", 3, 0);
    uint64_t small = ask_units(world->ledger, "T3", 1, 0);
    assert_int_equal(next_number(world->ledger, "pool"), 0);
    expect_not_grantable(world->ledger, small);
    assert_ok(gdn_ledger_set_unordered(world->ledger, R("pool"), true));
    assert_int_equal(next_number(world->ledger, "pool"), small);
    assert_ok(gdn_ledger_set_unordered(world->ledger, R("pool"), false));
    cancel(world->ledger, large);
    assert_int_equal(next_number(world->ledger, "pool"), small);
}

/* Both fit: the manager may grant the second first. */
static void entries_that_fit_together_may_be_granted_in_any_order(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    uint64_t one = ask_units(world->ledger, "T1", 1, 0);
    uint64_t two = ask_units(world->ledger, "T2", 2, 0);
    uint64_t three = ask_units(world->ledger, "T3", 1, 0);
    expect_not_grantable(world->ledger, three);
    grant(world->ledger, 0, two);
    grant(world->ledger, 0, one);
    expect_not_grantable(world->ledger, three);
}

/* Who has units and asks for more stands before the others; his own count like anybody's. */
static void more_of_the_same_pool_adds_up(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    hold_units(world->ledger, "T1", 1);
    uint64_t other = ask_units(world->ledger, "T2", 3, 0);
    uint64_t more = ask_units(world->ledger, "T1", 2, 0);
    assert_int_equal(next_number(world->ledger, "pool"), more);
    grant(world->ledger, 0, more);
    uint64_t too_much = ask_units(world->ledger, "T1", 1, 0);
    expect_not_grantable(world->ledger, too_much);
    cancel(world->ledger, more); /* One ticket by itself. */
    grant(world->ledger, 0, too_much);
    assert_int_equal(release(world->ledger, "T1", "pool"), 0); /* All that is left at once. */
    assert_int_equal(next_number(world->ledger, "pool"), other);
}

static void units_that_were_promised_stay_free(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    hold_units(world->ledger, "T1", 1);
    uint64_t tried = ask_units(world->ledger, "T2", 2, GDN_REQUEST_NO_WAIT);
    uint64_t front = ask_units(world->ledger, "T3", 1, GDN_REQUEST_FRONT);
    uint64_t more = ask_units(world->ledger, "T1", 1, 0);
    expect_not_grantable(world->ledger, front);
    expect_not_grantable(world->ledger, more);
    assert_int_equal(try_capacity(world, 2), GDN_ERR_MISUSE);
    struct gdn_request request = {
        .process = P("T4"), .resource = R("pool"), .flags = GDN_REQUEST_NO_WAIT, .units = 1};
    struct gdn_message out;
    uint64_t number;
    assert_int_equal(gdn_ledger_request(world->ledger, 0, &request, 0, &number, &out),
                     GDN_ERR_NOT_GRANTABLE);
    assert_int_equal(next_number(world->ledger, "pool"), tried);
}

/* ---- What is refused ---- */

static void units_that_can_never_be_given_are_refused(void **state)
{
    struct world *world = *state;
    struct gdn_request request = {.process = P("T1"), .resource = R("pool"), .units = 4};
    struct gdn_message out;
    uint64_t number;
    for (uint32_t capacity = 0; capacity <= 3; capacity += 3) {
        set_capacity(world, capacity);
        assert_int_equal(gdn_ledger_request(world->ledger, 0, &request, 0, &number, &out),
                         GDN_ERR_MISUSE);
        struct gdn_message sent = request_message("T1", "pool", 7 + capacity, X, 0);
        sent.units = 4;
        struct gdn_effect effect = arrive(world->ledger, 2, sent);
        assert_int_equal(effect.type, GDN_EFFECT_NONE);
        assert_true(effect.has_reply && effect.reply.verb == GDN_VERB_WAKE);
        assert_false(is_queued(world->ledger, 2, 7 + capacity));
    }
    /* Only home knows: from here it is sent. */
    assert_ok(gdn_ledger_request(world->ledger, 2, &request, 0, &number, &out));
    assert_int_equal(out.units, 4);
}

static void capacity_is_no_less_than_what_is_held_or_asked_for(void **state)
{
    struct world *world = *state;
    hold(world->ledger, "T1", "pool", X);
    assert_int_equal(try_capacity(world, 3), GDN_ERR_MISUSE); /* In use, as a lock. */
    release(world->ledger, "T1", "pool");
    set_capacity(world, 5);
    hold_units(world->ledger, "T1", 2);
    hold_units(world->ledger, "T2", 2);
    assert_int_equal(try_capacity(world, 3), GDN_ERR_MISUSE);
    assert_int_equal(try_capacity(world, 0), GDN_ERR_MISUSE);
    uint64_t five = ask_units(world->ledger, "T3", 5, 0);
    assert_int_equal(try_capacity(world, 4), GDN_ERR_MISUSE);
    gdn_resource_id freed;
    assert_false(gdn_ledger_take_freed(world->ledger, &freed));
    set_capacity(world, 9); /* There is something to grant now, and the manager hears of it. */
    assert_true(gdn_ledger_take_freed(world->ledger, &freed));
    assert_int_equal(next_number(world->ledger, "pool"), five);
    end(world->ledger, "T1");
    end(world->ledger, "T2");
    end(world->ledger, "T3");
    assert_int_equal(gdn_ledger_counters(world->ledger).resources, 0);
    set_capacity(world, 0);
    hold(world->ledger, "T1", "pool", S);
    hold(world->ledger, "T2", "pool", S);
}

/* ---- What a cut shows ---- */

static void pool_is_recorded_with_units(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    struct gdn_message sent = request_message("T1", "pool", 7, S, 0);
    sent.units = 2;
    assert_int_equal(arrive(world->ledger, 2, sent).units, 2);
    grant(world->ledger, 2, 7);
    ask_units(world->ledger, "T2", 3, 0);
    capture(world);
    const struct gdn_cut_home *home = home_of(world->cut, R("pool"));
    const struct gdn_cut_node *node = &world->cut->nodes[0];
    assert_non_null(home);
    assert_int_equal(home->capacity, 3);
    assert_int_equal(node->holders[home->holder_first].units, 2);
    assert_int_equal(node->holders[home->holder_first].mode, 0);
    assert_int_equal(node->queue[home->entry_first].units, 3);
}

/* A request in flight finds capacity and holders as of the cut, and a lost peer's units. */
static void pool_nobody_queued_for_is_recorded_as_of_the_cut(void **state)
{
    struct world *world = *state;
    set_capacity(world, 3);
    struct gdn_message sent = request_message("T1", "pool", 7, X, 0);
    sent.units = 2;
    arrive(world->ledger, 2, sent);
    grant(world->ledger, 2, 7);
    capture(world);
    set_capacity(world, 8);
    assert_ok(gdn_ledger_peer_lost(world->ledger, 2, N("n2"), 0));
    hold_units(world->ledger, "T2", 6);
    expect_not_grantable(world->ledger, ask_units(world->ledger, "T3", 1, 0));
    assert_ok(gdn_capture_resource(world->capture, R("pool")));
    const struct gdn_cut_home *home = home_of(world->cut, R("pool"));
    assert_non_null(home);
    assert_int_equal(home->capacity, 3);
    assert_int_equal(home->holder_count, 1);
    assert_int_equal(world->cut->nodes[0].holders[home->holder_first].units, 2);
}

static void setting_a_capacity_without_memory_changes_nothing(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_ledger_options options = {.allocator = &allocator};
    gdn_ledger *ledger = gdn_ledger_new(&options);
    assert_non_null(ledger);
    enum gdn_err err = GDN_ERR_MEMORY;
    for (size_t allowed = 0; err != GDN_OK; allowed++) {
        size_t live = faulty.live;
        faulty.allowed = allowed;
        err = gdn_ledger_set_capacity(ledger, R("pool"), 2);
        faulty.allowed = SIZE_MAX;
        if (err == GDN_OK) break;
        assert_int_equal(err, GDN_ERR_MEMORY);
        assert_true(faulty.live <= live + 1); /* A map's table may have come, and stays. */
    }
    hold_units(ledger, "T1", 2);
    gdn_ledger_free(ledger);
    assert_int_equal(faulty.live, 0);
}

/* ---- At random, against the rule as it is written ---- */

#define LIVE 24

struct record {
    uint64_t number; /* 0: none. */
    uint32_t units, process;
    uint8_t flags;
};

struct model {
    struct record queue[LIVE]; /* In order. */
    struct record held[LIVE];
    size_t queued, holding;
    uint32_t capacity;
    bool unordered;
};

static bool is_promised(const struct record *r)
{
    return (r->flags & GDN_REQUEST_NO_WAIT) != 0;
}

static uint64_t units_held(const struct model *m)
{
    uint64_t units = 0;
    for (size_t i = 0; i < m->holding; i++) units += m->held[i].units;
    return units;
}

/* What is free is enough for the entry and all before it; without order, for those promised. */
static bool may_go(const struct model *m, size_t at)
{
    uint64_t units = units_held(m) + m->queue[at].units;
    for (size_t i = 0; i < at; i++) {
        if (!m->unordered || is_promised(&m->queue[i])) units += m->queue[i].units;
    }
    return units <= m->capacity;
}

static size_t first_behind_promises(const struct model *m)
{
    size_t at = 0;
    while (at < m->queued && is_promised(&m->queue[at])) at++;
    return at;
}

static void put(struct model *m, size_t at, struct record r)
{
    memmove(&m->queue[at + 1], &m->queue[at], (m->queued++ - at) * sizeof r);
    m->queue[at] = r;
}

static struct record pull(struct record *list, size_t *count, size_t at)
{
    struct record r = list[at];
    memmove(&list[at], &list[at + 1], (--*count - at) * sizeof r);
    return r;
}

/* False: it was a NO_WAIT request that does not fit. Conversions are left to the facts above:
 * each request here is of a process of its own. */
static bool join(struct model *m, struct record r)
{
    bool front = (r.flags & GDN_REQUEST_FRONT) != 0;
    size_t at = front ? first_behind_promises(m) : m->queued;
    put(m, at, r);
    if (!is_promised(&r)) return true;
    bool fits = may_go(m, at);
    (void)pull(m->queue, &m->queued, at);
    if (fits) put(m, first_behind_promises(m), r);
    return fits;
}

static void random_request(gdn_ledger *ledger, struct model *m, uint64_t *seed, uint32_t process)
{
    static const uint8_t flags[] = {
        0, 0, 0, GDN_REQUEST_FRONT, GDN_REQUEST_NO_WAIT, GDN_REQUEST_FRONT | GDN_REQUEST_NO_WAIT};
    struct record r = {
        .units = 1 + below(seed, m->capacity), .process = process, .flags = flags[below(seed, 6)]};
    gdn_process_id id = {gdn_id_from_counter(gdn_node_named("n"), process)};
    struct gdn_request request = {
        .process = id, .resource = R("pool"), .flags = r.flags, .units = r.units};
    struct gdn_message out;
    enum gdn_err err = gdn_ledger_request(ledger, 0, &request, 0, &r.number, &out);
    if (err != GDN_OK) assert_int_equal(err, GDN_ERR_NOT_GRANTABLE);
    bool joined = join(m, r);
    assert_true(joined == (err == GDN_OK));
}

static void random_grant(gdn_ledger *ledger, struct model *m, uint64_t *seed)
{
    struct gdn_message out;
    if (m->queued == 0) return;
    size_t at = below(seed, (uint32_t)m->queued);
    bool fits = may_go(m, at);
    enum gdn_err err = gdn_ledger_grant(ledger, ref(0, m->queue[at].number), &out);
    assert_int_equal(err, fits ? GDN_OK : GDN_ERR_NOT_GRANTABLE);
    if (fits) m->held[m->holding++] = pull(m->queue, &m->queued, at);
}

static void random_end(gdn_ledger *ledger, struct model *m, uint64_t *seed)
{
    bool held = below(seed, 2) == 0;
    size_t *count = held ? &m->holding : &m->queued;
    if (*count == 0) return;
    struct record r = pull(held ? m->held : m->queue, count, below(seed, (uint32_t)*count));
    cancel(ledger, r.number);
}

static void expect_agreement(const gdn_ledger *ledger, const struct model *m)
{
    uint64_t expected = 0;
    for (size_t i = 0; i < m->queued; i++) {
        bool fits = may_go(m, i);
        assert_true(fits || !is_promised(&m->queue[i]));
        if (fits && expected == 0) expected = m->queue[i].number;
    }
    assert_int_equal(next_number(ledger, "pool"), expected);
    assert_true(units_held(m) <= m->capacity);
}

static void pool_agrees_with_the_rule_as_written(void **state)
{
    struct world *world = *state;
    uint64_t seed = number_from_environment("GDN_SEED", 20261125);
    uint64_t runs = number_from_environment("GDN_RUNS", 60000);
    struct model m = {.capacity = 6};
    set_capacity(world, m.capacity);
    print_message("replay: GDN_SEED=%ju GDN_RUNS=%ju build/tests/unit/test_pools\n",
                  (uintmax_t)seed, (uintmax_t)runs);
    for (uint64_t run = 0; run < runs; run++) {
        uint32_t what = below(&seed, 64);
        if (what < 28 && m.queued + m.holding < LIVE - 1) {
            random_request(world->ledger, &m, &seed, (uint32_t)run);
        } else if (what < 44) {
            random_grant(world->ledger, &m, &seed);
        } else if (what < 62) {
            random_end(world->ledger, &m, &seed);
        } else {
            m.unordered = below(&seed, 2) == 0;
            assert_ok(gdn_ledger_set_unordered(world->ledger, R("pool"), m.unordered));
        }
        expect_agreement(world->ledger, &m);
    }
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_world, free_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(units_are_given_while_there_are_enough),
        fact(small_request_waits_behind_a_large_one),
        fact(entries_that_fit_together_may_be_granted_in_any_order),
        fact(more_of_the_same_pool_adds_up),
        fact(units_that_were_promised_stay_free),
        fact(units_that_can_never_be_given_are_refused),
        fact(capacity_is_no_less_than_what_is_held_or_asked_for),
        fact(pool_is_recorded_with_units),
        fact(pool_nobody_queued_for_is_recorded_as_of_the_cut),
        cmocka_unit_test(setting_a_capacity_without_memory_changes_nothing),
        fact(pool_agrees_with_the_rule_as_written),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
