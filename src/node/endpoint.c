/* SPDX-License-Identifier: MIT */
#include "src/node/endpoint.h"

#include <arpa/inet.h>
#include <gordian/id.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char *after_prefix(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* ":7400", or ":*" for a free one, and nothing behind it. */
static bool is_port(const char *text)
{
    if (*text++ != ':') return false;
    if (strcmp(text, "*") == 0) return true;
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && text[digits] == '\0' && strtol(text, NULL, 10) <= 65535;
}

static bool is_loopback_ipv4(const char *host, size_t length)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    if (length >= sizeof text) return false;
    memcpy(text, host, length);
    text[length] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool gdn__endpoint_is_loopback(const char *endpoint)
{
    const char *host = after_prefix(endpoint, "tcp://");
    if (host == NULL) return false;
    const char *port = after_prefix(host, "[::1]");
    if (port == NULL) port = after_prefix(host, "localhost");
    if (port != NULL) return is_port(port);
    size_t length = strcspn(host, ":");
    return is_loopback_ipv4(host, length) && is_port(host + length);
}

const char *gdn__endpoint_path(const char *endpoint)
{
    const char *path = after_prefix(endpoint, "ipc://");
    return path == NULL || *path == '\0' || *path == '@' || *path == '*' ? NULL : path;
}

static enum gdn_err check_tcp(const char *endpoint, bool remote, char *why, size_t why_bytes)
{
    const char *port = strrchr(endpoint + strlen("tcp://"), ':');
    if (port == NULL || !is_port(port)) {
        (void)snprintf(why, why_bytes, "%s has no port: write tcp://HOST:PORT", endpoint);
        return GDN_ERR_ADDRESS;
    }
    if (remote || gdn__endpoint_is_loopback(endpoint)) return GDN_OK;
    (void)snprintf(why, why_bytes,
                   "%s is not a loopback address, and nothing is encrypted or authenticated: use "
                   "tcp://127.0.0.1:PORT or ipc://PATH, or allow remote addresses",
                   endpoint);
    return GDN_ERR_ADDRESS;
}

static enum gdn_err check_ipc(const char *endpoint, char *why, size_t why_bytes)
{
    const struct sockaddr_un *any = NULL;
    const char *path = endpoint + strlen("ipc://");
    if (*path != '\0' && strlen(path) < sizeof any->sun_path) return GDN_OK;
    (void)snprintf(why, why_bytes, "%s: the path of a socket takes 1 to %zu bytes", endpoint,
                   sizeof any->sun_path - 1);
    return GDN_ERR_ADDRESS;
}

static enum gdn_err check_inproc(const char *endpoint, bool shared, char *why, size_t why_bytes)
{
    if (shared && endpoint[strlen("inproc://")] != '\0') return GDN_OK;
    (void)snprintf(why, why_bytes, "%s: inproc needs a name and a shared ZeroMQ context", endpoint);
    return GDN_ERR_ADDRESS;
}

enum gdn_err gdn__endpoint_check(const char *endpoint, const struct gdn__endpoint_rules *rules,
                                 char *why, size_t why_bytes)
{
    char unwanted[1];
    if (why == NULL || why_bytes == 0) {
        why = unwanted;
        why_bytes = sizeof unwanted;
    }
    if (!gdn_name_is_valid(endpoint)) {
        (void)snprintf(why, why_bytes, "an endpoint is 1 to %d bytes without control characters",
                       GDN_NAME_MAX);
        return GDN_ERR_ADDRESS;
    }
    if (after_prefix(endpoint, "tcp://") != NULL) {
        return check_tcp(endpoint, rules->remote, why, why_bytes);
    }
    if (after_prefix(endpoint, "ipc://") != NULL) return check_ipc(endpoint, why, why_bytes);
    if (after_prefix(endpoint, "inproc://") != NULL) {
        return check_inproc(endpoint, rules->inproc, why, why_bytes);
    }
    (void)snprintf(why, why_bytes,
                   "%s is no endpoint: write tcp://HOST:PORT, ipc://PATH or inproc://NAME",
                   endpoint);
    return GDN_ERR_ADDRESS;
}
