/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/rounds/incidents.h"

#include "src/core/map.h"
#include "src/core/mem.h"
#include <stdio.h>
#include <string.h>

struct ticket {
    gdn_node_id issuer;
    uint64_t incarnation;
    uint64_t number;
};

struct record {
    struct gdn__incident shown;
    struct ticket *tickets; /* Of every core that was taken for this incident. */
    size_t ticket_count, ticket_capacity;
    struct gdn__order *orders;
    size_t order_count, order_capacity;
    int64_t answered_us; /* The last answer: older pictures ask for nothing. */
    bool seen;           /* In the round being looked at. */
};

struct gdn__incidents {
    struct gdn_allocator allocator;
    int64_t order_us;
    void (*tell)(void *context, const struct gdn__news *news);
    void *context;
    struct record **records; /* Oldest first. */
    size_t record_count, record_capacity;
    struct gdn__map by_ticket; /* To struct record *. */
    struct gdn__map by_order;  /* Ticket that an order names: to the record that keeps it, which is
                                  another than by_ticket's where two incidents became one. */
};

gdn__incidents *gdn__incidents_new(const struct gdn__incidents_options *options)
{
    gdn__incidents *incidents = gdn__calloc(&options->allocator, sizeof *incidents);
    if (incidents == NULL) return NULL;
    incidents->allocator = options->allocator;
    incidents->order_us = options->order_us > 0 ? options->order_us : GDN__ORDER_US;
    incidents->tell = options->tell;
    incidents->context = options->context;
    gdn__map_init(&incidents->by_ticket, &options->allocator);
    gdn__map_init(&incidents->by_order, &options->allocator);
    return incidents;
}

static void free_record(gdn__incidents *incidents, struct record *record)
{
    for (size_t i = 0; i < record->order_count; i++) {
        gdn__free(&incidents->allocator, record->orders[i].node);
        gdn__free(&incidents->allocator, record->orders[i].shown);
    }
    gdn__free(&incidents->allocator, record->orders);
    gdn__free(&incidents->allocator, record->tickets);
    gdn__free(&incidents->allocator, record);
}

void gdn__incidents_free(gdn__incidents *incidents)
{
    if (incidents == NULL) return;
    struct gdn_allocator allocator = incidents->allocator;
    for (size_t i = 0; i < incidents->record_count; i++) {
        free_record(incidents, incidents->records[i]);
    }
    gdn__map_fini(&incidents->by_ticket);
    gdn__map_fini(&incidents->by_order);
    gdn__free(&allocator, incidents->records);
    gdn__free(&allocator, incidents);
}

static void tell(gdn__incidents *incidents, const struct gdn__news *news)
{
    if (incidents->tell != NULL) incidents->tell(incidents->context, news);
}

/* ---- Tickets ---- */

static struct gdn__key key_of(const struct ticket *ticket)
{
    struct gdn__key key = gdn__key_of_id(ticket->issuer.id);
    key.a ^= ticket->incarnation;
    key.b += ticket->number * UINT64_C(0x9e3779b97f4a7c15);
    return key;
}

static struct ticket ticket_of(const gdn_cut *cut, struct gdn_cut_ticket ticket)
{
    const struct gdn_cut_party *party = &cut->parties[ticket.issuer];
    return (struct ticket){party->id, party->incarnation, ticket.number};
}

static struct ticket ticket_of_order(const struct gdn__order *order)
{
    return (struct ticket){gdn_node_named(order->node), order->incarnation, order->ticket};
}

static struct record *record_of(const gdn__incidents *incidents, const struct ticket *ticket)
{
    return (struct record *)gdn__map_get(&incidents->by_ticket, key_of(ticket));
}

static struct record *record_of_order(const gdn__incidents *incidents, const struct ticket *ticket)
{
    return (struct record *)gdn__map_get(&incidents->by_order, key_of(ticket));
}

/* From now on this ticket means that incident, unless it means an older one. */
static bool add_ticket(gdn__incidents *incidents, struct record *record,
                       const struct ticket *ticket)
{
    if (record_of(incidents, ticket) != NULL) return true;
    if (!gdn__grow(&incidents->allocator, &record->tickets, record->ticket_count,
                   &record->ticket_capacity, sizeof *record->tickets)) {
        return false;
    }
    if (!gdn__map_put(&incidents->by_ticket, key_of(ticket), (uintptr_t)record)) return false;
    record->tickets[record->ticket_count++] = *ticket;
    return true;
}

static bool add_tickets(gdn__incidents *incidents, struct record *record, const gdn_cut *cut,
                        const struct gdn_deadlock *deadlock)
{
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        struct ticket ticket = ticket_of(cut, deadlock->tickets[i]);
        if (!add_ticket(incidents, record, &ticket)) return false;
    }
    return true;
}

static void forget(gdn__incidents *incidents, size_t index)
{
    struct record *record = incidents->records[index];
    for (size_t i = 0; i < record->ticket_count; i++) {
        (void)gdn__map_remove(&incidents->by_ticket, key_of(&record->tickets[i]));
    }
    for (size_t i = 0; i < record->order_count; i++) {
        struct ticket ticket = ticket_of_order(&record->orders[i]);
        (void)gdn__map_remove(&incidents->by_order, key_of(&ticket));
    }
    free_record(incidents, record);
    incidents->record_count--;
    memmove(&incidents->records[index], &incidents->records[index + 1],
            (incidents->record_count - index) * sizeof(struct record *));
}

/* ---- Finding ---- */

/* "T1, T2 and 3 more": as many names as fit whole. */
static void write_who(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock, char *who)
{
    const size_t room_for_more = 24;
    char name[GDN_SHOWN_NAME_BYTES];
    size_t used = 0, shown = 0;
    who[0] = '\0';
    for (; shown < deadlock->member_count; shown++) {
        (void)gdn_verdict_process_name(verdict, deadlock->members[shown], name);
        size_t wanted = strlen(name) + 2;
        if (used + wanted + room_for_more > GDN__INCIDENT_WHO_BYTES) break;
        if (used > 0) {
            memcpy(who + used, ", ", 2);
            used += 2;
        }
        memcpy(who + used, name, strlen(name) + 1);
        used += strlen(name);
    }
    if (shown == deadlock->member_count) return;
    (void)snprintf(who + used, GDN__INCIDENT_WHO_BYTES - used,
                   used == 0 ? "%zu processes" : " and %zu more", deadlock->member_count - shown);
}

static struct record *add_record(gdn__incidents *incidents, const struct gdn__seen *seen,
                                 const struct gdn_deadlock *deadlock, enum gdn_err *err)
{
    *err = GDN_ERR_LIMIT;
    if (incidents->record_count >= GDN__INCIDENTS_MAX) return NULL;
    *err = GDN_ERR_MEMORY;
    if (!gdn__grow(&incidents->allocator, &incidents->records, incidents->record_count,
                   &incidents->record_capacity, sizeof(struct record *))) {
        return NULL;
    }
    struct record *record = gdn__calloc(&incidents->allocator, sizeof *record);
    if (record == NULL) return NULL;
    record->shown.id = deadlock->id;
    record->shown.found_in = seen->round;
    record->shown.found_us = seen->now_us;
    record->shown.found_utc_us = seen->utc_us;
    record->shown.member_count = deadlock->member_count;
    record->answered_us = INT64_MIN;
    write_who(seen->verdict, deadlock, record->shown.who);
    incidents->records[incidents->record_count++] = record;
    if (!add_tickets(incidents, record, seen->verdict->cut, deadlock)) {
        forget(incidents, incidents->record_count - 1);
        return NULL;
    }
    *err = GDN_OK;
    return record;
}

/* The incident that a deadlock continues: the oldest that shares a ticket with it (RULES 15). All
 * that share one are seen. */
static struct record *find_record(gdn__incidents *incidents, const gdn_cut *cut,
                                  const struct gdn_deadlock *deadlock)
{
    struct record *oldest = NULL;
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        struct ticket ticket = ticket_of(cut, deadlock->tickets[i]);
        struct record *record = record_of(incidents, &ticket);
        if (record == NULL) continue;
        record->seen = true;
        if (oldest == NULL || record->shown.found_us < oldest->shown.found_us) oldest = record;
    }
    return oldest;
}

/* ---- Resolving ---- */

static bool names(const struct gdn__order *order, const struct ticket *ticket)
{
    return order->ticket == ticket->number && order->incarnation == ticket->incarnation &&
           gdn_id_equal(gdn_node_named(order->node).id, ticket->issuer.id);
}

/* The order for that ticket; NULL: none was given. */
static struct gdn__order *find_order(const gdn__incidents *incidents, const struct ticket *ticket)
{
    struct record *record = record_of_order(incidents, ticket);
    for (size_t i = 0; record != NULL && i < record->order_count; i++) {
        if (names(&record->orders[i], ticket)) return &record->orders[i];
    }
    return NULL;
}

/* An order for some ticket of the core that forbids asking: unanswered, or answered after this
 * picture was taken. */
static bool must_hold_back(const gdn__incidents *incidents, const struct gdn__seen *seen,
                           const struct gdn_deadlock *deadlock)
{
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        struct ticket ticket = ticket_of(seen->verdict->cut, deadlock->tickets[i]);
        const struct record *record = record_of(incidents, &ticket);
        if (record != NULL && record->answered_us >= seen->started_us) return true;
        record = record_of_order(incidents, &ticket);
        if (record == NULL) continue;
        if (record->answered_us >= seen->started_us) return true;
        if (find_order(incidents, &ticket)->state == GDN__ORDER_ASKED) return true;
    }
    return false;
}

/* The manager does not abort this one: asking again would change nothing. */
static bool was_refused(const gdn__incidents *incidents, const struct ticket *victim)
{
    const struct gdn__order *order = find_order(incidents, victim);
    return order != NULL && order->state == GDN__ORDER_REFUSED;
}

/* A new order, or the one for that ticket again. */
static struct gdn__order *order_for(gdn__incidents *incidents, struct record *record,
                                    const struct ticket *victim, const char *node,
                                    const char *shown)
{
    struct gdn__order *given = find_order(incidents, victim);
    if (given != NULL) return given;
    if (!gdn__grow(&incidents->allocator, &record->orders, record->order_count,
                   &record->order_capacity, sizeof *record->orders)) {
        return NULL;
    }
    struct gdn__order *order = &record->orders[record->order_count];
    *order = (struct gdn__order){.incarnation = victim->incarnation, .ticket = victim->number};
    order->node = gdn__strdup(&incidents->allocator, node);
    order->shown = gdn__strdup(&incidents->allocator, shown);
    if (order->node == NULL || order->shown == NULL ||
        !gdn__map_put(&incidents->by_order, key_of(victim), (uintptr_t)record)) {
        gdn__free(&incidents->allocator, order->node);
        gdn__free(&incidents->allocator, order->shown);
        return NULL;
    }
    record->order_count++;
    return order;
}

static enum gdn_err ask(gdn__incidents *incidents, struct record *record,
                        const struct gdn__seen *seen, const struct gdn_victim *victim)
{
    char shown[GDN_SHOWN_NAME_BYTES];
    const gdn_cut *cut = seen->verdict->cut;
    struct ticket ticket = ticket_of(cut, (struct gdn_cut_ticket){victim->party, victim->ticket});
    if (was_refused(incidents, &ticket)) return GDN_OK;
    (void)gdn_verdict_process_name(seen->verdict, victim->process, shown);
    struct gdn__order *order =
        order_for(incidents, record, &ticket, cut->parties[victim->party].name, shown);
    if (order == NULL) return GDN_ERR_MEMORY;
    record = record_of_order(incidents, &ticket); /* Who keeps it tells of it. */
    order->deadlock = record->shown.id;
    order->process = cut->processes[victim->process].id;
    order->asked_us = seen->now_us;
    order->state = GDN__ORDER_ASKED;
    record->shown.resolving = true;
    record->shown.last = GDN__ORDER_ASKED;
    tell(incidents,
         &(struct gdn__news){.type = GDN__NEWS_ASK, .id = record->shown.id, .order = order});
    return GDN_OK;
}

/* Where an order of service would free the core, its managers get one more round for it. */
static enum gdn_err resolve(gdn__incidents *incidents, struct record *record,
                            const struct gdn__seen *seen, const struct gdn_deadlock *deadlock,
                            bool stands)
{
    enum gdn_err err = GDN_OK;
    if (must_hold_back(incidents, seen, deadlock)) return GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < deadlock->victim_count; i++) {
        err = ask(incidents, record, seen, &deadlock->victims[i]);
    }
    for (size_t i = 0; err == GDN_OK && stands && i < deadlock->otherwise_count; i++) {
        err = ask(incidents, record, seen, &deadlock->otherwise[i]);
    }
    return err;
}

static enum gdn_err see_deadlock(gdn__incidents *incidents, const struct gdn__seen *seen,
                                 size_t index)
{
    enum gdn_err err = GDN_OK;
    const struct gdn_deadlock *deadlock = &seen->verdict->deadlocks[index];
    struct record *record = find_record(incidents, seen->verdict->cut, deadlock);
    bool stands = record != NULL;
    if (!stands) {
        record = add_record(incidents, seen, deadlock, &err);
        if (record == NULL) return err;
        record->seen = true;
        tell(incidents, &(struct gdn__news){
                            .type = GDN__NEWS_FOUND, .id = record->shown.id, .deadlock = index});
    } else if (!add_tickets(incidents, record, seen->verdict->cut, deadlock)) {
        return GDN_ERR_MEMORY;
    }
    return resolve(incidents, record, seen, deadlock, stands);
}

/* ---- Ending ---- */

static bool has_unanswered(const struct record *record)
{
    for (size_t i = 0; i < record->order_count; i++) {
        if (record->orders[i].state == GDN__ORDER_ASKED) return true;
    }
    return false;
}

static void count_rounds(gdn__incidents *incidents, const struct gdn__seen *seen)
{
    for (size_t i = 0; i < incidents->record_count; i++) {
        struct record *record = incidents->records[i];
        if (!record->seen) continue;
        record->shown.rounds++;
        record->shown.seen_in = seen->round;
    }
}

/* What a complete round does not contain is gone, once its orders are answered. */
static void drop_unseen(gdn__incidents *incidents, int64_t now_us)
{
    for (size_t i = incidents->record_count; i-- > 0;) {
        struct record *record = incidents->records[i];
        if (record->seen || has_unanswered(record)) continue;
        tell(incidents, &(struct gdn__news){.type = GDN__NEWS_GONE,
                                            .id = record->shown.id,
                                            .after_us = now_us - record->shown.found_us});
        forget(incidents, i);
    }
}

enum gdn_err gdn__incidents_see(gdn__incidents *incidents, const struct gdn__seen *seen)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; i < incidents->record_count; i++) incidents->records[i]->seen = false;
    for (size_t i = 0; i < seen->verdict->deadlock_count; i++) {
        enum gdn_err failed = see_deadlock(incidents, seen, i);
        if (failed != GDN_OK) err = failed;
    }
    count_rounds(incidents, seen);
    if (err == GDN_OK && seen->verdict->complete) drop_unseen(incidents, seen->now_us);
    return err;
}

/* ---- Answers ---- */

static void settle(gdn__incidents *incidents, struct record *record, struct gdn__order *order,
                   enum gdn__order_state state, int64_t now_us)
{
    order->state = state;
    record->shown.last = state;
    record->answered_us = now_us;
    tell(incidents, &(struct gdn__news){.type = GDN__NEWS_OUTCOME,
                                        .id = record->shown.id,
                                        .order = order,
                                        .after_us = now_us - order->asked_us});
}

void gdn__incidents_answer(gdn__incidents *incidents, const char *node, uint64_t incarnation,
                           uint64_t ticket, enum gdn__order_state state, int64_t now_us)
{
    struct ticket named = {gdn_node_named(node), incarnation, ticket};
    struct record *record = record_of_order(incidents, &named);
    struct gdn__order *order = find_order(incidents, &named);
    if (order == NULL) return;
    /* An answer to an order that was given up as unknown still tells what became of it. */
    bool open = order->state == GDN__ORDER_ASKED || order->state == GDN__ORDER_UNKNOWN;
    if (open) settle(incidents, record, order, state, now_us);
}

void gdn__incidents_lose(gdn__incidents *incidents, const char *node, uint64_t incarnation,
                         int64_t now_us)
{
    for (size_t i = 0; i < incidents->record_count; i++) {
        struct record *record = incidents->records[i];
        for (size_t k = 0; k < record->order_count; k++) {
            struct gdn__order *order = &record->orders[k];
            if (order->state != GDN__ORDER_ASKED || order->incarnation != incarnation) continue;
            if (strcmp(order->node, node) != 0) continue;
            settle(incidents, record, order, GDN__ORDER_UNKNOWN, now_us);
        }
    }
}

/* ---- Time ---- */

void gdn__incidents_pass(gdn__incidents *incidents, int64_t now_us)
{
    for (size_t i = 0; i < incidents->record_count; i++) {
        struct record *record = incidents->records[i];
        for (size_t k = 0; k < record->order_count; k++) {
            struct gdn__order *order = &record->orders[k];
            if (order->state != GDN__ORDER_ASKED) continue;
            if (order->asked_us + incidents->order_us > now_us) continue;
            settle(incidents, record, order, GDN__ORDER_UNKNOWN, now_us);
        }
    }
}

int64_t gdn__incidents_deadline(const gdn__incidents *incidents)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < incidents->record_count; i++) {
        const struct record *record = incidents->records[i];
        for (size_t k = 0; k < record->order_count; k++) {
            const struct gdn__order *order = &record->orders[k];
            if (order->state != GDN__ORDER_ASKED) continue;
            int64_t due = order->asked_us + incidents->order_us;
            if (due < deadline) deadline = due;
        }
    }
    return deadline;
}

size_t gdn__incidents_count(const gdn__incidents *incidents)
{
    return incidents->record_count;
}

const struct gdn__incident *gdn__incidents_at(const gdn__incidents *incidents, size_t index)
{
    return &incidents->records[index]->shown;
}
