/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free ports of the loopback, for whoever must know its port before it binds. */
#ifndef TESTS_PORTS_H
#define TESTS_PORTS_H

#include <stdbool.h>

/* One that nobody uses now, another at each call, below the range that outgoing connections take
 * theirs from: dialling a port of that range before its owner is there can reach oneself. 0: none.
 */
int port_free(void);

/* A stream socket bound to it, close-on-exec, that does not listen yet: until then who dials the
 * port is refused. -1 on failure. */
int port_bind(int port);

#endif
