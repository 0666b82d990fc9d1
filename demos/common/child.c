/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t running[CHILDREN_MAX]; /* 0: a free place. */
static pid_t guardian;              /* Whose children they are: exit() also runs in forks. */
static sigset_t held;               /* Signals that wait for child_poll(). */
static sigset_t usual;              /* The mask we were started with. */
static volatile sig_atomic_t interrupted;

static void note_signal(int signal)
{
    interrupted = signal;
}

static void end_all(void)
{
    if (getpid() != guardian) return;
    for (int i = 0; i < CHILDREN_MAX; i++) {
        if (running[i] != 0) (void)child_end(running[i], SIGKILL, 1000);
    }
}

bool child_guard(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGHUP);
    guardian = getpid();
    return sigprocmask(SIG_BLOCK, &held, &usual) == 0 && sigaction(SIGINT, &action, NULL) == 0 &&
           sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGHUP, &action, NULL) == 0 &&
           signal(SIGPIPE, SIG_IGN) != SIG_ERR && atexit(end_all) == 0;
}

static int *free_place(void)
{
    for (int i = 0; i < CHILDREN_MAX; i++) {
        if (running[i] == 0) return &running[i];
    }
    return NULL;
}

static int *place_of(pid_t pid)
{
    for (int i = 0; i < CHILDREN_MAX; i++) {
        if (pid > 0 && running[i] == pid) return &running[i];
    }
    return NULL;
}

static void become_child(pid_t parent, int death_signal)
{
    for (int i = 0; i < CHILDREN_MAX; i++) running[i] = 0;
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent) _exit(1); /* It died before the line above. */
    (void)sigprocmask(SIG_SETMASK, &usual, NULL);
}

pid_t child_fork(int death_signal)
{
    int *place = free_place();
    pid_t parent = getpid();
    if (place == NULL) return -1;
    (void)fflush(NULL); /* Else the child would write our buffers once more. */
    pid_t pid = fork();
    if (pid == 0) become_child(parent, death_signal);
    if (pid > 0) *place = (int)pid;
    return pid;
}

pid_t child_exec(char *const argv[], int out, int err)
{
    pid_t pid = child_fork(SIGKILL);
    if (pid != 0) return pid;
    (void)signal(SIGPIPE, SIG_DFL);
    if (out >= 0) (void)dup2(out, STDOUT_FILENO);
    if (err >= 0) (void)dup2(err, STDERR_FILENO);
    (void)execv(argv[0], argv);
    (void)dprintf(STDERR_FILENO, "%s cannot be run\n", argv[0]);
    _exit(127);
}

/* Until the child has ended, or the time is over. */
static void await_end(pid_t pid, int timeout_ms)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    if (end.fd < 0) return;
    while (poll(&end, 1, timeout_ms) < 0 && errno == EINTR) {
    }
    (void)close(end.fd);
}

int child_end(pid_t pid, int signal, int timeout_ms)
{
    int status = 0;
    int *place = place_of(pid);
    if (place == NULL) return -1;
    if (signal != 0) (void)kill(pid, signal);
    await_end(pid, timeout_ms);
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0) {
        (void)kill(pid, SIGKILL);
        ended = waitpid(pid, &status, 0);
    }
    *place = 0;
    if (ended != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    return ppoll(fds, count, &timeout, &usual);
}

bool child_interrupted(void)
{
    return interrupted != 0;
}
