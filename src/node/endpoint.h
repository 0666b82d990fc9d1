/* SPDX-License-Identifier: MIT */
/* Where a node can be reached, as text: tcp://host:port, ipc://path, inproc://name. Shared by
 * nodes and detectors. */
#ifndef GDN_NODE_ENDPOINT_H
#define GDN_NODE_ENDPOINT_H

#include <gordian/base.h>

/* What is allowed where. */
struct gdn__endpoint_rules {
    bool remote; /* tcp beyond loopback, though nothing is encrypted or authenticated. */
    bool inproc; /* The ZeroMQ context is shared, so inproc reaches somebody. */
};

/* GDN_ERR_ADDRESS, and @p why says in one line what is wrong and what to do. */
GDN_MUST_USE enum gdn_err gdn__endpoint_check(const char *endpoint,
                                              const struct gdn__endpoint_rules *rules, char *why,
                                              size_t why_bytes);

/* A tcp address that nobody beyond this machine can reach: 127.0.0.0/8, [::1] or localhost, with
 * a port. A host name that only begins like one ("127.example.org") is not. */
bool gdn__endpoint_is_loopback(const char *endpoint);

/* The path of an ipc endpoint that lies in the file system; NULL for all others. */
const char *gdn__endpoint_path(const char *endpoint);

#endif
