/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cutfile.h"

#include "detector/cutfile/jsonload.h"
#include "detector/cutfile/jsonsave.h"
#include "detector/render/textbuf.h"
#include "src/core/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 16)

/* ".", a process id, "-", a number and ".new". */
#define SUFFIX_BYTES  48
#define OPEN_ATTEMPTS 100

static const char binary_magic[4] = {'G', 'D', 'N', 'C'};

/* "FILE: " and then the sentence; the file's name is the user's, but may hold anything. */
static void say(char *why, size_t why_bytes, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(char *why, size_t why_bytes, const char *name, const char *format, ...)
{
    struct gdn__textbuf shown = {0};
    gdn__textbuf_add_shown(&shown, strcmp(name, "-") == 0 ? "standard input" : name);
    int length =
        snprintf(why, why_bytes, "%.1000s: ", shown.text != NULL ? shown.text : "the file");
    gdn__textbuf_fini(&shown);
    if (length < 0 || (size_t)length >= why_bytes) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why + length, why_bytes - (size_t)length, format, arguments);
    va_end(arguments);
}

/* ---- Reading ---- */

struct bytes {
    char *data;
    size_t length, capacity;
};

/* One read() into more room; *end at the end of the file. */
static enum gdn_err read_some(int fd, struct bytes *bytes, bool *end)
{
    if (bytes->capacity - bytes->length < READ_BYTES) {
        size_t capacity = bytes->capacity * 2 + READ_BYTES;
        char *grown = realloc(bytes->data, capacity);
        if (grown == NULL) return GDN_ERR_MEMORY;
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    ssize_t count = read(fd, bytes->data + bytes->length, bytes->capacity - bytes->length);
    if (count < 0) return errno == EINTR ? GDN_OK : GDN_ERR_SYSTEM;
    *end = count == 0;
    bytes->length += (size_t)count;
    return bytes->length > GDN_CUT_BYTES_MAX ? GDN_ERR_LIMIT : GDN_OK;
}

static enum gdn_err read_all(int fd, struct bytes *bytes)
{
    bool end = false;
    enum gdn_err err = GDN_OK;
    while (err == GDN_OK && !end) err = read_some(fd, bytes, &end);
    return err;
}

/* What says how long it is need not be read to be refused. */
static bool says_too_long(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_size > (off_t)GDN_CUT_BYTES_MAX;
}

static enum gdn_err read_file(const char *path, struct bytes *bytes, char *why, size_t why_bytes)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum gdn_err err = fd < 0 ? GDN_ERR_SYSTEM : GDN_OK;
    if (err == GDN_OK) err = says_too_long(fd) ? GDN_ERR_LIMIT : read_all(fd, bytes);
    int failure = errno;
    if (fd >= 0 && !standard_input) (void)close(fd);
    if (err == GDN_ERR_SYSTEM) {
        say(why, why_bytes, path, "cannot be read: %s", strerror(failure));
    } else if (err == GDN_ERR_LIMIT) {
        say(why, why_bytes, path, "larger than %u bytes", (unsigned)GDN_CUT_BYTES_MAX);
    } else if (err != GDN_OK) {
        say(why, why_bytes, path, "%s", gdn_err_text(err));
    }
    return err;
}

/* ---- From bytes to a checked cut ---- */

static enum gdn_err parse_json(const char *text, size_t length, gdn_cut **cut, char *why,
                               size_t why_bytes)
{
    if (length > GDN__CUTFILE_JSON_BYTES_MAX) {
        (void)snprintf(why, why_bytes, "JSON larger than %u bytes",
                       (unsigned)GDN__CUTFILE_JSON_BYTES_MAX);
        return GDN_ERR_LIMIT;
    }
    return gdn__json_load(text, length, cut, why, why_bytes);
}

/* Names of nodes come in here unescaped: the cut does not know of terminals. */
static void say_place(char *why, size_t why_bytes, const char *name, const char *place)
{
    struct gdn__textbuf shown = {0};
    gdn__textbuf_add_shown(&shown, place);
    say(why, why_bytes, name, "%s", shown.text != NULL ? shown.text : gdn_err_text(GDN_ERR_MEMORY));
    gdn__textbuf_fini(&shown);
}

enum gdn_err gdn__cutfile_parse(const char *name, const void *bytes, size_t length, gdn_cut **cut,
                                char *why, size_t why_bytes)
{
    char place[GDN__CUTFILE_WHY_BYTES] = "";
    gdn_cut *read = NULL;
    bool binary =
        length >= sizeof binary_magic && memcmp(bytes, binary_magic, sizeof binary_magic) == 0;
    enum gdn_err err = binary ? gdn_cut_decode(NULL, bytes, length, &read, place, sizeof place)
                              : parse_json(bytes, length, &read, place, sizeof place);
    if (err == GDN_OK) err = gdn_cut_check(read, place, sizeof place);
    if (err == GDN_OK) {
        *cut = read;
        return GDN_OK;
    }
    gdn_cut_free(read);
    say_place(why, why_bytes, name, place[0] != '\0' ? place : gdn_err_text(err));
    return err;
}

enum gdn_err gdn__cutfile_load(const char *path, gdn_cut **cut, char *why, size_t why_bytes)
{
    struct bytes bytes = {.data = NULL};
    enum gdn_err err = read_file(path, &bytes, why, why_bytes);
    if (err == GDN_OK) {
        err = gdn__cutfile_parse(path, bytes.data, bytes.length, cut, why, why_bytes);
    }
    free(bytes.data);
    return err;
}

/* ---- Writing ---- */

static void say_unwritten(char *why, size_t why_bytes, const char *path, const char *reason)
{
    const char *name = strcmp(path, "-") == 0 ? "standard output" : path;
    say(why, why_bytes, name, "cannot be written: %s", reason);
}

static bool write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, data, length);
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) {
            data += count;
            length -= (size_t)count;
        }
    }
    return true;
}

/* The name itself must survive a crash too, so its directory goes to the disk. Directories that
 * cannot be opened or synchronised (some network file systems) are no reason to fail. */
static void sync_directory(const char *path)
{
    char *directory = strdup(path);
    if (directory == NULL) return;
    char *slash = strrchr(directory, '/');
    if (slash != NULL) slash[slash == directory ? 1 : 0] = '\0';
    int fd = open(slash != NULL ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    free(directory);
}

/* A new file beside @p path; its name goes to @p beside. -1 with errno. */
static int open_beside(const char *path, char *beside, size_t room)
{
    for (unsigned attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
        (void)snprintf(beside, room, "%s.%ld-%u.new", path, (long)getpid(), attempt);
        int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

/* Write all of it to the disk and close. False with errno. */
static bool write_and_close(int fd, const char *data, size_t length)
{
    /* Pipes and devices have nothing to synchronise, and say so with EINVAL or EROFS. */
    bool written = write_all(fd, data, length) &&
                   (fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP);
    int failure = errno;
    if (close(fd) != 0 && written) return false;
    errno = failure;
    return written;
}

static bool replace_file(const char *path, char *beside, size_t room, const char *data,
                         size_t length)
{
    int fd = open_beside(path, beside, room);
    if (fd < 0) return false;
    if (write_and_close(fd, data, length) && rename(beside, path) == 0) {
        sync_directory(path);
        return true;
    }
    int failure = errno;
    (void)unlink(beside);
    errno = failure;
    return false;
}

/* A device or a pipe is written to as it is; renaming a file over it would remove it. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static bool write_special(const char *path, const char *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write_and_close(fd, data, length);
}

static enum gdn_err write_file(const char *path, const char *data, size_t length, char *why,
                               size_t why_bytes)
{
    if (strcmp(path, "-") == 0) {
        if (write_all(STDOUT_FILENO, data, length)) return GDN_OK;
        say_unwritten(why, why_bytes, path, strerror(errno));
        return GDN_ERR_SYSTEM;
    }
    size_t room = strlen(path) + SUFFIX_BYTES;
    char *beside = malloc(room);
    if (beside == NULL) return GDN_ERR_MEMORY;
    bool written = is_special(path) ? write_special(path, data, length)
                                    : replace_file(path, beside, room, data, length);
    if (!written) say_unwritten(why, why_bytes, path, strerror(errno));
    free(beside);
    return written ? GDN_OK : GDN_ERR_SYSTEM;
}

static enum gdn_err save_json(const gdn_cut *cut, const char *path, char *why, size_t why_bytes)
{
    struct gdn__textbuf text = {0};
    enum gdn_err err = gdn__json_save(cut, &text);
    if (err == GDN_OK) err = write_file(path, text.text, text.length, why, why_bytes);
    gdn__textbuf_fini(&text);
    return err;
}

static enum gdn_err save_binary(const gdn_cut *cut, const char *path, char *why, size_t why_bytes)
{
    uint8_t *bytes;
    size_t length;
    enum gdn_err err = gdn_cut_encode(cut, &bytes, &length);
    if (err != GDN_OK) return err;
    err = write_file(path, (const char *)bytes, length, why, why_bytes);
    gdn__free(&cut->allocator, bytes);
    return err;
}

enum gdn_err gdn__cutfile_save(const gdn_cut *cut, const char *path, enum gdn__cutfile_form form,
                               char *why, size_t why_bytes)
{
    enum gdn_err err = form == GDN__CUTFILE_JSON ? save_json(cut, path, why, why_bytes)
                                                 : save_binary(cut, path, why, why_bytes);
    if (err != GDN_OK && err != GDN_ERR_SYSTEM) {
        say_unwritten(why, why_bytes, path, gdn_err_text(err));
    }
    return err;
}
