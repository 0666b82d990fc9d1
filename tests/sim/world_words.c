/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/world_inside.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ---- */

void world__tell(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->muted) return;
    va_start(arguments, format);
    if (world->narrator != NULL) {
        (void)vfprintf(world->narrator, format, arguments);
    } else {
        size_t room = TEXT_MAX - world->trace_length;
        int wrote = vsnprintf(world->trace + world->trace_length, room, format, arguments);
        if (wrote > 0) world->trace_length += (size_t)wrote < room ? (size_t)wrote : room - 1;
    }
    va_end(arguments);
}

void world_narrate(struct world *world, FILE *narrator)
{
    world->narrator = narrator;
    world->muted = narrator == NULL;
}

void world_say(struct world *world, const char *line)
{
    world__tell(world, "%s\n", line);
}

void world__learn(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->name_count; i++) {
        if (strcmp(world->names[i], name) == 0) return;
    }
    assert_true(world->name_count < sizeof world->names / sizeof world->names[0]);
    world->names[world->name_count++] = name;
}

static const char *name_of(const struct world *world, gdn_id id)
{
    for (size_t i = 0; i < world->name_count; i++) {
        if (gdn_id_equal(gdn_id_from_name(world->names[i]), id)) return world->names[i];
    }
    return "?";
}

static const char *verb_name(enum gdn_verb verb)
{
    static const char *const names[] = {"?",      "request", "grant", "release",
                                        "cancel", "end",     "wake"};
    return names[verb];
}

/* What the stories leave out. */
static void tell_handshake(struct world *world, int from, int to, const struct gdn__record *record)
{
    const char *what = record->type == GDN__HELLO     ? "hello"
                       : record->type == GDN__OPEN    ? "open"
                       : record->type == GDN__BYE     ? "bye"
                       : record->type == GDN__SUSPECT ? "suspect"
                                                      : NULL;
    if (what == NULL) return;
    world__tell(world, "[%s > %s] %s\n", world->places[from].name, world->places[to].name, what);
}

static void tell_record(struct world *world, int from, int to, const struct gdn__record *record)
{
    const char *sender = world->places[from].name;
    const char *receiver = world->places[to].name;
    struct gdn_message message;
    gdn_round_id round;
    if (gdn__get_lock(record, &message) && record->type == GDN__LOCK) {
        world__tell(world, "[%s > %s] %s %s", sender, receiver, verb_name(message.verb),
                    name_of(world, message.process.id));
        if (message.verb != GDN_VERB_END)
            world__tell(world, " %s", name_of(world, message.resource.id));
        world__tell(world, "\n");
        return;
    }
    if (world->narrator != NULL) tell_handshake(world, from, to, record);
    const char *what = record->type == GDN__MARKER    ? "marker"
                       : record->type == GDN__START   ? "start"
                       : record->type == GDN__COLLECT ? "collect"
                       : record->type == GDN__ABANDON ? "abandon"
                                                      : NULL;
    if (what != NULL && gdn__get_round_id(record, &round)) {
        world__tell(world, "[%s > %s] %s %llu\n", sender, receiver, what,
                    (unsigned long long)round.number);
    }
    if (record->type == GDN__PAYLOAD) {
        world__tell(world, "[%s > %s] payload %.*s\n", sender, receiver, (int)record->length,
                    (const char *)record->body);
    }
    if (record->type == GDN__REPORT) world__tell(world, "[%s > %s] report\n", sender, receiver);
    if (record->type == GDN__FAILED) world__tell(world, "[%s > %s] failed\n", sender, receiver);
    if (record->type == GDN__ABORT) world__tell(world, "[%s > %s] abort\n", sender, receiver);
    if (record->type == GDN__ABORTED) world__tell(world, "[%s > %s] aborted\n", sender, receiver);
}

void world__tell_frame(struct world *world, int from, int to, const struct frame *frame)
{
    struct gdn__reader in = gdn__reader_of(frame->bytes, frame->length);
    struct gdn__header header;
    struct gdn__record record;
    assert_int_equal(gdn__get_header(&in, &header), GDN_OK);
    while (gdn__next_record(&in, &record)) tell_record(world, from, to, &record);
}

void world__tell_item(struct world *world, const char *node, const struct gdn_item *item)
{
    static const char *const names[] = {"requested", "released", "granted", "refused", "woken",
                                        "aborted",   "payload",  "up",      "lost"};
    world__tell(world, "%s took %s", node, names[item->type]);
    switch (item->type) {
    case GDN_ITEM_REQUESTED:
    case GDN_ITEM_GRANTED:
    case GDN_ITEM_REFUSED:
    case GDN_ITEM_ABORTED:
        world__tell(world, " %s %s", name_of(world, item->process.id),
                    name_of(world, item->resource.id));
        break;
    case GDN_ITEM_RELEASED:
        world__tell(world, " %s", name_of(world, item->resource.id));
        break;
    case GDN_ITEM_WOKEN:
        world__tell(world, " %s", name_of(world, item->process.id));
        break;
    case GDN_ITEM_PAYLOAD:
        world__tell(world, " %.*s", (int)item->length, (const char *)item->bytes);
        break;
    case GDN_ITEM_PEER_UP:
    case GDN_ITEM_PEER_LOST:
        world__tell(world, " %s", item->peer_name);
        break;
    }
    world__tell(world, "\n");
}

/* ---- A cut in words ---- */

static void add_word_line(char lines[][128], size_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_word_line(char lines[][128], size_t *count, const char *format, ...)
{
    va_list arguments;
    assert_true(*count < 256);
    va_start(arguments, format);
    (void)vsnprintf(lines[(*count)++], 128, format, arguments);
    va_end(arguments);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static const char *process_in(const struct world *world, const gdn_cut *cut, uint32_t process)
{
    return name_of(world, cut->processes[process].id.id);
}

static const char *resource_in(const struct world *world, const gdn_cut *cut, uint32_t resource)
{
    return resource == GDN_NONE ? "-" : name_of(world, cut->resources[resource].id.id);
}

static void describe_home(const struct world *world, const gdn_cut *cut,
                          const struct gdn_cut_node *node, const struct gdn_cut_home *home,
                          char lines[][128], size_t *count)
{
    const char *at = cut->parties[node->party].name;
    const char *resource = resource_in(world, cut, home->resource);
    for (size_t i = 0; i < home->holder_count; i++) {
        uint32_t process = node->holders[home->holder_first + i].process;
        add_word_line(lines, count, "%s: %s held by %s", at, resource,
                      process_in(world, cut, process));
    }
    for (size_t i = 0; i < home->entry_count; i++) {
        uint32_t process = node->queue[home->entry_first + i].process;
        add_word_line(lines, count, "%s: %s wanted by %s", at, resource,
                      process_in(world, cut, process));
    }
}

static void describe_channel(const struct world *world, const gdn_cut *cut,
                             const struct gdn_cut_node *node, const struct gdn_cut_channel *channel,
                             char lines[][128], size_t *count)
{
    const char *from = cut->parties[channel->peer].name;
    const char *to = cut->parties[node->party].name;
    if (channel->open) add_word_line(lines, count, "%s -> %s: open", from, to);
    if (channel->untagged > 0) {
        add_word_line(lines, count, "%s -> %s: %llu untagged", from, to,
                      (unsigned long long)channel->untagged);
    }
    for (size_t i = 0; i < channel->message_count; i++) {
        const struct gdn_cut_message *message = &node->messages[channel->message_first + i];
        add_word_line(lines, count, "%s -> %s: %s %s %s", from, to, verb_name(message->verb),
                      process_in(world, cut, message->process),
                      resource_in(world, cut, message->resource));
    }
}

const char *world_describe_cut(struct world *world, const gdn_cut *cut)
{
    char lines[256][128];
    size_t count = 0;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; i < node->home_count; i++) {
            describe_home(world, cut, node, &node->homes[i], lines, &count);
        }
        for (size_t i = 0; i < node->wait_count; i++) {
            add_word_line(lines, &count, "%s: %s waits for %s", cut->parties[node->party].name,
                          process_in(world, cut, node->waits[i].process),
                          resource_in(world, cut, node->waits[i].resource));
        }
        for (size_t i = 0; i < node->channel_count; i++) {
            describe_channel(world, cut, node, &node->channels[i], lines, &count);
        }
    }
    for (size_t i = 0; i < cut->missing_count; i++) {
        add_word_line(lines, &count, "missing %s", cut->missing[i]);
    }
    qsort(lines, count, sizeof lines[0], by_text);
    world->words[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(world->words);
        (void)snprintf(world->words + used, TEXT_MAX - used, "%s\n", lines[i]);
    }
    return world->words;
}

void world_expect_trace(struct world *world, const char *expected)
{
    assert_string_equal(world->trace, expected);
    world_forget_trace(world);
}

void world_forget_trace(struct world *world)
{
    world->trace[0] = '\0';
    world->trace_length = 0;
}
