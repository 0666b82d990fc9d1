/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a demo runs: a private directory that goes when the program ends, a free port, and the
 * programs built beside it. */
#ifndef DEMOS_PLACE_H
#define DEMOS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE_PATH_BYTES 512

/* Make the private directory; exit() removes it. Once for each program. */
bool place_make(void);

/* The path of @p name in the private directory. Returns @p path. */
char *place_path(char path[PLACE_PATH_BYTES], const char *name);

/* The path of a program built with this one: "gordiand" lies one directory above. */
bool place_program(char path[PLACE_PATH_BYTES], const char *name);

/* A port of the loopback that nobody uses now, below the range that outgoing connections take
 * theirs from: dialling a port of that range before its owner is there can reach oneself.
 * 0: none. */
int place_free_port(void);

#endif
