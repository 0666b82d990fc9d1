/* SPDX-License-Identifier: MIT */
/* What a report may contain, looked at by itself. Ids are set. In a list some things stand only
 * once: a resource and a channel in their node, a ticket among the waits of its node, among the
 * holders of a resource and in its queue. */
#ifndef GDN_CORE_CONTENTS_H
#define GDN_CORE_CONTENTS_H

#include <gordian/cut.h>

/* GDN_ERR_FORMAT: @p why names the id, or node, list and what stands there twice. GDN_ERR_MEMORY.
 */
GDN_MUST_USE enum gdn_err gdn__cut_check_contents(const gdn_cut *cut, char *why, size_t why_bytes);

#endif
