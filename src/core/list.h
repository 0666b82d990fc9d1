/* SPDX-License-Identifier: MIT */
/* Rings of links that live inside the things they chain. A list is a ring with one link of its
 * own, which is no element; an empty list, and an element in no list, points to itself. */
#ifndef GDN_CORE_LIST_H
#define GDN_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gdn__link {
    struct gdn__link *prev, *next;
};

/* The @p type whose @p member the link is. */
#define GDN__OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void gdn__link_init(struct gdn__link *link)
{
    link->prev = link->next = link;
}

/* Of a list: it has an element. Of an element: it is in some list. */
static inline bool gdn__link_is_used(const struct gdn__link *link)
{
    return link->next != link;
}

/* Put @p link before @p place; when that is a list, at its tail. */
static inline void gdn__link_insert(struct gdn__link *place, struct gdn__link *link)
{
    link->prev = place->prev;
    link->next = place;
    place->prev->next = link;
    place->prev = link;
}

static inline void gdn__link_remove(struct gdn__link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    gdn__link_init(link);
}

#define GDN__EACH(link, list)                                                                      \
    for (struct gdn__link *link = (list)->next; link != (list); link = link->next)

#endif
