/* SPDX-License-Identifier: MIT */
#include "wire_text.h"

#include "src/core/mem.h"
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static void say(struct gdn__buffer *text, const char *format,
                                                      ...)
{
    char part[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    gdn__put_bytes(text, part, (size_t)length);
}

static void say_id(struct gdn__buffer *text, const char *word, gdn_id id)
{
    char digits[GDN_ID_TEXT_BYTES];
    say(text, " %s %s", word, gdn_id_format(id, digits));
}

static void say_number(struct gdn__buffer *text, const char *word, uint64_t number)
{
    say(text, " %s %llu", word, (unsigned long long)number);
}

/* ---- Records ---- */

static void say_round(struct gdn__buffer *text, gdn_round_id round)
{
    say_id(text, "round", round.initiator.id);
    say(text, " %llx %llu", (unsigned long long)round.incarnation,
        (unsigned long long)round.number);
}

static bool hello(struct gdn__buffer *text, struct gdn__buffer *out,
                  const struct gdn__record *record)
{
    struct gdn__hello hello;
    if (!gdn__get_hello(record, &hello)) return false;
    say(text, "HELLO %s", hello.role == GDN__ROLE_NODE ? "node" : "detector");
    say_number(text, "nonce", hello.nonce);
    say_number(text, "echo", hello.echo);
    say(text, " name %s endpoint %s", hello.name, hello.endpoint);
    gdn__put_hello(out, &hello);
    return true;
}

static bool open(struct gdn__buffer *text, struct gdn__buffer *out,
                 const struct gdn__record *record)
{
    struct gdn__open open;
    if (!gdn__get_open(record, &open)) return false;
    say(text, "OPEN");
    say_number(text, "silence", open.silence_ms);
    say_number(text, "window", open.window);
    say_number(text, "bytes", open.window_bytes);
    for (size_t i = 0; i < open.count; i++) say_round(text, open.rounds[i]);
    gdn__put_open(out, &open);
    return true;
}

static bool order(struct gdn__buffer *text, struct gdn__buffer *out,
                  const struct gdn__record *record, const char *word)
{
    gdn_round_id round;
    if (!gdn__get_round_id(record, &round)) return false;
    say(text, "%s", word);
    say_round(text, round);
    gdn__put_round_id(out, round);
    return true;
}

static void say_branch(struct gdn__buffer *text, uint32_t branch_id)
{
    if (branch_id != 0) say(text, " branch-id %u", branch_id);
}

static const char *const verbs[] = {"", "request", "grant", "release", "cancel", "end", "wake"};

static bool lock(struct gdn__buffer *text, struct gdn__buffer *out,
                 const struct gdn__record *record)
{
    struct gdn_message message;
    if (!gdn__get_lock(record, &message)) return false;
    say(text, "LOCK %s mode %d flags %d", verbs[message.verb], message.mode, message.flags);
    say_number(text, "ticket", message.number);
    say_id(text, "process", message.process.id);
    say_id(text, "resource", message.resource.id);
    say_id(text, "by", message.by.id);
    if (message.units != 0) say(text, " units %u", message.units);
    say_branch(text, message.branch_id);
    gdn__put_lock(out, &message);
    return true;
}

static bool payload(struct gdn__buffer *text, struct gdn__buffer *out,
                    const struct gdn__record *record)
{
    say(text, record->length > 0 ? "PAYLOAD " : "PAYLOAD");
    for (size_t i = 0; i < record->length; i++) say(text, "%02x", record->body[i]);
    gdn__put_bytes(out, record->body, record->length);
    return true;
}

static void say_abort(struct gdn__buffer *text, const char *word, const struct gdn__abort *abort)
{
    say(text, "%s", word);
    say_id(text, "deadlock", abort->deadlock);
    say_id(text, "process", abort->process.id);
    say_number(text, "ticket", abort->ticket);
}

static bool abort_order(struct gdn__buffer *text, struct gdn__buffer *out,
                        const struct gdn__record *record)
{
    struct gdn__abort abort;
    if (!gdn__get_abort(record, &abort)) return false;
    say_abort(text, "ABORT", &abort);
    gdn__put_abort(out, &abort);
    return true;
}

static bool aborted(struct gdn__buffer *text, struct gdn__buffer *out,
                    const struct gdn__record *record)
{
    struct gdn__aborted aborted;
    if (!gdn__get_aborted(record, &aborted)) return false;
    say_abort(text, "ABORTED", &aborted.what);
    say_number(text, "outcome", aborted.outcome);
    gdn__put_aborted(out, &aborted);
    return true;
}

static bool report(struct gdn__buffer *text, struct gdn__buffer *out,
                   const struct gdn__record *record)
{
    gdn_round_id round;
    const uint8_t *cut;
    size_t length;
    if (!gdn__get_report(record, &round, &cut, &length)) return false;
    say(text, "REPORT");
    say_round(text, round);
    say(text, " cut of %zu bytes", length);
    gdn__put_report(out, round, cut, length);
    return true;
}

static bool failed(struct gdn__buffer *text, struct gdn__buffer *out,
                   const struct gdn__record *record)
{
    struct gdn__failed failed;
    if (!gdn__get_failed(record, &failed)) return false;
    say(text, "FAILED");
    say_round(text, failed.round);
    say(text, " %s", failed.reason);
    gdn__put_failed(out, &failed);
    return true;
}

static bool suspect(struct gdn__buffer *text, struct gdn__buffer *out,
                    const struct gdn__record *record)
{
    struct gdn__suspect suspect;
    if (!gdn__get_suspect(record, &suspect)) return false;
    say(text, "SUSPECT");
    say_id(text, "process", suspect.process.id);
    say_number(text, "ticket", suspect.ticket);
    say_number(text, "waited", suspect.waited_us);
    gdn__put_suspect(out, &suspect);
    return true;
}

static bool bare(struct gdn__buffer *text, const struct gdn__record *record, const char *word)
{
    say(text, "%s", word);
    return record->length == 0;
}

static bool body(struct gdn__buffer *text, struct gdn__buffer *out,
                 const struct gdn__record *record)
{
    switch (record->type) {
    case GDN__HELLO:
        return hello(text, out, record);
    case GDN__ACK:
        return bare(text, record, "ACK");
    case GDN__NACK:
        return bare(text, record, "NACK");
    case GDN__BYE:
        return bare(text, record, "BYE");
    case GDN__OPEN:
        return open(text, out, record);
    case GDN__MARKER:
        return order(text, out, record, "MARKER");
    case GDN__LOCK:
        return lock(text, out, record);
    case GDN__PAYLOAD:
        return payload(text, out, record);
    case GDN__START:
        return order(text, out, record, "START");
    case GDN__COLLECT:
        return order(text, out, record, "COLLECT");
    case GDN__ABANDON:
        return order(text, out, record, "ABANDON");
    case GDN__ABORT:
        return abort_order(text, out, record);
    case GDN__REPORT:
        return report(text, out, record);
    case GDN__FAILED:
        return failed(text, out, record);
    case GDN__SUSPECT:
        return suspect(text, out, record);
    case GDN__ABORTED:
        return aborted(text, out, record);
    }
    return false;
}

bool wire_recode(struct gdn__buffer *out, const struct gdn__record *record)
{
    struct gdn__buffer text, unused;
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    gdn__buffer_init(&text, &allocator);
    gdn__buffer_init(&unused, &allocator);
    struct gdn__buffer *to = out == NULL ? &unused : out;
    size_t begun = gdn__begin_record(to, record->type);
    bool whole = body(&text, to, record);
    gdn__end_record(to, begun);
    gdn__buffer_fini(&text);
    gdn__buffer_fini(&unused);
    return whole;
}

/* ---- Frames ---- */

bool wire_text_of_frame(struct gdn__buffer *text, const uint8_t *bytes, size_t length)
{
    struct gdn__header header;
    struct gdn__record record;
    struct gdn__reader in = gdn__reader_of(bytes, length);
    struct gdn__buffer unused;
    if (gdn__get_header(&in, &header) != GDN_OK) return false;
    say(text, "frame count %u source %llx destination %llx", header.count,
        (unsigned long long)header.source, (unsigned long long)header.destination);
    say_number(text, "sequence", header.sequence);
    say_number(text, "acknowledged", header.acknowledged);
    say_number(text, "taken", header.taken);
    say_number(text, "bytes", header.taken_bytes);
    say_number(text, "epoch", header.epoch);
    say_number(text, "association", header.association);
    say(text, "\n");
    gdn__buffer_init(&unused, &text->allocator);
    bool whole = true;
    while (whole && gdn__next_record(&in, &record)) {
        whole = body(text, &unused, &record);
        say(text, "\n");
    }
    gdn__buffer_fini(&unused);
    return whole && !in.failed;
}

/* ---- Cuts ---- */

static void say_index(struct gdn__buffer *text, const char *word, uint32_t index)
{
    if (index == GDN_NONE) {
        say(text, " %s -", word);
    } else {
        say(text, " %s %u", word, index);
    }
}

static void say_flag(struct gdn__buffer *text, bool set, const char *word)
{
    if (set) say(text, " %s", word);
}

static void say_tables(struct gdn__buffer *text, const gdn_cut *cut)
{
    char digits[GDN_ID_TEXT_BYTES];
    for (size_t i = 0; i < cut->party_count; i++) {
        say(text, "party %zu %s %llx\n", i, cut->parties[i].name,
            (unsigned long long)cut->parties[i].incarnation);
    }
    for (size_t i = 0; i < cut->process_count; i++) {
        const struct gdn_cut_process *process = &cut->processes[i];
        say(text, "process %zu %s", i, gdn_id_format(process->id.id, digits));
        if (process->name != NULL) say(text, " name %s", process->name);
        if (process->label != NULL) say(text, " label %s", process->label);
        if (process->described) {
            say(text, " started %lld work %llu priority %d", (long long)process->started_us,
                (unsigned long long)process->work, process->priority);
        }
        say_flag(text, process->abortable, "abortable");
        say(text, "\n");
    }
    for (size_t i = 0; i < cut->resource_count; i++) {
        const struct gdn_cut_resource *resource = &cut->resources[i];
        say(text, "resource %zu %s", i, gdn_id_format(resource->id.id, digits));
        if (resource->name != NULL) say(text, " name %s", resource->name);
        if (resource->label != NULL) say(text, " label %s", resource->label);
        say(text, "\n");
    }
    for (size_t i = 0; i < cut->missing_count; i++) say(text, "missing %s\n", cut->missing[i]);
}

static void say_home(struct gdn__buffer *text, const struct gdn_cut_node *node,
                     const struct gdn_cut_home *home)
{
    say(text, "home resource %u capacity %u", home->resource, home->capacity);
    say_flag(text, home->unordered, "unordered");
    say(text, "\n");
    for (size_t i = 0; i < home->holder_count; i++) {
        const struct gdn_cut_holder *holder = &node->holders[home->holder_first + i];
        say(text, "holder process %u issuer %u ticket %llu units %u mode %d", holder->process,
            holder->issuer, (unsigned long long)holder->ticket, holder->units, holder->mode);
        say_branch(text, holder->branch_id);
        say_flag(text, holder->brief, "brief");
        say(text, "\n");
    }
    for (size_t i = 0; i < home->entry_count; i++) {
        const struct gdn_cut_entry *entry = &node->queue[home->entry_first + i];
        say(text, "entry process %u issuer %u ticket %llu waited %llu units %u mode %d",
            entry->process, entry->issuer, (unsigned long long)entry->ticket,
            (unsigned long long)entry->waited_us, entry->units, entry->mode);
        say_branch(text, entry->branch_id);
        say_flag(text, entry->brief, "brief");
        say(text, "\n");
    }
}

static void say_need(struct gdn__buffer *text, const struct gdn_cut_need *need)
{
    say(text, "need");
    if (need->kind == GDN_NEED_GROUP) {
        say(text, " at least %u of %u", need->at_least, need->child_count);
    } else if (need->kind == GDN_NEED_PROCESS) {
        say_index(text, "process", need->process);
        say_index(text, "resource", need->resource);
        say_index(text, "branch", need->branch);
        say_branch(text, need->branch_id);
    } else {
        say_index(text, "resource", need->resource);
        say_index(text, "home", need->home);
        say(text, " units %u", need->units);
    }
    say_flag(text, need->queued, "queued");
    say(text, "\n");
}

static void say_wait(struct gdn__buffer *text, const struct gdn_cut_node *node,
                     const struct gdn_cut_wait *wait)
{
    say(text, "wait process %u", wait->process);
    say_index(text, "resource", wait->resource);
    say_index(text, "home", wait->home);
    say_number(text, "ticket", wait->ticket);
    say_number(text, "waited", wait->waited_us);
    say(text, " mode %d", wait->mode);
    say_branch(text, wait->branch_id);
    say(text, "\n");
    for (size_t i = 0; i < wait->need_count; i++) {
        say_need(text, &node->needs[wait->need_first + i]);
    }
}

static void say_channel(struct gdn__buffer *text, const struct gdn_cut_node *node,
                        const struct gdn_cut_channel *channel)
{
    say(text, "channel %s %u", channel->incoming ? "from" : "to", channel->peer);
    if (channel->counted) say_number(text, "counted", channel->count);
    if (channel->incoming) say_number(text, "untagged", channel->untagged);
    say_flag(text, channel->open, "open");
    say(text, "\n");
    for (size_t i = 0; i < channel->message_count; i++) {
        const struct gdn_cut_message *message = &node->messages[channel->message_first + i];
        say(text, "message %s process %u", verbs[message->verb], message->process);
        say_index(text, "resource", message->resource);
        say_index(text, "by", message->by);
        say_number(text, "ticket", message->ticket);
        say(text, " mode %d flags %d", message->mode, message->flags);
        say_branch(text, message->branch_id);
        say(text, "\n");
    }
}

void wire_text_of_cut(struct gdn__buffer *text, const gdn_cut *cut)
{
    say(text, "cut scope %s started %lld modes %u", cut->scope == GDN_SCOPE_FULL ? "full" : "waits",
        (long long)cut->started_us, cut->modes_given ? cut->modes.count : 0);
    if (cut->has_round) {
        say(text, " round %s %llx %llu", cut->initiator, (unsigned long long)cut->round.incarnation,
            (unsigned long long)cut->round.number);
    }
    say(text, "\n");
    say_tables(text, cut);
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        say(text, "node party %u", node->party);
        say_flag(text, node->waits_listed, "waits-listed");
        say_flag(text, node->observed, "observed");
        say_flag(text, node->aborts_unanswered, "aborts-unanswered");
        say_flag(text, node->given_up_by_others, "given-up-by-others");
        say(text, "\n");
        for (size_t i = 0; i < node->home_count; i++) say_home(text, node, &node->homes[i]);
        for (size_t i = 0; i < node->wait_count; i++) say_wait(text, node, &node->waits[i]);
        for (size_t i = 0; i < node->channel_count; i++) {
            say_channel(text, node, &node->channels[i]);
        }
    }
}
