/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/output.h"

#include <errno.h>
#include <unistd.h>

bool spell_begins(struct spell *spell, bool succeeded)
{
    bool begins = !succeeded && spell->left == 0;
    if (!succeeded) {
        spell->left = OUTPUT_SPELL;
    } else if (spell->left > 0) {
        spell->left--;
    }
    return begins;
}

/* The part that fitted on a full disk would spoil what follows it. Where there is no going back,
 * in a pipe, it stays. */
static void take_back(int fd, size_t written)
{
    int failure = errno;
    off_t end = written > 0 ? lseek(fd, 0, SEEK_CUR) : -1;
    off_t begin = end - (off_t)written;
    if (end >= 0 && begin >= 0 && ftruncate(fd, begin) == 0) (void)lseek(fd, begin, SEEK_SET);
    errno = failure;
}

bool output_write(int fd, const char *text, size_t length)
{
    size_t written = 0;
    while (written < length) {
        ssize_t count = write(fd, text + written, length - written);
        if (count > 0) {
            written += (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            if (count == 0) errno = ENOSPC;
            take_back(fd, written);
            return false;
        }
    }
    return true;
}
