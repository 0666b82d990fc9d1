/* SPDX-License-Identifier: MIT */
#include "tests/explore/frames.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    uint64_t hash;
    size_t length;
    uint8_t *bytes;
};

/* Numbers are places in the list; slots hold number + 1, by hash, at most half of them used. */
struct frames {
    struct frame *list;
    uint32_t count, capacity;
    uint32_t *slots;
    size_t slot_count; /* A power of two. */
};

static void *checked(void *memory)
{
    if (memory == NULL) abort();
    return memory;
}

struct frames *frames_new(void)
{
    struct frames *frames = checked(calloc(1, sizeof *frames));
    frames->slot_count = 1024;
    frames->slots = checked(calloc(frames->slot_count, sizeof *frames->slots));
    return frames;
}

void frames_free(struct frames *frames)
{
    for (uint32_t i = 0; i < frames->count; i++) free(frames->list[i].bytes);
    free(frames->list);
    free(frames->slots);
    free(frames);
}

/* FNV-1a. */
static uint64_t hash_of(const uint8_t *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint32_t *slot_for(const struct frames *frames, uint64_t hash, const uint8_t *bytes,
                          size_t length)
{
    for (size_t at = hash & (frames->slot_count - 1);; at = (at + 1) & (frames->slot_count - 1)) {
        uint32_t *slot = &frames->slots[at];
        if (*slot == 0) return slot;
        const struct frame *frame = &frames->list[*slot - 1];
        bool same = frame->hash == hash && frame->length == length &&
                    memcmp(frame->bytes, bytes, length) == 0;
        if (same) return slot;
    }
}

static void grow(struct frames *frames)
{
    free(frames->slots);
    frames->slot_count *= 2;
    frames->slots = checked(calloc(frames->slot_count, sizeof *frames->slots));
    for (uint32_t i = 0; i < frames->count; i++) {
        const struct frame *frame = &frames->list[i];
        *slot_for(frames, frame->hash, frame->bytes, frame->length) = i + 1;
    }
}

static void add_frame(struct frames *frames, uint64_t hash, const uint8_t *bytes, size_t length)
{
    if (frames->count == frames->capacity) {
        frames->capacity = frames->capacity == 0 ? 256 : frames->capacity * 2;
        frames->list = checked(realloc(frames->list, frames->capacity * sizeof *frames->list));
    }
    struct frame *frame = &frames->list[frames->count++];
    *frame = (struct frame){hash, length, checked(malloc(length))};
    memcpy(frame->bytes, bytes, length);
}

uint32_t frames_count(const struct frames *frames)
{
    return frames->count;
}

uint32_t frames_number(struct frames *frames, const uint8_t *bytes, size_t length)
{
    uint64_t hash = hash_of(bytes, length);
    uint32_t *slot = slot_for(frames, hash, bytes, length);
    if (*slot != 0) return *slot - 1;
    add_frame(frames, hash, bytes, length);
    *slot = frames->count;
    if (frames->count * (size_t)2 > frames->slot_count) grow(frames);
    return frames->count - 1;
}

const uint8_t *frames_get(const struct frames *frames, uint32_t number, size_t *length)
{
    *length = frames->list[number].length;
    return frames->list[number].bytes;
}
