/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One node's report: the resources homed there, its processes' waits, its channels. */
#include "jsonload.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- Lists in which nothing may stand twice ---- */

/* What tells two elements of a list apart: a ticket's issuer and number, a channel's direction
 * and peer, a resource. */
struct mark {
    uint64_t major, minor;
    size_t position;
};

struct list {
    struct mark *marks;
    size_t count;
    size_t position; /* Of the element that is being read. */
};

/* How the elements of one kind of list are read, and what is said of a repeated one. */
struct list_kind {
    const char *key;
    bool (*load)(struct gdn__jsonin *in, const json_t *element, struct list *list);
    const char *repeated_key; /* NULL: the element itself. */
    const char *repeated;
};

static void mark(struct list *list, uint64_t major, uint64_t minor)
{
    list->marks[list->count++] = (struct mark){major, minor, list->position};
}

/* A ticket that is left out is nobody's double. */
static void mark_ticket(struct list *list, uint32_t issuer, uint64_t number)
{
    if (number != 0) mark(list, issuer, number);
}

static int compare_marks(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    if (x->major != y->major) return x->major < y->major ? -1 : 1;
    if (x->minor != y->minor) return x->minor < y->minor ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static bool refuse_repeats(struct gdn__jsonin *in, struct list *list, const struct list_kind *kind)
{
    qsort(list->marks, list->count, sizeof *list->marks, compare_marks);
    for (size_t i = 1; i < list->count; i++) {
        const struct mark *first = &list->marks[i - 1], *second = &list->marks[i];
        if (first->major != second->major || first->minor != second->minor) continue;
        (void)gdn__enter_index(in, second->position);
        if (kind->repeated_key != NULL) (void)gdn__enter_key(in, kind->repeated_key);
        return gdn__refuse(in, "%s (first in [%zu])", kind->repeated, first->position);
    }
    return true;
}

static bool load_list(struct gdn__jsonin *in, const json_t *object, const struct list_kind *kind)
{
    json_t *array;
    if (!gdn__take_array(in, object, kind->key, &array)) return false;
    size_t count = json_array_size(array);
    struct list list = {.marks = calloc(count + 1, sizeof *list.marks)};
    if (list.marks == NULL) return gdn__no_memory(in);
    size_t length = gdn__enter_key(in, kind->key);
    bool loaded = true;
    for (size_t i = 0; loaded && i < count; i++) {
        size_t inner = gdn__enter_index(in, i);
        list.position = i;
        loaded = kind->load(in, json_array_get(array, i), &list);
        if (loaded) gdn__leave(in, inner);
    }
    loaded = loaded && refuse_repeats(in, &list, kind);
    free(list.marks);
    if (loaded) gdn__leave(in, length);
    return loaded;
}

#define TICKET_TWICE "ticket", "the ticket stands in this list twice"

static bool take_ticket(struct gdn__jsonin *in, const json_t *object, uint64_t *ticket)
{
    return gdn__take_number(in, object, "ticket", 1, UINT64_MAX, ticket);
}

/* A capacity, units where the capacity is not at hand, or a branch id; 0: not said. */
static bool take_positive(struct gdn__jsonin *in, const json_t *object, const char *key,
                          uint32_t *units)
{
    uint64_t value = 0;
    if (!gdn__take_number(in, object, key, 1, UINT32_MAX, &value)) return false;
    *units = (uint32_t)value;
    return true;
}

/* Which branch of its process at its issuer; absent: 0, its only one. */
static bool take_branch_id(struct gdn__jsonin *in, const json_t *object, uint32_t *branch_id)
{
    return take_positive(in, object, "branch_id", branch_id);
}

/* ---- Resources homed here ---- */

/* The home that is being read. */
static const struct gdn_cut_home *current_home(const struct gdn__jsonin *in)
{
    const struct gdn_cut_node *node = &in->cut->nodes[in->node];
    return &node->homes[node->home_count - 1];
}

/* How many of a pool's units: one where nothing is said. Nothing else has any. */
static bool take_units(struct gdn__jsonin *in, const json_t *object, uint32_t *units)
{
    uint32_t capacity = current_home(in)->capacity;
    uint64_t value = 1;
    if (capacity == 0) {
        if (json_object_get(object, "units") == NULL) return true;
        return gdn__refuse_key(in, "units", "only a resource with 'capacity' has units");
    }
    if (!gdn__take_number(in, object, "units", 1, UINT32_MAX, &value)) return false;
    if (value > capacity) {
        return gdn__refuse_key(in, "units", "more than the capacity, which is %" PRIu32, capacity);
    }
    *units = (uint32_t)value;
    return true;
}

/* A mode has no meaning where units are counted. */
static bool take_mode_of_home(struct gdn__jsonin *in, const json_t *object, uint8_t *mode)
{
    bool pool = current_home(in)->capacity != 0;
    if (!gdn__take_mode(in, object, !pool, mode)) return false;
    if (pool) *mode = 0;
    return true;
}

static bool load_holder(struct gdn__jsonin *in, const json_t *object, struct list *list)
{
    static const char *const keys[] = {"process", "mode",  "hold",      "issuer",
                                       "ticket",  "units", "branch_id", NULL};
    static const char *const holds[] = {"to_end", "brief", NULL};
    struct gdn_cut_holder holder = {.issuer = in->party};
    unsigned brief = 0;
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_process(in, object, "process", true, &holder.process)) return false;
    if (!gdn__take_party(in, object, "issuer", &holder.issuer)) return false;
    if (!take_ticket(in, object, &holder.ticket)) return false;
    if (!take_mode_of_home(in, object, &holder.mode)) return false;
    if (!take_units(in, object, &holder.units)) return false;
    if (!take_branch_id(in, object, &holder.branch_id)) return false;
    if (!gdn__take_word(in, object, "hold", holds, &brief)) return false;
    holder.brief = brief == 1;
    mark_ticket(list, holder.issuer, holder.ticket);
    return gdn__built(in, gdn_cut_add_holder(in->cut, in->node, &holder));
}

/* What a file written by gordian says beyond the format's own keys; see jsonsave.c. */
static uint8_t extra_flags(const json_t *object)
{
    const json_t *flags = json_object_get(object, "x-flags");
    json_int_t value = json_is_integer(flags) ? json_integer_value(flags) : 0;
    json_int_t known = GDN_REQUEST_BRIEF | GDN_REQUEST_FRONT | GDN_REQUEST_NO_WAIT;
    return value > 0 && value <= known ? (uint8_t)value : 0;
}

static bool load_entry(struct gdn__jsonin *in, const json_t *object, struct list *list)
{
    static const char *const keys[] = {"process",   "ticket", "issuer",    "mode",
                                       "waited_ms", "units",  "branch_id", NULL};
    struct gdn_cut_entry entry = {.issuer = in->party};
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_process(in, object, "process", true, &entry.process)) return false;
    if (!gdn__take_party(in, object, "issuer", &entry.issuer)) return false;
    if (!take_ticket(in, object, &entry.ticket)) return false;
    if (!take_mode_of_home(in, object, &entry.mode)) return false;
    if (!take_units(in, object, &entry.units)) return false;
    if (!take_branch_id(in, object, &entry.branch_id)) return false;
    if (!gdn__take_waited(in, object, &entry.waited_us)) return false;
    entry.brief = (extra_flags(object) & GDN_REQUEST_BRIEF) != 0;
    mark_ticket(list, entry.issuer, entry.ticket);
    return gdn__built(in, gdn_cut_add_entry(in->cut, in->node, &entry));
}

static bool load_home(struct gdn__jsonin *in, const json_t *object, struct list *list)
{
    static const char *const keys[] = {"resource", "holders", "queue", "order", "capacity", NULL};
    static const struct list_kind holders = {"holders", load_holder, TICKET_TWICE};
    static const struct list_kind queue = {"queue", load_entry, TICKET_TWICE};
    static const char *const orders[] = {"fifo", "none", NULL};
    struct gdn_cut_home home = {.capacity = 0};
    unsigned order = 0;
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_resource(in, object, true, &home.resource)) return false;
    if (!gdn__take_word(in, object, "order", orders, &order)) return false;
    home.unordered = order == 1;
    if (!take_positive(in, object, "capacity", &home.capacity)) return false;
    mark(list, home.resource, 0);
    return gdn__built(in, gdn_cut_add_home(in->cut, in->node, &home)) &&
           load_list(in, object, &holders) && load_list(in, object, &queue);
}

/* ---- Waits ---- */

static bool load_wait(struct gdn__jsonin *in, const json_t *object, struct list *list)
{
    static const char *const keys[] = {"process", "ticket", "resource", "home",      "waited_ms",
                                       "mode",    "needs",  "units",    "branch_id", NULL};
    struct gdn_cut_wait wait = {.home = in->party};
    uint32_t units = 0;
    const json_t *needs = json_object_get(object, "needs");
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_process(in, object, "process", true, &wait.process)) return false;
    if (!take_ticket(in, object, &wait.ticket)) return false;
    if (!gdn__take_resource(in, object, false, &wait.resource)) return false;
    if (!gdn__take_party(in, object, "home", &wait.home)) return false;
    if (!gdn__take_mode(in, object, false, &wait.mode)) return false;
    if (!take_branch_id(in, object, &wait.branch_id)) return false;
    if (!gdn__take_waited(in, object, &wait.waited_us)) return false;
    if (!take_positive(in, object, "units", &units)) return false; /* Home knows best. */
    if ((needs == NULL) == (wait.resource == GDN_NONE)) {
        return gdn__refuse(in, "a wait has either 'resource' or 'needs'");
    }
    if (needs != NULL && json_object_get(object, "home") != NULL) {
        return gdn__refuse_key(in, "home", "a wait with 'needs' has no home of its own");
    }
    if (needs != NULL) wait.home = GDN_NONE;
    mark_ticket(list, in->party, wait.ticket);
    if (!gdn__built(in, gdn_cut_add_wait(in->cut, in->node, &wait))) return false;
    if (needs == NULL) return true;
    size_t length = gdn__enter_key(in, "needs");
    if (!gdn__needs_load(in, needs)) return false;
    gdn__leave(in, length);
    return true;
}

/* ---- Channels ---- */

static bool load_message(struct gdn__jsonin *in, const json_t *object, struct list *list)
{
    static const char *const keys[] = {"verb",  "process", "resource",  "ticket", "mode",
                                       "units", "by",      "branch_id", NULL};
    static const char *const verbs[] = {"request", "grant", "release", "cancel",
                                        "end",     "wake",  NULL};
    struct gdn_cut_message message = {.mode = 0};
    unsigned verb = 0;
    (void)list; /* A ticket may well be requested and cancelled on one channel. */
    if (!gdn__check_object(in, object, keys)) return false;
    if (json_object_get(object, "verb") == NULL) {
        return gdn__refuse(in, "the key 'verb' is missing");
    }
    if (!gdn__take_word(in, object, "verb", verbs, &verb)) return false;
    message.verb = (enum gdn_verb)(GDN_VERB_REQUEST + verb);
    bool of_lock = message.verb == GDN_VERB_REQUEST || message.verb == GDN_VERB_GRANT ||
                   message.verb == GDN_VERB_RELEASE;
    if (!gdn__take_process(in, object, "process", true, &message.process)) return false;
    if (!gdn__take_process(in, object, "by", false, &message.by)) return false;
    if (message.by != GDN_NONE && message.verb != GDN_VERB_WAKE) {
        return gdn__refuse_key(in, "by", "only a wake has it");
    }
    if (!gdn__take_resource(in, object, of_lock, &message.resource)) return false;
    if (!take_ticket(in, object, &message.ticket)) return false;
    bool asks = message.verb == GDN_VERB_REQUEST;
    if (!gdn__take_mode(in, object, asks, &message.mode)) return false;
    if (!take_positive(in, object, "units", &message.units)) return false;
    if (!take_branch_id(in, object, &message.branch_id)) return false;
    if (!asks && message.branch_id != 0) {
        return gdn__refuse_key(in, "branch_id", "only a request has it");
    }
    if (!asks) message.units = 0; /* Home knows how many a ticket has. */
    message.flags = asks ? extra_flags(object) : 0;
    return gdn__built(in, gdn_cut_add_message(in->cut, in->node, &message));
}

/* What only the other direction has. */
static bool refuse_other_direction(struct gdn__jsonin *in, const json_t *object, bool incoming)
{
    static const char *const of_incoming[] = {"taken", "untagged", "messages", "open", NULL};
    static const char *const of_outgoing[] = {"sent", NULL};
    for (const char *const *key = incoming ? of_outgoing : of_incoming; *key != NULL; key++) {
        if (json_object_get(object, *key) == NULL) continue;
        return gdn__refuse_key(in, *key, "a channel '%s' another node has no such key",
                               incoming ? "from" : "to");
    }
    return true;
}

static bool load_channel(struct gdn__jsonin *in, const json_t *object, struct list *list)
{
    static const char *const keys[] = {"from",     "to",       "incarnation", "taken", "sent",
                                       "untagged", "messages", "open",        NULL};
    static const struct list_kind messages = {"messages", load_message, TICKET_TWICE};
    if (!gdn__check_object(in, object, keys)) return false;
    const char *count = "sent", *peer = "to";
    struct gdn_cut_channel channel = {.incoming = json_object_get(object, "from") != NULL};
    if (channel.incoming == (json_object_get(object, "to") != NULL)) {
        return gdn__refuse(in, "a channel has either 'from' or 'to'");
    }
    if (channel.incoming) {
        count = "taken";
        peer = "from";
    }
    if (!refuse_other_direction(in, object, channel.incoming)) return false;
    if (!gdn__take_party(in, object, peer, &channel.peer)) return false;
    channel.counted = json_object_get(object, count) != NULL;
    if (!gdn__take_number(in, object, count, 0, UINT64_MAX, &channel.count)) return false;
    if (!gdn__take_number(in, object, "untagged", 0, UINT64_MAX, &channel.untagged)) return false;
    if (!gdn__take_bool(in, object, "open", &channel.open)) return false;
    mark(list, channel.incoming, channel.peer);
    return gdn__built(in, gdn_cut_add_channel(in->cut, in->node, &channel)) &&
           load_list(in, object, &messages);
}

/* ---- The report ---- */

static bool begin_node(struct gdn__jsonin *in, const json_t *object)
{
    if (json_object_get(object, "node") == NULL) {
        return gdn__refuse(in, "the key 'node' is missing");
    }
    if (!gdn__take_party(in, object, "node", &in->party)) return false;
    enum gdn_err err = gdn_cut_add_node(in->cut, in->party, &in->node);
    if (err != GDN_ERR_MISUSE) return gdn__built(in, err);
    return gdn__refuse_key(in, "node", "the node stands in 'nodes' twice");
}

bool gdn__node_load(struct gdn__jsonin *in, const json_t *object)
{
    static const char *const keys[] = {"node",  "incarnation", "resources",
                                       "waits", "channels",    NULL};
    static const struct list_kind resources = {"resources", load_home, "resource",
                                               "the resource stands in this node twice"};
    static const struct list_kind waits = {"waits", load_wait, TICKET_TWICE};
    static const struct list_kind channels = {"channels", load_channel, NULL,
                                              "the channel stands in this node twice"};
    if (!gdn__check_object(in, object, keys) || !begin_node(in, object)) return false;
    struct gdn_cut_node *node = &in->cut->nodes[in->node];
    node->waits_listed = json_object_get(object, "waits") != NULL;
    node->observed = json_is_true(json_object_get(object, "x-observed"));
    node->aborts_unanswered = json_is_true(json_object_get(object, "x-aborts-unanswered"));
    node->given_up_by_others = json_is_true(json_object_get(object, "x-given-up-by-others"));
    return load_list(in, object, &resources) && load_list(in, object, &waits) &&
           load_list(in, object, &channels);
}
