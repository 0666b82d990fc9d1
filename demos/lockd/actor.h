/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The member's side of a script: transactions that do what the parent says, one thread for each
 * that waits. Commands and their answers ("ok …", "error …"):
 *
 *     begin T1 "label" WORK PRIORITY ABORTABLE
 *     lock T1 RESOURCE shared|exclusive HOME      "asked TICKET", then one of the news below
 *     release T1 RESOURCE | cancel T1 | end T1
 *     pause | resume | serve RESOURCE | fill NODE BYTES | rounds
 *
 * News: "granted|aborted|cancelled|refused T1 TICKET", and from the home of a lock
 * "blocked PROCESS-ID TICKET". */
#ifndef DEMOS_LOCKD_ACTOR_H
#define DEMOS_LOCKD_ACTOR_H

#include "demos/common/member.h"

/* A member_role without argument. */
int actor_role(struct member *member, const void *argument);

#endif
