/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One node process of a cluster: its node, its lock manager, and the line to its parent. */
#ifndef DEMOS_MEMBER_H
#define DEMOS_MEMBER_H

#include "demos/common/lockmgr.h"
#include "demos/common/words.h"

struct member {
    int index; /* 0 for n1. */
    int count; /* Of nodes in the cluster. */
    int control;
    char name[16];
    gdn_node *node;
    struct lockmgr *locks; /* Started by the role if it wants one; freed for it. */
};

/* What a member does until it is told to quit. Returns its exit status. */
typedef int member_role(struct member *member, const void *argument);

struct cluster_options;

/* Of cluster.c: opens the node, finds the others, plays the role. Returns the exit status. */
int member_main(int index, int control, const struct cluster_options *options);

/* Send the parent one line, from any thread. */
void member_say(struct member *member, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Send the parent bytes as they are. */
void member_say_bytes(struct member *member, const void *bytes, size_t length);

/* The parent's next line, without "quit": false then, and when the parent is gone. */
bool member_hear(struct member *member, struct words *words);

/* The id of node n<index + 1>. */
gdn_node_id member_node(int index);

/* The home of a resource that was given none: its name's hash decides. */
int member_home_of(const char *resource, int count);

#endif
