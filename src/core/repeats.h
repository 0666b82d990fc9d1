/* SPDX-License-Identifier: MIT */
/* What may stand in a list of a report only once: a resource and a channel in their node, a ticket
 * among the waits of its node, among the holders of a resource and in its queue. */
#ifndef GDN_CORE_REPEATS_H
#define GDN_CORE_REPEATS_H

#include <gordian/cut.h>

/* GDN_ERR_FORMAT: @p why names node, list and what stands there twice. GDN_ERR_MEMORY. */
GDN_MUST_USE enum gdn_err gdn__cut_check_repeats(const gdn_cut *cut, char *why, size_t why_bytes);

#endif
