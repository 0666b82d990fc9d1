/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include "src/core/agenda.h"
#include "src/core/mem.h"

#define ENTRIES 40

static int64_t earliest_of(const struct gdn__agenda_entry *entries)
{
    int64_t earliest = INT64_MAX;
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].due_us < earliest) earliest = entries[i].due_us;
    }
    return earliest;
}

/* An entry that is moved the wrong way leaves the first place to one that is due later: then a
 * peer's acknowledgement or repeat comes too late, or never. */
static void the_first_entry_is_always_the_one_due_first(void **state)
{
    (void)state;
    uint64_t first = number_from_environment("GDN_SEED", 1), seed = first;
    uint64_t runs = number_from_environment("GDN_RUNS", 100000);
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    struct gdn__agenda agenda = {.heap = NULL};
    struct gdn__agenda_entry entries[ENTRIES];
    for (size_t i = 0; i < ENTRIES; i++) entries[i] = (struct gdn__agenda_entry){INT64_MAX, 0};
    assert_true(gdn__agenda_reserve(&agenda, &allocator, ENTRIES));
    for (uint64_t run = 0; run < runs; run++) {
        bool out = below(&seed, 3) == 0;
        int64_t due_us = out ? INT64_MAX : (int64_t)below(&seed, 60);
        gdn__agenda_set(&agenda, &entries[below(&seed, ENTRIES)], due_us);
        int64_t earliest = earliest_of(entries);
        const struct gdn__agenda_entry *head = gdn__agenda_first(&agenda);
        bool right = gdn__agenda_deadline(&agenda) == earliest &&
                     (head == NULL ? earliest == INT64_MAX : head->due_us == earliest);
        if (!right) {
            fail_msg("step %llu; replay: GDN_SEED=%llu GDN_RUNS=%llu build/tests/unit/test_agenda",
                     (unsigned long long)run, (unsigned long long)first, (unsigned long long)runs);
        }
    }
    gdn__agenda_fini(&agenda, &allocator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_entry_is_always_the_one_due_first),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
