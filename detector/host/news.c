/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/host/news.h"

#include "src/core/mem.h"

void gdn__news_init(struct gdn__news_queue *queue, const struct gdn_allocator *allocator)
{
    *queue = (struct gdn__news_queue){.allocator = *allocator};
}

static void free_item(struct gdn__news_queue *queue, struct gdn__news_item *item)
{
    gdn__free(&queue->allocator, item->process);
    gdn__free(&queue->allocator, item->node);
    gdn__free(&queue->allocator, item->why);
}

void gdn__news_fini(struct gdn__news_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) free_item(queue, &queue->items[i]);
    gdn__free(&queue->allocator, queue->items);
}

bool gdn__news_is_empty(const struct gdn__news_queue *queue)
{
    return queue->first == queue->count;
}

/* Those that were handed out keep their text until then. */
static void clear_taken(struct gdn__news_queue *queue)
{
    if (!gdn__news_is_empty(queue)) return;
    for (size_t i = 0; i < queue->count; i++) free_item(queue, &queue->items[i]);
    queue->first = queue->count = 0;
}

static bool copy_text(struct gdn__news_queue *queue, const char *from, char **to)
{
    *to = from == NULL ? NULL : gdn__strdup(&queue->allocator, from);
    return (from == NULL) == (*to == NULL);
}

void gdn__news_add(struct gdn__news_queue *queue, const struct gdn_detector_event *event)
{
    if (!gdn__grow(&queue->allocator, &queue->items, queue->count, &queue->capacity,
                   sizeof *queue->items)) {
        queue->lost++;
        return;
    }
    struct gdn__news_item *item = &queue->items[queue->count];
    *item = (struct gdn__news_item){.event = *event};
    bool copied = copy_text(queue, event->process, &item->process);
    copied = copy_text(queue, event->node, &item->node) && copied;
    copied = copy_text(queue, event->why, &item->why) && copied;
    if (!copied) {
        free_item(queue, item);
        queue->lost++;
        return;
    }
    item->event.process = item->process;
    item->event.node = item->node;
    item->event.why = item->why;
    queue->count++;
}

bool gdn__news_take(struct gdn__news_queue *queue, struct gdn_detector_event *event)
{
    if (gdn__news_is_empty(queue)) {
        clear_taken(queue);
        return false;
    }
    *event = queue->items[queue->first++].event;
    return true;
}
