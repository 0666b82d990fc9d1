/* SPDX-License-Identifier: MIT */
/* What a direct wait is for: any, at least k, nested; which wakes end it, and which shapes are
 * refused. */
#include "ledger_fixture.h"

static int make_ledger(void **state)
{
    *state = gdn_ledger_new(NULL);
    return *state == NULL ? -1 : 0;
}

static int free_ledger(void **state)
{
    gdn_ledger_free(*state);
    return 0;
}

#define COUNT(needs) (sizeof(needs) / sizeof *(needs))

static uint64_t wait_on(gdn_ledger *ledger, const struct gdn_need *needs, size_t count)
{
    uint64_t number = 0;
    struct gdn_wait wait = {.process = P("T"), .needs = needs, .count = count, .cookie = 42};
    assert_ok(gdn_ledger_wait_on(ledger, &wait, 0, &number));
    return number;
}

/* True when the wake was the last that its wait needed. */
static bool wakes(gdn_ledger *ledger, const char *by, uint64_t number)
{
    struct gdn_message sent = message(GDN_VERB_WAKE, "T", "", number);
    sent.by = P(by);
    return arrive(ledger, 3, sent).type == GDN_EFFECT_WOKEN;
}

/* ---- When a wait ends ---- */

static void any_ends_with_the_first(void **state)
{
    const struct gdn_need needs[] = {gdn_need_any(3), gdn_need_process(P("A")),
                                     gdn_need_process(P("B")), gdn_need_process(P("C"))};
    uint64_t number = wait_on(*state, needs, COUNT(needs));
    assert_true(wakes(*state, "B", number));
    assert_false(is_live(*state, number));
    assert_false(wakes(*state, "A", number)); /* It crossed the end: nobody is hit by it. */
}

static void at_least_two_of_three_ends_with_the_second(void **state)
{
    const struct gdn_need needs[] = {gdn_need_at_least(2, 3), gdn_need_process(P("A")),
                                     gdn_need_process(P("B")), gdn_need_process(P("C"))};
    uint64_t number = wait_on(*state, needs, COUNT(needs));
    assert_false(wakes(*state, "C", number));
    assert_false(wakes(*state, "C", number)); /* One listing, met once. */
    assert_true(wakes(*state, "A", number));
}

/* P, and Q or both of R and S: the example of gordian/ledger.h. */
static void groups_nest(void **state)
{
    const struct gdn_need needs[] = {gdn_need_process(P("P")), gdn_need_any(2),
                                     gdn_need_process(P("Q")), gdn_need_all(2),
                                     gdn_need_process(P("R")), gdn_need_process(P("S"))};
    uint64_t number = wait_on(*state, needs, COUNT(needs));
    assert_false(wakes(*state, "R", number));
    assert_false(wakes(*state, "P", number));
    assert_true(wakes(*state, "S", number));
    number = wait_on(*state, needs, COUNT(needs));
    assert_false(wakes(*state, "Q", number));
    assert_true(wakes(*state, "P", number));
}

/* A listing takes its wake even where its group was met without it: else what is met would depend
 * on the order in which two channels are taken. */
static void order_of_wakes_does_not_matter(void **state)
{
    const struct gdn_need needs[] = {gdn_need_any(2), gdn_need_process(P("A")),
                                     gdn_need_process(P("B")), gdn_need_process(P("A"))};
    uint64_t number = wait_on(*state, needs, COUNT(needs));
    assert_false(wakes(*state, "A", number));
    assert_false(wakes(*state, "B", number));
    assert_true(wakes(*state, "A", number));
    number = wait_on(*state, needs, COUNT(needs));
    assert_false(wakes(*state, "B", number));
    assert_false(wakes(*state, "A", number));
    assert_true(wakes(*state, "A", number));
}

/* Without a ticket a wake passes by a wait whose listings of its sender are all met. */
static void wake_without_a_ticket_looks_into_groups(void **state)
{
    const struct gdn_need first[] = {gdn_need_process(P("B")), gdn_need_any(2),
                                     gdn_need_process(P("A")), gdn_need_process(P("C"))};
    const struct gdn_need second[] = {gdn_need_all(2), gdn_need_process(P("A")),
                                      gdn_need_process(P("D"))};
    uint64_t one = wait_on(*state, first, COUNT(first));
    uint64_t two = wait_on(*state, second, COUNT(second));
    assert_false(wakes(*state, "A", 0));
    assert_false(wakes(*state, "A", 0));
    assert_true(wakes(*state, "D", 0));
    assert_false(is_live(*state, two));
    assert_true(is_live(*state, one));
}

/* ---- What is refused ---- */

static void expect_refused(gdn_ledger *ledger, const struct gdn_need *needs, size_t count,
                           enum gdn_err expected)
{
    uint64_t number = 7;
    struct gdn_wait wait = {.process = P("T"), .needs = needs, .count = count};
    assert_int_equal(gdn_ledger_wait_on(ledger, &wait, 0, &number), expected);
    assert_int_equal(number, 7);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_waiting, 0);
    assert_int_equal(gdn_ledger_end_homes(ledger, P("T"), NULL, 0), 0);
}

static void malformed_needs_are_refused_and_change_nothing(void **state)
{
    struct gdn_need a = gdn_need_process(P("A")), counted = a, about = gdn_need_any(1);
    struct gdn_need resource = {.kind = GDN_NEED_RESOURCE, .resource = R("r")}, no_kind = a;
    counted.at_least = 1;
    about.has_resource = true;
    no_kind.kind = (enum gdn_need_kind)7;
    const struct {
        struct gdn_need needs[3];
        size_t count;
    } cases[] = {
        {{a}, 0},
        {{gdn_need_any(1)}, 1},                     /* Its member is missing. */
        {{gdn_need_any(2), a}, 2},                  /* One of them is. */
        {{gdn_need_any(0), a}, 2},                  /* One of none. */
        {{gdn_need_at_least(0, 1), a}, 2},          /* None of one. */
        {{gdn_need_at_least(3, 2), a, a}, 3},       /* Three of two. */
        {{gdn_need_all(UINT32_MAX), a, a}, 3},      /* Far beyond the end. */
        {{gdn_need_all(2), gdn_need_any(1), a}, 3}, /* The inner one has taken it. */
        {{counted}, 1},                             /* A process has no members. */
        {{about, a}, 2},                            /* A group is about nothing. */
        {{resource}, 1},                            /* Ask for it with a request. */
        {{no_kind}, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_refused(*state, cases[i].needs, cases[i].count, GDN_ERR_MISUSE);
    }
}

static void branch_at_a_node_without_a_proper_name_is_refused(void **state)
{
    struct gdn_need need = gdn_need_process(P("A"));
    need.branch_at = "two\nlines";
    expect_refused(*state, &need, 1, GDN_ERR_NAME);
}

static void nesting_is_limited(void **state)
{
    struct gdn_need needs[GDN_NEEDS_DEPTH_MAX + 1];
    size_t groups = GDN_NEEDS_DEPTH_MAX - 1; /* The outermost level is the first. */
    for (size_t i = 0; i <= groups; i++) needs[i] = gdn_need_any(1);
    needs[groups] = gdn_need_process(P("A"));
    uint64_t number = wait_on(*state, needs, groups + 1);
    assert_true(wakes(*state, "A", number));

    needs[groups] = gdn_need_any(1);
    needs[groups + 1] = gdn_need_process(P("A"));
    expect_refused(*state, needs, groups + 2, GDN_ERR_LIMIT);
}

/* Closed groups take no level: many may stand side by side. */
static void breadth_is_limited_by_the_number_of_needs_alone(void **state)
{
    static struct gdn_need needs[GDN_LEDGER_NEEDS_MAX];
    for (size_t i = 0; i < GDN_LEDGER_NEEDS_MAX; i += 2) {
        needs[i] = gdn_need_any(1);
        needs[i + 1] = gdn_need_process(P("A"));
    }
    uint64_t number = wait_on(*state, needs, GDN_LEDGER_NEEDS_MAX);
    for (size_t i = 0; i < GDN_LEDGER_NEEDS_MAX / 2; i++) {
        assert_true(is_live(*state, number));
        assert_true(wakes(*state, "A", number) == (i == GDN_LEDGER_NEEDS_MAX / 2 - 1));
    }
}

/* ---- At random, against the definition ---- */

#define LISTED 4 /* Processes. */
#define SHAPE  24

static const char *const listed_names[LISTED] = {"A", "B", "C", "D"};

struct shape {
    struct gdn_need needs[SHAPE];
    uint32_t listed[SHAPE]; /* Of a process need: which. */
    size_t count;
};

/* A need, and its members if it is a group; within the room that is left. */
static void add_need(struct shape *shape, uint64_t *seed, unsigned depth)
{
    size_t at = shape->count++;
    uint32_t room = (uint32_t)(SHAPE - shape->count);
    if (depth < 4 && room > 12 && below(seed, 2) == 0) {
        uint32_t members = 1 + below(seed, 3);
        shape->needs[at] = gdn_need_at_least(1 + below(seed, members), members);
        for (uint32_t i = 0; i < members; i++) add_need(shape, seed, depth + 1);
        return;
    }
    shape->listed[at] = below(seed, LISTED);
    shape->needs[at] = gdn_need_process(P(listed_names[shape->listed[at]]));
}

/* The n-th listing of a process is met when it has woken n times; recursion is as deep as above. */
static bool is_met(const struct shape *shape, const unsigned *woken, unsigned *seen, size_t *at)
{
    const struct gdn_need *need = &shape->needs[*at];
    uint32_t listed = shape->listed[(*at)++], met = 0;
    if (need->kind == GDN_NEED_PROCESS) return seen[listed]++ < woken[listed];
    for (uint32_t i = 0; i < need->count; i++) met += is_met(shape, woken, seen, at);
    return met >= need->at_least;
}

static bool all_met(const struct shape *shape, const unsigned *woken)
{
    unsigned seen[LISTED] = {0};
    bool met = true;
    for (size_t at = 0; at < shape->count;) met = is_met(shape, woken, seen, &at) && met;
    return met;
}

static void waits_end_when_their_formula_is_met(void **state)
{
    uint64_t first = number_from_environment("GDN_SEED", 20261125), seed = first;
    uint64_t runs = number_from_environment("GDN_RUNS", 20000);
    size_t ended = 0;
    for (uint64_t run = 0; run < runs; run++) {
        struct shape shape = {.count = 0};
        for (uint32_t i = 1 + below(&seed, 3); i > 0; i--) add_need(&shape, &seed, 0);
        uint64_t number = wait_on(*state, shape.needs, shape.count);
        unsigned woken[LISTED] = {0};
        for (int i = 0; i < 12 && is_live(*state, number); i++) {
            uint32_t by = below(&seed, LISTED);
            woken[by]++;
            bool last = wakes(*state, listed_names[by], below(&seed, 2) == 0 ? number : 0);
            if (last != all_met(&shape, woken) || last == is_live(*state, number)) {
                fail_msg("run %ju; replay: GDN_SEED=%ju GDN_RUNS=%ju build/tests/unit/test_needs",
                         (uintmax_t)run, (uintmax_t)first, (uintmax_t)runs);
            }
            ended += last;
        }
        end(*state, "T");
    }
    assert_true(runs < 1000 || (ended > runs / 4 && ended < runs));
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_ledger, free_ledger)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(any_ends_with_the_first),
        fact(at_least_two_of_three_ends_with_the_second),
        fact(groups_nest),
        fact(order_of_wakes_does_not_matter),
        fact(wake_without_a_ticket_looks_into_groups),
        fact(malformed_needs_are_refused_and_change_nothing),
        fact(branch_at_a_node_without_a_proper_name_is_refused),
        fact(nesting_is_limited),
        fact(breadth_is_limited_by_the_number_of_needs_alone),
        fact(waits_end_when_their_formula_is_met),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
