/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/diff.h"

#include "detector/analysis/asked.h"
#include "detector/analysis/mail.h"
#include "src/core/mem.h"
#include <stdlib.h>
#include <string.h>

/* A ticket of a deadlock. */
struct owned {
    const char *node;
    uint64_t incarnation, number;
    size_t deadlock;
};

typedef int compare_entries(const void *, const void *);

/* ---- Orders ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_names(const char *node_a, uint64_t incarnation_a, uint64_t number_a,
                         const char *node_b, uint64_t incarnation_b, uint64_t number_b)
{
    int order = strcmp(node_a, node_b);
    if (order == 0) order = compare_numbers(incarnation_a, incarnation_b);
    return order != 0 ? order : compare_numbers(number_a, number_b);
}

static int compare_tickets(const void *a, const void *b)
{
    const struct gdn__diff_ticket *x = a, *y = b;
    return compare_names(x->node, x->incarnation, x->number, y->node, y->incarnation, y->number);
}

/* One ticket may hold several resources. */
static int compare_places(const void *a, const void *b)
{
    const struct gdn__diff_ticket *x = a, *y = b;
    int order = compare_tickets(a, b);
    if (order == 0) order = strcmp(x->home, y->home);
    return order != 0 ? order : gdn_id_compare(x->resource_id, y->resource_id);
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(((const struct gdn__diff_node *)a)->name,
                  ((const struct gdn__diff_node *)b)->name);
}

static int compare_owned(const void *a, const void *b)
{
    const struct owned *x = a, *y = b;
    return compare_names(x->node, x->incarnation, x->number, y->node, y->incarnation, y->number);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct gdn__diff_pair *x = a, *y = b;
    int order = compare_numbers(x->to, y->to);
    return order != 0 ? order : compare_numbers(x->from, y->from);
}

/* ---- One side ---- */

static bool add_ticket(const gdn_cut *cut, struct gdn__diff_ticket **tickets, size_t *count,
                       size_t *capacity, const struct gdn__diff_ticket *ticket)
{
    if (!gdn__grow(&cut->allocator, tickets, *count, capacity, sizeof **tickets)) return false;
    (*tickets)[(*count)++] = *ticket;
    return true;
}

static struct gdn__diff_ticket ticket_of(const gdn_cut *cut, uint32_t issuer, uint64_t number,
                                         uint32_t process)
{
    return (struct gdn__diff_ticket){.node = cut->parties[issuer].name,
                                     .incarnation = cut->parties[issuer].incarnation,
                                     .number = number,
                                     .home = "",
                                     .process = process,
                                     .resource = GDN_NONE};
}

static void set_place(const gdn_cut *cut, struct gdn__diff_ticket *ticket, uint32_t home,
                      uint32_t resource)
{
    ticket->home = home == GDN_NONE ? "" : cut->parties[home].name;
    ticket->resource = resource;
    if (resource != GDN_NONE) ticket->resource_id = cut->resources[resource].id.id;
}

static bool add_listed(struct gdn__diff_side *side, const struct gdn__mail *mail,
                       const struct gdn__asked *asked, const struct gdn_cut_node *node)
{
    const gdn_cut *cut = mail->cut;
    uint32_t issuer = mail->party[node->party];
    for (size_t i = 0; i < node->wait_count; i++) {
        const struct gdn_cut_wait *wait = &node->waits[i];
        if (gdn__mail_ends_wait(mail, issuer, wait)) continue;
        struct gdn__diff_ticket ticket = ticket_of(cut, issuer, wait->ticket, wait->process);
        uint32_t home = wait->resource != GDN_NONE && wait->home == GDN_NONE ? issuer : wait->home;
        set_place(cut, &ticket, home, wait->resource);
        ticket.waited_us = wait->waited_us;
        ticket.mode = wait->mode;
        ticket.units = gdn__asked_units(asked, issuer, wait->ticket);
        if (!add_ticket(cut, &side->waits, &side->wait_count, &side->wait_capacity, &ticket)) {
            return false;
        }
    }
    return true;
}

/* An entry counts where its issuer does not say what its processes wait for. */
static bool add_entry(struct gdn__diff_side *side, const struct gdn__mail *mail, uint32_t party,
                      uint32_t resource, const struct gdn_cut_entry *entry)
{
    uint32_t issuer = mail->party[entry->issuer];
    const struct gdn_cut_node *report = gdn__mail_report(mail, issuer);
    if (report != NULL && report->waits_listed) return true;
    if (gdn__mail_ends_ticket(mail, party, entry->process, issuer, entry->ticket, 0)) return true;
    struct gdn__diff_ticket ticket = ticket_of(mail->cut, issuer, entry->ticket, entry->process);
    set_place(mail->cut, &ticket, party, resource);
    ticket.waited_us = entry->waited_us;
    ticket.mode = entry->mode;
    ticket.units = entry->units;
    return add_ticket(mail->cut, &side->waits, &side->wait_count, &side->wait_capacity, &ticket);
}

static bool add_holder(struct gdn__diff_side *side, const struct gdn__mail *mail, uint32_t party,
                       uint32_t resource, const struct gdn_cut_holder *holder)
{
    uint32_t issuer = mail->party[holder->issuer];
    if (gdn__mail_ends_ticket(mail, party, holder->process, issuer, holder->ticket, 0) ||
        gdn__mail_drops_hold(mail, party, resource, holder)) {
        return true;
    }
    struct gdn__diff_ticket ticket = ticket_of(mail->cut, issuer, holder->ticket, holder->process);
    set_place(mail->cut, &ticket, party, resource);
    ticket.mode = holder->mode;
    ticket.units = holder->units;
    return add_ticket(mail->cut, &side->holds, &side->hold_count, &side->hold_capacity, &ticket);
}

static bool add_homes(struct gdn__diff_side *side, const struct gdn__mail *mail,
                      const struct gdn_cut_node *node)
{
    uint32_t party = mail->party[node->party];
    for (size_t h = 0; h < node->home_count; h++) {
        const struct gdn_cut_home *home = &node->homes[h];
        for (size_t i = 0; i < home->holder_count; i++) {
            const struct gdn_cut_holder *holder = &node->holders[home->holder_first + i];
            if (!add_holder(side, mail, party, home->resource, holder)) return false;
        }
        for (size_t i = 0; i < home->entry_count; i++) {
            const struct gdn_cut_entry *entry = &node->queue[home->entry_first + i];
            if (!add_entry(side, mail, party, home->resource, entry)) return false;
        }
    }
    return true;
}

static bool add_node(struct gdn__diff_side *side, const gdn_cut *cut,
                     const struct gdn_cut_node *node)
{
    if (!gdn__grow(&cut->allocator, &side->nodes, side->node_count, &side->node_capacity,
                   sizeof *side->nodes)) {
        return false;
    }
    const struct gdn_cut_party *party = &cut->parties[node->party];
    side->nodes[side->node_count++] = (struct gdn__diff_node){party->name, party->incarnation};
    return true;
}

/* Sort, and keep the first of those that are the same. */
static void put_in_order(void *entries, size_t *count, size_t bytes, compare_entries *order,
                         compare_entries *same)
{
    char *at = entries;
    size_t kept = 0;
    if (*count > 1) qsort(entries, *count, bytes, order);
    for (size_t i = 0; i < *count; i++) {
        if (kept > 0 && same(at + (kept - 1) * bytes, at + i * bytes) == 0) continue;
        if (kept != i) memcpy(at + kept * bytes, at + i * bytes, bytes);
        kept++;
    }
    *count = kept;
}

static enum gdn_err gather(struct gdn__diff_side *side, const gdn_verdict *verdict)
{
    const gdn_cut *cut = verdict->cut;
    struct gdn__mail mail;
    struct gdn__asked asked;
    side->verdict = verdict;
    enum gdn_err err = gdn__mail_init(&mail, cut);
    if (!gdn__asked_init(&asked, cut, err == GDN_OK ? mail.party : NULL)) err = GDN_ERR_MEMORY;
    for (size_t n = 0; err == GDN_OK && n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        bool added = add_node(side, cut, node) && add_listed(side, &mail, &asked, node) &&
                     add_homes(side, &mail, node);
        if (!added) err = GDN_ERR_MEMORY;
    }
    gdn__asked_fini(&asked);
    gdn__mail_fini(&mail);
    put_in_order(side->waits, &side->wait_count, sizeof *side->waits, compare_places,
                 compare_tickets);
    put_in_order(side->holds, &side->hold_count, sizeof *side->holds, compare_places,
                 compare_places);
    put_in_order(side->nodes, &side->node_count, sizeof *side->nodes, compare_nodes, compare_nodes);
    return err;
}

/* ---- Both ---- */

static enum gdn_err add_pair(const struct gdn_allocator *memory, struct gdn__diff_pairs *pairs,
                             size_t from, size_t to)
{
    if (!gdn__grow(memory, &pairs->pairs, pairs->count, &pairs->capacity, sizeof *pairs->pairs)) {
        return GDN_ERR_MEMORY;
    }
    pairs->pairs[pairs->count++] = (struct gdn__diff_pair){from, to};
    return GDN_OK;
}

/* Two lists in order, walked side by side. */
static enum gdn_err join(const struct gdn_allocator *memory, const void *from, size_t from_count,
                         const void *to, size_t to_count, size_t bytes, compare_entries *compare,
                         struct gdn__diff_pairs *pairs)
{
    const char *a = from, *b = to;
    enum gdn_err err = GDN_OK;
    for (size_t i = 0, k = 0; err == GDN_OK && (i < from_count || k < to_count);) {
        int order = i == from_count ? 1
                    : k == to_count ? -1
                                    : compare(a + i * bytes, b + k * bytes);
        err = add_pair(memory, pairs, order <= 0 ? i : GDN__DIFF_ABSENT,
                       order >= 0 ? k : GDN__DIFF_ABSENT);
        if (order <= 0) i++;
        if (order >= 0) k++;
    }
    return err;
}

static struct owned *list_owned(const gdn_verdict *verdict, size_t *count)
{
    const gdn_cut *cut = verdict->cut;
    size_t total = 0;
    for (size_t d = 0; d < verdict->deadlock_count; d++) {
        total += verdict->deadlocks[d].ticket_count;
    }
    struct owned *owned = gdn__alloc(&cut->allocator, total * sizeof *owned);
    *count = 0;
    for (size_t d = 0; owned != NULL && d < verdict->deadlock_count; d++) {
        for (size_t i = 0; i < verdict->deadlocks[d].ticket_count; i++) {
            const struct gdn_cut_ticket *ticket = &verdict->deadlocks[d].tickets[i];
            const struct gdn_cut_party *issuer = &cut->parties[ticket->issuer];
            owned[(*count)++] =
                (struct owned){issuer->name, issuer->incarnation, ticket->number, d};
        }
    }
    if (owned != NULL && *count > 1) qsort(owned, *count, sizeof *owned, compare_owned);
    return owned;
}

/* Those that share a ticket, each pair once. */
static enum gdn_err pair_shared(struct gdn__diff *diff, const struct owned *from, size_t from_count,
                                const struct owned *to, size_t to_count)
{
    const struct gdn_allocator *memory = &diff->from.verdict->cut->allocator;
    struct gdn__diff_pairs *pairs = &diff->deadlocks;
    enum gdn_err err = GDN_OK;
    for (size_t i = 0, k = 0; err == GDN_OK && i < from_count && k < to_count;) {
        int order = compare_owned(&from[i], &to[k]);
        if (order == 0) err = add_pair(memory, pairs, from[i].deadlock, to[k].deadlock);
        if (order <= 0) i++;
        if (order >= 0) k++;
    }
    put_in_order(pairs->pairs, &pairs->count, sizeof *pairs->pairs, compare_pairs, compare_pairs);
    return err;
}

/* And those that share none with any. */
static enum gdn_err pair_alone(struct gdn__diff *diff)
{
    const struct gdn_allocator *memory = &diff->from.verdict->cut->allocator;
    struct gdn__diff_pairs *pairs = &diff->deadlocks;
    size_t shared = pairs->count, from_count = diff->from.verdict->deadlock_count;
    size_t to_count = diff->to.verdict->deadlock_count;
    bool *known = gdn__calloc(memory, from_count + to_count + 1);
    enum gdn_err err = known == NULL ? GDN_ERR_MEMORY : GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < shared; i++) {
        known[pairs->pairs[i].from] = known[from_count + pairs->pairs[i].to] = true;
    }
    for (size_t i = 0; err == GDN_OK && i < from_count + to_count; i++) {
        if (known[i]) continue;
        err = i < from_count ? add_pair(memory, pairs, i, GDN__DIFF_ABSENT)
                             : add_pair(memory, pairs, GDN__DIFF_ABSENT, i - from_count);
    }
    gdn__free(memory, known);
    return err;
}

static enum gdn_err join_deadlocks(struct gdn__diff *diff)
{
    size_t from_count, to_count;
    struct owned *from = list_owned(diff->from.verdict, &from_count);
    struct owned *to = list_owned(diff->to.verdict, &to_count);
    enum gdn_err err = from == NULL || to == NULL ? GDN_ERR_MEMORY : GDN_OK;
    if (err == GDN_OK) err = pair_shared(diff, from, from_count, to, to_count);
    if (err == GDN_OK) err = pair_alone(diff);
    gdn__free(&diff->from.verdict->cut->allocator, from);
    gdn__free(&diff->to.verdict->cut->allocator, to);
    return err;
}

enum gdn_err gdn__diff_init(struct gdn__diff *diff, const gdn_verdict *from, const gdn_verdict *to)
{
    const struct gdn_allocator *memory = &from->cut->allocator;
    *diff = (struct gdn__diff){.from.verdict = from, .to.verdict = to};
    enum gdn_err err = gather(&diff->from, from);
    if (err == GDN_OK) err = gather(&diff->to, to);
    const struct gdn__diff_side *a = &diff->from, *b = &diff->to;
    if (err == GDN_OK) {
        err = join(memory, a->nodes, a->node_count, b->nodes, b->node_count, sizeof *a->nodes,
                   compare_nodes, &diff->nodes);
    }
    if (err == GDN_OK) {
        err = join(memory, a->waits, a->wait_count, b->waits, b->wait_count, sizeof *a->waits,
                   compare_tickets, &diff->waits);
    }
    if (err == GDN_OK) {
        err = join(memory, a->holds, a->hold_count, b->holds, b->hold_count, sizeof *a->holds,
                   compare_places, &diff->holds);
    }
    return err == GDN_OK ? join_deadlocks(diff) : err;
}

static void free_side(struct gdn__diff_side *side)
{
    const struct gdn_allocator *memory = &side->verdict->cut->allocator;
    gdn__free(memory, side->waits);
    gdn__free(memory, side->holds);
    gdn__free(memory, side->nodes);
}

void gdn__diff_fini(struct gdn__diff *diff)
{
    const struct gdn_allocator *memory = &diff->from.verdict->cut->allocator;
    gdn__free(memory, diff->waits.pairs);
    gdn__free(memory, diff->holds.pairs);
    gdn__free(memory, diff->nodes.pairs);
    gdn__free(memory, diff->deadlocks.pairs);
    free_side(&diff->from);
    free_side(&diff->to);
}

bool gdn__diff_is_missing(const struct gdn__diff_side *side, const char *node)
{
    const gdn_cut *cut = side->verdict->cut;
    for (size_t i = 0; i < cut->missing_count; i++) {
        if (strcmp(cut->missing[i], node) == 0) return true;
    }
    return false;
}
