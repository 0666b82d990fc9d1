/* SPDX-License-Identifier: MIT */
/* One node of a layout: a real object of the library and the thinnest host around it. Two kinds:
 *
 *     member_participant.c  a gdn_participant; what crosses a channel is a word
 *     member_site.c         a gdn_site; what crosses is a frame, byte for byte */
#ifndef TESTS_EXPLORE_MEMBER_H
#define TESTS_EXPLORE_MEMBER_H

#include "tests/explore/books.h"
#include <stdio.h>

struct member;

struct member_kind {
    /* Borrows the layout. Failures to make one end the program. */
    struct member *(*make)(const struct layout *layout, int node);
    /* What happens, a function for each kind of action ... */
    void (*send)(struct member *member, int channel);
    void (*arrive)(struct member *member, int channel, uint32_t item);
    void (*take)(struct member *member);
    void (*order)(struct member *member, int initiator);
    void (*open)(struct member *member, int channel);
    /* ... and behind each of them. */
    void (*settle)(struct member *member);
    const struct facts *(*facts)(const struct member *member);
    /* Frees it. False: something that it was handed has not been given back. */
    bool (*end)(struct member *member);
    /* What crosses a channel, in words. */
    void (*tell)(const struct layout *layout, uint32_t item, FILE *narrator);
    /* What else must be true in the end, with all nodes' facts; NULL: nothing. */
    bool (*judge)(const struct layout *layout, const struct facts *const *facts, char *why,
                  size_t why_bytes);
};

extern const struct member_kind member_participant, member_site;

/* Those of a layout. */
const struct member_kind *member_kind_of(const struct layout *layout);

/* One action. @p item: what arrives; else 0. */
void member_act(const struct member_kind *kind, struct member *member,
                const struct layout_action *action, uint32_t item);

#endif
