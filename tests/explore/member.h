/* SPDX-License-Identifier: MIT */
/* One node of a layout: a real participant and the thinnest host around it, which keeps its own
 * books of what was sent and taken, and compares each report with them. */
#ifndef TESTS_EXPLORE_MEMBER_H
#define TESTS_EXPLORE_MEMBER_H

#include "tests/explore/facts.h"

struct member;

/* Items on a channel: their kind and what they say. */
enum member_item { MEMBER_MESSAGE, MEMBER_MARKER, MEMBER_LIST };

/* Borrows the layout. Failures to make one end the program. */
struct member *member_new(const struct layout *layout, int node);
/* @p item: what arrives; else 0. */
void member_act(struct member *member, const struct layout_action *action, uint32_t item);
/* What has become of it so far. */
const struct facts *member_facts(const struct member *member);
/* Frees it. False: a message that it was handed has not been given back. */
bool member_end(struct member *member);

enum member_item member_item_kind(uint32_t item);
uint32_t member_item_value(uint32_t item);

#endif
