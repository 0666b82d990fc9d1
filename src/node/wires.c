/* SPDX-License-Identifier: MIT */
#include "src/node/wires.h"

#include "src/core/mem.h"
#include "src/core/why.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX       16384
#define HIGH_WATER        16384 /* Frames that wait in one direction of one connection. */
#define BACKLOG           1024
#define HANDSHAKE_MS      2000
#define RECONNECT_MS      50
#define RECONNECT_MAX_MS  2000
#define LINGER_MS         200
#define REOPEN_PAUSE_US   INT64_C(1000000)
#define PROBE_DESCRIPTORS 16

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Before the first socket ---- */

static void *return_at_once(void *unused)
{
    return unused;
}

/* libzmq aborts the process when its first socket finds no descriptor or thread left. So try both
 * while that is still an error to return. */
static bool has_descriptors_and_threads(void)
{
    int fds[PROBE_DESCRIPTORS];
    size_t opened = 0;
    while (opened < PROBE_DESCRIPTORS && (fds[opened] = eventfd(0, EFD_CLOEXEC)) >= 0) opened++;
    for (size_t i = 0; i < opened; i++) (void)close(fds[i]);
    pthread_t thread;
    if (opened < PROBE_DESCRIPTORS || pthread_create(&thread, NULL, return_at_once, NULL) != 0) {
        return false;
    }
    return pthread_join(thread, NULL) == 0;
}

static enum gdn_err open_context(struct gdn__wires *wires, void *borrowed, char *why,
                                 size_t why_bytes)
{
    if (!has_descriptors_and_threads()) {
        return gdn__explain(GDN_ERR_SYSTEM, why, why_bytes,
                            "too few file descriptors or threads are left to open a socket");
    }
    wires->owns_context = borrowed == NULL;
    wires->context = borrowed != NULL ? borrowed : zmq_ctx_new();
    if (wires->context == NULL) {
        return gdn__explain(GDN_ERR_SYSTEM, why, why_bytes, "no ZeroMQ context: %s",
                            zmq_strerror(errno));
    }
    if (wires->owns_context) (void)zmq_ctx_set(wires->context, ZMQ_MAX_SOCKETS, SOCKETS_MAX);
    return GDN_OK;
}

/* ---- The inbox ---- */

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* IPv6 only where it is asked for: with it, libzmq shows IPv4 addresses as mapped ones. */
static bool set_family(void *socket, const char *endpoint)
{
    return set_int(socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
}

static bool configure_inbox(void *socket, const struct gdn__wires_options *options)
{
    size_t frame_bytes_max = options->frame_bytes_max;
    int64_t bytes_max = frame_bytes_max == 0 ? GDN__FRAME_BYTES_MAX : (int64_t)frame_bytes_max;
    return set_int(socket, ZMQ_RCVHWM, HIGH_WATER) && set_int(socket, ZMQ_BACKLOG, BACKLOG) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) && set_int(socket, ZMQ_LINGER, 0) &&
           set_family(socket, options->bind) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0;
}

/* zmq_bind() takes an ipc path away from whoever serves it; so ask first whether anybody does. */
static bool path_is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool served = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return served;
}

static void remember_path(struct gdn__wires *wires, const char *path)
{
    struct stat status;
    if (path == NULL || stat(path, &status) != 0) return;
    wires->path_device = status.st_dev;
    wires->path_inode = status.st_ino;
}

/* libzmq leaves the path behind. Remove it, unless somebody else has bound it since. */
static void remove_path(const struct gdn__wires *wires)
{
    struct stat status;
    const char *path = gdn__endpoint_path(wires->endpoint);
    if (path == NULL || wires->path_inode == 0 || stat(path, &status) != 0) return;
    if (status.st_dev == wires->path_device && status.st_ino == wires->path_inode) {
        (void)unlink(path);
    }
}

static enum gdn_err bind_inbox(struct gdn__wires *wires, const char *endpoint, char *why,
                               size_t why_bytes)
{
    const char *path = gdn__endpoint_path(endpoint);
    if (path != NULL && path_is_served(path))
        errno = EADDRINUSE;
    else if (zmq_bind(wires->inbox, endpoint) == 0)
        errno = 0;
    if (errno != 0) {
        return gdn__explain(GDN_ERR_ADDRESS, why, why_bytes, "cannot bind %s: %s", endpoint,
                            zmq_strerror(errno));
    }
    remember_path(wires, path);
    return GDN_OK;
}

static enum gdn_err open_inbox(struct gdn__wires *wires, const struct gdn__wires_options *options,
                               char *why, size_t why_bytes)
{
    wires->inbox = zmq_socket(wires->context, ZMQ_PULL);
    if (wires->inbox == NULL || !configure_inbox(wires->inbox, options)) {
        return gdn__explain(GDN_ERR_SYSTEM, why, why_bytes, "no ZeroMQ socket: %s",
                            zmq_strerror(errno));
    }
    enum gdn_err err = bind_inbox(wires, options->bind, why, why_bytes);
    if (err != GDN_OK) return err;
    size_t endpoint_bytes = sizeof wires->endpoint;
    size_t fd_bytes = sizeof wires->inbox_fd;
    if (zmq_getsockopt(wires->inbox, ZMQ_LAST_ENDPOINT, wires->endpoint, &endpoint_bytes) != 0 ||
        zmq_getsockopt(wires->inbox, ZMQ_FD, &wires->inbox_fd, &fd_bytes) != 0) {
        return gdn__explain(GDN_ERR_SYSTEM, why, why_bytes, "%s: %s", options->bind,
                            zmq_strerror(errno));
    }
    return GDN_OK;
}

static enum gdn_err open_packets(struct gdn__wires *wires, char *why, size_t why_bytes)
{
    wires->packets = gdn__packets_new();
    if (wires->packets != NULL) return GDN_OK;
    return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "out of memory");
}

enum gdn_err gdn__wires_init(struct gdn__wires *wires, const struct gdn__wires_options *options,
                             char *why, size_t why_bytes)
{
    *wires = (struct gdn__wires){
        .allocator = options->allocator,
        .rules = {.remote = options->allow_remote, .inproc = options->context != NULL}};
    (void)zmq_msg_init(&wires->frame);
    enum gdn_err err = gdn__endpoint_check(options->bind, &wires->rules, why, why_bytes);
    if (err == GDN_OK) err = open_packets(wires, why, why_bytes);
    if (err == GDN_OK) err = open_context(wires, options->context, why, why_bytes);
    if (err == GDN_OK) err = open_inbox(wires, options, why, why_bytes);
    if (err != GDN_OK) gdn__wires_fini(wires);
    return err;
}

void gdn__wires_fini(struct gdn__wires *wires)
{
    for (size_t i = 0; i < wires->link_count; i++) {
        if (wires->links[i].socket != NULL) (void)zmq_close(wires->links[i].socket);
        gdn__free(&wires->allocator, wires->links[i].endpoint);
    }
    gdn__free(&wires->allocator, wires->links);
    (void)zmq_msg_close(&wires->frame);
    if (wires->inbox != NULL) (void)zmq_close(wires->inbox);
    while (wires->owns_context && zmq_ctx_term(wires->context) != 0 && errno == EINTR) continue;
    gdn__packets_free(wires->packets);
    remove_path(wires);
    *wires = (struct gdn__wires){0};
}

const char *gdn__wires_endpoint(const struct gdn__wires *wires)
{
    return wires->endpoint;
}

/* ---- Links ---- */

static bool configure_link(void *socket, const char *endpoint)
{
    return set_int(socket, ZMQ_SNDHWM, HIGH_WATER) && set_int(socket, ZMQ_LINGER, LINGER_MS) &&
           set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) &&
           set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) && set_int(socket, ZMQ_IMMEDIATE, 0) &&
           set_family(socket, endpoint);
}

static bool open_link(struct gdn__wires *wires, struct gdn__wire *link)
{
    link->opened_at_us = now_us();
    link->socket = zmq_socket(wires->context, ZMQ_PUSH);
    if (link->socket == NULL) return false;
    if (configure_link(link->socket, link->endpoint) &&
        zmq_connect(link->socket, link->endpoint) == 0)
        return true;
    int error = errno;
    (void)zmq_close(link->socket);
    link->socket = NULL;
    errno = error;
    return false;
}

/* What still waits in the old socket is lost; the channel resends it. */
static void close_link(struct gdn__wire *link)
{
    if (link->socket == NULL) return;
    (void)set_int(link->socket, ZMQ_LINGER, 0);
    (void)zmq_close(link->socket);
    link->socket = NULL;
}

static void reopen_link(struct gdn__wires *wires, struct gdn__wire *link)
{
    if (link->endpoint == NULL || link->refused) return;
    if (now_us() - link->opened_at_us < REOPEN_PAUSE_US) return;
    close_link(link);
    (void)open_link(wires, link);
}

/* From now on it leads there and nowhere else. */
static enum gdn_err lead_to(struct gdn__wires *wires, struct gdn__wire *link, const char *endpoint,
                            char *why, size_t why_bytes)
{
    char *copy = gdn__strdup(&wires->allocator, endpoint);
    if (copy == NULL) {
        return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "cannot dial %s: out of memory",
                            endpoint);
    }
    close_link(link);
    gdn__free(&wires->allocator, link->endpoint);
    link->endpoint = copy;
    enum gdn_err err = gdn__endpoint_check(endpoint, &wires->rules, why, why_bytes);
    link->refused = err != GDN_OK;
    if (err != GDN_OK || open_link(wires, link)) return err;
    return gdn__explain(GDN_ERR_ADDRESS, why, why_bytes, "cannot dial %s: %s", endpoint,
                        zmq_strerror(errno));
}

enum gdn_err gdn__wires_dial(struct gdn__wires *wires, uint32_t link, const char *endpoint,
                             char *why, size_t why_bytes)
{
    if (link > wires->link_count) return GDN_ERR_MISUSE;
    if (link == wires->link_count) {
        if (!gdn__grow(&wires->allocator, &wires->links, wires->link_count, &wires->link_capacity,
                       sizeof *wires->links)) {
            return gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "cannot dial %s: out of memory",
                                endpoint);
        }
        wires->links[wires->link_count++] = (struct gdn__wire){.endpoint = NULL};
    }
    struct gdn__wire *wire = &wires->links[link];
    if (wire->endpoint == NULL || strcmp(wire->endpoint, endpoint) != 0) {
        return lead_to(wires, wire, endpoint, why, why_bytes);
    }
    reopen_link(wires, wire);
    return GDN_OK;
}

static bool try_send(const struct gdn__wire *link, zmq_msg_t *message)
{
    int sent;
    if (link->socket == NULL) return false;
    do {
        sent = zmq_msg_send(message, link->socket, ZMQ_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static bool send_message(struct gdn__wires *wires, uint32_t link, zmq_msg_t *message)
{
    if (link >= wires->link_count) return false;
    struct gdn__wire *wire = &wires->links[link];
    if (try_send(wire, message)) return true;
    reopen_link(wires, wire);
    return try_send(wire, message);
}

bool gdn__wires_send(struct gdn__wires *wires, uint32_t link, const uint8_t *bytes, size_t length)
{
    zmq_msg_t message;
    if (gdn__packets_fill(wires->packets, &message, bytes, length)) {
        if (send_message(wires, link, &message)) return true;
        (void)zmq_msg_close(&message);
    }
    wires->frames_dropped++;
    return false;
}

/* ---- Receiving ---- */

bool gdn__wires_receive(struct gdn__wires *wires, struct gdn__arrived *frame)
{
    int received;
    do {
        received = zmq_msg_recv(&wires->frame, wires->inbox, ZMQ_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return false;
    frame->bytes = zmq_msg_data(&wires->frame);
    frame->length = zmq_msg_size(&wires->frame);
    frame->from = zmq_msg_gets(&wires->frame, "Peer-Address");
    return true;
}

/* The descriptor of a ZeroMQ socket tells of changes only, so look before sleeping on it. */
static bool inbox_has_frame(const struct gdn__wires *wires)
{
    int events = 0;
    size_t bytes = sizeof events;
    return zmq_getsockopt(wires->inbox, ZMQ_EVENTS, &events, &bytes) == 0 &&
           (events & ZMQ_POLLIN) != 0;
}

bool gdn__wires_wait(struct gdn__wires *wires, int extra_fd, int64_t timeout_us)
{
    if (inbox_has_frame(wires)) return true;
    struct pollfd fds[2] = {{.fd = wires->inbox_fd, .events = POLLIN},
                            {.fd = extra_fd, .events = POLLIN}};
    struct timespec timeout = {.tv_sec = timeout_us / 1000000,
                               .tv_nsec = timeout_us % 1000000 * 1000};
    return ppoll(fds, 2, timeout_us < 0 ? NULL : &timeout, NULL) >= 0 || errno != EINTR;
}
