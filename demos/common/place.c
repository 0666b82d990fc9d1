/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/place.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_FIRST 20000
#define PORT_COUNT 12000

static char directory[PLACE_PATH_BYTES / 2];
static pid_t owner;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_directory(void)
{
    if (getpid() != owner) return;
    (void)nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

bool place_make(void)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == '\0') base = "/tmp";
    int length = snprintf(directory, sizeof directory, "%s/gordian-demo-XXXXXX", base);
    if (length < 0 || (size_t)length >= sizeof directory) return false;
    if (mkdtemp(directory) == NULL) return false;
    owner = getpid();
    return atexit(remove_directory) == 0;
}

char *place_path(char path[PLACE_PATH_BYTES], const char *name)
{
    (void)snprintf(path, PLACE_PATH_BYTES, "%s/%s", directory, name);
    return path;
}

bool place_program(char path[PLACE_PATH_BYTES], const char *name)
{
    char self[PLACE_PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) return false;
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    int written = snprintf(path, PLACE_PATH_BYTES, "%s/../%s", self, name);
    return written > 0 && written < PLACE_PATH_BYTES && access(path, X_OK) == 0;
}

static bool port_is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return is_free;
}

int place_free_port(void)
{
    int start = (int)getpid(); /* So that programs side by side try different ones. */
    for (int i = 0; i < 1000; i++) {
        int port = PORT_FIRST + (int)(((long)start * 7 + i) % PORT_COUNT);
        if (port_is_free(port)) return port;
    }
    return 0;
}
