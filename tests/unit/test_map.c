/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include "src/core/map.h"
#include "src/core/mem.h"

#define KEYS 300

/* Removing shifts later slots back; a wrong shift loses a key that is still there. Few keys in a
 * table that is nearly full, with low bits that collide, make the runs long. */
static void map_agrees_with_an_array(void **state)
{
    (void)state;
    uint64_t first = number_from_environment("GDN_SEED", 1), seed = first;
    uint64_t runs = number_from_environment("GDN_RUNS", 200000);
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    struct gdn__map map;
    gdn__map_init(&map, &allocator);
    uintptr_t expected[KEYS] = {0};
    size_t used = 0;
    for (uint64_t run = 0; run < runs; run++) {
        uint32_t k = below(&seed, KEYS);
        struct gdn__key key = {k % 17, (uint64_t)(k / 17) << 56};
        bool right;
        if (below(&seed, 2) == 0) {
            uintptr_t value = draw(&seed) | 1;
            right = gdn__map_put(&map, key, value);
            used += expected[k] == 0;
            expected[k] = value;
        } else {
            right = gdn__map_remove(&map, key) == expected[k];
            used -= expected[k] != 0;
            expected[k] = 0;
        }
        uint32_t other = below(&seed, KEYS);
        struct gdn__key other_key = {other % 17, (uint64_t)(other / 17) << 56};
        right = right && map.used == used && gdn__map_get(&map, other_key) == expected[other];
        if (!right) {
            fail_msg("step %llu; replay: GDN_SEED=%llu GDN_RUNS=%llu build/tests/unit/test_map",
                     (unsigned long long)run, (unsigned long long)first, (unsigned long long)runs);
        }
    }
    gdn__map_fini(&map);
}

static void each_visits_every_value_once(void **state)
{
    (void)state;
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    struct gdn__map map;
    gdn__map_init(&map, &allocator);
    for (uint64_t k = 1; k <= 100; k++) assert_true(gdn__map_put(&map, (struct gdn__key){k, 0}, k));
    bool seen[101] = {false};
    size_t position = 0, count = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&map, &position)) != NULL) {
        assert_false(seen[slot->value]);
        seen[slot->value] = true;
        count++;
    }
    assert_int_equal(count, 100);
    gdn__map_fini(&map);
}

/* The books rely on it: what was reserved goes in when memory is gone. */
static void reserved_insertions_do_not_allocate(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__map map;
    gdn__map_init(&map, &allocator);
    assert_true(gdn__map_reserve(&map, 1000));
    faulty.allowed = 0;
    for (uint64_t k = 0; k < 1000; k++) assert_true(gdn__map_put(&map, (struct gdn__key){k, k}, 1));
    gdn__map_fini(&map);
    assert_int_equal(faulty.live, 0);
}

static void failed_growth_changes_nothing(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = 1};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__map map;
    gdn__map_init(&map, &allocator);
    uint64_t stored = 0;
    while (gdn__map_put(&map, (struct gdn__key){stored, 0}, stored + 1)) stored++;
    assert_int_equal(map.used, stored);
    assert_true(stored > 0);
    for (uint64_t k = 0; k < stored; k++) {
        assert_int_equal(gdn__map_get(&map, (struct gdn__key){k, 0}), k + 1);
    }
    /* A value can still be replaced by removing it first: that frees the slot it needs. */
    assert_int_equal(gdn__map_remove(&map, (struct gdn__key){0, 0}), 1);
    assert_true(gdn__map_put(&map, (struct gdn__key){0, 0}, 7));
    gdn__map_fini(&map);
    assert_int_equal(faulty.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_agrees_with_an_array),
        cmocka_unit_test(each_visits_every_value_once),
        cmocka_unit_test(reserved_insertions_do_not_allocate),
        cmocka_unit_test(failed_growth_changes_nothing),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
