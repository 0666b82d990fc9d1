/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian-waits/1: who waits in a cut, and for what, longest first. Text that the caller frees with
 * free(); NULL: out of memory. */
#ifndef GDN_SERVICE_WAITS_H
#define GDN_SERVICE_WAITS_H

#include <gordian/verdict.h>

char *waits_of(const gdn_verdict *verdict);

/* The same when no node has registered: nobody waits, and the view is incomplete. */
char *waits_of_nobody(void);

#endif
