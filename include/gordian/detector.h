/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file detector.h  A whole detector for your own program: gordiand is one loop around this.
 *
 *  It has no thread of its own. gdn_detector_next() does the work (sockets, rounds, analysis) and
 *  returns one event at a time; call it again soon, for between two calls nothing happens.
 *
 *      while ((err = gdn_detector_next(detector, -1, &event)) != GDN_ERR_CLOSED) { look at event }
 *
 *  One thread at a time may use a detector; and since igraph keeps process-wide state, only one
 *  thread of a process may be inside any detector or gdn_analyze() at any moment. */
#ifndef GORDIAN_DETECTOR_H
#define GORDIAN_DETECTOR_H

#include <gordian/verdict.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdn_detector gdn_detector;

/** Zero is the default of every field but name and bind. All is copied, except zmq_context. */
struct gdn_detector_options {
    const char *name;          /**< Of this detector; unique among those that run. */
    const char *bind;          /**< Where nodes register: tcp://127.0.0.1:7400, ipc://path, … */
    const char *advertise;     /**< What nodes dial back; NULL: the endpoint that was bound. */
    int64_t period_ms;         /**< A round at least this often; 0: only on suspicion. */
    int64_t deadline_ms;       /**< Of one round; 0: 1000; at most 60000. */
    uint32_t silence_ms;       /**< A node heard nothing of for so long is lost; 0: 10000; at least
                                    100. */
    const char *const *expect; /**< Nodes that are missing when they have not registered. */
    size_t expect_count;
    enum gdn_policy policy; /**< NONE: report only. Else one victim set for each deadlock. */
    int64_t answer_ms;      /**< An order to abort without an answer is unknown; 0: 2000. */
    bool allow_remote;      /**< As for nodes: nothing is encrypted or authenticated. */
    void *zmq_context;      /**< Borrowed until close; NULL: a private one. For inproc. */
    struct gdn_allocator allocator;
    struct gdn_log log;
};

enum gdn_detector_event_type {
    GDN_DETECTOR_ROUND,        /**< A round has its verdict: cut, verdict, latency_us. */
    GDN_DETECTOR_DEADLOCK,     /**< A deadlock not reported before: verdict, deadlock, id. */
    GDN_DETECTOR_ABORT_ASKED,  /**< id, process, node, incarnation, ticket. */
    GDN_DETECTOR_ABORTED,      /**< The same, and after_us since it was asked. */
    GDN_DETECTOR_STALE,        /**< That wait had ended already. */
    GDN_DETECTOR_REFUSED,      /**< That process must not be aborted. */
    GDN_DETECTOR_UNKNOWN,      /**< Nobody answered in time. */
    GDN_DETECTOR_GONE,         /**< id, after_us since it was found: no longer there. */
    GDN_DETECTOR_ROUND_FAILED, /**< why; it will be tried again. */
    GDN_DETECTOR_NODE_JOINED,  /**< node, incarnation. */
    GDN_DETECTOR_NODE_LOST
};

/** Pointers are borrowed until the next call that takes the detector. */
struct gdn_detector_event {
    enum gdn_detector_event_type type;
    gdn_round_id round;
    const gdn_cut *cut;
    const gdn_verdict *verdict;
    size_t deadlock;     /**< Index in verdict->deadlocks. */
    bool news;           /**< ROUND: it found a deadlock not reported before. */
    gdn_id id;           /**< Of the deadlock, as first reported. */
    const char *process; /**< As people see it. */
    const char *node;
    uint64_t incarnation;
    uint64_t ticket;
    int64_t latency_us; /**< ROUND, DEADLOCK: from START to the verdict. */
    int64_t after_us;
    const char *why;
};

/** Bind and listen. On failure @p why says what, where and what to do: GDN_ERR_NAME,
 *  GDN_ERR_ADDRESS, GDN_ERR_SYSTEM, GDN_ERR_MEMORY. Caller frees with gdn_detector_close(). */
GDN_API GDN_MUST_USE enum gdn_err gdn_detector_open(const struct gdn_detector_options *options,
                                                    gdn_detector **detector, char *why,
                                                    size_t why_bytes);

/** Tell the nodes goodbye and free everything. NULL is fine. */
GDN_API void gdn_detector_close(gdn_detector *detector);

/** Work until there is an event, at most @p timeout_ms (-1: for ever). GDN_ERR_TIMEOUT: none came,
 *  or a signal did. Of one round, DEADLOCK and what follows from it come before its ROUND. */
GDN_API GDN_MUST_USE enum gdn_err gdn_detector_next(gdn_detector *detector, int timeout_ms,
                                                    struct gdn_detector_event *event);

/** Like gdn_detector_next, and also returns (GDN_ERR_TIMEOUT) when @p descriptor is readable. */
GDN_API GDN_MUST_USE enum gdn_err gdn_detector_next_or(gdn_detector *detector, int descriptor,
                                                       int timeout_ms,
                                                       struct gdn_detector_event *event);

/** Ask for a round now (or, during one, right after it). */
GDN_API void gdn_detector_suspect(gdn_detector *detector);

/** What nodes should dial. Borrowed until close. */
GDN_API const char *gdn_detector_endpoint(const gdn_detector *detector);

/** A node that is registered now. Borrowed until the next call. */
struct gdn_detector_node {
    const char *name;
    const char *endpoint;
    uint64_t incarnation;
    int64_t since_us; /**< UTC, microseconds since 1970. */
};
GDN_API size_t gdn_detector_node_count(const gdn_detector *detector);
/** @p index below gdn_detector_node_count(). */
GDN_API struct gdn_detector_node gdn_detector_node(const gdn_detector *detector, size_t index);

/** A deadlock that stands now. */
struct gdn_detector_incident {
    gdn_id id;
    const char *who;  /**< "T1, T2 and 3 more". */
    int64_t found_us; /**< UTC, microseconds since 1970. */
    size_t member_count;
    bool resolving;       /**< An abort was asked for. */
    uint64_t rounds;      /**< That have shown it. */
    gdn_round_id seen_in; /**< The last of them. */
};
GDN_API size_t gdn_detector_incident_count(const gdn_detector *detector);
GDN_API struct gdn_detector_incident gdn_detector_incident(const gdn_detector *detector,
                                                           size_t index);

struct gdn_detector_counters {
    uint64_t rounds_finished, rounds_failed, rounds_incomplete;
    uint64_t deadlocks_found, aborts_asked, aborted, stale, refused, unknown;
    uint64_t frames_refused;
};
GDN_API struct gdn_detector_counters gdn_detector_counters(const gdn_detector *detector);

#ifdef __cplusplus
}
#endif
#endif
