/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/member.h"

#include "demos/common/cluster.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AWAIT_MS 15000

gdn_node_id member_node(int index)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%d", index + 1);
    return gdn_node_named(name);
}

int member_home_of(const char *resource, int count)
{
    gdn_id id = gdn_id_from_name(resource);
    unsigned hash = (unsigned)id.bytes[14] << 8 | id.bytes[15]; /* The best mixed bytes. */
    return (int)(hash % (unsigned)count);
}

void member_say_bytes(struct member *member, const void *bytes, size_t length)
{
    (void)send(member->control, bytes, length, MSG_NOSIGNAL); /* No parent: we end soon. */
}

void member_say(struct member *member, const char *format, ...)
{
    char text[WORDS_LINE_BYTES];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length < 0) return;
    if ((size_t)length >= sizeof text) length = (int)sizeof text - 1;
    member_say_bytes(member, text, (size_t)length);
}

bool member_hear(struct member *member, struct words *words)
{
    char text[WORDS_LINE_BYTES];
    ssize_t got = recv(member->control, text, sizeof text - 1, 0);
    if (got <= 0) return false;
    text[got] = '\0';
    return words_split(words, text) == NULL && !words_is(words, 0, "quit");
}

static bool open_node(struct member *member, const struct cluster_options *options)
{
    char why[256] = "";
    struct gdn_node_options node = {
        .name = member->name,
        .bind = "tcp://127.0.0.1:*",
        .detectors = &options->detector,
        .detector_count = options->detector != NULL ? 1 : 0,
        .window = options->window,
        .patience_ms = options->patience_ms,
    };
    enum gdn_err err = gdn_node_open(&node, &member->node, why, sizeof why);
    if (err != GDN_OK) {
        (void)fprintf(stderr, "%s: %s: %s\n", member->name, gdn_err_text(err), why);
    }
    return err == GDN_OK;
}

static bool await_peers(struct member *member)
{
    for (int i = 0; i < member->count; i++) {
        if (i == member->index) continue;
        enum gdn_err err = gdn_await(member->node, member_node(i), AWAIT_MS);
        if (err == GDN_OK) continue;
        (void)fprintf(stderr, "%s: no answer from n%d: %s\n", member->name, i + 1,
                      gdn_err_text(err));
        return false;
    }
    return true;
}

/* Tell where we are, dial everybody else, and say when all have answered. */
static bool join(struct member *member)
{
    struct words words;
    member_say(member, "at %s", gdn_node_endpoint(member->node));
    while (member_hear(member, &words)) {
        if (words_is(&words, 0, "go")) {
            if (!await_peers(member)) return false;
            member_say(member, "ready");
            return member_hear(member, &words); /* "play" */
        }
        enum gdn_err err = gdn_connect(member->node, words.word[1], words.word[2]);
        if (err != GDN_OK) {
            (void)fprintf(stderr, "%s: cannot dial %s: %s\n", member->name, words.word[2],
                          gdn_err_text(err));
            return false;
        }
    }
    return false;
}

int member_main(int index, int control, const struct cluster_options *options)
{
    struct member member = {.index = index, .count = options->count, .control = control};
    int status = 1;
    (void)snprintf(member.name, sizeof member.name, "n%d", index + 1);
    if (open_node(&member, options) && join(&member)) {
        status = options->role(&member, options->argument);
    }
    if (member.locks != NULL) lockmgr_stop(member.locks);
    gdn_node_close(member.node);
    (void)close(control);
    return status;
}
