/* SPDX-License-Identifier: MIT */
/** @file id.h  The names of things: nodes, processes, resources, tickets, rounds.
 *
 *  Ids are 128 bits, so that a UUID or a trace id fits. Each kind is a struct of its own, so that
 *  a process cannot be passed for a resource. All functions here are pure; any thread. */
#ifndef GORDIAN_ID_H
#define GORDIAN_ID_H

#include <gordian/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdn_id {
    uint8_t bytes[16];
} gdn_id;

typedef struct gdn_node_id {
    gdn_id id;
} gdn_node_id;

typedef struct gdn_process_id {
    gdn_id id;
} gdn_process_id;

typedef struct gdn_resource_id {
    gdn_id id;
} gdn_resource_id;

/** One wait. Minted by the library at the issuer, never reused. number 0: no ticket. */
typedef struct gdn_ticket {
    gdn_node_id issuer;
    uint64_t incarnation;
    uint64_t number;
} gdn_ticket;

/** One global snapshot. A later round of the same initiator and incarnation has a larger number. */
typedef struct gdn_round_id {
    gdn_node_id initiator;
    uint64_t incarnation;
    uint64_t number;
} gdn_round_id;

/** Room for 32 hex digits and a NUL. */
#define GDN_ID_TEXT_BYTES 33

/** The id of a name, stable for ever and on every machine: exactly 32 hex digits are the id
 *  itself; any other name is hashed with FNV-1a, 128 bits (offset basis
 *  6c62272e07bb014262b821756295c58d, prime 0000000001000000000000000000013b), most significant
 *  byte first. @p name is borrowed until return. */
GDN_API gdn_id gdn_id_from_name(const char *name);

/** As gdn_id_from_name, for @p length bytes that need no NUL. */
GDN_API gdn_id gdn_id_from_bytes(const void *name, size_t length);

/** Read a UUID (8-4-4-4-12) or 32 hex digits, either case. GDN_ERR_FORMAT for anything else. */
GDN_API GDN_MUST_USE enum gdn_err gdn_id_from_text(const char *text, gdn_id *id);

/** The id of the @p counter-th thing of @p node: FNV-1a as above over the node's 16 bytes and
 *  the counter's 8, least significant byte first. */
GDN_API gdn_id gdn_id_from_counter(gdn_node_id node, uint64_t counter);

/** Write 32 lower-case hex digits and a NUL; returns @p text. */
GDN_API const char *gdn_id_format(gdn_id id, char text[GDN_ID_TEXT_BYTES]);

GDN_API bool gdn_id_equal(gdn_id a, gdn_id b);

/** False for 16 zero bytes: on the wire they stand for "none", and in a program they are most
 *  often an id that nobody has set. Verbs refuse such a process or resource (GDN_ERR_ID), and so
 *  does who reads a cut: else all that forgot to set theirs would be one process. */
GDN_API bool gdn_id_is_set(gdn_id id);

/** Orders ids by their bytes: negative, zero or positive, as memcmp(). */
GDN_API int gdn_id_compare(gdn_id a, gdn_id b);

/** True when the text may be the name of a node, process, resource or mode, or a label: 1 to
 *  GDN_NAME_MAX bytes of UTF-8, without control characters (below U+0020, U+007F to U+009F). So it
 *  can stand in a JSON document, and be read from it, as it is. NULL is not valid. */
GDN_API bool gdn_name_is_valid(const char *name);

static inline gdn_node_id gdn_node_named(const char *name)
{
    gdn_node_id node;
    node.id = gdn_id_from_name(name);
    return node;
}

static inline gdn_process_id gdn_process_named(const char *name)
{
    gdn_process_id process;
    process.id = gdn_id_from_name(name);
    return process;
}

static inline gdn_resource_id gdn_resource_named(const char *name)
{
    gdn_resource_id resource;
    resource.id = gdn_id_from_name(name);
    return resource;
}

static inline bool gdn_ticket_equal(gdn_ticket a, gdn_ticket b)
{
    return a.number == b.number && a.incarnation == b.incarnation &&
           gdn_id_equal(a.issuer.id, b.issuer.id);
}

#ifdef __cplusplus
}
#endif
#endif
