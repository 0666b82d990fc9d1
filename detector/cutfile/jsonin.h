/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the values of a gordian-cut/1 document: each is checked, and the first one that is wrong
 * leaves one line that names its place, such as "nodes[1].waits[0].ticket".
 *
 * The place is a path that grows as the reader descends: gdn__enter_*() returns the length to go
 * back to with gdn__leave(). Every take_*() returns false after it has said why. */
#ifndef GDN_CUTFILE_JSONIN_H
#define GDN_CUTFILE_JSONIN_H

#include <gordian/cut.h>
#include <jansson.h>

struct gdn__jsonin {
    gdn_cut *cut;                           /* Under construction. */
    uint32_t node;                          /* Index of the node that is being read. */
    uint32_t party;                         /* Its party. */
    struct gdn__incarnations *incarnations; /* Of every node named anywhere. */
    char path[1024]; /* Cut short when full: places deeper than that lose their end. */
    size_t path_length;
    enum gdn_err err; /* GDN_OK until something was refused. */
    char *why;
    size_t why_bytes;
};

/* ---- Places ---- */

size_t gdn__enter_key(struct gdn__jsonin *in, const char *key);
size_t gdn__enter_index(struct gdn__jsonin *in, size_t index);
void gdn__leave(struct gdn__jsonin *in, size_t length);

/* Refuse what stands at the current place. Always false. */
bool gdn__refuse(struct gdn__jsonin *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Refuse what stands under @p key of the current place. Always false. */
bool gdn__refuse_key(struct gdn__jsonin *in, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory. Always false. */
bool gdn__no_memory(struct gdn__jsonin *in);

/* True for GDN_OK; else says out of memory, the only other way a cut builder fails here. */
bool gdn__built(struct gdn__jsonin *in, enum gdn_err err);

/* @p text made safe to stand in a one-line message; cut short. Static per call site: @p room. */
#define GDN__QUOTED_BYTES 80
const char *gdn__quoted(const char *text, char room[GDN__QUOTED_BYTES]);

/* ---- Shapes ---- */

/* The current value is an object with no other keys than @p keys (NULL-terminated) and those that
 * begin with "x-". */
bool gdn__check_object(struct gdn__jsonin *in, const json_t *value, const char *const *keys);

/* The array under @p key; *array is NULL when the key is absent. */
bool gdn__take_array(struct gdn__jsonin *in, const json_t *object, const char *key, json_t **array);

/* ---- Values: absent keys leave *value as it is ---- */

bool gdn__take_bool(struct gdn__jsonin *in, const json_t *object, const char *key, bool *value);

/* A whole number, written as a number or as digits in a string, from @p least to @p most. */
bool gdn__take_number(struct gdn__jsonin *in, const json_t *object, const char *key, uint64_t least,
                      uint64_t most, uint64_t *value);
bool gdn__take_priority(struct gdn__jsonin *in, const json_t *object, int32_t *value);

/* waited_ms: a number of milliseconds, to microseconds. */
bool gdn__take_waited(struct gdn__jsonin *in, const json_t *object, uint64_t *us);

/* started: an instant, to microseconds since 1970. */
bool gdn__take_when(struct gdn__jsonin *in, const json_t *object, int64_t *us);

/* A valid name; *name is borrowed from the document and stays NULL when the key is absent. */
bool gdn__take_name(struct gdn__jsonin *in, const json_t *object, const char *key,
                    const char **name);
bool gdn__check_name(struct gdn__jsonin *in, const json_t *value, const char **name);

/* One of @p words (NULL-terminated); *choice is its index. */
bool gdn__take_word(struct gdn__jsonin *in, const json_t *object, const char *key,
                    const char *const *words, unsigned *choice);

/* The mode of that key; absent: "exclusive", which a cut with its own modes may lack. Then
 * @p needed refuses, and without it the first mode stands in, because nothing asks for it. */
bool gdn__take_mode(struct gdn__jsonin *in, const json_t *object, bool needed, uint8_t *mode);

/* ---- Entries of the cut's tables ---- */

/* "process", "resource": added to the cut. Required ones refuse when absent; else GDN_NONE. */
bool gdn__take_process(struct gdn__jsonin *in, const json_t *object, const char *key, bool required,
                       uint32_t *process);
bool gdn__take_resource(struct gdn__jsonin *in, const json_t *object, bool required,
                        uint32_t *resource);
bool gdn__add_process(struct gdn__jsonin *in, const char *name, uint32_t *process);

/* A node's name as a party, in the one incarnation that the document knows of it. */
bool gdn__take_party(struct gdn__jsonin *in, const json_t *object, const char *key,
                     uint32_t *party);

#endif
