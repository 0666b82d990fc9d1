/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_FIRST 10000
#define PORT_COUNT 9000

int port_bind(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    (void)close(fd);
    return -1;
}

int port_free(void)
{
    static int tried;
    int start = (int)getpid() * 37; /* So that programs side by side try different ones. */
    while (tried < PORT_COUNT) {
        int port = PORT_FIRST + (start + tried) % PORT_COUNT;
        tried += 2; /* Whoever wants the port after its own, as gordiand does, has it. */
        int fd = port_bind(port);
        if (fd < 0) continue;
        (void)close(fd);
        return port;
    }
    return 0;
}
