/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rounds_fixture.h"

#include "src/core/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETECTOR   "watcher"
#define EXPECT_MAX 8

/* ---- What came out ---- */

__attribute__((format(printf, 2, 3))) static void note(struct watch *watch, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(watch->trace + watch->length, sizeof watch->trace - watch->length,
                            format, arguments);
    va_end(arguments);
    assert_true(written >= 0 && watch->length + (size_t)written < sizeof watch->trace);
    watch->length += (size_t)written;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Reports lie in the cut in the order in which they came; the trace should not depend on it. */
static void note_cut(struct watch *watch, const gdn_cut *cut)
{
    const char *names[16] = {NULL};
    assert_true(cut->node_count <= 16);
    for (size_t i = 0; i < cut->node_count; i++) {
        names[i] = cut->parties[cut->nodes[i].party].name;
    }
    qsort(names, cut->node_count, sizeof names[0], by_name);
    note(watch, ":");
    for (size_t i = 0; i < cut->node_count; i++) note(watch, " %s", names[i]);
    for (size_t i = 0; i < cut->missing_count; i++) {
        note(watch, "%s %s", i == 0 ? "; missing" : "", cut->missing[i]);
    }
    assert_string_equal(cut->initiator, DETECTOR);
    assert_true(cut->has_round && cut->round.incarnation == WATCH_INCARNATION);
}

static void note_action(struct watch *watch, const struct gdn__rounds_action *action)
{
    static const char *const words[] = {"start", "collect", "abandon", "refuse", "fail", "finish"};
    note(watch, "%4lld %s %llu", (long long)(watch->now_us / 1000), words[action->type],
         (unsigned long long)action->round.number);
    switch (action->type) {
    case GDN__ROUNDS_START:
    case GDN__ROUNDS_COLLECT:
    case GDN__ROUNDS_ABANDON:
        note(watch, " n%u", action->node);
        break;
    case GDN__ROUNDS_REFUSE:
    case GDN__ROUNDS_FAIL:
        note(watch, ": %s", action->why);
        break;
    case GDN__ROUNDS_FINISH:
        note_cut(watch, action->cut);
        assert_true(action->started_us <= watch->now_us);
        gdn_cut_free(action->cut);
        break;
    }
    note(watch, "\n");
}

void watch_expect(struct watch *watch, const char *expected)
{
    watch->trace[watch->length] = '\0';
    assert_string_equal(watch->trace, expected);
    watch->length = 0;
}

/* ---- What goes in ---- */

static enum gdn_err step(struct watch *watch, struct gdn__rounds_event event)
{
    struct gdn__rounds_actions actions;
    event.now_us = watch->now_us;
    event.utc_us = INT64_C(1700000000000000) + watch->now_us;
    enum gdn_err err = gdn__rounds_step(watch->rounds, &event, &actions);
    for (size_t i = 0; i < actions.count; i++) note_action(watch, &actions.actions[i]);
    return err;
}

bool watch_open(struct watch *watch, int64_t period_ms, int64_t deadline_ms, const char *expect)
{
    char names[128] = "";
    const char *list[EXPECT_MAX];
    struct gdn__rounds_options options = {.name = DETECTOR,
                                          .incarnation = WATCH_INCARNATION,
                                          .period_us = period_ms * 1000,
                                          .deadline_us = deadline_ms * 1000,
                                          .expect = list,
                                          .allocator = watch->allocator};
    if (options.allocator.resize == NULL) options.allocator = gdn__allocator_or_default(NULL);
    (void)snprintf(names, sizeof names, "%s", expect != NULL ? expect : "");
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        list[options.expect_count++] = name;
    }
    watch->now_us = 0;
    watch->length = 0;
    watch->failed_joins = 0;
    watch->rounds = gdn__rounds_new(&options, 0);
    memset(names, 'x', sizeof names); /* They were copied. */
    return watch->rounds != NULL;
}

void watch_close(struct watch *watch)
{
    gdn__rounds_free(watch->rounds);
    watch->rounds = NULL;
}

void watch_set_clock(struct watch *watch, int64_t ms)
{
    assert_true(ms * 1000 >= watch->now_us);
    watch->now_us = ms * 1000;
}

void watch_at(struct watch *watch, int64_t ms)
{
    watch_set_clock(watch, ms);
    (void)step(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_TIME_PASSED});
}

int64_t watch_deadline(const struct watch *watch)
{
    int64_t deadline_us = gdn__rounds_deadline(watch->rounds);
    if (deadline_us == INT64_MAX) return -2;
    return deadline_us < 0 ? -1 : deadline_us / 1000;
}

void watch_join(struct watch *watch, uint32_t node)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", node);
    enum gdn_err err = step(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_JOINED,
                                                              .node = node,
                                                              .name = name,
                                                              .incarnation = 100 + node});
    if (err != GDN_OK) watch->failed_joins++;
    memset(name, 'x', sizeof name); /* It was copied. */
}

void watch_leave(struct watch *watch, uint32_t node)
{
    (void)step(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_LEFT, .node = node});
}

void watch_suspect(struct watch *watch)
{
    (void)step(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_SUSPECTED});
}

void watch_heard(struct watch *watch, uint32_t node, int64_t heard_ms)
{
    (void)step(watch, (struct gdn__rounds_event){
                          .type = GDN__ROUNDS_HEARD, .node = node, .heard_us = heard_ms * 1000});
}

gdn_round_id watch_round(uint64_t number)
{
    return (gdn_round_id){gdn_node_named(DETECTOR), WATCH_INCARNATION, number};
}

void watch_fail(struct watch *watch, uint32_t node, uint64_t round, const char *reason)
{
    (void)step(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_FAILED,
                                                 .node = node,
                                                 .round = watch_round(round),
                                                 .reason = reason});
}

/* ---- Reports ---- */

static uint32_t add_party(gdn_cut *cut, uint32_t node, uint64_t incarnation)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", node);
    uint32_t party = gdn_cut_party(cut, name, incarnation != 0 ? incarnation : 100 + node);
    assert_int_not_equal(party, GDN_NONE);
    return party;
}

static void add_channel(gdn_cut *cut, uint32_t node, uint32_t peer, bool incoming,
                        const struct watch_report *says)
{
    if (peer == 0) return;
    struct gdn_cut_channel channel = {.peer = add_party(cut, peer, 0),
                                      .incoming = incoming,
                                      .open = incoming && says->open,
                                      .counted = true,
                                      .count = says->count};
    assert_int_equal(gdn_cut_add_channel(cut, node, &channel), GDN_OK);
}

static void encode_report(uint32_t sender, const struct watch_report *says, uint8_t **bytes,
                          size_t *length)
{
    uint32_t node, unused;
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_non_null(cut);
    struct gdn_modes modes = {.count = 1, .names = {"tricky"}, .conflicts = {1}};
    if (says->own_modes) assert_int_equal(gdn_cut_set_modes(cut, &modes), GDN_OK);
    uint32_t speaker = says->speaks_for != 0 ? says->speaks_for : sender;
    uint32_t party = add_party(cut, speaker, says->incarnation);
    assert_int_equal(gdn_cut_add_node(cut, party, &node), GDN_OK);
    cut->nodes[node].waits_listed = true;
    add_channel(cut, node, says->to, false, says);
    if (says->twice) add_channel(cut, node, says->to, false, says);
    add_channel(cut, node, says->from, true, says);
    if (says->also != 0) {
        party = add_party(cut, says->also, 0);
        assert_int_equal(gdn_cut_add_node(cut, party, &unused), GDN_OK);
    }
    assert_int_equal(gdn_cut_encode(cut, bytes, length), GDN_OK);
    assert_true(says->cut_off < *length);
    *length -= says->cut_off;
    gdn_cut_free(cut);
}

void watch_report_of(struct watch *watch, uint32_t node, gdn_round_id round,
                     const struct watch_report *says)
{
    static const struct watch_report nothing;
    uint8_t *bytes;
    size_t length;
    encode_report(node, says != NULL ? says : &nothing, &bytes, &length);
    (void)step(watch, (struct gdn__rounds_event){.type = GDN__ROUNDS_REPORTED,
                                                 .node = node,
                                                 .round = round,
                                                 .bytes = bytes,
                                                 .length = length});
    free(bytes);
}

void watch_report(struct watch *watch, uint32_t node, uint64_t round,
                  const struct watch_report *says)
{
    watch_report_of(watch, node, watch_round(round), says);
}
