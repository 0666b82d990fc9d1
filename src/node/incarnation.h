/* SPDX-License-Identifier: MIT */
#ifndef GDN_NODE_INCARNATION_H
#define GDN_NODE_INCARNATION_H

#include <stdint.h>

/* A number for this start of a node or detector: random, never 0, so that no two starts share it
 * and nothing needs to be stored. */
uint64_t gdn__new_incarnation(void);

#endif
