/* SPDX-License-Identifier: MIT */
#include "tests/explore/histories.h"

#include "tests/explore/member.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 64 /* Of one history. */

struct history {
    uint32_t before; /* Its own number: nothing. */
    uint32_t item;
    uint32_t first_after, next_beside; /* 0: none, for no history comes after another's root. */
    uint16_t action;
    uint16_t node;
    uint64_t mark;
    struct facts facts;
};

struct histories {
    const struct layout *layout;
    const struct member_kind *kind;
    struct history *list;
    uint32_t count, capacity;
};

static struct history *add_history(struct histories *histories)
{
    if (histories->count == histories->capacity) {
        histories->capacity = histories->capacity == 0 ? 1024 : histories->capacity * 2;
        histories->list = realloc(histories->list, histories->capacity * sizeof(struct history));
        if (histories->list == NULL) abort();
    }
    histories->list[histories->count] = (struct history){.before = histories->count};
    return &histories->list[histories->count++];
}

/* Mixes a number into another (the finish of splitmix64). */
static uint64_t mix(uint64_t mark, uint64_t with)
{
    uint64_t x = mark + with + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A new member goes through all of it. */
static void run(struct histories *histories, struct history *history)
{
    const struct history *path[LENGTH_MAX];
    int length = 0;
    const struct history *at = history;
    for (; at->before != at - histories->list; at = &histories->list[at->before]) {
        assert(length < LENGTH_MAX);
        path[length++] = at;
    }
    struct member *member = histories->kind->make(histories->layout, history->node);
    while (length > 0) {
        at = path[--length];
        member_act(histories->kind, member, &histories->layout->actions[at->action], at->item);
    }
    memcpy(&history->facts, histories->kind->facts(member), sizeof history->facts);
    if (!histories->kind->end(member) && history->facts.broken[0] == '\0') {
        (void)snprintf(history->facts.broken, sizeof history->facts.broken,
                       "a recorded message is never given back");
    }
}

struct histories *histories_new(const struct layout *layout)
{
    struct histories *histories = calloc(1, sizeof *histories);
    if (histories == NULL) abort();
    histories->layout = layout;
    histories->kind = member_kind_of(layout);
    for (int node = 0; node < layout->plan.nodes; node++) {
        struct history *root = add_history(histories);
        root->node = (uint16_t)node;
        root->mark = mix(0, (uint64_t)node);
        run(histories, root);
    }
    return histories;
}

void histories_free(struct histories *histories)
{
    free(histories->list);
    free(histories);
}

uint32_t histories_root(const struct histories *histories, int node)
{
    assert(histories->list[node].node == node);
    return (uint32_t)node;
}

uint32_t histories_next(struct histories *histories, uint32_t before, int action, uint32_t item)
{
    for (uint32_t h = histories->list[before].first_after; h != 0;
         h = histories->list[h].next_beside) {
        if (histories->list[h].action == action && histories->list[h].item == item) return h;
    }
    struct history *added = add_history(histories);
    uint32_t number = (uint32_t)(added - histories->list);
    added->before = before;
    added->item = item;
    added->action = (uint16_t)action;
    added->node = histories->list[before].node;
    added->mark = mix(histories->list[before].mark, (uint64_t)action << 32 | item);
    added->next_beside = histories->list[before].first_after;
    histories->list[before].first_after = number;
    run(histories, added);
    return number;
}

const struct facts *histories_facts(const struct histories *histories, uint32_t history)
{
    return &histories->list[history].facts;
}

uint64_t histories_mark(const struct histories *histories, uint32_t history)
{
    return histories->list[history].mark;
}

size_t histories_count(const struct histories *histories)
{
    return histories->count;
}
