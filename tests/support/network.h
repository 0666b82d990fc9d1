/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two machines and a cable, inside this one: two network namespaces, a veth pair between them, and
 * packet filter rules that spoil what passes. Needs root, ip and nft.
 *
 *     side 0   10.83.0.1 --- veth --- [rules] 10.83.0.2   side 1
 *
 * The namespaces have no names. They, the devices and the rules are gone with the last process in
 * them, however it ends. */
#ifndef TESTS_NETWORK_H
#define TESTS_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_SIDES 2

enum network_fault {
    NETWORK_DROP,  /* Nothing passes, and nobody is told. */
    NETWORK_RESET, /* Nothing passes; TCP is answered with a reset. */
    NETWORK_LOSS   /* One packet in ten is dropped. */
};

struct network {
    int home; /* Where this program was before. */
    int sides[NETWORK_SIDES];
};

/* False, and *why says what is missing, where such a thing cannot be made. */
bool network_make(struct network *network, const char **why);

/* Go home; the namespaces go with their last process. Harmless after a failed network_make(). */
void network_leave(struct network *network);

/* Be on that side: what this program, which has one thread, starts from now on runs there. */
void network_enter(const struct network *network, int side);

/* "10.83.0.1", "10.83.0.2". */
const char *network_address(int side);

/* From now on, in both directions, instead of what was before. These fail the test. */
void network_spoil(const struct network *network, enum network_fault fault);
void network_heal(const struct network *network);
/* Packets that the fault has hit since network_spoil(). */
uint64_t network_hits(const struct network *network);

#endif
