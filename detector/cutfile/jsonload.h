/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gordian-cut/1 document into a cut. The parts, from the outside in: jsonload (the document),
 * nodeload (one node's report), needload (what a wait needs), tickets (numbers left out). */
#ifndef GDN_CUTFILE_JSONLOAD_H
#define GDN_CUTFILE_JSONLOAD_H

#include "detector/cutfile/jsonin.h"

/* Read @p length bytes of JSON. On success *cut is unchecked; caller frees with gdn_cut_free().
 * GDN_ERR_FORMAT or GDN_ERR_MEMORY; @p why is "PLACE: what is wrong". */
enum gdn_err gdn__json_load(const char *text, size_t length, gdn_cut **cut, char *why,
                            size_t why_bytes);

/* One entry of "nodes"; the current place is there. */
bool gdn__node_load(struct gdn__jsonin *in, const json_t *object);

/* The value of "needs" of the wait added last. */
bool gdn__needs_load(struct gdn__jsonin *in, const json_t *needs);

/* Number every ticket that the document left out (see tickets.c). */
bool gdn__tickets_number(struct gdn__jsonin *in);

#endif
