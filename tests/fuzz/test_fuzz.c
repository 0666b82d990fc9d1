/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The targets of `make fuzz`, fed with their seeds, with what fuzzing has found, and with some
 * thousand mutations. */
#include "tests/fuzz/seeds.h"
#include "tests/unit/ledger_fixture.h"
#include <glob.h>

#define MUTATED_MAX 4096

static int read_seeds(void **state)
{
    static struct seeds seeds;
    seeds = seeds_read();
    *state = &seeds;
    return 0;
}

static int free_seeds(void **state)
{
    seeds_free(*state);
    return 0;
}

static void seeds_are_taken(void **state)
{
    const struct seeds *seeds = *state;
    assert_true(seeds->count > 100);
    for (size_t i = 0; i < seeds->count; i++) {
        seeds_feed(seeds->list[i].target, seeds->list[i].bytes, seeds->list[i].length);
    }
}

/* tests/fuzz/found/TARGET-WHAT: each once ended the program. */
static void what_was_found_is_taken(void **state)
{
    (void)state;
    glob_t found;
    if (glob("tests/fuzz/found/*", 0, NULL, &found) != 0) return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        static uint8_t bytes[1 << 16];
        char target[16];
        FILE *file = fopen(found.gl_pathv[i], "rb");
        assert_non_null(file);
        size_t length = fread(bytes, 1, sizeof bytes, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(sscanf(strrchr(found.gl_pathv[i], '/') + 1, "%15[a-z]", target), 1);
        seeds_feed(target, bytes, length);
    }
    globfree(&found);
}

/* Bytes changed, cut out, doubled, or taken from another seed of the target. */
static size_t mutate(const struct seeds *seeds, const struct seed *seed, uint64_t *random,
                     uint8_t bytes[MUTATED_MAX])
{
    size_t length = seed->length < MUTATED_MAX ? seed->length : MUTATED_MAX;
    memcpy(bytes, seed->bytes, length);
    for (uint32_t times = 1 + below(random, 4); times > 0 && length > 0; times--) {
        size_t at = below(random, (uint32_t)length), rest = length - at;
        size_t some = 1 + below(random, 16);
        const struct seed *other = &seeds->list[below(random, (uint32_t)seeds->count)];
        switch (below(random, 4)) {
        case 0:
            bytes[at] = (uint8_t)draw(random);
            break;
        case 1:
            if (some > rest) some = rest;
            memmove(bytes + at, bytes + at + some, rest - some);
            length -= some;
            break;
        case 2:
            if (some > rest || length + some > MUTATED_MAX) break;
            memmove(bytes + at + some, bytes + at, rest);
            length += some;
            break;
        default:
            if (strcmp(other->target, seed->target) != 0) break;
            if (some > other->length) some = other->length;
            memcpy(bytes + at, other->bytes, some < rest ? some : rest);
        }
    }
    return length;
}

static void mutated_seeds_are_taken_or_refused(void **state)
{
    const struct seeds *seeds = *state;
    uint64_t random = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 20);
    print_message("replay: GDN_SEED=%llu GDN_RUNS=%llu test_fuzz\n", (unsigned long long)random,
                  (unsigned long long)runs);
    for (uint64_t run = 0; run < runs; run++) {
        for (size_t i = 0; i < seeds->count; i++) {
            uint8_t bytes[MUTATED_MAX];
            size_t length = mutate(seeds, &seeds->list[i], &random, bytes);
            seeds_feed(seeds->list[i].target, bytes, length);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_taken),
        cmocka_unit_test(what_was_found_is_taken),
        cmocka_unit_test(mutated_seeds_are_taken_or_refused),
    };
    return !!cmocka_run_group_tests(tests, read_seeds, free_seeds);
}
