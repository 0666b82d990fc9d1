/* SPDX-License-Identifier: MIT */
/* What a detector asks of the reports of one round that are put together. */
#ifndef GDN_CORE_MERGE_H
#define GDN_CORE_MERGE_H

#include <gordian/cut.h>

/* gdn_cut_check() of reports whose lists have been checked (contents.h), and a node that lists no
 * channels has none: what another node counts on a channel with it does not balance. A cut that was
 * written by hand need not list them. */
GDN_MUST_USE enum gdn_err gdn__cut_check_round(gdn_cut *cut, char *why, size_t why_bytes);

#endif
