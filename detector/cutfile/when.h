/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instants as people write them: RFC 3339, UTC. */
#ifndef GDN_CUTFILE_WHEN_H
#define GDN_CUTFILE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* Room for "9999-12-31T23:59:59.999999Z" and a NUL. */
#define GDN__WHEN_BYTES 28

/* "2026-11-22T10:00:00.000000Z" (the fraction is optional, an offset such as +02:00 may stand for
 * Z) to microseconds since 1970. False for anything else and for years before 1970. */
bool gdn__when_parse(const char *text, int64_t *us);

/* The same, backwards; without a fraction when it is zero. @p us is clamped to years 1970 to 9999.
 * Returns @p text. */
const char *gdn__when_format(int64_t us, char text[GDN__WHEN_BYTES]);

#endif
