/* SPDX-License-Identifier: MIT */
/* The test vectors of docs/protocol.md: what stands there is what is tested.
 *
 *     ```vector NAME
 *     47 44 01 00         # bytes, in hexadecimal digits, and a comment
 *     = what they mean    (or: = refused REASON)
 *     ``` */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vector {
    char name[64];
    uint8_t *bytes;
    size_t length;
    char *meaning; /* Lines without their "= ", each with a newline. */
};

struct vectors {
    struct vector *list;
    size_t count;
};

/* Read them from $GDN_DOCS (default "docs"); fails the test when there is no such file, or a block
 * is malformed or has a name twice. */
struct vectors vectors_read(void);
void vectors_free(struct vectors *vectors);

/* Fails the test when there is none of that name. */
const struct vector *vectors_find(const struct vectors *vectors, const char *name);

/* It is a saved cut, else a frame. */
bool vector_is_cut(const struct vector *vector);
/* Why it is to be refused; NULL: it is not. */
const char *vector_refusal(const struct vector *vector);

#endif
