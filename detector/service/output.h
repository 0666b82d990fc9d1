/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that goes out whole or not at all, and how often it is said that it could not. */
#ifndef GDN_SERVICE_OUTPUT_H
#define GDN_SERVICE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_SPELL 32 /* So many successes in a row end a spell of failures. */

/* A disk that is full takes a short line now and then: failures between few successes are one
 * spell. Begin with {0}. */
struct spell {
    unsigned left; /* Successes until it ends; 0: none is on. */
};

/* Count one attempt. True: it failed and is the first of its spell, so it is time to say so. */
bool spell_begins(struct spell *spell, bool succeeded);

/* Write all of @p text. False with errno: nothing of it is there, if @p fd is a file. */
bool output_write(int fd, const char *text, size_t length);

#endif
