/* SPDX-License-Identifier: MIT */
/* The ring of what arrived and was not taken, beside a plain array that is never shifted. */
#include "ledger_fixture.h"

#include "src/core/untaken.h"
#include <inttypes.h>

#define MESSAGES   200
#define MORE_BYTES 7 /* Than the message's number. */

/* Handles point into it: how often each is kept. */
static int kept[MESSAGES];

static void keep(void *handle)
{
    ++*(int *)handle;
}

static void give_back(void *handle)
{
    --*(int *)handle;
}

static bool is_untagged(size_t number)
{
    return number % 5 == 0;
}

static bool push(struct gdn__untaken *untaken, const struct gdn_participant_options *options,
                 size_t number)
{
    void *handle = is_untagged(number) ? NULL : &kept[number];
    return gdn__untaken_push(untaken, options, handle, number + MORE_BYTES);
}

/* Messages [taken, arrived) are in it, in this order, and no others are kept. */
static bool is_right(const struct gdn__untaken *untaken, size_t taken, size_t arrived)
{
    size_t bytes = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        bool in = i >= taken && i < arrived, tagged = in && !is_untagged(i);
        if (kept[i] != tagged) return false;
        if (tagged) bytes += i + MORE_BYTES;
        if (in && gdn__untaken_handle(untaken, i - taken) != (tagged ? &kept[i] : NULL)) {
            return false;
        }
    }
    return untaken->count == arrived - taken && untaken->bytes == bytes;
}

/* Every growth meets the ring at another turn, and when it fails nothing is lost. */
static bool play(uint64_t seed)
{
    struct faulty faulty = {.allowed = 0};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_participant_options options = {
        .retain = keep, .release = give_back, .allocator = &allocator};
    struct gdn__untaken untaken = {.ring = NULL};
    size_t taken = 0, arrived = 0;
    bool right = !push(&untaken, &options, arrived);
    while (right && arrived < MESSAGES) {
        faulty.allowed = below(&seed, 2) == 0 ? 0 : SIZE_MAX;
        if (below(&seed, 5) < 3) {
            if (push(&untaken, &options, arrived)) arrived++;
        } else if (taken < arrived) {
            gdn__untaken_pop(&untaken, &options);
            taken++;
        }
        right = is_right(&untaken, taken, arrived);
    }
    gdn__untaken_fini(&untaken, &options);
    return right && is_right(&untaken, arrived, arrived) && faulty.live == 0;
}

/* What a cut records of a channel is read from here: a message lost or out of its place would make
 * every cut wrong. */
static void messages_stay_in_order_while_the_ring_turns_and_grows(void **state)
{
    (void)state;
    uint64_t first = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 200);
    for (uint64_t seed = first; seed < first + runs; seed++) {
        memset(kept, 0, sizeof kept);
        if (play(seed)) continue;
        fail_msg("replay: GDN_SEED=%" PRIu64 " GDN_RUNS=1 build/tests/unit/test_untaken", seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_stay_in_order_while_the_ring_turns_and_grows),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
