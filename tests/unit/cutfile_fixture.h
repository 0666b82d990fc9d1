/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading small documents. They stand in the tests in single quotes, for readability. */
#ifndef GDN_TESTS_CUTFILE_FIXTURE_H
#define GDN_TESTS_CUTFILE_FIXTURE_H

#include "detector/cutfile/cutfile.h"

#define HEAD  "{'format': 'gordian-cut/1', "
#define NODES HEAD "'nodes': ["
#define NODE  NODES "{'node': 'n1', "

/* The line of the last refusal. */
extern char why[GDN__CUTFILE_WHY_BYTES];

/* A document with a bit of everything that the format names. */
extern const char everything[];

/* A copy with double quotes for single ones. Caller frees with free(). */
char *double_quoted(const char *text);

/* Reads the document as the file "f.json". */
enum gdn_err parse_cut(const char *text, gdn_cut **cut);

/* The same; fails the test if it is refused. Caller frees with gdn_cut_free(). */
gdn_cut *load_cut(const char *text);

/* The report of that node. */
const struct gdn_cut_node *node_named(const gdn_cut *cut, const char *name);

/* The cut as a document. Caller frees with free(). */
char *saved_cut(const gdn_cut *cut);

#endif
