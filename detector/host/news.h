/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events that wait to be handed out, with the text they carry. */
#ifndef GDN_HOST_NEWS_H
#define GDN_HOST_NEWS_H

#include <gordian/detector.h>

struct gdn__news_item {
    struct gdn_detector_event event;
    char *process, *node, *why; /* Owned; the event points to them. */
};

struct gdn__news_queue {
    struct gdn_allocator allocator;
    struct gdn__news_item *items;
    size_t first, count, capacity;
    uint64_t lost; /* Without memory an event is not told. */
};

void gdn__news_init(struct gdn__news_queue *queue, const struct gdn_allocator *allocator);
void gdn__news_fini(struct gdn__news_queue *queue);

/* Copies the event's process, node and why. */
void gdn__news_add(struct gdn__news_queue *queue, const struct gdn_detector_event *event);

/* The next one; its text lives until the next call. False: there is none. */
bool gdn__news_take(struct gdn__news_queue *queue, struct gdn_detector_event *event);

bool gdn__news_is_empty(const struct gdn__news_queue *queue);

#endif
