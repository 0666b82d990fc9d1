/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian-diff/1. */
#include "diff.h"

#include "detector/cutfile/when.h"
#include "detector/render/jsonout.h"

struct render {
    struct gdn__jsonout json;
    const struct gdn__diff *diff;
};

typedef void put_entry(struct render *render, struct gdn__diff_pair pair);
typedef bool pair_test(const struct gdn__diff *diff, struct gdn__diff_pair pair);

/* ---- Members ---- */

static void put_string(struct render *render, const char *key, const char *text)
{
    gdn__jsonout_key(&render->json, key);
    if (text != NULL) gdn__jsonout_string(&render->json, text);
    if (text == NULL) gdn__jsonout_null(&render->json);
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

/* One of "came", "went", "changed" and "stayed": an array, each entry on its line. */
static void put_list(struct render *render, const char *key, const struct gdn__diff_pairs *pairs,
                     pair_test *belongs, put_entry *put)
{
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_open(&render->json, '[');
    for (size_t i = 0; i < pairs->count; i++) {
        if (!belongs(render->diff, pairs->pairs[i])) continue;
        gdn__jsonout_open_flat(&render->json, '{');
        put(render, pairs->pairs[i]);
        gdn__jsonout_close(&render->json, '}');
    }
    gdn__jsonout_close(&render->json, ']');
}

static bool came(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    (void)diff;
    return pair.from == GDN__DIFF_ABSENT;
}

static bool went(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    (void)diff;
    return pair.to == GDN__DIFF_ABSENT;
}

static bool stayed(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    return !came(diff, pair) && !went(diff, pair);
}

/* ---- Nodes ---- */

static bool restarted(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    return stayed(diff, pair) &&
           diff->from.nodes[pair.from].incarnation != diff->to.nodes[pair.to].incarnation;
}

static bool ran_on(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    return stayed(diff, pair) && !restarted(diff, pair);
}

static void put_node(struct render *render, struct gdn__diff_pair pair)
{
    const struct gdn__diff *diff = render->diff;
    bool gone = went(diff, pair), new = came(diff, pair);
    const struct gdn__diff_node *node =
        gone ? &diff->from.nodes[pair.from] : &diff->to.nodes[pair.to];
    put_string(render, "node", node->name);
    put_big(render, "incarnation", node->incarnation);
    if (restarted(diff, pair)) put_big(render, "before", diff->from.nodes[pair.from].incarnation);
    if (gone) put_bool(render, "missing", gdn__diff_is_missing(&diff->to, node->name));
    if (new) put_bool(render, "missing", gdn__diff_is_missing(&diff->from, node->name));
}

/* ---- Deadlocks ---- */

static gdn_id id_of(const struct gdn__diff_side *side, size_t index)
{
    return side->verdict->deadlocks[index].id;
}

static bool is_changed(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    return stayed(diff, pair) &&
           !gdn_id_equal(id_of(&diff->from, pair.from), id_of(&diff->to, pair.to));
}

static bool stands(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    return stayed(diff, pair) && !is_changed(diff, pair);
}

static void put_deadlock(struct render *render, struct gdn__diff_pair pair)
{
    const struct gdn__diff *diff = render->diff;
    const struct gdn__diff_side *side = went(diff, pair) ? &diff->from : &diff->to;
    const gdn_verdict *verdict = side->verdict;
    const struct gdn_deadlock *deadlock =
        &verdict->deadlocks[went(diff, pair) ? pair.from : pair.to];
    char text[GDN_SHOWN_NAME_BYTES];
    put_string(render, "id", gdn_id_format(deadlock->id, text));
    if (is_changed(diff, pair)) {
        put_string(render, "before", gdn_id_format(id_of(&diff->from, pair.from), text));
    }
    gdn__jsonout_key(&render->json, "members");
    gdn__jsonout_open_flat(&render->json, '[');
    for (size_t i = 0; i < deadlock->member_count; i++) {
        gdn__jsonout_string(&render->json,
                            gdn_verdict_process_name(verdict, deadlock->members[i], text));
    }
    gdn__jsonout_close(&render->json, ']');
}

/* ---- Tickets ---- */

static void put_ticket(struct render *render, const gdn_verdict *verdict,
                       const struct gdn__diff_ticket *ticket)
{
    char name[GDN_SHOWN_NAME_BYTES];
    const struct gdn_modes *modes = &verdict->cut->modes;
    bool lock = ticket->resource != GDN_NONE;
    bool moded = lock && ticket->units == 0 && ticket->mode < modes->count;
    put_string(render, "process", gdn_verdict_process_name(verdict, ticket->process, name));
    put_string(render, "node", ticket->node);
    put_big(render, "incarnation", ticket->incarnation);
    put_big(render, "ticket", ticket->number);
    put_string(render, "home", lock ? ticket->home : NULL);
    put_string(render, "resource",
               lock ? gdn_verdict_resource_name(verdict, ticket->resource, name) : NULL);
    put_string(render, "mode", moded ? modes->names[ticket->mode] : NULL);
    if (ticket->units == 0) return;
    gdn__jsonout_key(&render->json, "units");
    gdn__jsonout_integer(&render->json, ticket->units);
}

static void put_wait(struct render *render, struct gdn__diff_pair pair)
{
    const struct gdn__diff *diff = render->diff;
    bool gone = went(diff, pair);
    const struct gdn__diff_side *side = gone ? &diff->from : &diff->to;
    const struct gdn__diff_ticket *ticket = &side->waits[gone ? pair.from : pair.to];
    put_ticket(render, side->verdict, ticket);
    gdn__jsonout_key(&render->json, "waited_ms");
    gdn__jsonout_ms(&render->json, ticket->waited_us);
}

static void put_hold(struct render *render, struct gdn__diff_pair pair)
{
    const struct gdn__diff *diff = render->diff;
    bool gone = went(diff, pair);
    const struct gdn__diff_side *side = gone ? &diff->from : &diff->to;
    put_ticket(render, side->verdict, &side->holds[gone ? pair.from : pair.to]);
}

/* ---- The whole ---- */

static void put_side(struct render *render, const char *key, const struct gdn__diff_side *side)
{
    const gdn_cut *cut = side->verdict->cut;
    char when[GDN__WHEN_BYTES];
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_open(&render->json, '{');
    gdn__jsonout_key(&render->json, "round");
    if (cut->has_round) {
        gdn__jsonout_open_flat(&render->json, '{');
        put_string(render, "initiator", cut->initiator);
        put_big(render, "incarnation", cut->round.incarnation);
        put_big(render, "number", cut->round.number);
        gdn__jsonout_close(&render->json, '}');
    } else {
        gdn__jsonout_null(&render->json);
    }
    put_string(render, "started",
               cut->started_us > 0 ? gdn__when_format(cut->started_us, when) : NULL);
    put_bool(render, "complete", side->verdict->complete);
    gdn__jsonout_key(&render->json, "missing");
    gdn__jsonout_open_flat(&render->json, '[');
    for (size_t i = 0; i < cut->missing_count; i++) {
        gdn__jsonout_string(&render->json, cut->missing[i]);
    }
    gdn__jsonout_close(&render->json, ']');
    gdn__jsonout_close(&render->json, '}');
}

static void put_section(struct render *render, const char *key, const struct gdn__diff_pairs *pairs,
                        pair_test *changes, pair_test *stays, put_entry *put)
{
    gdn__jsonout_key(&render->json, key);
    gdn__jsonout_open(&render->json, '{');
    put_list(render, "came", pairs, came, put);
    put_list(render, "went", pairs, went, put);
    if (changes != NULL) put_list(render, "changed", pairs, changes, put);
    put_list(render, "stayed", pairs, stays, put);
    gdn__jsonout_close(&render->json, '}');
}

void gdn__diff_json(const struct gdn__diff *diff, struct gdn__textbuf *out)
{
    struct render render = {.diff = diff};
    gdn__jsonout_init(&render.json, out, false);
    gdn__jsonout_open(&render.json, '{');
    put_string(&render, "format", "gordian-diff/1");
    put_side(&render, "from", &diff->from);
    put_side(&render, "to", &diff->to);
    put_section(&render, "nodes", &diff->nodes, restarted, ran_on, put_node);
    put_section(&render, "deadlocks", &diff->deadlocks, is_changed, stands, put_deadlock);
    put_section(&render, "waits", &diff->waits, NULL, stayed, put_wait);
    put_section(&render, "holds", &diff->holds, NULL, stayed, put_hold);
    gdn__jsonout_close(&render.json, '}');
    gdn__textbuf_add_char(out, '\n');
}
