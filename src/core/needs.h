/* SPDX-License-Identifier: MIT */
/* What a direct wait is for: needs in prefix order, a group before its members.
 *
 *     all of (outermost)            index  group      missing
 *      |- P                         0      outermost  1
 *      '- any of                    1      outermost  1
 *          |- Q                     2      1          1
 *          '- all of                3      1          2
 *              |- R                 4      3          1
 *              '- S                 5      3          1
 *
 * A wake lowers the count of the first listing of its sender that still has one, and each count
 * that reaches 0 lowers that of its group; the wait ends when nothing of the outermost level is
 * missing. A listing keeps its count when its group was met without it: so what is met depends on
 * how often each process has woken, never on the order (the analysis of a cut, which has no order
 * between channels, counts the same way). Nothing here recurses. */
#ifndef GDN_CORE_NEEDS_H
#define GDN_CORE_NEEDS_H

#include "ledger.h"

#define GDN__OUTERMOST UINT32_MAX

/* Where a reader of needs in prefix order stands. Zero to begin with. */
struct gdn__nesting {
    unsigned depth; /* Groups that are open: their members have not all come. */
    struct {
        uint32_t group;        /* Index of its head. */
        uint32_t members_left; /* Still to come. */
    } open[GDN_NEEDS_DEPTH_MAX - 1];
};

/* The group of the need that comes next. */
uint32_t gdn__nesting_next(struct gdn__nesting *nesting);

/* The need just read, at @p index, is the head of a group. False: too deep. */
bool gdn__nesting_open(struct gdn__nesting *nesting, uint32_t index, uint32_t members);

/* True when every group has all of its members. */
bool gdn__nesting_is_complete(const struct gdn__nesting *nesting);

/* Whether they are well formed, and how many bytes the ticket's tail must have for them. */
enum gdn_err gdn__needs_check(const struct gdn_need *needs, size_t count, size_t *tail_bytes);

/* Copy well-formed needs into a ticket made with such a tail. */
void gdn__needs_copy(struct gdn__ticket *ticket, const struct gdn_need *needs, size_t count);

/* A wake by @p by: meet its first listing that is not met. False: it has none. */
bool gdn__needs_meet(struct gdn__ticket *ticket, gdn_process_id by);

#endif
