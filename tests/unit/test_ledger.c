/* SPDX-License-Identifier: MIT */
/* Random verbs against a naive model. Both must agree on every answer, and after every step on
 * every ticket, queue, counter and freed resource. GDN_SEED and GDN_RUNS (steps) replay. */
#include "ledger_model.h"

#define STEPS                                                                                      \
    UINT64_C(40) /* Until a new ledger with new modes is begun; at times up to 16 times as many.   \
                  */

static struct model model;
static gdn_ledger *ledger;
static uint64_t seed;

static struct record *pick(bool (*fits)(const struct record *))
{
    struct record *found[RECORDS];
    uint32_t count = 0;
    EACH_RECORD(&model, r)
    {
        if (fits(r)) found[count++] = r;
    }
    return count == 0 ? NULL : found[below(&seed, count)];
}

static bool is_ours(const struct record *r)
{
    return r->issuer == 0;
}

static bool is_theirs(const struct record *r)
{
    return r->issuer != 0;
}

static bool is_queued_here(const struct record *r)
{
    return r->at_home == ASKED;
}

static bool is_unanswered_elsewhere(const struct record *r)
{
    return r->issuer == 0 && r->home != 0 && r->at_issuer == ASKED;
}

/* ---- Steps: the same verb on both, and the answers compared ---- */

static void fill_randomly(struct record *r)
{
    *r = (struct record){
        .process = below(&seed, PROCESSES),
        .resource = below(&seed, RESOURCES),
        .mode = (uint8_t)below(&seed, model.modes.count),
        .flags = (uint8_t)(below(&seed, 4) == 0 ? below(&seed, 8) : 0),
    };
}

/* A NO_WAIT request that could not be granted leaves no trace. */
static bool admit(struct record *r)
{
    r->live = true;
    model_enqueue(&model, r);
    if ((r->flags & GDN_REQUEST_NO_WAIT) == 0) return true;
    if (model_grantable(&model, r) && model_lasts(&model, r)) {
        model_promise(&model, r);
        return true;
    }
    model_take_from_queue(&model, r);
    r->live = false;
    return false;
}

/* Which of several resources was freed first is the ledger's affair. */
static void take_all_freed(void)
{
    gdn_resource_id freed;
    while (gdn_ledger_take_freed(ledger, &freed)) {
        model_forget_freed(&model, (uint32_t)freed.id.bytes[15] - 1);
    }
    check(&model, model.freed_count == 0);
}

static void step_request(void)
{
    struct record *r = model_new_record(&model);
    if (r == NULL) return;
    fill_randomly(r);
    r->home = below(&seed, 2) == 0 ? 0 : below(&seed, PEERS + 1);
    r->at_issuer = ASKED;
    r->number = model.last_number + 1;
    struct gdn_request request = {.process = process_id(r->process),
                                  .resource = resource_id(r->resource),
                                  .mode = r->mode,
                                  .flags = r->flags};
    uint64_t number = 0;
    struct gdn_message out;
    bool admitted = r->home != 0 || admit(r);
    enum gdn_err err = gdn_ledger_request(ledger, r->home, &request, 0, &number, &out);
    check(&model, err == (admitted ? GDN_OK : GDN_ERR_NOT_GRANTABLE));
    if (!admitted) return;
    r->live = true;
    model.last_number++;
    check(&model, number == r->number);
    check(&model,
          r->home == 0 ? out.verb == 0 : out.verb == GDN_VERB_REQUEST && out.number == number);
}

static struct gdn_message about(enum gdn_verb verb, const struct record *r)
{
    return (struct gdn_message){.verb = verb,
                                .mode = r->mode,
                                .flags = verb == GDN_VERB_REQUEST ? r->flags : 0,
                                .number = r->number,
                                .process = process_id(r->process),
                                .resource = resource_id(r->resource)};
}

static struct gdn_effect apply(uint32_t peer, struct gdn_message sent)
{
    struct gdn_effect effect;
    check(&model, gdn_ledger_apply(ledger, peer, &sent, 0, &effect) == GDN_OK);
    return effect;
}

static void step_remote_request(void)
{
    struct record *r = model_new_record(&model);
    if (r == NULL) return;
    fill_randomly(r);
    r->issuer = 1 + below(&seed, PEERS);
    r->number = ++model.remote_number[r->issuer];
    bool admitted = admit(r);
    struct gdn_effect effect = apply(r->issuer, about(GDN_VERB_REQUEST, r));
    check(&model, effect.has_reply == !admitted);
    check(&model, effect.type == (admitted ? GDN_EFFECT_REQUESTED : GDN_EFFECT_NONE));
}

static void step_grant(void)
{
    struct record *r = pick(is_queued_here);
    if (r == NULL) return;
    struct gdn_message out;
    enum gdn_err err = gdn_ledger_grant(ledger, ref(r->issuer, r->number), &out);
    check(&model, err == (model_grantable(&model, r) ? GDN_OK : GDN_ERR_NOT_GRANTABLE));
    if (err != GDN_OK) return;
    check(&model, out.verb == (r->issuer == 0 ? 0 : GDN_VERB_GRANT));
    model_give(&model, r);
}

static void step_grant_next(void)
{
    struct gdn_ticket_ref next;
    uint32_t resource = below(&seed, RESOURCES);
    if (!gdn_ledger_next(ledger, resource_id(resource), &next)) return;
    for (size_t i = 0; i < model.queued[resource]; i++) {
        struct record *r = model.queue[resource][i];
        if (r->issuer != next.issuer || r->number != next.number) continue;
        struct gdn_message out;
        check(&model, gdn_ledger_grant(ledger, next, &out) == GDN_OK);
        model_give(&model, r);
        return;
    }
    model_disagrees(&model, "next is not in the queue", __FILE__, __LINE__);
}

static void step_refuse(void)
{
    struct record *r = pick(is_queued_here);
    if (r == NULL) return;
    struct gdn_message out;
    check(&model, gdn_ledger_refuse(ledger, ref(r->issuer, r->number), &out) == GDN_OK);
    check(&model, out.verb == (r->issuer == 0 ? 0 : GDN_VERB_WAKE));
    model_finish(&model, r);
}

static void step_requeue(void)
{
    struct record *r = pick(is_queued_here), *before = pick(is_queued_here);
    if (r == NULL) return;
    bool to_tail = below(&seed, 2) == 0;
    if (!to_tail && (r == before || r->resource != before->resource)) return;
    struct gdn_ticket_ref place = to_tail ? ref(0, 0) : ref(before->issuer, before->number);
    check(&model, gdn_ledger_requeue(ledger, ref(r->issuer, r->number), place) == GDN_OK);
    model_note_freed(&model, r->resource);
    if ((r->flags & GDN_REQUEST_NO_WAIT) != 0) return;
    model_take_from_queue(&model, r);
    size_t at = 0, promised = model_promised(&model, r->resource);
    while (at < model.queued[r->resource] && (to_tail || model.queue[r->resource][at] != before)) {
        at++;
    }
    model_put_in_queue(&model, r, at > promised ? at : promised);
}

static void step_release(void)
{
    uint32_t process = below(&seed, PROCESSES), resource = below(&seed, RESOURCES);
    size_t remote = 0, all = 0, count = 0;
    EACH_RECORD(&model, r)
    {
        if (r->issuer != 0 || r->direct || r->at_issuer != HAS) continue;
        if (r->process != process || r->resource != resource) continue;
        all++;
        remote += r->home != 0;
    }
    struct gdn_outgoing out[RECORDS];
    uint32_t homes[RECORDS];
    check(&model, gdn_ledger_release_homes(ledger, process_id(process), resource_id(resource),
                                           homes, RECORDS) == remote);
    enum gdn_err err =
        gdn_ledger_release(ledger, process_id(process), resource_id(resource), out, &count);
    check(&model, err == (all == 0 ? GDN_ERR_NOT_HELD : GDN_OK));
    check(&model, count == remote);
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        check(&model, out[i].message.number > last && out[i].peer == homes[i]);
        last = out[i].message.number;
    }
    EACH_RECORD(&model, r)
    {
        if (r->issuer != 0 || r->direct || r->at_issuer != HAS) continue;
        if (r->process == process && r->resource == resource) model_finish(&model, r);
    }
}

static void step_cancel(void)
{
    struct record *r = pick(is_ours);
    if (r == NULL) return;
    struct gdn_outgoing out;
    check(&model, gdn_ledger_cancel(ledger, r->number, &out) == GDN_OK);
    check(&model, out.message.verb == (r->home == 0 ? 0 : GDN_VERB_CANCEL));
    check(&model, out.peer == r->home);
    model_finish(&model, r);
}

static void step_end(void)
{
    uint32_t process = below(&seed, PROCESSES);
    bool is_home[PEERS + 1] = {false};
    size_t expected = 0, count = 0;
    EACH_RECORD(&model, r)
    {
        if (r->issuer != 0 || r->process != process) continue;
        if (r->home != 0 && !is_home[r->home]) expected++;
        is_home[r->home] = true;
        model_finish(&model, r);
    }
    struct gdn_outgoing out[PEERS];
    uint32_t homes[PEERS];
    check(&model, gdn_ledger_end_homes(ledger, process_id(process), homes, PEERS) == expected);
    gdn_ledger_end(ledger, process_id(process), out, &count);
    check(&model, count == expected);
    for (size_t i = 0; i < count; i++) check(&model, out[i].peer == homes[i]);
    take_all_freed();
}

static void step_remote_finish(void)
{
    struct record *r = pick(is_theirs);
    if (r == NULL) return;
    enum gdn_verb verb = below(&seed, 2) == 0 ? GDN_VERB_RELEASE : GDN_VERB_CANCEL;
    struct gdn_message sent = about(verb, r);
    bool old = below(&seed, 8) == 0;
    if (old) sent.number = model.remote_number[r->issuer] + 1;
    apply(r->issuer, sent);
    if (old) {
        model.crossed++;
    } else {
        model_finish(&model, r);
    }
}

static void step_remote_end(void)
{
    uint32_t peer = 1 + below(&seed, PEERS), process = below(&seed, PROCESSES);
    bool any = false;
    EACH_RECORD(&model, r)
    {
        if (r->issuer != peer || r->process != process) continue;
        any = true;
        model_finish(&model, r);
    }
    model.crossed += !any;
    apply(peer, (struct gdn_message){.verb = GDN_VERB_END, .process = process_id(process)});
    take_all_freed();
}

static void step_answer(void)
{
    struct record *r = pick(is_unanswered_elsewhere);
    if (r == NULL) return;
    bool granted = below(&seed, 3) != 0;
    struct gdn_message sent = about(granted ? GDN_VERB_GRANT : GDN_VERB_WAKE, r);
    struct gdn_effect effect = apply(r->home, sent);
    check(&model, effect.type == (granted ? GDN_EFFECT_GRANTED : GDN_EFFECT_REFUSED));
    check(&model, effect.ticket.number == r->number);
    if (granted) {
        r->at_issuer = HAS;
    } else {
        model_finish(&model, r);
        apply(r->home, sent); /* Once more: the ticket has ended. */
        model.crossed++;
    }
}

static void step_wait_on(void)
{
    struct record *r = model_new_record(&model);
    if (r == NULL) return;
    *r = (struct record){.live = true,
                         .direct = true,
                         .process = below(&seed, PROCESSES),
                         .at_issuer = ASKED,
                         .number = ++model.last_number,
                         .need_count = 1 + below(&seed, 3)};
    struct gdn_need needs[3] = {0};
    for (uint32_t i = 0; i < r->need_count; i++) {
        r->needs[i] = below(&seed, PROCESSES);
        needs[i].process = process_id(r->needs[i]);
    }
    uint64_t number;
    struct gdn_wait wait = {
        .process = process_id(r->process), .needs = needs, .count = r->need_count};
    check(&model, gdn_ledger_wait_on(ledger, &wait, 0, &number) == GDN_OK);
    check(&model, number == r->number);
}

/* The live direct ticket of the process that lists @p by, with the lowest number. */
static struct record *oldest_listing(uint32_t process, uint32_t by)
{
    struct record *oldest = NULL;
    EACH_RECORD(&model, r)
    {
        if (!r->direct || r->process != process) continue;
        bool lists = false;
        for (uint32_t i = 0; i < r->need_count; i++) lists = lists || r->needs[i] == by;
        if (lists && (oldest == NULL || r->number < oldest->number)) oldest = r;
    }
    return oldest;
}

static void step_wake(void)
{
    uint32_t process = below(&seed, PROCESSES), by = below(&seed, PROCESSES);
    struct record *r = oldest_listing(process, by);
    uint64_t number = r != NULL && below(&seed, 2) == 0 ? r->number : 0;
    struct gdn_effect effect =
        apply(below(&seed, PEERS + 1), (struct gdn_message){.verb = GDN_VERB_WAKE,
                                                            .number = number,
                                                            .process = process_id(process),
                                                            .by = process_id(by)});
    if (r == NULL) {
        model.crossed++;
        check(&model, effect.type == GDN_EFFECT_NONE);
        return;
    }
    uint32_t i = 0, unmet = 0;
    while (r->needs[i] != by) i++;
    r->needs[i] = PROCESSES;
    for (i = 0; i < r->need_count; i++) unmet += r->needs[i] != PROCESSES;
    check(&model, effect.type == (unmet == 0 ? GDN_EFFECT_WOKEN : GDN_EFFECT_NONE));
    if (unmet == 0) r->live = false;
}

/* The model's peers are one node each. */
static gdn_node_id node_of(uint32_t peer)
{
    return (gdn_node_id){{.bytes = {'n', (uint8_t)peer}}};
}

static void orphan_in_order(uint32_t peer)
{
    for (;;) {
        struct record *lowest = NULL;
        EACH_RECORD(&model, r)
        {
            if (r->issuer == peer && (lowest == NULL || r->number < lowest->number)) lowest = r;
        }
        if (lowest == NULL) return;
        lowest->issuer = 0;
        lowest->number = ++model.last_number;
        lowest->at_issuer = HAS;
        lowest->orphan_of = peer;
    }
}

static void step_peer_lost(void)
{
    uint32_t peer = 1 + below(&seed, PEERS);
    size_t expected = 0, count = 0;
    EACH_RECORD(&model, r)
    {
        if (r->issuer == peer && r->at_home == ASKED) model_finish(&model, r);
        if (r->live && r->issuer == 0 && r->home == peer) {
            expected += r->at_issuer == ASKED;
            model_finish(&model, r);
        }
    }
    orphan_in_order(peer);
    check(&model, gdn_ledger_peer_lost(ledger, peer, node_of(peer), 0) == GDN_OK);
    uint64_t number, last = 0;
    struct gdn_ticket_view view;
    while (gdn_ledger_take_lost(ledger, &number, &view)) {
        check(&model, view.home == peer && number > last);
        last = number;
        count++;
    }
    check(&model, count == expected);
    take_all_freed();
}

static void step_drop_orphans(void)
{
    uint32_t peer = 1 + below(&seed, PEERS);
    size_t expected = 0;
    EACH_RECORD(&model, r)
    {
        if (r->orphan_of != peer) continue;
        model_finish(&model, r);
        expected++;
    }
    check(&model, gdn_ledger_drop_orphans(ledger, node_of(peer)) == expected);
    take_all_freed();
}

static void step_set_unordered(void)
{
    uint32_t resource = below(&seed, RESOURCES);
    model.unordered[resource] = below(&seed, 4) == 0;
    check(&model, gdn_ledger_set_unordered(ledger, resource_id(resource),
                                           model.unordered[resource]) == GDN_OK);
    model_note_freed(&model, resource);
}

static void step_take_freed(void)
{
    gdn_resource_id freed;
    check(&model, gdn_ledger_has_freed(ledger) == (model.freed_count != 0));
    bool taken = gdn_ledger_take_freed(ledger, &freed);
    check(&model, taken == (model.freed_count != 0));
    if (!taken) return;
    check(&model, freed.id.bytes[15] == model.freed[0] + 1);
    model_forget_freed(&model, model.freed[0]);
}

static void take_step(void)
{
    static const struct {
        uint32_t percent;
        void (*take)(void);
    } steps[] = {
        {18, step_request},      {13, step_remote_request},
        {3, step_wait_on},       {8, step_grant},
        {14, step_grant_next},   {2, step_refuse},
        {4, step_requeue},       {6, step_release},
        {5, step_cancel},        {2, step_end},
        {5, step_remote_finish}, {2, step_remote_end},
        {5, step_answer},        {4, step_wake},
        {1, step_peer_lost},     {1, step_drop_orphans},
        {2, step_set_unordered}, {5, step_take_freed},
    };
    uint32_t choice = below(&seed, 100);
    size_t i = 0;
    for (; choice >= steps[i].percent; i++) choice -= steps[i].percent;
    steps[i].take();
}

/* Any matrix, symmetric or not: the rules do not ask which. */
static void begin(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    memset(&model, 0, sizeof model);
    model.modes = gdn_modes_default();
    if (below(&seed, 2) == 0) {
        model.modes.count = 1 + below(&seed, 4);
        for (uint32_t m = 0; m < model.modes.count; m++) {
            model.modes.names[m] = names[m];
            model.modes.conflicts[m] = (uint16_t)below(&seed, 1u << model.modes.count);
        }
    }
    struct gdn_ledger_options options = {.modes = &model.modes};
    ledger = gdn_ledger_new(&options);
    assert_non_null(ledger);
}

static void ledger_agrees_with_the_rules_as_written(void **state)
{
    (void)state;
    uint64_t first_seed = seed = number_from_environment("GDN_SEED", 20261122);
    uint64_t step_count = number_from_environment("GDN_RUNS", 200000);
    for (uint64_t step = 0; step < step_count; step++) {
        uint64_t length = STEPS << (step / 4096 % 5); /* Short and long lives. */
        if (step % length == 0) {
            if (ledger != NULL) gdn_ledger_free(ledger);
            begin();
        }
        model.first_seed = first_seed;
        model.step_count = step_count;
        model.step = step;
        take_step();
        model_compare(&model, ledger);
    }
    gdn_ledger_free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledger_agrees_with_the_rules_as_written),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
