/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/answers.h"

#include "detector/cutfile/when.h"
#include "detector/service/text.h"
#include <jansson.h>
#include <stdlib.h>

static json_t *instant(int64_t us)
{
    char when[GDN__WHEN_BYTES];
    return json_string(gdn__when_format(us, when));
}

char *answers_error(const char *what)
{
    return document_of(json_pack("{s:s}", "error", what));
}

char *answers_missing(const gdn_cut *cut)
{
    json_t *names = json_array();
    for (size_t i = 0; i < cut->missing_count; i++) {
        (void)json_array_append_new(names, text_of(cut->missing[i]));
    }
    return document_of(names);
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
    return document_of(document);
}
