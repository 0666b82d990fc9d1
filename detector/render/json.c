/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian-verdict/1. */
#include "render.h"

#include "detector/analysis/reorder.h"
#include "detector/render/jsonout.h"
#include "detector/render/shown.h"

struct render {
    struct gdn__jsonout json;
    const gdn_verdict *verdict;
};

/* ---- Members ---- */

static void put_string(struct render *render, const char *key, const char *text)
{
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_string(&render->json, text);
}

static void put_big(struct render *render, const char *key, uint64_t value)
{
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_big(&render->json, value);
}

static void put_bool(struct render *render, const char *key, bool value)
{
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_bool(&render->json, value);
}

/* Where it is not 0. */
static void put_positive(struct render *render, const char *key, uint32_t value)
{
    if (value == 0) return;
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_integer(&render->json, value);
}

static void put_optional(struct render *render, const char *key, const char *text)
{
    gdn__jsonout_key(&render->json, key);
    if (text != NULL) gdn__jsonout_string(&render->json, text);
    if (text == NULL) gdn__jsonout_null(&render->json);
}

static void put_process(struct render *render, uint32_t process)
{
    char name[GDN_SHOWN_NAME_BYTES];
    gdn__jsonout_string(&render->json, gdn_verdict_process_name(render->verdict, process, name));
}

/* The party that issued a ticket, and the ticket. */
static void put_ticket(struct render *render, uint32_t issuer, uint64_t ticket)
{
    const struct gdn_cut_party *party = &render->verdict->cut->parties[issuer];
    put_string(render, "node", party->name);
    put_big(render, "incarnation", party->incarnation);
    put_big(render, "ticket", ticket);
}

static void put_processes(struct render *render, const char *key, const uint32_t *processes,
                          size_t count)
{
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_open_flat(&render->json, '[');
    for (size_t i = 0; i < count; i++) put_process(render, processes[i]);
    gdn__jsonout_close(&render->json, ']');
}

/* ---- A deadlock ---- */

static void put_edge(struct render *render, const struct gdn_edge *edge)
{
    const gdn_cut *cut = render->verdict->cut;
    char name[GDN_SHOWN_NAME_BYTES];
    const char *resource = NULL;
    if (edge->resource != GDN_NONE) {
        resource = gdn_verdict_resource_name(render->verdict, edge->resource, name);
    }
    gdn__jsonout_open_flat(&render->json, '{');
    gdn__jsonout_key(&render->json, "waiter");
    put_process(render, edge->waiter);
    gdn__jsonout_key(&render->json, "holder");
    put_process(render, edge->holder);
    put_ticket(render, edge->issuer, edge->ticket);
    put_optional(render, "home", edge->home == GDN_NONE ? NULL : cut->parties[edge->home].name);
    put_optional(render, "resource", resource);
    put_optional(render, "mode", gdn__edge_mode(render->verdict, edge));
    put_positive(render, "units", edge->units);
    gdn__jsonout_key(&render->json, "waited_ms");
    gdn__jsonout_ms(&render->json, edge->waited_us);
    put_bool(render, "in_flight", edge->in_flight);
    put_bool(render, "queued", edge->queued);
    put_bool(render, "branch", edge->branch);
    put_positive(render, "waiter_branch", edge->waiter_branch);
    put_positive(render, "holder_branch", edge->holder_branch);
    gdn__jsonout_close(&render->json, '}');
}

static void put_witness(struct render *render, const struct gdn_deadlock *deadlock)
{
    gdn__jsonout_key(&render->json, "witness");
    gdn__jsonout_open(&render->json, '[');
    for (size_t i = 0; i < deadlock->witness_count; i++) put_edge(render, &deadlock->witness[i]);
    gdn__jsonout_close(&render->json, ']');
}

static void put_victims(struct render *render, const struct gdn_deadlock *deadlock)
{
    gdn__jsonout_key(&render->json, "victims");
    gdn__jsonout_open(&render->json, '[');
    for (size_t i = 0; i < deadlock->victim_count; i++) {
        const struct gdn_victim *victim = &deadlock->victims[i];
        gdn__jsonout_open_flat(&render->json, '{');
        gdn__jsonout_key(&render->json, "process");
        put_process(render, victim->process);
        put_ticket(render, victim->party, victim->ticket);
        gdn__jsonout_close(&render->json, '}');
    }
    gdn__jsonout_close(&render->json, ']');
    put_string(render, "victim_reason", deadlock->victim_reason);
}

static void put_reorder(struct render *render, const struct gdn_deadlock *deadlock)
{
    gdn__jsonout_key(&render->json, "reorder");
    gdn__jsonout_open_flat(&render->json, '[');
    for (size_t i = 0; i < deadlock->reorder_count; i++) {
        if (gdn__reorder_is_repeated(deadlock, i)) continue;
        gdn__jsonout_open_flat(&render->json, '[');
        put_process(render, deadlock->reorder[i].first);
        put_process(render, deadlock->reorder[i].second);
        gdn__jsonout_close(&render->json, ']');
    }
    gdn__jsonout_close(&render->json, ']');
}

static const char *model_name(enum gdn_model model)
{
    switch (model) {
    case GDN_MODEL_ALL:
        return "all";
    case GDN_MODEL_ANY:
        return "any";
    case GDN_MODEL_MIXED:
        return "mixed";
    }
    return "mixed";
}

static void put_deadlock(struct render *render, const struct gdn_deadlock *deadlock)
{
    char id[GDN_ID_TEXT_BYTES];
    gdn__jsonout_open(&render->json, '{');
    put_string(render, "id", gdn_id_format(deadlock->id, id));
    put_string(render, "model", model_name(deadlock->model));
    put_processes(render, "members", deadlock->members, deadlock->member_count);
    put_processes(render, "tail", deadlock->tail, deadlock->tail_count);
    put_witness(render, deadlock);
    put_victims(render, deadlock);
    put_reorder(render, deadlock);
    gdn__jsonout_close(&render->json, '}');
}

/* ---- The verdict ---- */

static void put_round(struct render *render)
{
    const gdn_cut *cut = render->verdict->cut;
    gdn__jsonout_key(&render->json, "round");
    if (!cut->has_round) {
        gdn__jsonout_null(&render->json);
        return;
    }
    gdn__jsonout_open_flat(&render->json, '{');
    put_string(render, "initiator", cut->initiator);
    put_big(render, "incarnation", cut->round.incarnation);
    put_big(render, "number", cut->round.number);
    gdn__jsonout_close(&render->json, '}');
}

static void put_completeness(struct render *render)
{
    const gdn_cut *cut = render->verdict->cut;
    put_bool(render, "complete", render->verdict->complete);
    gdn__jsonout_key(&render->json, "missing");
    gdn__jsonout_open_flat(&render->json, '[');
    for (size_t i = 0; i < cut->missing_count; i++) {
        gdn__jsonout_string(&render->json, cut->missing[i]);
    }
    gdn__jsonout_close(&render->json, ']');
}

void gdn__render_json(const gdn_verdict *verdict, bool lines, struct gdn__textbuf *out)
{
    struct render render = {.verdict = verdict};
    gdn__jsonout_init(&render.json, out, lines);
    gdn__jsonout_open(&render.json, '{');
    put_string(&render, "format", "gordian-verdict/1");
    put_round(&render);
    put_completeness(&render);
    gdn__jsonout_key(&render.json, "deadlocks");
    gdn__jsonout_open(&render.json, '[');
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        put_deadlock(&render, &verdict->deadlocks[i]);
        gdn__textbuf_part(out);
    }
    gdn__jsonout_close(&render.json, ']');
    gdn__jsonout_close(&render.json, '}');
    gdn__textbuf_add_char(out, '\n');
}
