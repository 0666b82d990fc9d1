/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include "mem.h"
#include <assert.h>

/* ---- Making ---- */

static void init_books(struct gdn_ledger *ledger)
{
    gdn__map_init(&ledger->processes, &ledger->allocator);
    gdn__map_init(&ledger->tickets, &ledger->allocator);
    gdn__map_init(&ledger->pairs, &ledger->allocator);
    gdn__map_init(&ledger->entries, &ledger->allocator);
    gdn__map_init(&ledger->resources, &ledger->allocator);
    gdn__link_init(&ledger->waiting);
    gdn__link_init(&ledger->orphans);
    gdn__link_init(&ledger->lost);
    gdn__link_init(&ledger->contested);
    gdn__link_init(&ledger->freed);
    gdn__link_init(&ledger->captures);
}

/* Counts of one resource's holders are kept in 32 bits. */
static size_t bounded_tickets_max(size_t wanted)
{
    if (wanted == 0) return GDN__TICKETS_DEFAULT;
    return wanted > UINT32_MAX ? UINT32_MAX : wanted;
}

gdn_ledger *gdn_ledger_new(const struct gdn_ledger_options *options)
{
    static const struct gdn_ledger_options defaults = {0};
    if (options == NULL) options = &defaults;
    struct gdn_modes modes = options->modes == NULL ? gdn_modes_default() : *options->modes;
    if (!gdn_modes_are_valid(&modes)) return NULL;
    memset(modes.names, 0, sizeof modes.names);

    struct gdn_allocator allocator = gdn__allocator_or_default(options->allocator);
    struct gdn_ledger *ledger = gdn__calloc(&allocator, sizeof *ledger);
    if (ledger == NULL) return NULL;
    ledger->allocator = allocator;
    ledger->modes = modes;
    ledger->tickets_max = bounded_tickets_max(options->tickets_max);
    init_books(ledger);
    return ledger;
}

static void free_values(struct gdn_ledger *ledger, struct gdn__map *map)
{
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(map, &position)) != NULL) {
        gdn__free(&ledger->allocator, (void *)slot->value);
    }
    gdn__map_fini(map);
}

static void free_process(struct gdn_ledger *ledger, struct gdn__process *process)
{
    while (gdn__link_is_used(&process->accounts)) {
        struct gdn__link *first = process->accounts.next;
        gdn__link_remove(first);
        gdn__free(&ledger->allocator, GDN__OF(first, struct gdn__account, of_process));
    }
    gdn__description_leave(ledger, process->description);
    gdn__free(&ledger->allocator, process);
}

static void free_tickets(struct gdn_ledger *ledger)
{
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&ledger->tickets, &position)) != NULL) {
        struct gdn__ticket *ticket = (struct gdn__ticket *)slot->value;
        gdn__description_leave(ledger, ticket->description);
        gdn__free(&ledger->allocator, ticket);
    }
    gdn__map_fini(&ledger->tickets);
}

static void free_processes(struct gdn_ledger *ledger)
{
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&ledger->processes, &position)) != NULL) {
        free_process(ledger, (struct gdn__process *)slot->value);
    }
    gdn__map_fini(&ledger->processes);
}

void gdn_ledger_free(gdn_ledger *ledger)
{
    if (ledger == NULL) return;
    assert(!gdn__link_is_used(&ledger->captures));
    free_tickets(ledger);
    free_processes(ledger);
    free_values(ledger, &ledger->entries);
    free_values(ledger, &ledger->resources);
    gdn__map_fini(&ledger->pairs);
    while (gdn__link_is_used(&ledger->lost)) {
        struct gdn__link *first = ledger->lost.next;
        gdn__link_remove(first);
        gdn__free(&ledger->allocator, GDN__OF(first, struct gdn__lost, in_lost));
    }
    struct gdn_allocator allocator = ledger->allocator;
    gdn__free(&allocator, ledger);
}

bool gdn__ledger_is_full(const struct gdn_ledger *ledger, size_t more)
{
    size_t live = ledger->tickets.used + ledger->entries.used;
    return live > ledger->tickets_max || more > ledger->tickets_max - live;
}

struct gdn_ledger_counters gdn_ledger_counters(const gdn_ledger *ledger)
{
    return ledger->counters;
}

/* ---- Processes and their accounts ---- */

struct gdn__process *gdn__process_find(const struct gdn_ledger *ledger, gdn_process_id id)
{
    return (struct gdn__process *)gdn__map_get(&ledger->processes, gdn__key_of_id(id.id));
}

struct gdn__process *gdn__process_open(struct gdn_ledger *ledger, gdn_process_id id)
{
    struct gdn__process *process = gdn__process_find(ledger, id);
    if (process != NULL) return process;

    process = gdn__calloc(&ledger->allocator, sizeof *process);
    if (process == NULL) return NULL;
    process->id = id;
    gdn__link_init(&process->accounts);
    gdn__link_init(&process->directs);
    if (!gdn__map_put(&ledger->processes, gdn__key_of_id(id.id), (uintptr_t)process)) {
        gdn__free(&ledger->allocator, process);
        return NULL;
    }
    return process;
}

static bool account_is_idle(const struct gdn__account *account)
{
    return !gdn__link_is_used(&account->tickets) && !gdn__link_is_used(&account->entries);
}

static void close_account(struct gdn_ledger *ledger, struct gdn__account *account)
{
    gdn__link_remove(&account->of_process);
    gdn__free(&ledger->allocator, account);
}

static void close_process_if_idle(struct gdn_ledger *ledger, struct gdn__process *process)
{
    if (process->description != NULL || gdn__link_is_used(&process->accounts)) return;
    (void)gdn__map_remove(&ledger->processes, gdn__key_of_id(process->id.id));
    gdn__free(&ledger->allocator, process);
}

void gdn__process_settle(struct gdn_ledger *ledger, struct gdn__process *process)
{
    struct gdn__link *next;
    for (struct gdn__link *link = process->accounts.next; link != &process->accounts; link = next) {
        struct gdn__account *account = GDN__OF(link, struct gdn__account, of_process);
        next = link->next;
        if (account_is_idle(account)) close_account(ledger, account);
    }
    close_process_if_idle(ledger, process);
}

void gdn__account_settle(struct gdn_ledger *ledger, struct gdn__account *account)
{
    if (!account_is_idle(account)) return;
    struct gdn__process *process = account->process;
    close_account(ledger, account);
    close_process_if_idle(ledger, process);
}

struct gdn__account *gdn__account_find(const struct gdn__process *process, uint32_t peer)
{
    GDN__EACH(link, &process->accounts)
    {
        struct gdn__account *account = GDN__OF(link, struct gdn__account, of_process);
        if (account->peer == peer) return account;
    }
    return NULL;
}

struct gdn__account *gdn__account_open(struct gdn_ledger *ledger, gdn_process_id id, uint32_t peer)
{
    struct gdn__process *process = gdn__process_open(ledger, id);
    if (process == NULL) return NULL;
    struct gdn__account *account = gdn__account_find(process, peer);
    if (account != NULL) return account;

    account = gdn__calloc(&ledger->allocator, sizeof *account);
    if (account == NULL) {
        close_process_if_idle(ledger, process);
        return NULL;
    }
    account->process = process;
    account->peer = peer;
    gdn__link_init(&account->tickets);
    gdn__link_init(&account->entries);
    gdn__link_insert(&process->accounts, &account->of_process);
    return account;
}

/* ---- Descriptions ---- */

void gdn__description_leave(struct gdn_ledger *ledger, struct gdn__description *description)
{
    if (description != NULL && --description->users == 0) {
        gdn__free(&ledger->allocator, description);
    }
}

enum gdn_err gdn_ledger_describe(gdn_ledger *ledger, gdn_process_id id,
                                 const struct gdn_process_info *info)
{
    if (!gdn_id_is_set(id.id)) return GDN_ERR_ID;
    if (info->label != NULL && !gdn_name_is_valid(info->label)) return GDN_ERR_NAME;

    struct gdn__process *process = gdn__process_open(ledger, id);
    if (process == NULL) return GDN_ERR_MEMORY;
    size_t text_bytes = info->label == NULL ? 0 : strlen(info->label) + 1;
    struct gdn__description *description =
        gdn__calloc(&ledger->allocator, sizeof *description + text_bytes);
    if (description == NULL) {
        close_process_if_idle(ledger, process);
        return GDN_ERR_MEMORY;
    }

    description->users = 1;
    description->info = *info;
    if (text_bytes != 0) {
        memcpy(description->text, info->label, text_bytes);
        description->info.label = description->text;
    }
    gdn__description_leave(ledger, process->description);
    process->description = description;
    return GDN_OK;
}
