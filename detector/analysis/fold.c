/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/fold.h"

#include "src/core/mem.h"

/* Index + 1 must fit, and vertices are counted in 32 bits. */
#define TABLE_MAX (UINT32_MAX / 4)

static enum gdn_err make_room(struct gdn__fold *fold, void *array, size_t count, size_t *capacity,
                              size_t bytes)
{
    if (count >= TABLE_MAX) return GDN_ERR_LIMIT;
    return gdn__grow(&fold->cut->allocator, array, count, capacity, bytes) ? GDN_OK
                                                                           : GDN_ERR_MEMORY;
}

/* ---- Waits ---- */

static enum gdn_err add_wait(struct gdn__fold *fold, const struct gdn__wait *wait)
{
    enum gdn_err err =
        make_room(fold, &fold->waits, fold->wait_count, &fold->wait_capacity, sizeof *fold->waits);
    if (err != GDN_OK) return err;
    struct gdn__key key = gdn__pair(wait->issuer, 0, wait->number);
    if (!gdn__map_put(&fold->wait_of, key, fold->wait_count + 1)) return GDN_ERR_MEMORY;
    fold->waits[fold->wait_count++] = *wait;
    return GDN_OK;
}

static bool is_optional(const struct gdn_cut_node *node, const struct gdn_cut_wait *wait)
{
    for (size_t i = 0; i < wait->need_count; i++) {
        const struct gdn_cut_need *need = &node->needs[wait->need_first + i];
        if (need->kind == GDN_NEED_GROUP && need->at_least < need->child_count) return true;
    }
    return false;
}

static enum gdn_err take_waits(struct gdn__fold *fold, uint32_t n)
{
    const struct gdn_cut_node *node = &fold->cut->nodes[n];
    const uint32_t *party = fold->mail.party;
    for (size_t i = 0; i < node->wait_count; i++) {
        const struct gdn_cut_wait *listed = &node->waits[i];
        uint32_t issuer = party[node->party];
        if (gdn__mail_ends_wait(&fold->mail, issuer, listed)) continue;
        bool direct = listed->resource == GDN_NONE;
        uint32_t home = listed->home == GDN_NONE ? issuer : party[listed->home];
        struct gdn__wait wait = {.process = listed->process,
                                 .issuer = issuer,
                                 .number = listed->ticket,
                                 .waited_us = listed->waited_us,
                                 .home = direct ? GDN_NONE : home,
                                 .resource = listed->resource,
                                 .node = n,
                                 .branch_id = listed->branch_id,
                                 .need_first = (uint32_t)listed->need_first,
                                 .need_count = direct ? (uint32_t)listed->need_count : 0,
                                 .mode = listed->mode,
                                 .optional = direct && is_optional(node, listed)};
        enum gdn_err err = add_wait(fold, &wait);
        if (err != GDN_OK) return err;
        fold->waiting[wait.process] = true;
    }
    return GDN_OK;
}

/* ---- Homes ---- */

static enum gdn_err open_home(struct gdn__fold *fold, uint32_t party, uint32_t resource,
                              uint32_t *index)
{
    struct gdn__key key = gdn__pair(party, resource, 0);
    uint32_t *first = &fold->first_home[resource];
    uintptr_t known = *first;
    if (known != 0 && fold->homes[known - 1].party != party) {
        known = gdn__map_get(&fold->home_of, key);
    }
    if (known != 0) {
        *index = (uint32_t)(known - 1);
        return GDN_OK;
    }
    enum gdn_err err =
        make_room(fold, &fold->homes, fold->home_count, &fold->home_capacity, sizeof *fold->homes);
    if (err != GDN_OK) return err;
    if (*first == 0) {
        *first = (uint32_t)fold->home_count + 1;
    } else if (!gdn__map_put(&fold->home_of, key, fold->home_count + 1)) {
        return GDN_ERR_MEMORY;
    }
    fold->homes[fold->home_count] = (struct gdn__home){.party = party, .resource = resource};
    *index = (uint32_t)fold->home_count++;
    return GDN_OK;
}

static enum gdn_err add_hold(struct gdn__fold *fold, const struct gdn__hold *hold)
{
    enum gdn_err err =
        make_room(fold, &fold->holds, fold->hold_count, &fold->hold_capacity, sizeof *fold->holds);
    if (err == GDN_OK) fold->holds[fold->hold_count++] = *hold;
    return err;
}

static enum gdn_err take_holder(struct gdn__fold *fold, uint32_t home,
                                const struct gdn_cut_holder *holder)
{
    uint32_t party = fold->homes[home].party;
    uint32_t issuer = fold->mail.party[holder->issuer];
    if (gdn__mail_ends_ticket(&fold->mail, party, holder->process, issuer, holder->ticket, 0) ||
        gdn__mail_drops_hold(&fold->mail, party, fold->homes[home].resource, holder)) {
        return GDN_OK;
    }
    struct gdn__hold hold = {.process = holder->process,
                             .issuer = issuer,
                             .home = home,
                             .units = holder->units,
                             .branch_id = holder->branch_id,
                             .mode = holder->mode,
                             .brief = holder->brief,
                             .uncertain = !gdn__mail_is_certain(&fold->mail, issuer, party)};
    return add_hold(fold, &hold);
}

/* A queue entry whose issuer does not list its waits is the only word of that wait. */
static enum gdn_err believe_home(struct gdn__fold *fold, const struct gdn__place *place)
{
    const struct gdn__home *home = &fold->homes[place->home];
    struct gdn__wait wait = {.process = place->process,
                             .issuer = place->issuer,
                             .number = place->number,
                             .waited_us = place->waited_us,
                             .home = home->party,
                             .resource = home->resource,
                             .node = GDN_NONE,
                             .branch_id = place->branch_id,
                             .mode = place->mode};
    fold->waiting[place->process] = true;
    return add_wait(fold, &wait);
}

static enum gdn_err add_place(struct gdn__fold *fold, struct gdn__place *place)
{
    struct gdn__key key = gdn__pair(place->issuer, 0, place->number);
    if (!gdn__mail_report(&fold->mail, place->issuer)->waits_listed &&
        gdn__map_get(&fold->wait_of, key) == 0) {
        enum gdn_err err = believe_home(fold, place);
        if (err != GDN_OK) return err;
    }
    place->wait = (uint32_t)gdn__map_get(&fold->wait_of, key);
    enum gdn_err err = make_room(fold, &fold->places, fold->place_count, &fold->place_capacity,
                                 sizeof *fold->places);
    if (err == GDN_OK) fold->places[fold->place_count++] = *place;
    return err;
}

/* It may have been given up unseen, so it is no place; but it may be granted, and cover what else
 * its process asks for here. */
static enum gdn_err add_uncertain(struct gdn__fold *fold, const struct gdn__place *place)
{
    struct gdn__hold hold = {.process = place->process,
                             .issuer = place->issuer,
                             .home = place->home,
                             .mode = place->mode,
                             .uncertain = true,
                             .queued = true};
    return add_hold(fold, &hold);
}

static enum gdn_err take_entry(struct gdn__fold *fold, uint32_t home,
                               const struct gdn_cut_entry *entry)
{
    uint32_t party = fold->homes[home].party;
    struct gdn__place place = {.process = entry->process,
                               .issuer = fold->mail.party[entry->issuer],
                               .number = entry->ticket,
                               .waited_us = entry->waited_us,
                               .home = home,
                               .units = entry->units,
                               .branch_id = entry->branch_id,
                               .flags = entry->brief ? GDN_REQUEST_BRIEF : 0,
                               .mode = entry->mode};
    if (gdn__mail_ends_ticket(&fold->mail, party, place.process, place.issuer, place.number, 0)) {
        return GDN_OK;
    }
    if (!gdn__mail_is_certain(&fold->mail, place.issuer, party)) {
        const struct gdn_cut_node *issuer = gdn__mail_report(&fold->mail, place.issuer);
        if (issuer == NULL || !issuer->waits_listed) fold->waiting[place.process] = true;
        return add_uncertain(fold, &place);
    }
    return add_place(fold, &place);
}

static enum gdn_err take_homes(struct gdn__fold *fold, const struct gdn_cut_node *node)
{
    for (size_t h = 0; h < node->home_count; h++) {
        const struct gdn_cut_home *listed = &node->homes[h];
        uint32_t home;
        enum gdn_err err = open_home(fold, fold->mail.party[node->party], listed->resource, &home);
        if (err != GDN_OK) return err;
        fold->homes[home].unordered |= listed->unordered;
        fold->homes[home].capacity = listed->capacity;
        for (size_t i = 0; err == GDN_OK && i < listed->holder_count; i++) {
            err = take_holder(fold, home, &node->holders[listed->holder_first + i]);
        }
        for (size_t i = 0; err == GDN_OK && i < listed->entry_count; i++) {
            err = take_entry(fold, home, &node->queue[listed->entry_first + i]);
        }
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

/* ---- Requests in flight ---- */

/* What the home will do with so many units: of a pool none means one. False: it refuses. */
static bool admit_units(const struct gdn__home *home, uint32_t *units)
{
    if (home->capacity != 0 && *units == 0) *units = 1;
    return *units <= home->capacity;
}

/* A request that does not wait is granted or refused on arrival; until then it blocks nobody. */
static enum gdn_err take_request(struct gdn__fold *fold, struct gdn__place *place, uint32_t party,
                                 uint32_t resource, size_t position)
{
    if ((place->flags & GDN_REQUEST_NO_WAIT) != 0) return GDN_OK;
    if (gdn__mail_ends_ticket(&fold->mail, party, place->process, place->issuer, place->number,
                              position)) {
        return GDN_OK;
    }
    enum gdn_err err = open_home(fold, party, resource, &place->home);
    if (err == GDN_OK && !gdn__mail_is_certain(&fold->mail, place->issuer, party)) {
        return add_uncertain(fold, place);
    }
    if (err != GDN_OK || !admit_units(&fold->homes[place->home], &place->units)) return err;
    return add_place(fold, place);
}

static enum gdn_err take_requests(struct gdn__fold *fold, const struct gdn_cut_node *node)
{
    for (size_t c = 0; c < node->channel_count; c++) {
        const struct gdn_cut_channel *channel = &node->channels[c];
        if (!channel->incoming) continue;
        for (size_t i = 0; i < channel->message_count; i++) {
            const struct gdn_cut_message *message = &node->messages[channel->message_first + i];
            if (message->verb != GDN_VERB_REQUEST) continue;
            struct gdn__place place = {.process = message->process,
                                       .issuer = fold->mail.party[channel->peer],
                                       .number = message->ticket,
                                       .channel = (uint32_t)c + 1,
                                       .units = message->units,
                                       .branch_id = message->branch_id,
                                       .mode = message->mode,
                                       .flags = message->flags};
            enum gdn_err err =
                take_request(fold, &place, fold->mail.party[node->party], message->resource, i + 1);
            if (err != GDN_OK) return err;
        }
    }
    return GDN_OK;
}

/* ---- Grouping by home ----
 *
 * What was recorded stands home by home already; requests in flight come behind all of it. */

static enum gdn_err group_holds(struct gdn__fold *fold)
{
    bool grouped = true;
    uint32_t first = 0;
    for (size_t i = 0; i < fold->hold_count; i++) {
        fold->homes[fold->holds[i].home].hold_count++;
        grouped &= i == 0 || fold->holds[i - 1].home <= fold->holds[i].home;
    }
    for (size_t h = 0; h < fold->home_count; h++) {
        fold->homes[h].hold_first = first;
        first += fold->homes[h].hold_count;
    }
    if (grouped) return GDN_OK;

    struct gdn__hold *sorted = gdn__alloc(&fold->cut->allocator, fold->hold_count * sizeof *sorted);
    if (sorted == NULL) return GDN_ERR_MEMORY;
    for (size_t h = 0; h < fold->home_count; h++) fold->homes[h].hold_count = 0;
    for (size_t i = 0; i < fold->hold_count; i++) {
        struct gdn__home *home = &fold->homes[fold->holds[i].home];
        sorted[home->hold_first + home->hold_count++] = fold->holds[i];
    }
    gdn__free(&fold->cut->allocator, fold->holds);
    fold->holds = sorted;
    fold->hold_capacity = fold->hold_count;
    return GDN_OK;
}

static enum gdn_err group_places(struct gdn__fold *fold)
{
    bool grouped = true;
    uint32_t first = 0;
    for (size_t i = 0; i < fold->place_count; i++) {
        fold->homes[fold->places[i].home].place_count++;
        grouped &= i == 0 || fold->places[i - 1].home <= fold->places[i].home;
    }
    for (size_t h = 0; h < fold->home_count; h++) {
        fold->homes[h].place_first = first;
        first += fold->homes[h].place_count;
    }
    if (grouped) return GDN_OK;

    struct gdn__place *sorted =
        gdn__alloc(&fold->cut->allocator, fold->place_count * sizeof *sorted);
    if (sorted == NULL) return GDN_ERR_MEMORY;
    for (size_t h = 0; h < fold->home_count; h++) fold->homes[h].place_count = 0;
    for (size_t i = 0; i < fold->place_count; i++) {
        struct gdn__home *home = &fold->homes[fold->places[i].home];
        sorted[home->place_first + home->place_count++] = fold->places[i];
    }
    gdn__free(&fold->cut->allocator, fold->places);
    fold->places = sorted;
    fold->place_capacity = fold->place_count;
    return GDN_OK;
}

/* From the last to the first, so that each wait's list begins with its first place. */
static void link_places(struct gdn__fold *fold)
{
    for (uint32_t i = (uint32_t)fold->place_count; i-- > 0;) {
        struct gdn__place *place = &fold->places[i];
        if (place->wait == 0) continue;
        struct gdn__wait *wait = &fold->waits[place->wait - 1];
        place->next = wait->place;
        wait->place = i + 1;
    }
}

const struct gdn__place *gdn__fold_place(const struct gdn__fold *fold, const struct gdn__wait *wait,
                                         uint32_t party, uint32_t resource)
{
    for (size_t at = wait->place; at != 0; at = fold->places[at - 1].next) {
        const struct gdn__place *place = &fold->places[at - 1];
        const struct gdn__home *home = &fold->homes[place->home];
        if (home->resource != resource) continue;
        if (party == GDN_NONE || home->party == party) return place;
    }
    return NULL;
}

/* ---- Life ---- */

/* Room for all there can be: growing from small would cost more than all the rest. */
static enum gdn_err reserve(struct gdn__fold *fold)
{
    const gdn_cut *cut = fold->cut;
    size_t waits = 0, homes = 0, holds = 0, places = 0;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        waits += node->waits_listed ? node->wait_count : node->entry_count;
        homes += node->home_count;
        holds += node->holder_count;
        places += node->entry_count;
        if (node->need_count > TABLE_MAX) return GDN_ERR_LIMIT;
    }
    if (waits > TABLE_MAX || homes > TABLE_MAX || holds > TABLE_MAX || places > TABLE_MAX) {
        return GDN_ERR_LIMIT;
    }
    const struct gdn_allocator *memory = &cut->allocator;
    fold->waits = gdn__alloc(memory, waits * sizeof *fold->waits);
    fold->homes = gdn__alloc(memory, homes * sizeof *fold->homes);
    fold->holds = gdn__alloc(memory, holds * sizeof *fold->holds);
    fold->places = gdn__alloc(memory, places * sizeof *fold->places);
    fold->first_home = gdn__calloc(memory, cut->resource_count * sizeof *fold->first_home);
    if (fold->waits == NULL || fold->homes == NULL || fold->holds == NULL || fold->places == NULL ||
        fold->first_home == NULL || !gdn__map_reserve(&fold->wait_of, waits)) {
        return GDN_ERR_MEMORY;
    }
    fold->wait_capacity = waits;
    fold->home_capacity = homes;
    fold->hold_capacity = holds;
    fold->place_capacity = places;
    return GDN_OK;
}

/* They take much, and nobody asks them again. */
static void forget_indexes(struct gdn__fold *fold)
{
    gdn__map_fini(&fold->wait_of);
    gdn__map_fini(&fold->home_of);
    gdn__free(&fold->cut->allocator, fold->first_home);
    fold->first_home = NULL;
}

enum gdn_err gdn__fold_init(struct gdn__fold *fold, const gdn_cut *cut)
{
    *fold = (struct gdn__fold){.cut = cut};
    gdn__map_init(&fold->wait_of, &cut->allocator);
    gdn__map_init(&fold->home_of, &cut->allocator);
    enum gdn_err err = gdn__mail_init(&fold->mail, cut);
    fold->waiting = gdn__calloc(&cut->allocator, cut->process_count * sizeof *fold->waiting);
    if (fold->waiting == NULL) err = GDN_ERR_MEMORY;
    if (err == GDN_OK) err = reserve(fold);

    for (uint32_t n = 0; err == GDN_OK && n < cut->node_count; n++) err = take_waits(fold, n);
    for (uint32_t n = 0; err == GDN_OK && n < cut->node_count; n++) {
        err = take_homes(fold, &cut->nodes[n]);
    }
    for (uint32_t n = 0; err == GDN_OK && n < cut->node_count; n++) {
        err = take_requests(fold, &cut->nodes[n]);
    }
    if (err == GDN_OK) err = group_holds(fold);
    if (err == GDN_OK) err = group_places(fold);
    if (err == GDN_OK) link_places(fold);
    forget_indexes(fold);
    return err;
}

void gdn__fold_fini(struct gdn__fold *fold)
{
    const struct gdn_allocator *memory = &fold->cut->allocator;
    forget_indexes(fold);
    gdn__mail_fini(&fold->mail);
    gdn__free(memory, fold->waits);
    gdn__free(memory, fold->homes);
    gdn__free(memory, fold->holds);
    gdn__free(memory, fold->places);
    gdn__free(memory, fold->waiting);
}
