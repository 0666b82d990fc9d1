/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/answers.h"

#include "detector/cutfile/when.h"
#include "detector/service/text.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static char *print_document(json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}

static json_t *number_text(uint64_t number)
{
    return json_sprintf("%" PRIu64, number);
}

static json_t *instant(int64_t us)
{
    char when[GDN__WHEN_BYTES];
    return json_string(gdn__when_format(us, when));
}

char *answers_error(const char *what)
{
    return print_document(json_pack("{s:s}", "error", what));
}

char *answers_missing(const gdn_cut *cut)
{
    json_t *names = json_array();
    for (size_t i = 0; i < cut->missing_count; i++) {
        (void)json_array_append_new(names, text_of(cut->missing[i]));
    }
    return print_document(names);
}

/* ---- Status ---- */

static json_t *nodes_of(const gdn_detector *detector)
{
    json_t *nodes = json_array();
    for (size_t i = 0; i < gdn_detector_node_count(detector); i++) {
        struct gdn_detector_node node = gdn_detector_node(detector, i);
        json_t *one = json_object();
        (void)json_object_set_new(one, "node", text_of(node.name));
        (void)json_object_set_new(one, "incarnation", number_text(node.incarnation));
        (void)json_object_set_new(one, "endpoint", text_of(node.endpoint));
        (void)json_object_set_new(one, "since", instant(node.since_us));
        (void)json_array_append_new(nodes, one);
    }
    return nodes;
}

static json_t *deadlocks_of(const gdn_detector *detector)
{
    json_t *deadlocks = json_array();
    for (size_t i = 0; i < gdn_detector_incident_count(detector); i++) {
        char id[GDN_ID_TEXT_BYTES];
        struct gdn_detector_incident incident = gdn_detector_incident(detector, i);
        json_t *one = json_object();
        (void)json_object_set_new(one, "id", json_string(gdn_id_format(incident.id, id)));
        (void)json_object_set_new(one, "members", json_integer((json_int_t)incident.member_count));
        (void)json_object_set_new(one, "who", text_of(incident.who));
        (void)json_object_set_new(one, "found", instant(incident.found_us));
        (void)json_object_set_new(one, "rounds", json_integer((json_int_t)incident.rounds));
        (void)json_object_set_new(one, "resolving", json_boolean(incident.resolving));
        (void)json_array_append_new(deadlocks, one);
    }
    return deadlocks;
}

static json_t *last_round_of(const struct control *control)
{
    if (!control->has_round) return json_null();
    json_t *round = json_object();
    json_t *missing = json_loads(control->missing != NULL ? control->missing : "[]", 0, NULL);
    (void)json_object_set_new(round, "number", number_text(control->round));
    (void)json_object_set_new(round, "complete", json_boolean(control->complete));
    (void)json_object_set_new(round, "missing", missing);
    (void)json_object_set_new(round, "latency_us", json_integer(control->latency_us));
    (void)json_object_set_new(round, "ended", instant(control->ended_us));
    return round;
}

static json_t *totals_of(const gdn_detector *detector)
{
    struct gdn_detector_counters counters = gdn_detector_counters(detector);
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rounds",
        (json_int_t)counters.rounds_finished, "rounds_incomplete",
        (json_int_t)counters.rounds_incomplete, "rounds_failed", (json_int_t)counters.rounds_failed,
        "deadlocks", (json_int_t)counters.deadlocks_found, "aborts_asked",
        (json_int_t)counters.aborts_asked, "aborted", (json_int_t)counters.aborted, "stale",
        (json_int_t)counters.stale, "refused", (json_int_t)counters.refused, "unknown",
        (json_int_t)counters.unknown, "frames_refused", (json_int_t)counters.frames_refused);
}

char *answers_status(const struct control *control, const gdn_detector *detector)
{
    json_t *document = json_object();
    (void)json_object_set_new(document, "format", json_string("gordian-status/1"));
    (void)json_object_set_new(document, "endpoint", text_of(gdn_detector_endpoint(detector)));
    (void)json_object_set_new(document, "nodes", nodes_of(detector));
    (void)json_object_set_new(document, "last_round", last_round_of(control));
    (void)json_object_set_new(document, "deadlocks", deadlocks_of(detector));
    (void)json_object_set_new(document, "totals", totals_of(detector));
    return print_document(document);
}

/* ---- Waits ---- */

struct listed {
    const struct gdn_cut_wait *wait;
    uint32_t issuer;
};

static int longest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct listed *)a)->wait->waited_us;
    uint64_t y = ((const struct listed *)b)->wait->waited_us;
    return x < y ? 1 : x > y ? -1 : 0;
}

static struct listed *list_waits(const gdn_cut *cut, size_t *count)
{
    size_t total = 0;
    for (size_t n = 0; n < cut->node_count; n++) total += cut->nodes[n].wait_count;
    struct listed *waits = calloc(total + 1, sizeof *waits);
    *count = 0;
    for (size_t n = 0; waits != NULL && n < cut->node_count; n++) {
        for (size_t i = 0; i < cut->nodes[n].wait_count; i++) {
            waits[(*count)++] = (struct listed){&cut->nodes[n].waits[i], cut->nodes[n].party};
        }
    }
    if (waits != NULL) qsort(waits, *count, sizeof *waits, longest_first);
    return waits;
}

/* Who holds the resource, as its home recorded it. */
static json_t *holders_of(const gdn_verdict *verdict, const struct gdn_cut_wait *wait)
{
    char name[GDN_SHOWN_NAME_BYTES];
    json_t *holders = json_array();
    const gdn_cut *cut = verdict->cut;
    uint32_t index = wait->home == GDN_NONE ? GDN_NONE : cut->parties[wait->home].node;
    if (index == GDN_NONE) return holders;
    const struct gdn_cut_node *home = &cut->nodes[index];
    for (size_t i = 0; i < home->home_count; i++) {
        if (home->homes[i].resource != wait->resource) continue;
        for (size_t k = 0; k < home->homes[i].holder_count; k++) {
            uint32_t process = home->holders[home->homes[i].holder_first + k].process;
            (void)json_array_append_new(holders,
                                        text_of(gdn_verdict_process_name(verdict, process, name)));
        }
    }
    return holders;
}

static json_t *wait_line(const gdn_verdict *verdict, const struct listed *listed)
{
    char name[GDN_SHOWN_NAME_BYTES];
    const gdn_cut *cut = verdict->cut;
    const struct gdn_cut_wait *wait = listed->wait;
    json_t *line = json_object();
    (void)json_object_set_new(line, "process",
                              text_of(gdn_verdict_process_name(verdict, wait->process, name)));
    (void)json_object_set_new(line, "node", text_of(cut->parties[listed->issuer].name));
    (void)json_object_set_new(line, "ticket", number_text(wait->ticket));
    (void)json_object_set_new(line, "waited_ms", json_real((double)wait->waited_us / 1000.0));
    if (wait->resource == GDN_NONE) return line;
    (void)json_object_set_new(line, "resource",
                              text_of(gdn_verdict_resource_name(verdict, wait->resource, name)));
    (void)json_object_set_new(line, "mode", text_of(cut->modes.names[wait->mode]));
    (void)json_object_set_new(line, "home", text_of(cut->parties[wait->home].name));
    (void)json_object_set_new(line, "held_by", holders_of(verdict, wait));
    return line;
}

char *answers_no_waits(void)
{
    return print_document(json_pack("{s:s, s:b, s:[], s:[]}", "format", "gordian-waits/1",
                                    "complete", 0, "missing", "waits"));
}

char *answers_waits(const gdn_verdict *verdict)
{
    size_t count;
    struct listed *waits = list_waits(verdict->cut, &count);
    if (waits == NULL) return NULL;
    json_t *lines = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(lines, wait_line(verdict, &waits[i]));
    }
    free(waits);
    json_t *missing = json_array();
    for (size_t i = 0; i < verdict->cut->missing_count; i++) {
        (void)json_array_append_new(missing, text_of(verdict->cut->missing[i]));
    }
    json_t *document = json_object();
    (void)json_object_set_new(document, "format", json_string("gordian-waits/1"));
    (void)json_object_set_new(document, "complete", json_boolean(verdict->complete));
    (void)json_object_set_new(document, "missing", missing);
    (void)json_object_set_new(document, "waits", lines);
    return print_document(document);
}
