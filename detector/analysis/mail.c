/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/mail.h"

#include "src/core/mem.h"

/* ---- Gathering ---- */

static bool note(struct gdn__mail *mail, enum gdn__fact fact, struct gdn__key key)
{
    return gdn__map_put(&mail->facts[fact], key, 1);
}

static bool count(struct gdn__mail *mail, enum gdn__fact fact, struct gdn__key key)
{
    return gdn__map_put(&mail->facts[fact], key, gdn__map_get(&mail->facts[fact], key) + 1);
}

/* A direction between two parties, and the place of the message in it. */
struct route {
    uint32_t from, to;
    size_t place; /* From 1. */
};

static bool note_given_up(struct gdn__mail *mail, const struct route *route,
                          const struct gdn_cut_message *message)
{
    struct gdn__key pair = gdn__pair(message->process, message->resource, 0);
    if (!note(mail, GDN__FACT_GIVEN_BACK, pair)) return false;
    if (message->ticket != 0) {
        return note(mail, GDN__FACT_ENDED, gdn__pair(route->from, route->to, message->ticket));
    }
    pair.b = (uint64_t)route->to << 32 | route->from;
    return message->verb != GDN_VERB_RELEASE || note(mail, GDN__FACT_DROPPED, pair);
}

static bool note_end(struct gdn__mail *mail, const struct route *route, uint32_t process)
{
    return note(mail, GDN__FACT_GIVEN_BACK, gdn__pair(process, GDN_NONE, 0)) &&
           gdn__map_put(&mail->facts[GDN__FACT_END], gdn__pair(process, route->from, route->to),
                        route->place);
}

static bool note_served(struct gdn__mail *mail, const struct route *route,
                        const struct gdn_cut_message *message)
{
    if (message->ticket != 0) {
        return note(mail, GDN__FACT_SERVED, gdn__pair(route->to, 0, message->ticket));
    }
    return note(mail, GDN__FACT_SERVED_ANY,
                gdn__pair(route->to, message->process, message->resource));
}

static bool note_wake(struct gdn__mail *mail, const struct route *route,
                      const struct gdn_cut_message *message)
{
    if (message->by == GDN_NONE) return note_served(mail, route, message);
    if (message->ticket == 0) {
        return count(mail, GDN__FACT_WOKEN_ANY,
                     gdn__pair(route->to, message->by, message->process));
    }
    return note(mail, GDN__FACT_NAMED, gdn__pair(route->to, 0, message->ticket)) &&
           count(mail, GDN__FACT_WOKEN, gdn__pair(route->to, message->by, message->ticket));
}

static bool note_message(struct gdn__mail *mail, const struct route *route,
                         const struct gdn_cut_message *message)
{
    switch (message->verb) {
    case GDN_VERB_REQUEST:
        return true; /* It joins the queue: see the fold. */
    case GDN_VERB_GRANT:
        return note_served(mail, route, message);
    case GDN_VERB_RELEASE:
    case GDN_VERB_CANCEL:
        return note_given_up(mail, route, message);
    case GDN_VERB_END:
        return note_end(mail, route, message->process);
    case GDN_VERB_WAKE:
        return note_wake(mail, route, message);
    }
    return true;
}

static bool read_channel(struct gdn__mail *mail, const struct gdn_cut_node *node,
                         const struct gdn_cut_channel *channel)
{
    if (!channel->incoming) return true;
    struct route route = {mail->party[channel->peer], mail->party[node->party], 0};
    if (channel->open) {
        mail->any_open = true;
        mail->hears_more[node - mail->cut->nodes] = true;
        if (!note(mail, GDN__FACT_OPEN, gdn__pair(route.from, route.to, 0))) return false;
    }
    for (size_t i = 0; i < channel->message_count; i++) {
        route.place = i + 1;
        if (!note_message(mail, &route, &node->messages[channel->message_first + i])) return false;
    }
    return true;
}

static bool read_channels(struct gdn__mail *mail)
{
    for (size_t n = 0; n < mail->cut->node_count; n++) {
        const struct gdn_cut_node *node = &mail->cut->nodes[n];
        for (size_t i = 0; i < node->channel_count; i++) {
            if (!read_channel(mail, node, &node->channels[i])) return false;
        }
    }
    return true;
}

/* ---- Parties ---- */

static bool name_parties(struct gdn__mail *mail)
{
    const gdn_cut *cut = mail->cut;
    struct gdn__map *reporting = &mail->facts[GDN__FACT_REPORTING];
    for (size_t i = 0; i < cut->node_count; i++) {
        uint32_t party = cut->nodes[i].party;
        struct gdn__key key = gdn__key_of_id(cut->parties[party].id.id);
        if (!gdn__map_put(reporting, key, (uintptr_t)party + 1)) return false;
    }
    for (uint32_t i = 0; i < cut->party_count; i++) {
        const struct gdn_cut_party *party = &cut->parties[i];
        mail->party[i] = i;
        if (party->node != GDN_NONE || party->incarnation != 0) continue;
        uintptr_t known = gdn__map_get(reporting, gdn__key_of_id(party->id.id));
        if (known != 0) mail->party[i] = (uint32_t)(known - 1);
    }
    return true;
}

/* ---- Releases without a ticket ---- */

static struct gdn__key drop_key(uint32_t process, uint32_t resource, uint32_t home, uint32_t issuer)
{
    return gdn__pair(process, resource, (uint64_t)home << 32 | issuer);
}

/* Value 2 marks a release that found a hold of its own sender. */
static void match_drops(struct gdn__mail *mail)
{
    struct gdn__map *drops = &mail->facts[GDN__FACT_DROPPED];
    for (size_t n = 0; n < mail->cut->node_count; n++) {
        const struct gdn_cut_node *node = &mail->cut->nodes[n];
        for (size_t h = 0; h < node->home_count; h++) {
            const struct gdn_cut_home *home = &node->homes[h];
            for (size_t i = 0; i < home->holder_count; i++) {
                const struct gdn_cut_holder *holder = &node->holders[home->holder_first + i];
                struct gdn__key key =
                    drop_key(holder->process, home->resource, mail->party[node->party],
                             mail->party[holder->issuer]);
                if (gdn__map_get(drops, key) == 0) continue;
                bool fits = gdn__map_put(drops, key, 2); /* The key is there: no room needed. */
                (void)fits;
            }
        }
    }
}

/* A release whose sender issued no hold there drops that process's holds of any issuer. */
static bool widen_drops(struct gdn__mail *mail)
{
    struct gdn__map *drops = &mail->facts[GDN__FACT_DROPPED];
    if (drops->used == 0) return true;
    if (!gdn__map_reserve(drops, drops->used + 1)) return false;
    match_drops(mail);

    struct gdn__map wide;
    gdn__map_init(&wide, &mail->cut->allocator);
    size_t position = 0;
    bool fits = true;
    for (const struct gdn__map_slot *slot; (slot = gdn__map_each(drops, &position)) != NULL;) {
        struct gdn__key key = {slot->key.a, slot->key.b | UINT32_MAX};
        if (slot->value == 1) fits = fits && gdn__map_put(&wide, key, 1);
    }
    position = 0;
    for (const struct gdn__map_slot *slot; (slot = gdn__map_each(&wide, &position)) != NULL;) {
        fits = fits && gdn__map_put(drops, slot->key, 1);
    }
    gdn__map_fini(&wide);
    return fits;
}

/* ---- Life ---- */

enum gdn_err gdn__mail_init(struct gdn__mail *mail, const gdn_cut *cut)
{
    *mail = (struct gdn__mail){.cut = cut};
    for (int i = 0; i < GDN__FACT_COUNT; i++) gdn__map_init(&mail->facts[i], &cut->allocator);
    mail->party = gdn__calloc(&cut->allocator, cut->party_count * sizeof *mail->party);
    mail->hears_more = gdn__calloc(&cut->allocator, cut->node_count * sizeof *mail->hears_more);
    if (mail->party == NULL || mail->hears_more == NULL) return GDN_ERR_MEMORY;
    if (!name_parties(mail) || !read_channels(mail) || !widen_drops(mail)) return GDN_ERR_MEMORY;
    mail->complete = cut->missing_count == 0 && !mail->any_open;
    for (size_t n = 0; n < cut->node_count && !mail->complete; n++) {
        if (cut->nodes[n].given_up_by_others) mail->hears_more[n] = true;
    }
    return GDN_OK;
}

void gdn__mail_fini(struct gdn__mail *mail)
{
    for (int i = 0; i < GDN__FACT_COUNT; i++) gdn__map_fini(&mail->facts[i]);
    gdn__free(&mail->cut->allocator, mail->party);
    gdn__free(&mail->cut->allocator, mail->hears_more);
}

/* ---- Asking ---- */

const struct gdn_cut_node *gdn__mail_report(const struct gdn__mail *mail, uint32_t party)
{
    uint32_t node = mail->cut->parties[party].node;
    return node == GDN_NONE ? NULL : &mail->cut->nodes[node];
}

/* A manager that lets others give up its tickets declares it (RULES 10). */
static bool may_be_given_up_by_others(const struct gdn__mail *mail, uint32_t party)
{
    const struct gdn_cut_node *report = gdn__mail_report(mail, party);
    return report != NULL && report->given_up_by_others && !mail->complete;
}

bool gdn__mail_is_certain(const struct gdn__mail *mail, uint32_t issuer, uint32_t home)
{
    if (may_be_given_up_by_others(mail, issuer) || may_be_given_up_by_others(mail, home)) {
        return false;
    }
    return gdn__mail_report(mail, issuer) != NULL &&
           gdn__mail_says(mail, GDN__FACT_OPEN, gdn__pair(issuer, home, 0)) == 0;
}

bool gdn__mail_ends_wait(const struct gdn__mail *mail, uint32_t issuer,
                         const struct gdn_cut_wait *wait)
{
    struct gdn__key ticket = gdn__pair(issuer, 0, wait->ticket);
    if (gdn__mail_says(mail, GDN__FACT_SERVED, ticket) != 0) return true;
    bool is_lock = wait->resource != GDN_NONE;
    if (is_lock && gdn__mail_says(mail, GDN__FACT_NAMED, ticket) != 0) return true;
    struct gdn__key any = gdn__pair(issuer, wait->process, wait->resource);
    return gdn__mail_says(mail, GDN__FACT_SERVED_ANY, any) != 0;
}

bool gdn__mail_ends_ticket(const struct gdn__mail *mail, uint32_t home, uint32_t process,
                           uint32_t issuer, uint64_t ticket, size_t place)
{
    if (gdn__mail_says(mail, GDN__FACT_ENDED, gdn__pair(issuer, home, ticket)) != 0) return true;
    return gdn__mail_says(mail, GDN__FACT_END, gdn__pair(process, issuer, home)) > place;
}

bool gdn__mail_drops_hold(const struct gdn__mail *mail, uint32_t home, uint32_t resource,
                          const struct gdn_cut_holder *holder)
{
    uint32_t issuer = mail->party[holder->issuer];
    struct gdn__key exact = drop_key(holder->process, resource, home, issuer);
    struct gdn__key any = drop_key(holder->process, resource, home, GDN_NONE);
    return gdn__mail_says(mail, GDN__FACT_DROPPED, exact) != 0 ||
           gdn__mail_says(mail, GDN__FACT_DROPPED, any) != 0;
}

size_t gdn__mail_wakes(const struct gdn__mail *mail, uint32_t issuer, uint32_t process,
                       uint64_t ticket, uint32_t by)
{
    return gdn__mail_says(mail, GDN__FACT_WOKEN, gdn__pair(issuer, by, ticket)) +
           gdn__mail_says(mail, GDN__FACT_WOKEN_ANY, gdn__pair(issuer, by, process));
}

bool gdn__mail_gives_back(const struct gdn__mail *mail, uint32_t process, uint32_t resource)
{
    return gdn__mail_says(mail, GDN__FACT_GIVEN_BACK, gdn__pair(process, resource, 0)) != 0 ||
           gdn__mail_says(mail, GDN__FACT_GIVEN_BACK, gdn__pair(process, GDN_NONE, 0)) != 0;
}
