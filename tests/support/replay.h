/* SPDX-License-Identifier: MIT */
/* What replays a random test: GDN_SEED, and GDN_RUNS for how many runs from there. */
#ifndef GDN_TESTS_REPLAY_H
#define GDN_TESTS_REPLAY_H

#include <stdint.h>
#include <stdlib.h>

static inline uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

#endif
