/* SPDX-License-Identifier: MIT */
#include "src/node/incarnation.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Where the kernel has no randomness to give: unique on this machine, at least. */
static uint64_t clock_and_process(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec +
           ((uint64_t)getpid() << 40);
}

uint64_t gdn__new_incarnation(void)
{
    uint64_t incarnation = 0;
    while (incarnation == 0) {
        ssize_t got = getrandom(&incarnation, sizeof incarnation, 0);
        if (got != (ssize_t)sizeof incarnation && errno != EINTR) {
            incarnation = clock_and_process();
        }
    }
    return incarnation;
}
