/* SPDX-License-Identifier: MIT */
/** @file cut.h  One consistent global state: every node's recorded ledger and every channel's
 *  recorded messages (Chandy & Lamport 1985, section 2: "global state").
 *
 *  A cut is plain data. Its tables (parties, processes, resources) give each 128-bit id one dense
 *  number; everything else refers to those numbers. What a node sends after a round, its
 *  *report*, is a cut with one node; a round's cut is its reports merged.
 *
 *      gdn_cut
 *       |- parties[]    (node, incarnation): everything that takes part or is only named
 *       |- processes[]  id, label, what is known for choosing a victim
 *       |- resources[]  id, label
 *       '- nodes[]      one for each report
 *           |- homes[]     resources homed here: holders[first..], queue[first..]
 *           |- waits[]     tickets that this node's processes wait on: needs[first..]
 *           '- channels[]  counters, and messages[first..] that were in flight
 *
 *  Thread safety: none of its own; read-only use from several threads is fine. */
#ifndef GORDIAN_CUT_H
#define GORDIAN_CUT_H

#include <gordian/id.h>
#include <gordian/ledger.h>

#ifdef __cplusplus
extern "C" {
#endif

/** "No such index". */
#define GDN_NONE UINT32_MAX

/** Largest encoded cut that is read, in bytes. */
#define GDN_CUT_BYTES_MAX (UINT32_C(1) << 30)

/** A node in one incarnation. incarnation 0: only its name is known. */
struct gdn_cut_party {
    char *name;
    gdn_node_id id;
    uint64_t incarnation;
    uint32_t node; /**< Index of its report in nodes[]; GDN_NONE: it gave none. */
};

struct gdn_cut_process {
    gdn_process_id id;
    char *name;         /**< What a hand-written cut calls it; NULL: only the id is known. */
    char *label;        /**< A description for people; NULL: none was given. */
    bool described;     /**< The four below were told by its node; else defaults. */
    int64_t started_us; /**< Microseconds since 1970, UTC; 0: not known. */
    uint64_t work;      /**< In units of the manager's choice. Default 0. */
    int32_t priority;   /**< Larger is more important. Default 0. */
    bool abortable;     /**< Default true. */
};

struct gdn_cut_resource {
    gdn_resource_id id;
    char *name; /**< As of a process. */
    char *label;
};

/** A ticket anywhere in the cut. */
struct gdn_cut_ticket {
    uint32_t issuer; /**< Party. */
    uint64_t number;
};

struct gdn_cut_holder {
    uint32_t process;
    uint32_t issuer;    /**< Party whose ticket it is. */
    uint64_t ticket;    /**< 0: not numbered (only in hand-written cuts, before loading ends). */
    uint32_t units;     /**< Of a pool, 1 to its capacity; else 0. */
    uint32_t branch_id; /**< Which of the process's branches at the issuer. */
    uint8_t mode;       /**< Of a pool without meaning: 0. */
    bool brief;         /**< Held only until that branch goes on. */
};

struct gdn_cut_entry {
    uint32_t process;
    uint32_t issuer;
    uint64_t ticket;
    uint64_t waited_us;
    uint32_t units; /**< As of a holder; so are the next two. */
    uint32_t branch_id;
    uint8_t mode;
    bool brief; /**< Once granted it will be held only until its branch goes on. */
};

struct gdn_cut_home {
    uint32_t resource;
    uint32_t capacity;                 /**< Units of a pool; 0: no pool. */
    bool unordered;                    /**< Order of the queue blocks nobody. */
    size_t holder_first, holder_count; /**< In the node's holders[]. */
    size_t entry_first, entry_count;   /**< In the node's queue[], in queue order. */
};

/** Needs stand in prefix order: a group is followed by its children. The needs of one wait are
 *  all needed (the outermost level is "all"), and nest at most GDN_NEEDS_DEPTH_MAX deep. */
struct gdn_cut_need {
    enum gdn_need_kind kind;
    uint32_t process;     /**< GDN_NEED_PROCESS. */
    uint32_t resource;    /**< PROCESS: the hold it is about, or GDN_NONE. RESOURCE: which. */
    uint32_t home;        /**< GDN_NEED_RESOURCE: party, or GDN_NONE for this node. */
    uint32_t branch;      /**< PROCESS: party whose branch is meant; GDN_NONE: whole process. */
    uint32_t branch_id;   /**< Which branch there; 0 without one. */
    uint32_t units;       /**< RESOURCE: of a pool, as its writer said; the home's word counts. */
    uint32_t at_least;    /**< GDN_NEED_GROUP. */
    uint32_t child_count; /**< GDN_NEED_GROUP: direct children. */
    bool queued;          /**< Exists only because of queue order. */
    bool met;             /**< PROCESS: its wake has been taken. It stays where leaving it out
                               would change which listing the next wake meets. */
};

/** A ticket that a process of this node waits on. */
struct gdn_cut_wait {
    uint32_t process;
    uint32_t resource; /**< GDN_NONE: a direct wait, see its needs. */
    uint32_t home;     /**< Party; GDN_NONE for a direct wait. */
    uint64_t ticket;
    uint64_t waited_us;
    uint32_t branch_id; /**< Which of the process's branches at this node waits. */
    uint8_t mode;
    size_t need_first, need_count; /**< Direct waits only: all entries, nested ones too. */
};

struct gdn_cut_message {
    enum gdn_verb verb;
    uint32_t process;   /**< GDN_NONE is never used: every lock message names one. */
    uint32_t resource;  /**< GDN_NONE where the verb has none. */
    uint32_t by;        /**< WAKE: the process that no longer blocks; else GDN_NONE. */
    uint64_t ticket;    /**< Of the sender (request, release, cancel), of the receiver
                             (grant, wake); 0: none named. */
    uint32_t units;     /**< REQUEST: of a pool; 0 means 1 there. */
    uint32_t branch_id; /**< REQUEST: which of the process's branches at the sender asks. */
    uint8_t mode;
    uint8_t flags; /**< GDN_REQUEST_*. */
};

/** One direction between this node and a peer. */
struct gdn_cut_channel {
    uint32_t peer; /**< Party at the other end, with its incarnation. */
    bool incoming;
    bool open;         /**< Incoming: its marker had not come at the deadline. */
    bool counted;      /**< count and untagged below are known. */
    uint64_t count;    /**< Outgoing: sent. Incoming: taken. As of this node's cut. */
    uint64_t untagged; /**< Incoming: recorded messages that were only counted. */
    size_t message_first, message_count;
};

struct gdn_cut_node {
    uint32_t party;
    bool waits_listed;       /**< false: this node does not say what its processes wait for. */
    bool observed;           /**< Speaks for traffic outside Gordian's channels. */
    bool aborts_unanswered;  /**< Whoever waits here for messages gets none from an aborted process.
                              */
    bool given_up_by_others; /**< Not only issuer and home give up its tickets. */
    struct gdn_cut_home *homes;
    size_t home_count, home_capacity;
    struct gdn_cut_holder *holders;
    size_t holder_count, holder_capacity;
    struct gdn_cut_entry *queue;
    size_t entry_count, entry_capacity;
    struct gdn_cut_wait *waits;
    size_t wait_count, wait_capacity;
    struct gdn_cut_need *needs;
    size_t need_count, need_capacity;
    struct gdn_cut_channel *channels;
    size_t channel_count, channel_capacity;
    struct gdn_cut_message *messages;
    size_t message_count, message_capacity;
};

enum gdn_scope { GDN_SCOPE_WAITS, GDN_SCOPE_FULL };

typedef struct gdn_cut {
    struct gdn_allocator allocator;
    bool has_round; /**< false: an offline cut. */
    gdn_round_id round;
    char *initiator; /**< Its name; NULL without a round. */
    enum gdn_scope scope;
    int64_t started_us;     /**< By the initiator's clock, since 1970, UTC; 0: not known. */
    bool modes_given;       /**< modes is not the default matrix. */
    struct gdn_modes modes; /**< Names are owned by the cut. */
    struct gdn_cut_party *parties;
    size_t party_count, party_capacity;
    struct gdn_cut_process *processes;
    size_t process_count, process_capacity;
    struct gdn_cut_resource *resources;
    size_t resource_count, resource_capacity;
    struct gdn_cut_node *nodes;
    size_t node_count, node_capacity;
    char **missing; /**< Names of nodes without a report; sorted, no repeats. */
    size_t missing_count, missing_capacity;
    struct gdn__cut_index *index; /**< Of the builder; private. */
} gdn_cut;

/** An empty cut with default modes; NULL when out of memory. @p allocator NULL: malloc().
 *  Caller frees with gdn_cut_free(). */
GDN_API gdn_cut *gdn_cut_new(const struct gdn_allocator *allocator);

GDN_API void gdn_cut_free(gdn_cut *cut);

/* Building. Each returns the index (find or add for parties, processes and resources), or GDN_NONE
 * when out of memory. Holders and entries belong to the home added last, needs to the wait, and
 * messages to the channel added last. Labels are copied; the first non-NULL one stays. */

GDN_API uint32_t gdn_cut_party(gdn_cut *cut, const char *name, uint64_t incarnation);
GDN_API uint32_t gdn_cut_process(gdn_cut *cut, gdn_process_id id, const char *label);
GDN_API uint32_t gdn_cut_resource(gdn_cut *cut, gdn_resource_id id, const char *label);

/** Say by what name a hand-written cut calls it. Copies; the first one stays. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_name_process(gdn_cut *cut, uint32_t process,
                                                       const char *name);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_name_resource(gdn_cut *cut, uint32_t resource,
                                                        const char *name);

/** Look up without adding; GDN_NONE when not there. */
GDN_API uint32_t gdn_cut_find_process(const gdn_cut *cut, gdn_process_id id);
GDN_API uint32_t gdn_cut_find_resource(const gdn_cut *cut, gdn_resource_id id);

/** Begin the report of @p party; at most one each (GDN_ERR_MISUSE). Later pointers into nodes[]
 *  are valid until the next node is added. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_node(gdn_cut *cut, uint32_t party, uint32_t *node);

GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_home(gdn_cut *cut, uint32_t node,
                                                   const struct gdn_cut_home *home);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_holder(gdn_cut *cut, uint32_t node,
                                                     const struct gdn_cut_holder *holder);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_entry(gdn_cut *cut, uint32_t node,
                                                    const struct gdn_cut_entry *entry);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_wait(gdn_cut *cut, uint32_t node,
                                                   const struct gdn_cut_wait *wait);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_need(gdn_cut *cut, uint32_t node,
                                                   const struct gdn_cut_need *need);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_channel(gdn_cut *cut, uint32_t node,
                                                      const struct gdn_cut_channel *channel);
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_message(gdn_cut *cut, uint32_t node,
                                                      const struct gdn_cut_message *message);

/** Name a node that gave no report. Copies @p name; a repeat is ignored. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_add_missing(gdn_cut *cut, const char *name);

/** Set the round and its initiator's name (copied). */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_set_round(gdn_cut *cut, const char *initiator,
                                                    gdn_round_id round, int64_t started_us);

/** Set modes other than the default; copies the names. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_set_modes(gdn_cut *cut, const struct gdn_modes *modes);

/** Append every node of @p other (its reports) to @p cut, mapping the tables. GDN_ERR_DISAGREE
 *  when both have a report of one node, or they use different modes; @p why then says which. @p cut
 * is to be thrown away after any error. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_merge(gdn_cut *cut, const gdn_cut *other, char *why,
                                                size_t why_bytes);

/** After the last report: name as missing every party without a report of its own (channel end,
 *  home or issuer; RULES 9), and check that sent = taken + untagged + recorded on every channel
 *  both of whose ends counted. GDN_ERR_UNBALANCED: @p why names the channel and the numbers.
 *  GDN_ERR_FORMAT: a resource or a channel stands twice in its node, or a ticket twice among a
 *  node's waits, a resource's holders or in its queue. GDN_ERR_DISAGREE: on an incarnation. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_check(gdn_cut *cut, char *why, size_t why_bytes);

/** Encode as bytes (docs/protocol.md, "Saved cut"). Caller frees *bytes with the cut's allocator
 *  (resize to 0), or free() when that is the default. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_encode(const gdn_cut *cut, uint8_t **bytes,
                                                 size_t *length);

/** Decode what gdn_cut_encode wrote. Hostile input is refused before anything is allocated for
 *  it: GDN_ERR_FORMAT, GDN_ERR_VERSION or GDN_ERR_CHECKSUM, with the byte offset in @p why.
 *  Caller frees *cut with gdn_cut_free(). */
GDN_API GDN_MUST_USE enum gdn_err gdn_cut_decode(const struct gdn_allocator *allocator,
                                                 const uint8_t *bytes, size_t length, gdn_cut **cut,
                                                 char *why, size_t why_bytes);

#ifdef __cplusplus
}
#endif
#endif
