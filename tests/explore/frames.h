/* SPDX-License-Identifier: MIT */
/* Frames by number: equal bytes have equal numbers. */
#ifndef TESTS_EXPLORE_FRAMES_H
#define TESTS_EXPLORE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct frames;

/* Failures to allocate end the program. */
struct frames *frames_new(void);
void frames_free(struct frames *frames);
/* How many there are. */
uint32_t frames_count(const struct frames *frames);
/* Its number; copies one that is new, whose number is the count before. */
uint32_t frames_number(struct frames *frames, const uint8_t *bytes, size_t length);
/* Borrowed until the table is freed. */
const uint8_t *frames_get(const struct frames *frames, uint32_t number, size_t *length);

#endif
