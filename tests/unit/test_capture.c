/* SPDX-License-Identifier: MIT */
/* Recording: what goes into the cut at once, and holders as of the capture afterwards. */
#include "capture_fixture.h"

#include "src/core/ledger.h"

static const struct gdn_cut_holder *holder(const gdn_cut *cut, const char *resource, size_t i)
{
    const struct gdn_cut_home *home = home_of(cut, R(resource));
    assert_non_null(home);
    assert_true(i < home->holder_count);
    return &cut->nodes[0].holders[home->holder_first + i];
}

static void expect_process(const gdn_cut *cut, uint32_t process, const char *name)
{
    assert_true(process < cut->process_count);
    assert_true(gdn_id_equal(cut->processes[process].id.id, P(name).id));
}

/* ---- At once ---- */

static void contested_resources_are_recorded_with_holders_and_queue(void **state)
{
    struct world *world = *state;
    hold(world->ledger, "T0", "free", X);
    arrive(world->ledger, 3, request_message("T1", "r", 11, S, GDN_REQUEST_BRIEF));
    grant(world->ledger, 3, 11);
    ask(world->ledger, 0, "T2", "r", X);
    struct gdn_message late = request_message("T3", "r", 12, S, 0);
    struct gdn_effect effect;
    assert_ok(gdn_ledger_apply(world->ledger, 4, &late, 400, &effect));
    capture(world);

    const struct gdn_cut_node *node = &world->cut->nodes[0];
    assert_int_equal(node->home_count, 1);
    assert_int_equal(node->homes[0].holder_count, 1);
    assert_int_equal(node->homes[0].entry_count, 2);
    assert_false(node->homes[0].unordered);
    const struct gdn_cut_holder *held = holder(world->cut, "r", 0);
    expect_process(world->cut, held->process, "T1");
    assert_string_equal(world->cut->parties[held->issuer].name, "n3");
    assert_int_equal(held->ticket, 11);
    assert_int_equal(held->mode, S);
    assert_true(held->brief);
    expect_process(world->cut, node->queue[0].process, "T2");
    assert_int_equal(node->queue[0].issuer, node->party);
    assert_int_equal(node->queue[0].mode, X);
    expect_process(world->cut, node->queue[1].process, "T3");
    assert_int_equal(node->queue[1].ticket, 12);
    assert_int_equal(node->queue[1].waited_us, 600);
}

static void waits_are_recorded_with_what_is_known_of_the_process(void **state)
{
    struct world *world = *state;
    struct gdn_process_info info = {
        .label = "checkout 4711", .started_us = 55, .work = 12, .priority = -3};
    assert_ok(gdn_ledger_describe(world->ledger, P("T1"), &info));
    struct gdn_request request = {
        .process = P("T1"), .resource = R("r"), .label = "acct/42", .mode = S};
    uint64_t number;
    struct gdn_message out;
    assert_ok(gdn_ledger_request(world->ledger, 2, &request, 900, &number, &out));
    ask(world->ledger, 2, "T2", "q", X);
    ask_with(world->ledger, 2, "T3", "q", X, GDN_REQUEST_NO_WAIT);
    hold(world->ledger, "T1", "here", X);
    capture(world);

    const struct gdn_cut_node *node = &world->cut->nodes[0];
    assert_int_equal(node->wait_count, 2);
    const struct gdn_cut_wait *wait = &node->waits[0];
    assert_int_equal(wait->ticket, number);
    assert_int_equal(wait->mode, S);
    assert_int_equal(wait->waited_us, 100);
    assert_string_equal(world->cut->parties[wait->home].name, "n2");
    assert_string_equal(world->cut->resources[wait->resource].label, "acct/42");
    const struct gdn_cut_process *process = &world->cut->processes[wait->process];
    assert_true(process->described);
    assert_string_equal(process->label, "checkout 4711");
    assert_int_equal(process->started_us, 55);
    assert_int_equal(process->work, 12);
    assert_int_equal(process->priority, -3);
    assert_false(process->abortable);
    expect_process(world->cut, node->waits[1].process, "T2");
    assert_false(world->cut->processes[node->waits[1].process].described);
    assert_true(world->cut->processes[node->waits[1].process].abortable);
}

/* Labels travel with waits. A holder that waits nowhere has one if its home was told of it. */
static void a_holder_is_recorded_with_the_label_that_its_home_knows(void **state)
{
    struct world *world = *state;
    struct gdn_process_info info = {.label = "nightly audit", .abortable = true};
    assert_ok(gdn_ledger_describe(world->ledger, P("T1"), &info));
    hold(world->ledger, "T1", "r", S);
    arrive(world->ledger, 3, request_message("T2", "r", 11, S, 0));
    grant(world->ledger, 3, 11);
    ask(world->ledger, 0, "T3", "r", X);
    capture(world);

    const struct gdn_cut_process *process =
        &world->cut->processes[holder(world->cut, "r", 0)->process];
    assert_string_equal(process->label, "nightly audit");
    assert_false(process->described); /* That stands for who waits. */
    assert_null(world->cut->processes[holder(world->cut, "r", 1)->process].label);
}

/* What was met is no need any more: the wake has been taken. */
static void direct_waits_are_recorded_with_their_unmet_needs(void **state)
{
    struct world *world = *state;
    const struct gdn_need needs[3] = {
        {.process = P("A"), .branch = true},
        {.process = P("B")},
        {.process = P("C"), .has_resource = true, .resource = R("r"), .queued = true},
    };
    uint64_t number;
    struct gdn_wait wait = {.process = P("T"), .needs = needs, .count = 3};
    assert_ok(gdn_ledger_wait_on(world->ledger, &wait, 0, &number));
    struct gdn_message wake = message(GDN_VERB_WAKE, "T", "", number);
    wake.by = P("B");
    arrive(world->ledger, 3, wake);
    capture(world);

    const struct gdn_cut_node *node = &world->cut->nodes[0];
    assert_int_equal(node->wait_count, 1);
    assert_int_equal(node->waits[0].resource, GDN_NONE);
    assert_int_equal(node->waits[0].home, GDN_NONE);
    assert_int_equal(node->waits[0].need_count, 2);
    const struct gdn_cut_need *first = &node->needs[0], *second = &node->needs[1];
    expect_process(world->cut, first->process, "A");
    assert_int_equal(first->kind, GDN_NEED_PROCESS);
    assert_int_equal(first->branch, node->party);
    assert_int_equal(first->resource, GDN_NONE);
    expect_process(world->cut, second->process, "C");
    assert_int_equal(second->branch, GDN_NONE);
    assert_int_equal(second->resource, gdn_cut_find_resource(world->cut, R("r")));
    assert_true(second->queued && !first->queued);
}

/* ---- Copy on first change ---- */

/* At the cut T1 held r, alone, and T2's request for it was on its way. Then T1 let go and T3 was
 * granted r, before the marker came. In the cut T2 waits for T1, whatever T3 has now. */
static void request_in_flight_finds_the_holders_as_of_the_cut(void **state)
{
    struct world *world = *state;
    hold(world->ledger, "T1", "r", X);
    capture(world);
    release(world->ledger, "T1", "r");
    hold(world->ledger, "T3", "r", X);
    assert_ok(gdn_capture_resource(world->capture, R("r")));
    assert_int_equal(home_of(world->cut, R("r"))->holder_count, 1);
    expect_process(world->cut, holder(world->cut, "r", 0)->process, "T1");
    /* Two requests in flight are one home. */
    assert_ok(gdn_capture_resource(world->capture, R("r")));
    assert_non_null(home_of(world->cut, R("r")));
}

static void unchanged_resource_is_taken_as_it_is(void **state)
{
    struct world *world = *state;
    hold(world->ledger, "T1", "r", S);
    hold(world->ledger, "T2", "r", S);
    capture(world);
    ask(world->ledger, 0, "T3", "r", X); /* A queue is no change of holders. */
    assert_ok(gdn_capture_resource(world->capture, R("r")));
    const struct gdn_cut_home *home = home_of(world->cut, R("r"));
    assert_int_equal(home->holder_count, 2);
    assert_int_equal(home->entry_count, 0);
}

static void resource_held_by_nobody_has_no_holders(void **state)
{
    struct world *world = *state;
    assert_ok(gdn_ledger_set_unordered(world->ledger, R("unordered"), true));
    capture(world);
    hold(world->ledger, "T1", "later", X);
    hold(world->ledger, "T1", "unordered", X);
    assert_ok(gdn_capture_resource(world->capture, R("never")));
    assert_ok(gdn_capture_resource(world->capture, R("later")));
    assert_ok(gdn_capture_resource(world->capture, R("unordered")));
    assert_int_equal(home_of(world->cut, R("never"))->holder_count, 0);
    assert_int_equal(home_of(world->cut, R("later"))->holder_count, 0);
    assert_int_equal(home_of(world->cut, R("unordered"))->holder_count, 0);
    assert_true(home_of(world->cut, R("unordered"))->unordered);
    assert_false(home_of(world->cut, R("later"))->unordered);
}

/* The record itself goes when nobody uses it, and comes back with other holders. */
static void holders_are_remembered_when_the_record_is_gone(void **state)
{
    struct world *world = *state;
    hold(world->ledger, "T1", "r", X);
    capture(world);
    for (int i = 0; i < 3; i++) {
        release(world->ledger, "T1", "r");
        hold(world->ledger, "T1", "r", S);
    }
    release(world->ledger, "T1", "r");
    assert_ok(gdn_capture_resource(world->capture, R("r")));
    assert_int_equal(holder(world->cut, "r", 0)->mode, X);
}

static void contested_resource_is_not_recorded_twice(void **state)
{
    struct world *world = *state;
    hold(world->ledger, "T1", "r", X);
    ask(world->ledger, 0, "T2", "r", X);
    capture(world);
    end(world->ledger, "T1");
    end(world->ledger, "T2");
    assert_ok(gdn_capture_resource(world->capture, R("r")));
    assert_int_equal(home_of(world->cut, R("r"))->entry_count, 1);
    expect_process(world->cut, holder(world->cut, "r", 0)->process, "T1");
}

/* A lost peer's hold gets a new name; the cut's is the old one. */
static void orphaned_hold_keeps_its_name_in_the_cut(void **state)
{
    struct world *world = *state;
    arrive(world->ledger, 3, request_message("T1", "r", 11, X, 0));
    grant(world->ledger, 3, 11);
    capture(world);
    assert_ok(gdn_ledger_peer_lost(world->ledger, 3, N("n3"), 0));
    assert_ok(gdn_capture_resource(world->capture, R("r")));
    assert_int_equal(holder(world->cut, "r", 0)->ticket, 11);
    assert_string_equal(world->cut->parties[holder(world->cut, "r", 0)->issuer].name, "n3");
}

/* ---- Overlapping captures, at random ---- */

#define CAPTURES  4
#define RESOURCES 6
#define HELD_MAX  64

static const char *const resource_names[RESOURCES] = {"r0", "r1", "r2", "r3", "r4", "r5"};

struct overlapping {
    gdn_cut *cut;
    gdn_capture *capture;
    uint64_t held[RESOURCES][HELD_MAX]; /* As of the capture: number * 10 + issuer. */
    size_t held_count[RESOURCES];
};

static void begin_overlapping(struct overlapping *o, gdn_ledger *ledger)
{
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < RESOURCES; i++) {
        const struct gdn__resource *resource = gdn__resource_find(ledger, R(resource_names[i]));
        if (resource == NULL) continue;
        GDN__EACH(link, &resource->holders)
        {
            const struct gdn__entry *entry = GDN__OF(link, struct gdn__entry, place);
            assert_true(o->held_count[i] < HELD_MAX);
            o->held[i][o->held_count[i]++] = entry->number * 10 + entry->account->peer;
        }
    }
    o->cut = begin_cut(NULL);
    assert_ok(gdn_ledger_capture(ledger, o->cut, 0, party_of, NULL, 0, &o->capture));
}

static bool overlapping_is_right(const struct overlapping *o, size_t i)
{
    const struct gdn_cut_home *home = home_of(o->cut, R(resource_names[i]));
    if (home == NULL || home->holder_count != o->held_count[i]) return false;
    for (size_t k = 0; k < home->holder_count; k++) {
        const struct gdn_cut_holder *held = &o->cut->nodes[0].holders[home->holder_first + k];
        uint64_t issuer = (uint64_t)(o->cut->parties[held->issuer].name[1] - '0');
        if (held->ticket * 10 + issuer != o->held[i][k]) return false;
    }
    return true;
}

static bool end_overlapping(struct overlapping *o)
{
    bool right = true;
    for (size_t i = 0; i < RESOURCES; i++) {
        assert_ok(gdn_capture_resource(o->capture, R(resource_names[i])));
        right = right && overlapping_is_right(o, i);
    }
    gdn_capture_free(o->capture);
    gdn_cut_free(o->cut);
    o->capture = NULL;
    return right;
}

static void change_something(gdn_ledger *ledger, uint64_t *seed, uint64_t *remote_number)
{
    const char *process = ((const char *const[]){"T0", "T1", "T2", "T3"})[below(seed, 4)];
    const char *resource = resource_names[below(seed, RESOURCES)];
    uint8_t mode = below(seed, 4) == 0 ? X : S;
    struct gdn_outgoing out[64];
    struct gdn_ticket_ref next;
    size_t count;
    switch (below(seed, 8)) {
    case 0:
    case 1:
        ask(ledger, 0, process, resource, mode);
        break;
    case 2:
        arrive(ledger, 1 + below(seed, 2),
               request_message(process, resource, ++*remote_number, mode, 0));
        break;
    case 3:
        if (gdn_ledger_release(ledger, P(process), R(resource), out, &count) == GDN_OK) {
            assert_int_equal(count, 0);
        }
        break;
    case 4:
        arrive(ledger, 1 + below(seed, 2), message(GDN_VERB_END, process, "", 0));
        if (below(seed, 4) == 0) end(ledger, process);
        break;
    default:
        while (gdn_ledger_next(ledger, R(resource), &next)) grant(ledger, next.issuer, next.number);
        break;
    }
}

static void overlapping_captures_each_find_their_own_holders(void **state)
{
    (void)state;
    uint64_t first = number_from_environment("GDN_SEED", 5), seed = first;
    uint64_t runs = number_from_environment("GDN_RUNS", 40000);
    static struct overlapping all[CAPTURES];
    gdn_ledger *ledger = gdn_ledger_new(NULL);
    uint64_t remote_number = 0;
    for (uint64_t run = 0; run < runs; run++) {
        change_something(ledger, &seed, &remote_number);
        struct overlapping *o = &all[below(&seed, CAPTURES)];
        if (below(&seed, 8) != 0) continue;
        if (o->capture == NULL) {
            begin_overlapping(o, ledger);
        } else if (!end_overlapping(o)) {
            fail_msg("step %ju; replay: GDN_SEED=%ju GDN_RUNS=%ju build/tests/unit/test_capture",
                     (uintmax_t)run, (uintmax_t)first, (uintmax_t)runs);
        }
    }
    for (size_t i = 0; i < CAPTURES; i++) {
        if (all[i].capture != NULL) assert_true(end_overlapping(&all[i]));
    }
    gdn_ledger_free(ledger);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_world, free_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(contested_resources_are_recorded_with_holders_and_queue),
        fact(waits_are_recorded_with_what_is_known_of_the_process),
        fact(a_holder_is_recorded_with_the_label_that_its_home_knows),
        fact(direct_waits_are_recorded_with_their_unmet_needs),
        fact(request_in_flight_finds_the_holders_as_of_the_cut),
        fact(unchanged_resource_is_taken_as_it_is),
        fact(resource_held_by_nobody_has_no_holders),
        fact(holders_are_remembered_when_the_record_is_gone),
        fact(contested_resource_is_not_recorded_twice),
        fact(orphaned_hold_keeps_its_name_in_the_cut),
        cmocka_unit_test(overlapping_captures_each_find_their_own_holders),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
