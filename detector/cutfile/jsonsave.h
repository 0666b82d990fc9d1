/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cut as a gordian-cut/1 document.
 *
 * What the format has no key for goes into keys that other readers ignore and jsonload reads back:
 * "x-label" (of a resource known by its id), "x-flags" (of a request or queue entry), "x-met" (of a
 * need whose wake was taken), "x-observed" (of a node). docs/protocol.md lists them. */
#ifndef GDN_CUTFILE_JSONSAVE_H
#define GDN_CUTFILE_JSONSAVE_H

#include "detector/render/textbuf.h"
#include <gordian/cut.h>

/* Append the document. GDN_ERR_LIMIT when needs are nested deeper than the format allows;
 * GDN_ERR_MEMORY. */
GDN_MUST_USE enum gdn_err gdn__json_save(const gdn_cut *cut, struct gdn__textbuf *out);

#endif
