/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where fuzzing begins: the vectors of docs/protocol.md and the documents of tests/vectors. */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

#include <stddef.h>
#include <stdint.h>

struct seed {
    const char *target; /* "frames", "detector", "cut", "document" or "picture". */
    char name[128];
    uint8_t *bytes;
    size_t length;
};

struct seeds {
    struct seed *list;
    size_t count;
};

/* Reads them from $GDN_DOCS (default "docs") and tests/vectors; fails the test without them. Caller
 * frees with seeds_free(). */
struct seeds seeds_read(void);
void seeds_free(struct seeds *seeds);

/* The target of that name. */
void seeds_feed(const char *target, const uint8_t *bytes, size_t length);

#endif
