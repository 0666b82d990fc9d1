/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where queue order alone closes a core: whom to serve before whom, so that nobody need be
 * aborted. */
#ifndef GDN_ANALYSIS_REORDER_H
#define GDN_ANALYSIS_REORDER_H

#include "detector/analysis/core.h"

/* Sets reorder and reorder_count of @p deadlock; none when aborting is the only way, or the core is
 * too large to be tried. Each advice was checked: with the waiters served first, and those they
 * pass waiting for them where they conflict, the core is free. */
GDN_MUST_USE enum gdn_err gdn__reorder_find(struct gdn__core *core, struct gdn_deadlock *deadlock);

/* Whether the two of reorder[@p index] stand there before, for another queue. */
bool gdn__reorder_is_repeated(const struct gdn_deadlock *deadlock, size_t index);

#endif
