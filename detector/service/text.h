/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from outside as a JSON string. */
#ifndef GDN_SERVICE_TEXT_H
#define GDN_SERVICE_TEXT_H

#include <jansson.h>

/* Names need not be UTF-8, which JSON is: then they stand there as on a terminal. NULL: out of
 * memory. */
json_t *text_of(const char *name);

#endif
