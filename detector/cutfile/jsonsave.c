/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jsonsave.h"

#include "detector/cutfile/jsonload.h"
#include "detector/cutfile/when.h"
#include "detector/render/jsonout.h"
#include <stdio.h>
#include <string.h>

/* 2^53: integers beyond it are lost in readers that know only doubles. */
#define EXACT_MAX (UINT64_C(1) << 53)

struct save {
    struct gdn__jsonout json;
    const gdn_cut *cut;
    enum gdn_err err;
};

/* ---- Members ---- */

static void put_string(struct save *save, const char *key, const char *text)
{
    gdn__jsonout_key(&save->json, key);
    gdn__jsonout_string(&save->json, text);
}

static void put_big(struct save *save, const char *key, uint64_t value)
{
    gdn__jsonout_key(&save->json, key);
    gdn__jsonout_big(&save->json, value);
}

static void put_flag(struct save *save, const char *key, bool value)
{
    if (!value) return;
    gdn__jsonout_key(&save->json, key);
    gdn__jsonout_bool(&save->json, true);
}

static void put_waited(struct save *save, uint64_t waited_us)
{
    gdn__jsonout_key(&save->json, "waited_ms");
    gdn__jsonout_ms(&save->json, waited_us);
}

/* A number while every reader keeps all of its digits. */
static void put_work(struct save *save, uint64_t work)
{
    if (work > EXACT_MAX) {
        put_big(save, "work", work);
    } else {
        gdn__jsonout_key(&save->json, "work");
        gdn__jsonout_integer(&save->json, (int64_t)work);
    }
}

static void put_when(struct save *save, int64_t us)
{
    char text[GDN__WHEN_BYTES];
    if (us > 0) put_string(save, "started", gdn__when_format(us, text));
}

static void open_array(struct save *save, const char *key)
{
    gdn__jsonout_key(&save->json, key);
    gdn__jsonout_open(&save->json, '[');
}

static void close_array(struct save *save)
{
    gdn__jsonout_close(&save->json, ']');
}

/* ---- Names ---- */

/* True when reading @p name back gives that very id. */
static bool names_id(const char *name, gdn_id id)
{
    return name != NULL && gdn_name_is_valid(name) && gdn_id_equal(gdn_id_from_name(name), id);
}

/* By what the document calls it: name, else label, else 32 digits. */
static const char *reference(const char *name, const char *label, gdn_id id, char *digits)
{
    if (names_id(name, id)) return name;
    return names_id(label, id) ? label : gdn_id_format(id, digits);
}

static void put_process(struct save *save, const char *key, uint32_t index)
{
    const struct gdn_cut_process *process = &save->cut->processes[index];
    char digits[GDN_ID_TEXT_BYTES];
    put_string(save, key, reference(process->name, process->label, process->id.id, digits));
}

static void put_resource(struct save *save, uint32_t index)
{
    const struct gdn_cut_resource *resource = &save->cut->resources[index];
    char digits[GDN_ID_TEXT_BYTES];
    const char *text = reference(resource->name, resource->label, resource->id.id, digits);
    put_string(save, "resource", text);
    if (text == digits && resource->label != NULL) put_string(save, "x-label", resource->label);
}

static void put_party(struct save *save, const char *key, uint32_t party)
{
    put_string(save, key, save->cut->parties[party].name);
}

static void put_incarnation(struct save *save, uint32_t party)
{
    uint64_t incarnation = save->cut->parties[party].incarnation;
    if (incarnation != 0) put_big(save, "incarnation", incarnation);
}

/* Where it is not 0. */
static void put_positive(struct save *save, const char *key, uint32_t value)
{
    if (value == 0) return;
    gdn__jsonout_key(&save->json, key);
    gdn__jsonout_integer(&save->json, value);
}

static void put_mode(struct save *save, uint8_t mode)
{
    put_string(save, "mode", save->cut->modes.names[mode]);
}

/* ---- Head ---- */

static void put_round(struct save *save)
{
    const gdn_cut *cut = save->cut;
    if (!cut->has_round) return;
    gdn__jsonout_key(&save->json, "round");
    gdn__jsonout_open_flat(&save->json, '{');
    put_string(save, "initiator", cut->initiator);
    put_big(save, "incarnation", cut->round.incarnation);
    put_big(save, "number", cut->round.number);
    put_string(save, "scope", cut->scope == GDN_SCOPE_FULL ? "full" : "waits");
    put_when(save, cut->started_us);
    gdn__jsonout_close(&save->json, '}');
}

static void put_missing(struct save *save)
{
    if (save->cut->missing_count == 0) return;
    gdn__jsonout_key(&save->json, "missing");
    gdn__jsonout_open_flat(&save->json, '[');
    for (size_t i = 0; i < save->cut->missing_count; i++) {
        gdn__jsonout_string(&save->json, save->cut->missing[i]);
    }
    close_array(save);
}

static void put_modes(struct save *save)
{
    const struct gdn_modes *modes = &save->cut->modes;
    if (!save->cut->modes_given) return;
    gdn__jsonout_key(&save->json, "modes");
    gdn__jsonout_open(&save->json, '{');
    gdn__jsonout_key(&save->json, "names");
    gdn__jsonout_open_flat(&save->json, '[');
    for (uint32_t i = 0; i < modes->count; i++) {
        gdn__jsonout_string(&save->json, modes->names[i]);
    }
    close_array(save);
    open_array(save, "conflicts");
    for (uint32_t i = 0; i < modes->count; i++) {
        gdn__jsonout_open_flat(&save->json, '[');
        for (uint32_t k = 0; k < modes->count; k++) {
            gdn__jsonout_integer(&save->json, modes->conflicts[i] >> k & 1);
        }
        close_array(save);
    }
    close_array(save);
    gdn__jsonout_close(&save->json, '}');
}

static void put_described(struct save *save, uint32_t index)
{
    const struct gdn_cut_process *process = &save->cut->processes[index];
    char digits[GDN_ID_TEXT_BYTES];
    const char *text = reference(process->name, process->label, process->id.id, digits);
    bool labelled = process->label != NULL && text != process->label;
    if (!labelled && !process->described) return;
    gdn__jsonout_open_flat(&save->json, '{');
    put_string(save, "process", text);
    if (labelled) put_string(save, "label", process->label);
    if (process->described) {
        put_when(save, process->started_us);
        put_work(save, process->work);
        gdn__jsonout_key(&save->json, "priority");
        gdn__jsonout_integer(&save->json, process->priority);
        gdn__jsonout_key(&save->json, "abortable");
        gdn__jsonout_bool(&save->json, process->abortable);
    }
    gdn__jsonout_close(&save->json, '}');
}

/* ---- Resources homed at a node ---- */

static void put_holder(struct save *save, const struct gdn_cut_holder *holder)
{
    gdn__jsonout_open_flat(&save->json, '{');
    put_process(save, "process", holder->process);
    put_positive(save, "units", holder->units);
    if (holder->units == 0) put_mode(save, holder->mode);
    if (holder->brief) put_string(save, "hold", "brief");
    put_party(save, "issuer", holder->issuer);
    put_positive(save, "branch_id", holder->branch_id);
    if (holder->ticket != 0) put_big(save, "ticket", holder->ticket);
    gdn__jsonout_close(&save->json, '}');
}

static void put_entry(struct save *save, const struct gdn_cut_entry *entry)
{
    gdn__jsonout_open_flat(&save->json, '{');
    put_process(save, "process", entry->process);
    put_positive(save, "units", entry->units);
    if (entry->units == 0) put_mode(save, entry->mode);
    put_party(save, "issuer", entry->issuer);
    put_positive(save, "branch_id", entry->branch_id);
    if (entry->ticket != 0) put_big(save, "ticket", entry->ticket);
    put_waited(save, entry->waited_us);
    if (entry->brief) {
        gdn__jsonout_key(&save->json, "x-flags");
        gdn__jsonout_integer(&save->json, GDN_REQUEST_BRIEF);
    }
    gdn__jsonout_close(&save->json, '}');
}

static void put_home(struct save *save, const struct gdn_cut_node *node,
                     const struct gdn_cut_home *home)
{
    gdn__jsonout_open(&save->json, '{');
    put_resource(save, home->resource);
    put_positive(save, "capacity", home->capacity);
    if (home->unordered) put_string(save, "order", "none");
    open_array(save, "holders");
    for (size_t i = 0; i < home->holder_count; i++) {
        put_holder(save, &node->holders[home->holder_first + i]);
    }
    close_array(save);
    open_array(save, "queue");
    for (size_t i = 0; i < home->entry_count; i++) {
        put_entry(save, &node->queue[home->entry_first + i]);
    }
    close_array(save);
    gdn__jsonout_close(&save->json, '}');
}

/* ---- Waits ---- */

static void put_leaf(struct save *save, const struct gdn_cut_need *need)
{
    gdn__jsonout_open_flat(&save->json, '{');
    if (need->kind == GDN_NEED_PROCESS) put_process(save, "process", need->process);
    if (need->resource != GDN_NONE) put_resource(save, need->resource);
    if (need->home != GDN_NONE) put_party(save, "home", need->home);
    put_positive(save, "units", need->units);
    if (need->branch != GDN_NONE) put_party(save, "branch", need->branch);
    put_positive(save, "branch_id", need->branch_id);
    put_flag(save, "queued", need->queued);
    put_flag(save, "x-met", need->met);
    gdn__jsonout_close(&save->json, '}');
}

/* Opens a group; its members follow. */
static void open_group(struct save *save, const struct gdn_cut_need *need)
{
    gdn__jsonout_open_flat(&save->json, '{');
    if (need->at_least == need->child_count) {
        open_array(save, "all");
    } else if (need->at_least == 1) {
        open_array(save, "any");
    } else {
        gdn__jsonout_key(&save->json, "at_least");
        gdn__jsonout_integer(&save->json, need->at_least);
        open_array(save, "of");
    }
}

/* Prefix order back into nesting; owed[] counts the members still to come of each open group. */
/* Of a wait without needs @p needs, the node's, may be NULL. */
static void put_needs(struct save *save, const struct gdn_cut_need *needs, size_t first,
                      size_t count)
{
    uint32_t owed[GDN_NEEDS_DEPTH_MAX] = {0};
    unsigned depth = 0;
    gdn__jsonout_key(&save->json, "needs");
    gdn__jsonout_open_flat(&save->json, '{');
    open_array(save, "all");
    for (size_t i = first; i < first + count; i++) {
        if (depth > 0) owed[depth - 1]--;
        if (needs[i].kind != GDN_NEED_GROUP) {
            put_leaf(save, &needs[i]);
        } else if (depth == GDN_NEEDS_DEPTH_MAX - 1) {
            save->err = GDN_ERR_LIMIT;
            return;
        } else {
            open_group(save, &needs[i]);
            owed[depth++] = needs[i].child_count;
        }
        for (; depth > 0 && owed[depth - 1] == 0; depth--) {
            close_array(save);
            gdn__jsonout_close(&save->json, '}');
        }
    }
    close_array(save);
    gdn__jsonout_close(&save->json, '}');
}

static void put_wait(struct save *save, const struct gdn_cut_node *node,
                     const struct gdn_cut_wait *wait)
{
    gdn__jsonout_open_flat(&save->json, '{');
    put_process(save, "process", wait->process);
    if (wait->ticket != 0) put_big(save, "ticket", wait->ticket);
    put_positive(save, "branch_id", wait->branch_id);
    if (wait->resource != GDN_NONE) {
        put_resource(save, wait->resource);
        put_party(save, "home", wait->home);
        put_mode(save, wait->mode);
    } else {
        put_needs(save, node->needs, wait->need_first, wait->need_count);
    }
    put_waited(save, wait->waited_us);
    gdn__jsonout_close(&save->json, '}');
}

/* ---- Channels ---- */

static void put_message(struct save *save, const struct gdn_cut_message *message)
{
    static const char *const verbs[] = {"", "request", "grant", "release", "cancel", "end", "wake"};
    bool moded = message->verb == GDN_VERB_REQUEST || message->verb == GDN_VERB_GRANT;
    gdn__jsonout_open_flat(&save->json, '{');
    put_string(save, "verb", verbs[message->verb]);
    put_process(save, "process", message->process);
    if (message->resource != GDN_NONE) put_resource(save, message->resource);
    if (message->by != GDN_NONE) put_process(save, "by", message->by);
    if (message->ticket != 0) put_big(save, "ticket", message->ticket);
    if (moded) put_mode(save, message->mode);
    if (message->verb == GDN_VERB_REQUEST) put_positive(save, "units", message->units);
    put_positive(save, "branch_id", message->branch_id);
    if (message->verb == GDN_VERB_REQUEST && message->flags != 0) {
        gdn__jsonout_key(&save->json, "x-flags");
        gdn__jsonout_integer(&save->json, message->flags);
    }
    gdn__jsonout_close(&save->json, '}');
}

static void put_channel(struct save *save, const struct gdn_cut_node *node,
                        const struct gdn_cut_channel *channel)
{
    bool with_messages = channel->message_count > 0;
    if (with_messages) gdn__jsonout_open(&save->json, '{');
    if (!with_messages) gdn__jsonout_open_flat(&save->json, '{');
    put_party(save, channel->incoming ? "from" : "to", channel->peer);
    put_incarnation(save, channel->peer);
    if (channel->counted) put_big(save, channel->incoming ? "taken" : "sent", channel->count);
    if (channel->incoming && channel->untagged != 0) put_big(save, "untagged", channel->untagged);
    if (channel->incoming) put_flag(save, "open", channel->open);
    if (with_messages) open_array(save, "messages");
    for (size_t i = 0; i < channel->message_count; i++) {
        put_message(save, &node->messages[channel->message_first + i]);
    }
    if (with_messages) close_array(save);
    gdn__jsonout_close(&save->json, '}');
}

/* ---- The document ---- */

static void put_node(struct save *save, const struct gdn_cut_node *node)
{
    gdn__jsonout_open(&save->json, '{');
    put_party(save, "node", node->party);
    put_incarnation(save, node->party);
    put_flag(save, "x-observed", node->observed);
    put_flag(save, "x-aborts-unanswered", node->aborts_unanswered);
    put_flag(save, "x-given-up-by-others", node->given_up_by_others);
    open_array(save, "resources");
    for (size_t i = 0; i < node->home_count; i++) put_home(save, node, &node->homes[i]);
    close_array(save);
    if (node->waits_listed) {
        open_array(save, "waits");
        for (size_t i = 0; i < node->wait_count; i++) put_wait(save, node, &node->waits[i]);
        close_array(save);
    }
    open_array(save, "channels");
    for (size_t i = 0; i < node->channel_count; i++) put_channel(save, node, &node->channels[i]);
    close_array(save);
    gdn__jsonout_close(&save->json, '}');
}

enum gdn_err gdn__json_save(const gdn_cut *cut, struct gdn__textbuf *out)
{
    struct save save = {.cut = cut};
    gdn__jsonout_init(&save.json, out, false);
    gdn__jsonout_open(&save.json, '{');
    put_string(&save, "format", "gordian-cut/1");
    put_round(&save);
    put_missing(&save);
    put_modes(&save);
    open_array(&save, "processes");
    for (size_t i = 0; i < cut->process_count; i++) put_described(&save, (uint32_t)i);
    close_array(&save);
    open_array(&save, "nodes");
    for (size_t i = 0; i < cut->node_count; i++) put_node(&save, &cut->nodes[i]);
    close_array(&save);
    gdn__jsonout_close(&save.json, '}');
    gdn__textbuf_add_char(out, '\n');
    if (out->failed) return GDN_ERR_MEMORY;
    return save.err;
}
