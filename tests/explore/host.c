/* SPDX-License-Identifier: MIT */
#include "tests/explore/host.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_MS 1000000 /* No wait is suspected here. */

static const char *const names[PLACES_MAX] = {"A", "B", "C", "D", "D1", "D2"};

const char *place_name(int place)
{
    return names[place];
}

int place_named(const char *name)
{
    for (int place = 0; place < PLACES_MAX; place++) {
        if (strcmp(names[place], name) == 0) return place;
    }
    return -1;
}

uint64_t place_incarnation(int place)
{
    return place < PLACE_INITIATOR ? 10 + (uint64_t)place
                                   : 100 + (uint64_t)(place - PLACE_INITIATOR);
}

void host_open(struct host *host, int place)
{
    struct gdn_site_options options = {.name = names[place],
                                       .endpoint = names[place],
                                       .incarnation = place_incarnation(place),
                                       .patience_ms = NEVER_MS};
    *host = (struct host){.site = gdn_site_new(&options), .deadline_us = INT64_MAX};
    if (host->site == NULL) abort();
}

void host_close(struct host *host)
{
    gdn_site_free(host->site);
}

static void flush(struct host *host, int64_t now_us)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_LINKS_READY, .now_us = now_us};
    enum gdn_err err = gdn_site_step(host->site, &event, &actions);
    assert(err == GDN_OK);
    (void)err;
    for (size_t i = 0; i < actions.dial_count; i++) {
        assert(actions.dials[i].link <= PLACES_MAX);
        assert(place_named(actions.dials[i].endpoint) >= 0);
        host->links[actions.dials[i].link] = place_named(actions.dials[i].endpoint);
    }
    for (size_t i = 0; host->sent != NULL && i < actions.frame_count; i++) {
        const struct gdn_frame *frame = &actions.frames[i];
        host->sent(host->context, host->links[frame->link], frame->bytes, frame->length);
    }
    host->items_waiting = actions.items_waiting;
    host->deadline_us = actions.deadline_us;
}

enum gdn_err host_step(struct host *host, const struct gdn_event *event, struct gdn_item *item)
{
    struct gdn_actions actions;
    enum gdn_err err = gdn_site_step(host->site, event, &actions);
    if (item != NULL) *item = actions.item;
    flush(host, event->now_us);
    return err;
}

enum gdn_err host_receive(struct host *host, const uint8_t *bytes, size_t length, int64_t now_us)
{
    struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED, .now_us = now_us};
    event.as.frame.bytes = bytes;
    event.as.frame.length = length;
    return host_step(host, &event, NULL);
}

enum gdn_err host_dial(struct host *host, int place, int64_t now_us)
{
    struct gdn_event event = {.type = GDN_EVENT_PEER_DIALLED, .now_us = now_us};
    event.as.dial.detector = place >= PLACE_INITIATOR;
    event.as.dial.name = event.as.dial.detector ? NULL : names[place];
    event.as.dial.endpoint = names[place];
    return host_step(host, &event, NULL);
}

enum gdn_err host_pass(struct host *host, int64_t now_us)
{
    struct gdn_event event = {.type = GDN_EVENT_TIME_PASSED, .now_us = now_us};
    return host_step(host, &event, NULL);
}

enum gdn_err host_take(struct host *host, int64_t now_us, struct gdn_item *item)
{
    struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN, .now_us = now_us};
    return host_step(host, &event, item);
}
