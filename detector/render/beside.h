/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of a deadlock that stand beside what is shown of it: the shortest cycle of a core of
 * many names only some of them. */
#ifndef GDN_RENDER_BESIDE_H
#define GDN_RENDER_BESIDE_H

#include <gordian/verdict.h>

/* The first @p max members, in their order, that none of the witness's first @p edges concerns go
 * to @p beside; @p count is how many there are in all. GDN_ERR_MEMORY. */
GDN_MUST_USE enum gdn_err gdn__beside_find(const struct gdn_deadlock *deadlock, size_t edges,
                                           uint32_t *beside, size_t max, size_t *count);

#endif
