/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for the tickets that a hand-written cut leaves out.
 *
 * A wait on a resource is often listed twice, by its requester and at home, and both listings must
 * get the same number. They are matched within (issuer, process, resource, home), each side in the
 * order in which its listings came about:
 *
 *     the requester's side                     the home's side
 *     cancel in flight; wait, need             grant in flight; queue entry; request in flight
 *
 * First, listings with equal explicit numbers belong together. Of the rest the k-th of one side
 * goes with the k-th of the other, where at least one of the two has no number. A hold takes the
 * number of a grant in flight to it, or of a cancel that found nothing else; else it is a ticket
 * of its own, granted before (a wait of the same process there is a conversion). What is then
 * without a number gets the next free one of its issuer, in the order of (process, position).
 * Releases and wakes without a ticket stay so: they mean whatever that process holds, and any
 * ticket. */
#include "jsonload.h"

#include <stdlib.h>
#include <string.h>

enum side {
    SIDE_REQUESTER,
    SIDE_HOME,
    SIDE_HOLD,
    SIDE_OTHER /* Only keeps its explicit number from being given again. */
};

struct listing {
    uint32_t issuer, process, resource, home;
    enum side side;
    uint32_t rank;        /* Of its kind within the side, oldest first. */
    uint64_t number;      /* As the document has it; 0: left out. */
    size_t position;      /* In the order of reading. */
    uint64_t *ticket;     /* Where the number stands in the cut. */
    struct listing *twin; /* Gets that one's number. */
    bool matched;
};

struct numbering {
    const gdn_cut *cut;
    struct listing *listings;
    struct listing **order; /* As many pointers, to be sorted otherwise. */
    size_t count;
};

/* ---- Collecting ---- */

static struct listing listing_of(uint32_t issuer, uint32_t process, uint32_t resource,
                                 uint32_t home)
{
    return (struct listing){
        .issuer = issuer, .process = process, .resource = resource, .home = home};
}

static void list(struct numbering *numbering, enum side side, uint32_t rank, uint64_t *ticket,
                 struct listing where)
{
    where.side = side;
    where.rank = rank;
    where.number = *ticket;
    where.ticket = ticket;
    where.position = numbering->count;
    numbering->listings[numbering->count++] = where;
}

static void list_waits(struct numbering *numbering, struct gdn_cut_node *node)
{
    for (size_t i = 0; i < node->wait_count; i++) {
        struct gdn_cut_wait *wait = &node->waits[i];
        struct listing where = listing_of(node->party, wait->process, wait->resource, wait->home);
        list(numbering, SIDE_REQUESTER, 1, &wait->ticket, where);
        for (size_t k = 0; k < wait->need_count; k++) {
            const struct gdn_cut_need *need = &node->needs[wait->need_first + k];
            if (need->kind != GDN_NEED_RESOURCE) continue;
            where.resource = need->resource;
            where.home = need->home == GDN_NONE ? node->party : need->home;
            list(numbering, SIDE_REQUESTER, 1, &wait->ticket, where);
        }
    }
}

static void list_homes(struct numbering *numbering, struct gdn_cut_node *node)
{
    for (size_t i = 0; i < node->home_count; i++) {
        const struct gdn_cut_home *home = &node->homes[i];
        for (size_t k = 0; k < home->holder_count; k++) {
            struct gdn_cut_holder *holder = &node->holders[home->holder_first + k];
            struct listing where =
                listing_of(holder->issuer, holder->process, home->resource, node->party);
            list(numbering, SIDE_HOLD, 0, &holder->ticket, where);
        }
        for (size_t k = 0; k < home->entry_count; k++) {
            struct gdn_cut_entry *entry = &node->queue[home->entry_first + k];
            struct listing where =
                listing_of(entry->issuer, entry->process, home->resource, node->party);
            list(numbering, SIDE_HOME, 1, &entry->ticket, where);
        }
    }
}

static void list_message(struct numbering *numbering, uint32_t sender, uint32_t receiver,
                         struct gdn_cut_message *message)
{
    struct listing to_home = listing_of(sender, message->process, message->resource, receiver);
    struct listing from_home = listing_of(receiver, message->process, message->resource, sender);
    uint64_t *ticket = &message->ticket;
    switch (message->verb) {
    case GDN_VERB_GRANT:
        list(numbering, SIDE_HOME, 0, ticket, from_home);
        return;
    case GDN_VERB_REQUEST:
        list(numbering, SIDE_HOME, 2, ticket, to_home);
        return;
    case GDN_VERB_CANCEL:
        list(numbering, SIDE_REQUESTER, 0, ticket, to_home);
        return;
    case GDN_VERB_RELEASE:
        list(numbering, SIDE_OTHER, 0, ticket, to_home);
        return;
    case GDN_VERB_WAKE:
        list(numbering, SIDE_OTHER, 0, ticket, from_home);
        return;
    case GDN_VERB_END:
        return;
    }
}

static void list_messages(struct numbering *numbering, struct gdn_cut_node *node)
{
    for (size_t i = 0; i < node->channel_count; i++) {
        const struct gdn_cut_channel *channel = &node->channels[i];
        for (size_t k = 0; k < channel->message_count; k++) {
            struct gdn_cut_message *message = &node->messages[channel->message_first + k];
            list_message(numbering, channel->peer, node->party, message);
        }
    }
}

/* ---- Matching ---- */

static int order_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By group and side; then those with a number by number, the others from oldest to youngest. */
static int compare_listings(const void *a, const void *b)
{
    const struct listing *x = a, *y = b;
    int order = order_numbers(x->issuer, y->issuer);
    if (order == 0) order = order_numbers(x->process, y->process);
    if (order == 0) order = order_numbers(x->resource, y->resource);
    if (order == 0) order = order_numbers(x->home, y->home);
    if (order == 0) order = order_numbers(x->side, y->side);
    if (order == 0) order = order_numbers(x->number == 0, y->number == 0);
    if (order == 0) order = order_numbers(x->number, y->number);
    if (order == 0) order = order_numbers(x->rank, y->rank);
    return order != 0 ? order : order_numbers(x->position, y->position);
}

static bool same_group(const struct listing *x, const struct listing *y)
{
    return x->issuer == y->issuer && x->process == y->process && x->resource == y->resource &&
           x->home == y->home;
}

/* Some of the listings of one side of a group, in order. */
struct range {
    struct listing *first;
    size_t count;
    uint32_t rank_least, rank_most; /* Only these kinds. */
};

static bool in_range(const struct range *range, size_t i)
{
    const struct listing *listing = &range->first[i];
    return !listing->matched && listing->rank >= range->rank_least &&
           listing->rank <= range->rank_most;
}

/* Both sides have their numbered ones first, ascending. */
static void match_equal(const struct range *a, const struct range *b)
{
    size_t i = 0, k = 0;
    while (i < a->count && k < b->count) {
        uint64_t left = a->first[i].number, right = b->first[k].number;
        if (left == 0 || right == 0) return;
        if (left == right && in_range(a, i) && in_range(b, k)) {
            a->first[i].matched = b->first[k].matched = true;
        }
        if (left <= right) i++;
        if (left >= right) k++;
    }
}

/* Matches in order those of @p a that have a number, or have none, with such of @p b. */
static void match_in_order(const struct range *a, bool a_numbered, const struct range *b,
                           bool b_numbered)
{
    size_t k = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct listing *left = &a->first[i];
        if (!in_range(a, i) || (*left->ticket != 0) != a_numbered) continue;
        while (k < b->count && (!in_range(b, k) || (*b->first[k].ticket != 0) != b_numbered)) k++;
        if (k == b->count) return;
        struct listing *right = &b->first[k];
        left->matched = right->matched = true;
        if (a_numbered) {
            *right->ticket = *left->ticket;
        } else if (b_numbered) {
            *left->ticket = *right->ticket;
        } else {
            right->twin = left;
        }
    }
}

static void match(const struct range *a, const struct range *b)
{
    match_equal(a, b);
    match_in_order(a, false, b, true);
    match_in_order(a, true, b, false);
    match_in_order(a, false, b, false);
}

static struct range side_of(struct listing *group, size_t count, enum side side)
{
    size_t first = 0, end = count;
    while (first < count && group[first].side < side) first++;
    for (end = first; end < count && group[end].side == side;) end++;
    return (struct range){&group[first], end - first, 0, UINT32_MAX};
}

static void match_group(struct listing *group, size_t count)
{
    struct range requester = side_of(group, count, SIDE_REQUESTER);
    struct range home = side_of(group, count, SIDE_HOME);
    struct range holds = side_of(group, count, SIDE_HOLD);
    match(&requester, &home);

    struct range grants = home;
    grants.rank_most = 0;
    for (size_t i = 0; i < home.count; i++) home.first[i].matched &= home.first[i].rank != 0;
    match(&grants, &holds);

    struct range cancels = requester;
    cancels.rank_most = 0;
    match(&cancels, &holds);
}

static void match_all(struct numbering *numbering)
{
    qsort(numbering->listings, numbering->count, sizeof *numbering->listings, compare_listings);
    for (size_t first = 0, end; first < numbering->count; first = end) {
        for (end = first + 1; end < numbering->count; end++) {
            if (!same_group(&numbering->listings[first], &numbering->listings[end])) break;
        }
        match_group(&numbering->listings[first], end - first);
    }
}

/* ---- Fresh numbers ---- */

static int compare_processes(const gdn_cut *cut, uint32_t a, uint32_t b)
{
    const struct gdn_cut_process *x = &cut->processes[a], *y = &cut->processes[b];
    if (x->name != NULL && y->name != NULL) return strcmp(x->name, y->name);
    if (x->name != NULL || y->name != NULL) return x->name != NULL ? -1 : 1;
    return gdn_id_compare(x->id.id, y->id.id);
}

/* By issuer: the numbers that are taken, ascending; then those to be numbered, in order. */
static int compare_for_numbering(const void *a, const void *b, void *context)
{
    const struct listing *x = *(struct listing *const *)a, *y = *(struct listing *const *)b;
    int order = order_numbers(x->issuer, y->issuer);
    if (order == 0) order = order_numbers(*x->ticket == 0, *y->ticket == 0);
    if (order == 0) order = order_numbers(*x->ticket, *y->ticket);
    if (order == 0) order = compare_processes(context, x->process, y->process);
    return order != 0 ? order : order_numbers(x->position, y->position);
}

/* Number the listings of one issuer that have none; the taken numbers stand before them. */
static void number_issuer(struct listing **order, size_t count)
{
    size_t taken = 0, taken_count = 0;
    while (taken_count < count && *order[taken_count]->ticket != 0) taken_count++;
    uint64_t next = 1;
    for (size_t i = taken_count; i < count; i++) {
        struct listing *listing = order[i];
        bool wants = *listing->ticket == 0 && listing->twin == NULL && listing->side != SIDE_OTHER;
        if (!wants) continue; /* Or a need of a wait that has just been numbered. */
        for (; taken < taken_count && *order[taken]->ticket <= next; taken++) {
            if (*order[taken]->ticket == next) next++;
        }
        *listing->ticket = next++;
    }
}

static void number_rest(struct numbering *numbering)
{
    struct listing **order = numbering->order;
    for (size_t i = 0; i < numbering->count; i++) order[i] = &numbering->listings[i];
    qsort_r(order, numbering->count, sizeof(struct listing *), compare_for_numbering,
            (void *)(uintptr_t)numbering->cut);
    for (size_t first = 0, end; first < numbering->count; first = end) {
        for (end = first + 1; end < numbering->count; end++) {
            if (order[first]->issuer != order[end]->issuer) break;
        }
        number_issuer(&order[first], end - first);
    }
    for (size_t i = 0; i < numbering->count; i++) {
        const struct listing *from = &numbering->listings[i];
        while (from->twin != NULL) from = from->twin; /* A hold, its grant, its wait: no more. */
        *numbering->listings[i].ticket = *from->ticket;
    }
}

/* ---- The whole ---- */

static size_t count_listings(const gdn_cut *cut)
{
    size_t count = 0;
    for (size_t i = 0; i < cut->node_count; i++) {
        const struct gdn_cut_node *node = &cut->nodes[i];
        count += node->wait_count + node->need_count + node->holder_count + node->entry_count +
                 node->message_count;
    }
    return count;
}

bool gdn__tickets_number(struct gdn__jsonin *in)
{
    size_t most = count_listings(in->cut);
    struct numbering numbering = {.cut = in->cut};
    numbering.listings = calloc(most + 1, sizeof *numbering.listings);
    numbering.order = calloc(most + 1, sizeof(struct listing *));
    bool room = numbering.listings != NULL && numbering.order != NULL;
    for (size_t i = 0; room && i < in->cut->node_count; i++) {
        struct gdn_cut_node *node = &in->cut->nodes[i];
        list_waits(&numbering, node);
        list_homes(&numbering, node);
        list_messages(&numbering, node);
    }
    if (room) {
        match_all(&numbering);
        number_rest(&numbering);
    }
    free(numbering.listings);
    free(numbering.order);
    return room || gdn__no_memory(in);
}
