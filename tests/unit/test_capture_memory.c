/* SPDX-License-Identifier: MIT */
/* Recording when memory runs out, and what it costs. */
#include "capture_fixture.h"

static void peer_that_cannot_be_mapped_fails_the_capture(void **state)
{
    struct world *world = *state;
    ask(world->ledger, PEER_WITHOUT_MEMORY, "T1", "r", X);
    world->cut = begin_cut(NULL);
    assert_int_equal(
        gdn_ledger_capture(world->ledger, world->cut, 0, party_of, NULL, 0, &world->capture),
        GDN_ERR_MEMORY);
    assert_null(world->capture);
}

/* The verb goes on, since a round is worth less than a lock; the round is what fails. */
static void list_that_cannot_be_saved_fails_the_round_only(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_ledger_options options = {.allocator = &allocator};
    for (size_t allowed = 0; allowed < 3; allowed++) {
        struct world world = {.ledger = gdn_ledger_new(&options)};
        hold(world.ledger, "T1", "r", X);
        capture(&world);
        assert_false(gdn_capture_failed(world.capture));
        faulty.allowed = allowed;
        release(world.ledger, "T1", "r");
        faulty.allowed = SIZE_MAX;
        assert_int_equal(gdn_ledger_counters(world.ledger).resources, 0);
        bool saved = allowed == 2; /* The list, and the map's room for it. */
        assert_int_equal(gdn_capture_failed(world.capture), !saved);
        assert_int_equal(gdn_capture_resource(world.capture, R("r")),
                         saved ? GDN_OK : GDN_ERR_MEMORY);
        gdn_capture_free(world.capture);
        gdn_cut_free(world.cut);
        gdn_ledger_free(world.ledger);
        assert_int_equal(faulty.live, 0);
    }
}

static void fill(gdn_ledger *ledger)
{
    struct gdn_process_info info = {.label = "label"};
    assert_ok(gdn_ledger_describe(ledger, P("T1"), &info));
    hold(ledger, "T0", "r", X);
    hold(ledger, "T0", "q", X);
    ask(ledger, 0, "T1", "r", X);
    ask(ledger, 3, "T2", "s", X);
    struct gdn_need needs[] = {gdn_need_any(2), gdn_need_hold(P("A"), R("z")),
                               gdn_need_process(P("B"))};
    needs[2].branch_at = "n5";
    uint64_t number;
    struct gdn_wait wait = {.process = P("T3"), .needs = needs, .count = 3};
    assert_ok(gdn_ledger_wait_on(ledger, &wait, 0, &number));
}

static enum gdn_err record_all(gdn_ledger *ledger, gdn_cut *cut)
{
    gdn_capture *made = NULL;
    enum gdn_err err = gdn_ledger_capture(ledger, cut, 0, party_of, NULL, 0, &made);
    if (err == GDN_OK) err = gdn_capture_resource(made, R("q"));
    gdn_capture_free(made);
    return err;
}

static void recording_without_memory_leaks_nothing(void **state)
{
    (void)state;
    enum gdn_err err = GDN_ERR_MEMORY;
    size_t allowed = 0;
    for (; err != GDN_OK; allowed++) {
        struct faulty faulty = {.allowed = SIZE_MAX};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        struct gdn_ledger_options options = {.allocator = &allocator};
        gdn_ledger *ledger = gdn_ledger_new(&options);
        fill(ledger);
        gdn_cut *cut = begin_cut(&allocator);
        faulty.allowed = allowed;
        err = record_all(ledger, cut);
        faulty.allowed = SIZE_MAX;
        if (err != GDN_OK) assert_int_equal(err, GDN_ERR_MEMORY);
        gdn_cut_free(cut);
        /* It can be tried again at once, and nothing is still being saved for the failed one. */
        cut = begin_cut(&allocator);
        assert_ok(record_all(ledger, cut));
        gdn_cut_free(cut);
        gdn_ledger_free(ledger);
        assert_int_equal(faulty.live, 0);
    }
    assert_true(allowed > 10);
}

/* DESIGN: recording costs time and memory for what is contested, not for every lock taken while a
 * round records. Who locks what nobody held at the cut leaves nothing behind in the capture. */
static void fresh_locks_cost_the_capture_nothing(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_ledger_options options = {.allocator = &allocator};
    struct world world = {.ledger = gdn_ledger_new(&options)};
    hold(world.ledger, "T1", "before", X);
    release(world.ledger, "T1", "before"); /* The maps have their first room. */
    capture(&world);
    size_t live = faulty.live;
    for (int i = 0; i < 100; i++) {
        const char name[] = {'r', (char)('0' + i / 10), (char)('0' + i % 10), '\0'};
        hold(world.ledger, "T1", name, X);
        release(world.ledger, "T1", name);
    }
    assert_int_equal(faulty.live, live);
    gdn_capture_free(world.capture);
    gdn_cut_free(world.cut);
    gdn_ledger_free(world.ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(peer_that_cannot_be_mapped_fails_the_capture, make_world,
                                        free_world),
        cmocka_unit_test(list_that_cannot_be_saved_fails_the_round_only),
        cmocka_unit_test(recording_without_memory_leaks_nothing),
        cmocka_unit_test(fresh_locks_cost_the_capture_nothing),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
