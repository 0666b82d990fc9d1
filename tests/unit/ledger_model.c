/* SPDX-License-Identifier: MIT */
#include "ledger_model.h"

void model_disagrees(const struct model *model, const char *what, const char *file, int line)
{
    fail_msg("%s:%d, step %llu: %s; replay: GDN_SEED=%llu GDN_RUNS=%llu "
             "build/tests/unit/test_ledger",
             file, line, (unsigned long long)model->step, what,
             (unsigned long long)model->first_seed, (unsigned long long)model->step_count);
}

gdn_process_id process_id(uint32_t process)
{
    gdn_process_id id = {{{0}}};
    id.id.bytes[15] = (uint8_t)(process + 1);
    return id;
}

gdn_resource_id resource_id(uint32_t resource)
{
    gdn_resource_id id = {{{0}}};
    id.id.bytes[15] = (uint8_t)(resource + 1);
    return id;
}

static bool conflict(const struct model *model, uint8_t request, uint8_t held)
{
    return gdn_modes_conflict(&model->modes, request, held);
}

struct record *model_new_record(struct model *model)
{
    for (size_t i = 0; i < RECORDS; i++) {
        if (!model->records[i].live) return &model->records[i];
    }
    return NULL;
}

static bool holds(const struct record *r, uint32_t process, uint32_t resource)
{
    return r->at_home == HAS && r->process == process && r->resource == resource;
}

static bool process_holds(struct model *model, uint32_t process, uint32_t resource)
{
    EACH_RECORD(model, r)
    {
        if (holds(r, process, resource)) return true;
    }
    return false;
}

/* Nothing that conflicts with the request fails to conflict with some hold of the process. */
static bool covered(struct model *model, const struct record *request)
{
    for (uint8_t m = 0; m < model->modes.count; m++) {
        bool waits = conflict(model, request->mode, m),
             is_waited_for = conflict(model, m, request->mode);
        EACH_RECORD(model, r)
        {
            if (!holds(r, request->process, request->resource)) continue;
            if (conflict(model, r->mode, m)) waits = false;
            if (conflict(model, m, r->mode)) is_waited_for = false;
        }
        if (waits || is_waited_for) return false;
    }
    return process_holds(model, request->process, request->resource);
}

static bool no_wait(const struct record *r)
{
    return (r->flags & GDN_REQUEST_NO_WAIT) != 0;
}

/* Another process's NO_WAIT request has been queued, so it will be granted, and excludes this one
 * or is excluded by it. */
static bool promised_away(struct model *model, const struct record *request)
{
    EACH_RECORD(model, r)
    {
        if (r == request || r->at_home != ASKED || !no_wait(r)) continue;
        if (r->resource != request->resource || r->process == request->process) continue;
        if (conflict(model, request->mode, r->mode) || conflict(model, r->mode, request->mode)) {
            return true;
        }
    }
    return false;
}

static bool holders_block(struct model *model, const struct record *request)
{
    EACH_RECORD(model, r)
    {
        if (r->at_home == HAS && r->resource == request->resource &&
            r->process != request->process && conflict(model, request->mode, r->mode)) {
            return true;
        }
    }
    return false;
}

bool model_lasts(struct model *model, const struct record *request)
{
    return !promised_away(model, request) && !holders_block(model, request);
}

bool model_grantable(struct model *model, const struct record *request)
{
    if (covered(model, request)) return true;
    if (promised_away(model, request) || holders_block(model, request)) return false;
    if (model->unordered[request->resource]) return true;
    for (size_t i = 0; model->queue[request->resource][i] != request; i++) {
        const struct record *before = model->queue[request->resource][i];
        if (before->process != request->process && conflict(model, request->mode, before->mode)) {
            return false;
        }
    }
    return true;
}

void model_put_in_queue(struct model *model, struct record *r, size_t at)
{
    struct record **queue = model->queue[r->resource];
    memmove(queue + at + 1, queue + at, (model->queued[r->resource]++ - at) * sizeof *queue);
    queue[at] = r;
}

void model_take_from_queue(struct model *model, struct record *r)
{
    struct record **queue = model->queue[r->resource];
    size_t at = 0;
    while (queue[at] != r) at++;
    memmove(queue + at, queue + at + 1, (--model->queued[r->resource] - at) * sizeof *queue);
}

size_t model_promised(const struct model *model, uint32_t resource)
{
    size_t at = 0;
    while (at < model->queued[resource] && no_wait(model->queue[resource][at])) at++;
    return at;
}

void model_promise(struct model *model, struct record *r)
{
    model_take_from_queue(model, r);
    model_put_in_queue(model, r, model_promised(model, r->resource));
}

void model_enqueue(struct model *model, struct record *r)
{
    r->conversion = process_holds(model, r->process, r->resource);
    r->at_home = ASKED;
    bool front = (r->flags & GDN_REQUEST_FRONT) != 0;
    size_t at = model_promised(model, r->resource);
    if (!r->conversion && !front) at = model->queued[r->resource];
    if (r->conversion != front) {
        while (at < model->queued[r->resource] && model->queue[r->resource][at]->conversion) at++;
    }
    model_put_in_queue(model, r, at);
}

void model_forget_freed(struct model *model, uint32_t resource)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->freed_count; i++) {
        if (model->freed[i] != resource) model->freed[kept++] = model->freed[i];
    }
    model->freed_count = kept;
}

void model_note_freed(struct model *model, uint32_t resource)
{
    for (size_t i = 0; i < model->freed_count; i++) {
        if (model->freed[i] == resource) return;
    }
    if (model->queued[resource] != 0) model->freed[model->freed_count++] = resource;
}

static void leave_home(struct model *model, struct record *r)
{
    if (r->at_home == NOT_HERE) return;
    if (r->at_home == ASKED) model_take_from_queue(model, r);
    r->at_home = NOT_HERE;
    if (model->queued[r->resource] == 0) model_forget_freed(model, r->resource);
    model_note_freed(model, r->resource);
}

void model_finish(struct model *model, struct record *r)
{
    leave_home(model, r);
    r->live = false;
}

void model_give(struct model *model, struct record *r)
{
    model_take_from_queue(model, r);
    if (model->queued[r->resource] == 0) model_forget_freed(model, r->resource);
    r->at_home = HAS;
    if (r->issuer == 0) r->at_issuer = HAS;
}

/* ---- Compared with a ledger ---- */

static void record_agrees(const struct model *model, const gdn_ledger *ledger,
                          const struct record *r)
{
    struct gdn_entry_view entry;
    bool at_home = gdn_ledger_entry(ledger, ref(r->issuer, r->number), &entry);
    check(model, at_home == (r->at_home != NOT_HERE));
    check(model, !at_home || entry.held == (r->at_home == HAS));
    if (r->issuer != 0) return;
    struct gdn_ticket_view ticket;
    check(model, gdn_ledger_ticket(ledger, r->number, &ticket));
    check(model, ticket.granted == (r->at_issuer == HAS));
    check(model, ticket.direct == r->direct && ticket.home == r->home);
}

static void next_agrees(struct model *model, const gdn_ledger *ledger, uint32_t resource)
{
    const struct record *expected = NULL;
    for (size_t i = 0; i < model->queued[resource] && expected == NULL; i++) {
        if (model_grantable(model, model->queue[resource][i])) expected = model->queue[resource][i];
    }
    struct gdn_ticket_ref next;
    check(model, gdn_ledger_next(ledger, resource_id(resource), &next) == (expected != NULL));
    if (expected == NULL) return;
    check(model, next.issuer == expected->issuer && next.number == expected->number);
}

/* What does not wait can be granted as long as it stands in the queue. */
static void promises_are_kept(struct model *model, const gdn_ledger *ledger)
{
    for (uint32_t i = 0; i < RESOURCES; i++) {
        for (size_t k = 0; k < model_promised(model, i); k++) {
            check(model, model_grantable(model, model->queue[i][k]));
        }
        if (model_promised(model, i) == 0) continue;
        struct gdn_ticket_ref next = {0, 0};
        check(model, gdn_ledger_next(ledger, resource_id(i), &next));
        check(model, next.number == model->queue[i][0]->number);
    }
}

static void waiting_agrees(struct model *model, const gdn_ledger *ledger)
{
    uint64_t number = 0;
    int64_t since;
    size_t listed = 0, expected = 0;
    while (gdn_ledger_waiting_after(ledger, number, &number, &since)) listed++;
    EACH_RECORD(model, r)
    {
        bool waits = r->issuer == 0 && r->at_issuer == ASKED;
        expected += waits && (r->flags & GDN_REQUEST_NO_WAIT) == 0;
    }
    check(model, listed == expected);
    check(model, gdn_ledger_counters(ledger).tickets_waiting == expected);
}

static void counters_agree(struct model *model, const gdn_ledger *ledger)
{
    struct gdn_ledger_counters counters = gdn_ledger_counters(ledger);
    size_t granted = 0, used = 0, contested = 0;
    bool seen[RESOURCES] = {false};
    EACH_RECORD(model, r)
    {
        granted += r->issuer == 0 && r->at_issuer == HAS;
        if (r->at_home != NOT_HERE) seen[r->resource] = true;
    }
    for (uint32_t i = 0; i < RESOURCES; i++) {
        used += seen[i];
        contested += model->queued[i] != 0;
    }
    check(model, counters.tickets_granted == granted);
    check(model, counters.resources == used);
    check(model, counters.contested == contested);
    check(model, counters.crossed == model->crossed);
}

void model_compare(struct model *model, const gdn_ledger *ledger)
{
    EACH_RECORD(model, r) record_agrees(model, ledger, r);
    for (uint32_t i = 0; i < RESOURCES; i++) next_agrees(model, ledger, i);
    promises_are_kept(model, ledger);
    waiting_agrees(model, ledger);
    counters_agree(model, ledger);
}
