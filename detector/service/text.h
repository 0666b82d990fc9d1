/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What answers are made of. */
#ifndef GDN_SERVICE_TEXT_H
#define GDN_SERVICE_TEXT_H

#include <jansson.h>
#include <stdint.h>

/* Names need not be UTF-8, which JSON is: then they stand there as on a terminal. NULL: out of
 * memory. */
json_t *text_of(const char *name);

/* Numbers that can pass 2^53. */
json_t *number_text(uint64_t number);

/* The document on one line, which the caller frees with free(). Takes @p document. */
char *document_of(json_t *document);

#endif
