/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jsonin.h"

#include "detector/cutfile/incarnations.h"
#include "detector/cutfile/when.h"
#include "detector/render/textbuf.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longest wait that is read: 10^14 ms is 3,170 years, and exact as a double of milliseconds. */
#define WAITED_MS_MAX 1e14

/* ---- Places ---- */

static void append_path(struct gdn__jsonin *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append_path(struct gdn__jsonin *in, const char *format, ...)
{
    size_t room = sizeof in->path - in->path_length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(in->path + in->path_length, room, format, arguments);
    va_end(arguments);
    if (length > 0) in->path_length += (size_t)length < room ? (size_t)length : room - 1;
}

size_t gdn__enter_key(struct gdn__jsonin *in, const char *key)
{
    size_t length = in->path_length;
    append_path(in, "%s%s", length > 0 ? "." : "", key);
    return length;
}

size_t gdn__enter_index(struct gdn__jsonin *in, size_t index)
{
    size_t length = in->path_length;
    append_path(in, "[%zu]", index);
    return length;
}

void gdn__leave(struct gdn__jsonin *in, size_t length)
{
    in->path_length = length;
    in->path[length] = '\0';
}

static void refuse_with(struct gdn__jsonin *in, const char *format, va_list arguments)
{
    if (in->err != GDN_OK) return; /* The first one is the cause. */
    in->err = GDN_ERR_FORMAT;
    const char *place = in->path_length == 0 ? "top level" : in->path;
    int length = snprintf(in->why, in->why_bytes, "%s: ", place);
    if (length < 0 || (size_t)length >= in->why_bytes) return;
    (void)vsnprintf(in->why + length, in->why_bytes - (size_t)length, format, arguments);
}

bool gdn__refuse(struct gdn__jsonin *in, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    refuse_with(in, format, arguments);
    va_end(arguments);
    return false;
}

bool gdn__refuse_key(struct gdn__jsonin *in, const char *key, const char *format, ...)
{
    size_t length = gdn__enter_key(in, key);
    va_list arguments;
    va_start(arguments, format);
    refuse_with(in, format, arguments);
    va_end(arguments);
    gdn__leave(in, length);
    return false;
}

bool gdn__no_memory(struct gdn__jsonin *in)
{
    if (in->err != GDN_OK) return false;
    in->err = GDN_ERR_MEMORY;
    (void)snprintf(in->why, in->why_bytes, "%s", gdn_err_text(GDN_ERR_MEMORY));
    return false;
}

bool gdn__built(struct gdn__jsonin *in, enum gdn_err err)
{
    return err == GDN_OK || gdn__no_memory(in);
}

const char *gdn__quoted(const char *text, char room[GDN__QUOTED_BYTES])
{
    struct gdn__textbuf shown = {0};
    gdn__textbuf_add_shown(&shown, text);
    if (shown.text == NULL || shown.failed) {
        (void)snprintf(room, GDN__QUOTED_BYTES, "(a name)");
    } else if (shown.length < GDN__QUOTED_BYTES - 2) {
        (void)snprintf(room, GDN__QUOTED_BYTES, "'%s'", shown.text);
    } else {
        size_t end = GDN__QUOTED_BYTES - 8;
        while (((unsigned char)shown.text[end] & 0xc0) == 0x80) end--; /* Not inside a character. */
        (void)snprintf(room, GDN__QUOTED_BYTES, "'%.*s...'", (int)end, shown.text);
    }
    gdn__textbuf_fini(&shown);
    return room;
}

/* ---- Shapes ---- */

static bool is_listed(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        if (strcmp(key, *keys) == 0) return true;
    }
    return strncmp(key, "x-", 2) == 0;
}

bool gdn__check_object(struct gdn__jsonin *in, const json_t *value, const char *const *keys)
{
    if (!json_is_object(value)) return gdn__refuse(in, "an object is expected here");
    /* Iterating needs a pointer that is not const, though it changes nothing. */
    json_t *object = (json_t *)(uintptr_t)value;
    const char *key;
    json_t *member;
    json_object_foreach(object, key, member)
    {
        char room[GDN__QUOTED_BYTES];
        if (!is_listed(key, keys)) {
            return gdn__refuse(in, "unknown key %s", gdn__quoted(key, room));
        }
    }
    return true;
}

bool gdn__take_array(struct gdn__jsonin *in, const json_t *object, const char *key, json_t **array)
{
    *array = json_object_get(object, key);
    if (*array == NULL || json_is_array(*array)) return true;
    return gdn__refuse_key(in, key, "an array is expected here");
}

/* ---- Values ---- */

bool gdn__take_bool(struct gdn__jsonin *in, const json_t *object, const char *key, bool *value)
{
    const json_t *found = json_object_get(object, key);
    if (found == NULL) return true;
    if (!json_is_boolean(found)) return gdn__refuse_key(in, key, "true or false is expected");
    *value = json_is_true(found);
    return true;
}

/* Digits only: no sign, no blank, nothing behind them, and no more than 64 bits. */
static bool read_digits(const char *text, uint64_t *value)
{
    if (*text == '\0') return false;
    uint64_t read = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (read > (UINT64_MAX - digit) / 10) return false;
        read = read * 10 + digit;
    }
    *value = read;
    return true;
}

bool gdn__take_number(struct gdn__jsonin *in, const json_t *object, const char *key, uint64_t least,
                      uint64_t most, uint64_t *value)
{
    const json_t *found = json_object_get(object, key);
    if (found == NULL) return true;
    uint64_t read = 0;
    bool whole = false;
    if (json_is_integer(found)) {
        whole = json_integer_value(found) >= 0;
        if (whole) read = (uint64_t)json_integer_value(found);
    } else if (json_is_string(found)) {
        whole = read_digits(json_string_value(found), &read);
    }
    if (!whole || read < least || read > most) {
        return gdn__refuse_key(
            in, key, "a whole number from %" PRIu64 " to %" PRIu64 " is expected", least, most);
    }
    *value = read;
    return true;
}

bool gdn__take_priority(struct gdn__jsonin *in, const json_t *object, int32_t *value)
{
    const json_t *found = json_object_get(object, "priority");
    if (found == NULL) return true;
    json_int_t read = json_is_integer(found) ? json_integer_value(found) : INT64_MAX;
    if (read < INT32_MIN || read > INT32_MAX) {
        return gdn__refuse_key(in, "priority", "a whole number of 32 bits is expected");
    }
    *value = (int32_t)read;
    return true;
}

bool gdn__take_waited(struct gdn__jsonin *in, const json_t *object, uint64_t *us)
{
    const json_t *found = json_object_get(object, "waited_ms");
    if (found == NULL) return true;
    double ms = json_is_number(found) ? json_number_value(found) : -1;
    if (!(ms >= 0 && ms <= WAITED_MS_MAX)) {
        return gdn__refuse_key(in, "waited_ms", "a number of milliseconds, 0 to 1e14, is expected");
    }
    *us = (uint64_t)llround(ms * 1000);
    return true;
}

bool gdn__take_when(struct gdn__jsonin *in, const json_t *object, int64_t *us)
{
    const json_t *found = json_object_get(object, "started");
    if (found == NULL) return true;
    if (json_is_string(found) && gdn__when_parse(json_string_value(found), us)) return true;
    return gdn__refuse_key(in, "started",
                           "an instant such as \"2026-11-22T10:00:00.000000Z\" is expected");
}

bool gdn__check_name(struct gdn__jsonin *in, const json_t *value, const char **name)
{
    if (!json_is_string(value)) return gdn__refuse(in, "a name (a string) is expected here");
    const char *text = json_string_value(value);
    if (text[0] == '\0') return gdn__refuse(in, "the name is empty");
    if (json_string_length(value) > GDN_NAME_MAX) {
        return gdn__refuse(in, "the name is longer than %d bytes", GDN_NAME_MAX);
    }
    if (!gdn_name_is_valid(text)) return gdn__refuse(in, "the name holds a control character");
    *name = text;
    return true;
}

bool gdn__take_name(struct gdn__jsonin *in, const json_t *object, const char *key,
                    const char **name)
{
    const json_t *found = json_object_get(object, key);
    if (found == NULL) return true;
    size_t length = gdn__enter_key(in, key);
    bool valid = gdn__check_name(in, found, name);
    gdn__leave(in, length);
    return valid;
}

bool gdn__take_word(struct gdn__jsonin *in, const json_t *object, const char *key,
                    const char *const *words, unsigned *choice)
{
    const json_t *found = json_object_get(object, key);
    if (found == NULL) return true;
    char list[160] = "";
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (json_is_string(found) && strcmp(json_string_value(found), words[i]) == 0) {
            *choice = i;
            return true;
        }
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
    }
    return gdn__refuse_key(in, key, "one of %s is expected", list);
}

static bool find_mode(const gdn_cut *cut, const char *name, uint8_t *mode)
{
    for (uint32_t i = 0; i < cut->modes.count; i++) {
        if (strcmp(cut->modes.names[i], name) == 0) {
            *mode = (uint8_t)i;
            return true;
        }
    }
    return false;
}

bool gdn__take_mode(struct gdn__jsonin *in, const json_t *object, bool needed, uint8_t *mode)
{
    const json_t *found = json_object_get(object, "mode");
    *mode = 0;
    if (found == NULL) {
        if (find_mode(in->cut, "exclusive", mode) || !needed) return true;
        return gdn__refuse(in, "mode is missing, and this cut has no mode 'exclusive'");
    }
    const char *name;
    if (!gdn__take_name(in, object, "mode", &name)) return false;
    if (find_mode(in->cut, name, mode)) return true;
    char room[GDN__QUOTED_BYTES];
    return gdn__refuse_key(in, "mode", "no mode is named %s", gdn__quoted(name, room));
}

/* ---- Entries of the cut's tables ---- */

/* A name that is an id itself says nothing that the id does not; others are kept. */
static bool is_plain_name(const char *name)
{
    gdn_id id;
    return strlen(name) != 32 || gdn_id_from_text(name, &id) != GDN_OK;
}

bool gdn__add_process(struct gdn__jsonin *in, const char *name, uint32_t *process)
{
    *process = gdn_cut_process(in->cut, gdn_process_named(name), NULL);
    if (*process == GDN_NONE) return gdn__no_memory(in);
    if (!is_plain_name(name)) return true;
    return gdn__built(in, gdn_cut_name_process(in->cut, *process, name));
}

bool gdn__take_process(struct gdn__jsonin *in, const json_t *object, const char *key, bool required,
                       uint32_t *process)
{
    const char *name = NULL;
    *process = GDN_NONE;
    if (!gdn__take_name(in, object, key, &name)) return false;
    if (name != NULL) return gdn__add_process(in, name, process);
    return !required || gdn__refuse(in, "the key '%s' is missing", key);
}

/* What gordian itself writes beside a bare id; anybody else's x-label is ignored. */
static const char *extra_label(const json_t *object)
{
    const json_t *label = json_object_get(object, "x-label");
    if (!json_is_string(label) || !gdn_name_is_valid(json_string_value(label))) return NULL;
    return json_string_value(label);
}

bool gdn__take_resource(struct gdn__jsonin *in, const json_t *object, bool required,
                        uint32_t *resource)
{
    const char *name = NULL;
    *resource = GDN_NONE;
    if (!gdn__take_name(in, object, "resource", &name)) return false;
    if (name == NULL) return !required || gdn__refuse(in, "the key 'resource' is missing");
    const char *label = is_plain_name(name) ? NULL : extra_label(object);
    *resource = gdn_cut_resource(in->cut, gdn_resource_named(name), label);
    if (*resource == GDN_NONE) return gdn__no_memory(in);
    if (!is_plain_name(name)) return true;
    return gdn__built(in, gdn_cut_name_resource(in->cut, *resource, name));
}

bool gdn__take_party(struct gdn__jsonin *in, const json_t *object, const char *key, uint32_t *party)
{
    const char *name = NULL;
    if (!gdn__take_name(in, object, key, &name)) return false;
    if (name == NULL) return true;
    *party = gdn_cut_party(in->cut, name, gdn__incarnation_of(in->incarnations, name));
    return *party != GDN_NONE || gdn__no_memory(in);
}
