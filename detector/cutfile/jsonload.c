/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jsonload.h"

#include "detector/cutfile/incarnations.h"
#include "detector/render/textbuf.h"
#include <stdio.h>
#include <string.h>

#define FORMAT_NAME "gordian-cut/1"

/* The initiator of a round whose document does not name one. */
#define UNNAMED_INITIATOR "offline"

/* ---- Round ---- */

static bool load_round(struct gdn__jsonin *in, const json_t *object)
{
    static const char *const keys[] = {"initiator", "incarnation", "number",
                                       "scope",     "started",     NULL};
    static const char *const scopes[] = {"waits", "full", NULL};
    const char *initiator = UNNAMED_INITIATOR;
    unsigned scope = GDN_SCOPE_WAITS;
    int64_t started_us = 0;
    gdn_round_id round = {.number = 0};
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_name(in, object, "initiator", &initiator)) return false;
    if (!gdn__take_number(in, object, "incarnation", 0, UINT64_MAX, &round.incarnation)) {
        return false;
    }
    if (!gdn__take_number(in, object, "number", 0, UINT64_MAX, &round.number)) return false;
    if (!gdn__take_word(in, object, "scope", scopes, &scope)) return false;
    if (!gdn__take_when(in, object, &started_us)) return false;
    round.initiator = gdn_node_named(initiator);
    in->cut->scope = (enum gdn_scope)scope;
    return gdn__built(in, gdn_cut_set_round(in->cut, initiator, round, started_us));
}

/* ---- Modes ---- */

static bool load_mode_names(struct gdn__jsonin *in, const json_t *object, struct gdn_modes *modes)
{
    json_t *names;
    if (!gdn__take_array(in, object, "names", &names)) return false;
    size_t count = json_array_size(names);
    if (count < 1 || count > GDN_MODES_MAX) {
        return gdn__refuse_key(in, "names", "1 to %d modes are expected", GDN_MODES_MAX);
    }
    size_t length = gdn__enter_key(in, "names");
    for (size_t i = 0; i < count; i++) {
        size_t inner = gdn__enter_index(in, i);
        if (!gdn__check_name(in, json_array_get(names, i), &modes->names[i])) return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(modes->names[k], modes->names[i]) != 0) continue;
            return gdn__refuse(in, "the mode is named twice");
        }
        gdn__leave(in, inner);
    }
    gdn__leave(in, length);
    modes->count = (uint32_t)count;
    return true;
}

/* The bit for one element of row: a name, or a flag at position @p column of the square matrix. */
static bool load_conflict(struct gdn__jsonin *in, const json_t *value, size_t column,
                          const struct gdn_modes *modes, uint16_t *row)
{
    if (json_is_boolean(value) || json_is_integer(value)) {
        json_int_t flag = json_is_integer(value) ? json_integer_value(value) : json_is_true(value);
        if (flag != 0 && flag != 1) return gdn__refuse(in, "0, 1, true or false is expected");
        *row |= (uint16_t)(flag << column);
        return true;
    }
    const char *name;
    if (!gdn__check_name(in, value, &name)) return false;
    for (uint32_t i = 0; i < modes->count; i++) {
        if (strcmp(modes->names[i], name) != 0) continue;
        *row |= (uint16_t)(1U << i);
        return true;
    }
    char room[GDN__QUOTED_BYTES];
    return gdn__refuse(in, "no mode is named %s", gdn__quoted(name, room));
}

/* A row is either of flags, one for each mode, or a list of the names of those it conflicts
 * with. */
static bool load_conflict_row(struct gdn__jsonin *in, const json_t *row,
                              const struct gdn_modes *modes, uint16_t *conflicts)
{
    if (!json_is_array(row)) return gdn__refuse(in, "an array is expected here");
    bool named = json_array_size(row) == 0 || json_is_string(json_array_get(row, 0));
    if (!named && json_array_size(row) != modes->count) {
        return gdn__refuse(in, "%u flags are expected, one for each mode", (unsigned)modes->count);
    }
    for (size_t i = 0; i < json_array_size(row); i++) {
        const json_t *value = json_array_get(row, i);
        size_t length = gdn__enter_index(in, i);
        if (json_is_string(value) != named) {
            return gdn__refuse(in, "flags and names of modes are mixed in one row");
        }
        if (!load_conflict(in, value, i, modes, conflicts)) return false;
        gdn__leave(in, length);
    }
    return true;
}

static bool load_conflicts(struct gdn__jsonin *in, const json_t *object, struct gdn_modes *modes)
{
    json_t *rows;
    if (!gdn__take_array(in, object, "conflicts", &rows)) return false;
    if (json_array_size(rows) != modes->count) {
        return gdn__refuse_key(in, "conflicts", "%u rows are expected, one for each mode",
                               (unsigned)modes->count);
    }
    size_t length = gdn__enter_key(in, "conflicts");
    for (size_t i = 0; i < modes->count; i++) {
        size_t inner = gdn__enter_index(in, i);
        if (!load_conflict_row(in, json_array_get(rows, i), modes, &modes->conflicts[i])) {
            return false;
        }
        gdn__leave(in, inner);
    }
    gdn__leave(in, length);
    return true;
}

static bool load_modes(struct gdn__jsonin *in, const json_t *object)
{
    static const char *const keys[] = {"names", "conflicts", NULL};
    struct gdn_modes modes = {.count = 0};
    if (!gdn__check_object(in, object, keys)) return false;
    if (!load_mode_names(in, object, &modes)) return false;
    if (!load_conflicts(in, object, &modes)) return false;
    return gdn__built(in, gdn_cut_set_modes(in->cut, &modes));
}

/* ---- Processes ---- */

/* A process is described once any of the four is told; a label alone does not. */
static bool load_description(struct gdn__jsonin *in, const json_t *object, uint32_t index)
{
    struct gdn_cut_process *process = &in->cut->processes[index];
    process->described =
        json_object_get(object, "started") != NULL || json_object_get(object, "work") != NULL ||
        json_object_get(object, "priority") != NULL || json_object_get(object, "abortable") != NULL;
    return gdn__take_when(in, object, &process->started_us) &&
           gdn__take_number(in, object, "work", 0, UINT64_MAX, &process->work) &&
           gdn__take_priority(in, object, &process->priority) &&
           gdn__take_bool(in, object, "abortable", &process->abortable);
}

static bool load_process(struct gdn__jsonin *in, const json_t *object)
{
    static const char *const keys[] = {"process",  "label",     "started", "work",
                                       "priority", "abortable", NULL};
    uint32_t process;
    const char *label = NULL;
    size_t before = in->cut->process_count;
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_process(in, object, "process", true, &process)) return false;
    if (in->cut->process_count == before) {
        return gdn__refuse_key(in, "process", "the process is described twice");
    }
    if (!gdn__take_name(in, object, "label", &label)) return false;
    gdn_process_id id = in->cut->processes[process].id;
    if (gdn_cut_process(in->cut, id, label) == GDN_NONE) return gdn__no_memory(in);
    return load_description(in, object, process);
}

/* ---- The document ---- */

/* Applies @p load to each element of the array under @p key. */
static bool load_each(struct gdn__jsonin *in, const json_t *object, const char *key,
                      bool (*load)(struct gdn__jsonin *, const json_t *))
{
    json_t *array;
    if (!gdn__take_array(in, object, key, &array)) return false;
    size_t length = gdn__enter_key(in, key);
    for (size_t i = 0; i < json_array_size(array); i++) {
        size_t inner = gdn__enter_index(in, i);
        if (!load(in, json_array_get(array, i))) return false;
        gdn__leave(in, inner);
    }
    gdn__leave(in, length);
    return true;
}

/* The object under @p key, if it is there. */
static bool load_one(struct gdn__jsonin *in, const json_t *object, const char *key,
                     bool (*load)(struct gdn__jsonin *, const json_t *))
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL) return true;
    size_t length = gdn__enter_key(in, key);
    bool loaded = load(in, value);
    if (loaded) gdn__leave(in, length);
    return loaded;
}

/* Comes after the nodes: a node cannot both have answered and be missing. */
static bool load_missing(struct gdn__jsonin *in, const json_t *value)
{
    const char *name;
    if (!gdn__check_name(in, value, &name)) return false;
    for (size_t i = 0; i < in->cut->node_count; i++) {
        const struct gdn_cut_node *node = &in->cut->nodes[i];
        if (strcmp(in->cut->parties[node->party].name, name) != 0) continue;
        return gdn__refuse(in, "the node is missing, but nodes[%zu] is its report", i);
    }
    return gdn__built(in, gdn_cut_add_missing(in->cut, name));
}

static bool check_format(struct gdn__jsonin *in, const json_t *root)
{
    const json_t *format = json_object_get(root, "format");
    if (format == NULL) {
        return gdn__refuse(in, "the key 'format' is missing: expected \"" FORMAT_NAME "\"");
    }
    if (json_is_string(format) && strcmp(json_string_value(format), FORMAT_NAME) == 0) return true;
    return gdn__refuse_key(in, "format", "only \"" FORMAT_NAME "\" can be read");
}

static bool load_document(struct gdn__jsonin *in, const json_t *root)
{
    static const char *const keys[] = {"format",    "round", "missing", "modes",
                                       "processes", "nodes", NULL};
    if (!json_is_object(root)) return gdn__refuse(in, "an object is expected here");
    if (!check_format(in, root) || !gdn__check_object(in, root, keys)) return false;
    json_t *nodes;
    if (!gdn__take_array(in, root, "nodes", &nodes)) return false;
    if (nodes == NULL) return gdn__refuse(in, "the key 'nodes' is missing");
    return gdn__incarnations_collect(in, nodes) && load_one(in, root, "round", load_round) &&
           load_one(in, root, "modes", load_modes) &&
           load_each(in, root, "processes", load_process) &&
           load_each(in, root, "nodes", gdn__node_load) &&
           load_each(in, root, "missing", load_missing) && gdn__tickets_number(in);
}

/* The parser's own line and column, and its words with what they quote of the input made safe. It
 * has no words for running out of memory. */
static enum gdn_err parse_error(const json_error_t *error, char *why, size_t why_bytes)
{
    struct gdn__textbuf shown = {0};
    gdn__textbuf_add_shown(&shown, error->text);
    enum gdn_err err = shown.length == 0 || shown.failed ? GDN_ERR_MEMORY : GDN_ERR_FORMAT;
    if (err == GDN_ERR_FORMAT) {
        (void)snprintf(why, why_bytes, "%d:%d: %s", error->line, error->column, shown.text);
    } else {
        (void)snprintf(why, why_bytes, "%s", gdn_err_text(err));
    }
    gdn__textbuf_fini(&shown);
    return err;
}

enum gdn_err gdn__json_load(const char *text, size_t length, gdn_cut **cut, char *why,
                            size_t why_bytes)
{
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) return parse_error(&error, why, why_bytes);

    struct gdn__incarnations incarnations;
    gdn__incarnations_init(&incarnations);
    struct gdn__jsonin in = {.cut = gdn_cut_new(NULL),
                             .incarnations = &incarnations,
                             .why = why,
                             .why_bytes = why_bytes};
    if (in.cut == NULL) (void)gdn__no_memory(&in);
    if (in.cut != NULL && load_document(&in, root)) *cut = in.cut;
    if (in.err != GDN_OK) gdn_cut_free(in.cut);
    gdn__incarnations_fini(&incarnations);
    json_decref(root);
    return in.err;
}
