/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/waits.h"

#include "detector/analysis/asked.h"
#include "detector/analysis/mail.h"
#include "detector/render/needs.h"
#include "detector/render/shown.h"
#include "detector/service/text.h"
#include <stdlib.h>

#define HOLDERS_MAX 24 /* Names in one line; "holders" has their number. */

struct listed {
    const struct gdn_cut_wait *wait;
    const struct gdn_cut_node *node;
};

struct waits {
    const gdn_verdict *verdict;
    struct listed *list;
    size_t count;
    struct gdn__map homes; /* (party, resource) -> its gdn_cut_home. */
    struct gdn__asked asked;
};

/* ---- Gathering ---- */

static int longest_first(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->wait->waited_us != y->wait->waited_us) {
        return x->wait->waited_us < y->wait->waited_us ? 1 : -1;
    }
    if (x->node->party != y->node->party) return x->node->party < y->node->party ? -1 : 1;
    return (x->wait->ticket > y->wait->ticket) - (x->wait->ticket < y->wait->ticket);
}

static bool list_waits(struct waits *waits)
{
    const gdn_cut *cut = waits->verdict->cut;
    size_t total = 0;
    for (size_t n = 0; n < cut->node_count; n++) total += cut->nodes[n].wait_count;
    waits->list = calloc(total + 1, sizeof *waits->list);
    if (waits->list == NULL) return false;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; i < node->wait_count; i++) {
            waits->list[waits->count++] = (struct listed){&node->waits[i], node};
        }
    }
    qsort(waits->list, waits->count, sizeof *waits->list, longest_first);
    return true;
}

static bool list_homes(struct waits *waits)
{
    const gdn_cut *cut = waits->verdict->cut;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t h = 0; h < node->home_count; h++) {
            struct gdn__key key = gdn__pair(node->party, node->homes[h].resource, 0);
            if (!gdn__map_put(&waits->homes, key, (uintptr_t)&node->homes[h])) return false;
        }
    }
    return true;
}

static bool gather(struct waits *waits)
{
    const gdn_cut *cut = waits->verdict->cut;
    gdn__map_init(&waits->homes, &cut->allocator);
    return gdn__asked_init(&waits->asked, cut, NULL) && list_homes(waits) && list_waits(waits);
}

static void forget(struct waits *waits)
{
    gdn__map_fini(&waits->homes);
    gdn__asked_fini(&waits->asked);
    free(waits->list);
}

/* ---- One line ---- */

/* Who holds the resource, as its home recorded it, and how much of a pool that is. */
static void add_holders(const struct waits *waits, const struct gdn_cut_wait *wait, json_t *line)
{
    char name[GDN_SHOWN_NAME_BYTES];
    const gdn_cut *cut = waits->verdict->cut;
    json_t *names = json_array(), *issuers = json_array();
    struct gdn__key key = gdn__pair(wait->home, wait->resource, 0);
    const struct gdn_cut_home *home = (const struct gdn_cut_home *)gdn__map_get(&waits->homes, key);
    uint64_t in_use = 0;
    for (size_t i = 0; home != NULL && i < home->holder_count; i++) {
        const struct gdn_cut_node *node = &cut->nodes[cut->parties[wait->home].node];
        const struct gdn_cut_holder *holder = &node->holders[home->holder_first + i];
        in_use += holder->units;
        if (i >= HOLDERS_MAX) continue;
        const char *shown = gdn_verdict_process_name(waits->verdict, holder->process, name);
        (void)json_array_append_new(names, text_of(shown));
        (void)json_array_append_new(issuers, text_of(cut->parties[holder->issuer].name));
    }
    (void)json_object_set_new(line, "held_by", names);
    (void)json_object_set_new(line, "held_from", issuers);
    if (home == NULL) return;
    (void)json_object_set_new(line, "holders", json_integer((json_int_t)home->holder_count));
    if (home->capacity == 0) return;
    (void)json_object_set_new(line, "capacity", json_integer(home->capacity));
    (void)json_object_set_new(line, "in_use", json_integer((json_int_t)in_use));
}

static void add_lock(const struct waits *waits, const struct listed *listed, json_t *line)
{
    char name[GDN_SHOWN_NAME_BYTES];
    const gdn_cut *cut = waits->verdict->cut;
    const struct gdn_cut_wait *wait = listed->wait;
    uint32_t units = gdn__asked_units(&waits->asked, listed->node->party, wait->ticket);
    const char *shown = gdn_verdict_resource_name(waits->verdict, wait->resource, name);
    (void)json_object_set_new(line, "resource", text_of(shown));
    (void)json_object_set_new(line, "mode",
                              units == 0 ? text_of(cut->modes.names[wait->mode]) : json_null());
    if (units != 0) (void)json_object_set_new(line, "units", json_integer(units));
    (void)json_object_set_new(line, "home", text_of(cut->parties[wait->home].name));
    add_holders(waits, wait, line);
}

static json_t *line_of(const struct waits *waits, const struct listed *listed)
{
    char name[GDN_SHOWN_NAME_BYTES];
    const struct gdn_cut_wait *wait = listed->wait;
    const char *process = gdn_verdict_process_name(waits->verdict, wait->process, name);
    json_t *line = json_object();
    (void)json_object_set_new(line, "process", text_of(process));
    (void)json_object_set_new(line, "node",
                              text_of(waits->verdict->cut->parties[listed->node->party].name));
    (void)json_object_set_new(line, "ticket", number_text(wait->ticket));
    if (wait->branch_id != 0) {
        (void)json_object_set_new(line, "branch_id", json_integer(wait->branch_id));
    }
    (void)json_object_set_new(line, "waited_ms", json_real((double)wait->waited_us / 1000.0));
    if (wait->resource != GDN_NONE) {
        add_lock(waits, listed, line);
        return line;
    }
    struct gdn__textbuf needs = {0};
    gdn__show_needs(&needs, waits->verdict, listed->node, wait);
    (void)json_object_set_new(line, "needs", text_of(needs.text == NULL ? "" : needs.text));
    gdn__textbuf_fini(&needs);
    return line;
}

/* ---- All of them ---- */

char *waits_of_nobody(void)
{
    return document_of(json_pack("{s:s, s:b, s:[], s:[]}", "format", "gordian-waits/1", "complete",
                                 0, "missing", "waits"));
}

static json_t *missing_of(const gdn_cut *cut)
{
    json_t *missing = json_array();
    for (size_t i = 0; i < cut->missing_count; i++) {
        (void)json_array_append_new(missing, text_of(cut->missing[i]));
    }
    return missing;
}

char *waits_of(const gdn_verdict *verdict)
{
    struct waits waits = {.verdict = verdict};
    char *text = NULL;
    if (gather(&waits)) {
        json_t *lines = json_array(), *document = json_object();
        for (size_t i = 0; i < waits.count; i++) {
            (void)json_array_append_new(lines, line_of(&waits, &waits.list[i]));
        }
        (void)json_object_set_new(document, "format", json_string("gordian-waits/1"));
        (void)json_object_set_new(document, "complete", json_boolean(verdict->complete));
        (void)json_object_set_new(document, "missing", missing_of(verdict->cut));
        (void)json_object_set_new(document, "waits", lines);
        text = document_of(document);
    }
    forget(&waits);
    return text;
}
