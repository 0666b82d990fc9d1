/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enough of XML to see whether a picture is a document, what elements it is made of, and what it
 * says. */
#ifndef TESTS_FUZZ_XML_H
#define TESTS_FUZZ_XML_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed: UTF-8 without control characters, elements that nest, attributes in quotes, entities
 * that exist. Of each element @p seen is told its name and, decoded, the text directly in it, when
 * it ends; false from there: not what was expected. */
bool xml_read(const char *text, bool (*seen)(void *context, const char *name, const char *inside),
              void *context);

#endif
