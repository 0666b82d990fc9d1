/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digraph drawn by Graphviz: its program dot, run without a shell. The graph lies in an
 * anonymous file that becomes dot's standard input, so that only one pipe is open and nobody can
 * wait for the other in both directions. */
#include "render.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SVG_BYTES_MAX ((size_t)64 << 20)

extern char **environ;

/* A descriptor that reads @p text from its beginning; -1 with errno. */
static int open_text(const struct gdn__textbuf *text)
{
    int fd = memfd_create("gordian-dot", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < text->length) {
        ssize_t count = write(fd, text->text + done, text->length - done);
        if (count > 0) done += (size_t)count;
        if (count < 0 && errno != EINTR) {
            int failure = errno;
            (void)close(fd);
            errno = failure;
            return -1;
        }
    }
    if (fd >= 0) (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

/* 0, or the error number. */
static int spawn_dot(int input, int output, pid_t *child)
{
    char name[] = "dot", format[] = "-Tsvg";
    char *const arguments[] = {name, format, NULL};
    posix_spawn_file_actions_t actions;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) return failure;
    failure = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (failure == 0) {
        failure = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    }
    if (failure == 0) failure = posix_spawnp(child, name, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* 0, or the error number. */
static int read_output(int fd, struct gdn__textbuf *out)
{
    char block[1 << 14];
    for (;;) {
        ssize_t count = read(fd, block, sizeof block);
        if (count == 0) return 0;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        gdn__textbuf_add_bytes(out, block, (size_t)count);
        if (out->length > SVG_BYTES_MAX) return EFBIG;
    }
}

static enum gdn_err wait_for(pid_t child, char *why, size_t why_bytes)
{
    int status;
    pid_t ended;
    do ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended < 0) {
        (void)snprintf(why, why_bytes, "dot (Graphviz) was lost: %s", strerror(errno));
        return GDN_ERR_SYSTEM;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return GDN_OK;
    (void)snprintf(why, why_bytes, "dot (Graphviz) failed: %s %d",
                   WIFSIGNALED(status) ? "signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return GDN_ERR_SYSTEM;
}

static enum gdn_err cannot_run(int failure, char *why, size_t why_bytes)
{
    (void)snprintf(why, why_bytes,
                   "dot (Graphviz) cannot be run: %s; install graphviz, or use -o dot",
                   strerror(failure));
    return GDN_ERR_SYSTEM;
}

/* Ends dot's life in every case: closing our end stops one that still writes. */
static enum gdn_err run_dot(int input, struct gdn__textbuf *out, char *why, size_t why_bytes)
{
    int ends[2];
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) return cannot_run(errno, why, why_bytes);
    int failure = spawn_dot(input, ends[1], &child);
    (void)close(ends[1]);
    if (failure != 0) {
        (void)close(ends[0]);
        return cannot_run(failure, why, why_bytes);
    }
    failure = read_output(ends[0], out);
    (void)close(ends[0]);
    enum gdn_err err = wait_for(child, why, why_bytes);
    if (failure != 0) {
        (void)snprintf(why, why_bytes, "reading from dot (Graphviz): %s", strerror(failure));
        return GDN_ERR_SYSTEM;
    }
    return err;
}

/* ---- Dark where the reader prefers it ---- */

/* Rules win over the colours that dot writes as attributes. */
static void add_dark_style(struct gdn__textbuf *out)
{
    const struct gdn__colours *dark = &gdn__dark;
    gdn__textbuf_add(out, "\n<style>@media (prefers-color-scheme: dark) {\n");
    gdn__textbuf_addf(out, ".graph > polygon { fill: %s }\n", dark->page);
    gdn__textbuf_addf(out, "text { fill: %s } .note text { fill: %s }\n", dark->text, dark->faint);
    gdn__textbuf_addf(out, ".cluster path { fill: %s; stroke: %s } .edge path { stroke: %s }\n",
                      dark->page, dark->faint, dark->line);
    gdn__textbuf_addf(out, ".edge polygon { fill: %s; stroke: %s }\n", dark->line, dark->line);
    gdn__textbuf_addf(out, ".node path { fill: %s; stroke: %s }\n", dark->box, dark->box_line);
    gdn__textbuf_addf(out, ".victim path { fill: %s; stroke: %s }\n}</style>", dark->victim,
                      dark->victim_line);
}

/* @p drawn with the style behind its opening tag. */
static void add_with_style(struct gdn__textbuf *out, const struct gdn__textbuf *drawn)
{
    const char *tag = drawn->text == NULL ? NULL : strstr(drawn->text, "<svg");
    const char *end = tag == NULL ? NULL : strchr(tag, '>');
    size_t head = end == NULL ? 0 : (size_t)(end + 1 - drawn->text);
    gdn__textbuf_add_bytes(out, drawn->text, head);
    if (head > 0) add_dark_style(out);
    gdn__textbuf_add_bytes(out, drawn->text + head, drawn->length - head);
}

enum gdn_err gdn__render_svg(const gdn_verdict *verdict, const struct gdn__render_options *options,
                             struct gdn__textbuf *out, char *why, size_t why_bytes)
{
    struct gdn__textbuf graph = {0}, drawn = {0};
    gdn__render_dot(verdict, options, &graph);
    if (graph.failed) {
        gdn__textbuf_fini(&graph);
        return GDN_ERR_MEMORY;
    }
    int input = open_text(&graph);
    enum gdn_err err =
        input < 0 ? cannot_run(errno, why, why_bytes) : run_dot(input, &drawn, why, why_bytes);
    if (input >= 0) (void)close(input);
    gdn__textbuf_fini(&graph);
    if (err == GDN_OK && !drawn.failed && drawn.length > 0) {
        if (options->scheme == GDN__SCHEME_AUTO)
            add_with_style(out, &drawn);
        else
            gdn__textbuf_add_bytes(out, drawn.text, drawn.length);
    }
    bool failed = drawn.failed || out->failed;
    gdn__textbuf_fini(&drawn);
    return err == GDN_OK && failed ? GDN_ERR_MEMORY : err;
}
