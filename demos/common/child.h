/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child processes that never outlive their parent: each is killed by the kernel when the parent
 * dies, and ended by id when the parent exits or is interrupted. The parent has one thread. */
#ifndef DEMOS_CHILD_H
#define DEMOS_CHILD_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#define CHILDREN_MAX 64

/* Call first: SIGINT, SIGTERM and SIGHUP are held back until child_poll(), which then says so, and
 * exit() ends every child that still runs. False when the system refuses. */
bool child_guard(void);

/* As fork(): 0 in the child, which gets @p death_signal when the parent dies and the default
 * signals again. -1 on failure, or with CHILDREN_MAX running. */
pid_t child_fork(int death_signal);

/* Run a program; its stdout and stderr become the two descriptors (-1: inherited). */
pid_t child_exec(char *const argv[], int out, int err);

/* Send @p signal (0: none), wait until it ends, kill it after @p timeout_ms. Returns its exit
 * status; 128 + signal when one killed it; -1 for no child of ours. */
int child_end(pid_t pid, int signal, int timeout_ms);

/* poll() that a held back signal interrupts. */
int child_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

/* True once a signal asked this program to end. */
bool child_interrupted(void);

#endif
