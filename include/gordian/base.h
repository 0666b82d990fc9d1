/* SPDX-License-Identifier: MIT */
/** @file base.h  What every Gordian header shares: errors, the allocator and the log hook.
 *
 *  Ownership is said in four fixed words: a function *copies* an argument, *takes* it, *borrows*
 *  it until a named moment, or returns something the *caller frees with* a named function. */
#ifndef GORDIAN_BASE_H
#define GORDIAN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GDN_VERSION "0.1.0"

#if defined(__GNUC__)
#define GDN_API      __attribute__((visibility("default")))
#define GDN_MUST_USE __attribute__((warn_unused_result))
#else
#define GDN_API
#define GDN_MUST_USE
#endif

/** Longest node, process, resource or mode name, in bytes, without the closing NUL. */
#define GDN_NAME_MAX 255

/** Every error: code and the sentence a person reads. 0 is success. A call that fails changed
 *  nothing, unless its own comment says otherwise. */
#define GDN_ERRORS(X)                                                                              \
    X(OK, "done")                                                                                  \
    X(ERR_MISUSE, "the call breaks the rules of this interface")                                   \
    X(ERR_MEMORY, "out of memory")                                                                 \
    X(ERR_LIMIT, "a configured maximum has been reached")                                          \
    X(ERR_FULL,                                                                                    \
      "the window to that node, or your own inbox, is full; take your items and try again")        \
    X(ERR_UNKNOWN_NODE, "no node of that name has been connected")                                 \
    X(ERR_NOT_CONNECTED, "that node has not answered yet")                                         \
    X(ERR_UNKNOWN_TICKET, "no such ticket, or it has ended")                                       \
    X(ERR_NOT_HELD, "that process holds nothing there")                                            \
    X(ERR_NOT_GRANTABLE, "that request cannot be granted now")                                     \
    X(ERR_EMPTY, "nothing is there")                                                               \
    X(ERR_NAME, "a name is empty, too long, not UTF-8, or holds a control character")              \
    X(ERR_ID, "an id is 16 zero bytes: nobody has set it")                                         \
    X(ERR_FORMAT, "the bytes are not in Gordian's format")                                         \
    X(ERR_VERSION, "the bytes are of a version this build does not know")                          \
    X(ERR_CHECKSUM, "the bytes are damaged: their checksum does not match")                        \
    X(ERR_DISAGREE, "the reports disagree on a node's incarnation or modes")                       \
    X(ERR_UNBALANCED, "a channel does not balance: sent is not taken plus recorded")               \
    X(ERR_ADDRESS, "the endpoint cannot be bound or dialled")                                      \
    X(ERR_SYSTEM, "the operating system refused a thread, a descriptor or a socket")               \
    X(ERR_TIMEOUT, "nothing happened in time")                                                     \
    X(ERR_CLOSED, "it has been closed")                                                            \
    X(ERR_FORKED, "opened before fork(); the child must open its own")

enum gdn_err {
#define GDN_ERROR_CODE(name, sentence) GDN_##name,
    GDN_ERRORS(GDN_ERROR_CODE)
#undef GDN_ERROR_CODE
};

/** "GDN_ERR_FULL" for GDN_ERR_FULL. Static text; never NULL. Any thread. */
GDN_API const char *gdn_err_name(enum gdn_err err);

/** One sentence for people. Static text; never NULL. Any thread. */
GDN_API const char *gdn_err_text(enum gdn_err err);

/** Where an object's memory comes from. One function: bytes 0 frees @p block and returns NULL,
 *  block NULL allocates, else as realloc(). Must be thread-safe if its object is. */
struct gdn_allocator {
    void *(*resize)(void *context, void *block, size_t bytes);
    void *context;
};

enum gdn_log_level { GDN_LOG_DEBUG, GDN_LOG_INFO, GDN_LOG_WARNING };

/** Where an object tells what it does. Called without any of Gordian's locks held; @p line is
 *  borrowed until it returns and has no newline. The library itself never prints. */
struct gdn_log {
    void (*write)(void *context, enum gdn_log_level level, const char *line);
    void *context;
};

#ifdef __cplusplus
}
#endif
#endif
