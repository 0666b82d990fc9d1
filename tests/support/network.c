/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/network.h"

#include "tests/support/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_BYTES 1024
#define COMMAND_MS    10000
#define SPOILED_SIDE  1 /* Where the rules are. */

const char *network_address(int side)
{
    static const char *const addresses[NETWORK_SIDES] = {"10.83.0.1", "10.83.0.2"};
    return addresses[side];
}

static int own_namespace(void)
{
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A new one; this program stays where it is. */
static int new_namespace(int home)
{
    if (unshare(CLONE_NEWNET) != 0) return -1;
    int made = own_namespace();
    if (setns(home, CLONE_NEWNET) != 0) abort(); /* Nothing may go on in the wrong place. */
    return made;
}

void network_enter(const struct network *network, int side)
{
    if (setns(network->sides[side], CLONE_NEWNET) != 0) fail_msg("no way to side %d", side);
}

/* Run shell commands there; true when they end with 0. Comes back to where this program was. */
static bool run(int place, const char *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool run(int place, const char *out, const char *format, ...)
{
    char command[COMMAND_BYTES];
    char *argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-ec", command, NULL};
    va_list values;
    va_start(values, format);
    (void)vsnprintf(command, sizeof command, format, values);
    va_end(values);
    int before = own_namespace();
    if (before < 0 || setns(place, CLONE_NEWNET) != 0) return false;
    pid_t pid = program_start(argv, out, NULL);
    if (setns(before, CLONE_NEWNET) != 0) abort();
    (void)close(before);
    return pid > 0 && program_end(pid, 0, COMMAND_MS) == 0;
}

static bool lay_cable(const struct network *network)
{
    return run(network->sides[0], NULL,
               "ip link set lo up\n"
               "ip link add gdn0 type veth peer name gdn1\n"
               "ip link set gdn1 netns /proc/%d/fd/%d\n"
               "ip address add %s/24 dev gdn0\n"
               "ip link set gdn0 up\n",
               (int)getpid(), network->sides[1], network_address(0)) &&
           run(network->sides[1], NULL,
               "ip link set lo up\n"
               "ip address add %s/24 dev gdn1\n"
               "ip link set gdn1 up\n",
               network_address(1));
}

static bool make(struct network *network, const char **why)
{
    *why = "no network namespace can be made (not root?)";
    network->home = own_namespace();
    if (network->home < 0) return false;
    for (int i = 0; i < NETWORK_SIDES; i++) {
        network->sides[i] = new_namespace(network->home);
        if (network->sides[i] < 0) return false;
    }
    *why = "no veth pair can be made (no ip?)";
    if (!lay_cable(network)) return false;
    *why = "no packet filter can be set up (no nft?)";
    return run(network->sides[SPOILED_SIDE], NULL, "nft add table inet gordian");
}

bool network_make(struct network *network, const char **why)
{
    *network = (struct network){-1, {-1, -1}};
    if (make(network, why)) return true;
    network_leave(network);
    return false;
}

void network_leave(struct network *network)
{
    if (network->sides[0] >= 0 && setns(network->home, CLONE_NEWNET) != 0) abort();
    for (int i = 0; i < NETWORK_SIDES; i++) {
        if (network->sides[i] >= 0) (void)close(network->sides[i]);
    }
    if (network->home >= 0) (void)close(network->home);
    *network = (struct network){-1, {-1, -1}};
}

void network_heal(const struct network *network)
{
    assert_true(run(network->sides[SPOILED_SIDE], NULL, "nft flush ruleset"));
}

void network_spoil(const struct network *network, enum network_fault fault)
{
    static const char *const verdicts[] = {[NETWORK_DROP] = "counter drop",
                                           [NETWORK_RESET] =
                                               "meta l4proto tcp counter reject with tcp reset",
                                           [NETWORK_LOSS] = "numgen random mod 10 0 counter drop"};
    assert_true(run(network->sides[SPOILED_SIDE], NULL,
                    "nft -f - <<END\n"
                    "flush ruleset\n"
                    "table inet gordian {\n"
                    "    chain in  { type filter hook input priority 0; iifname gdn1 %s; }\n"
                    "    chain out { type filter hook output priority 0; oifname gdn1 %s; }\n"
                    "}\n"
                    "END\n",
                    verdicts[fault], verdicts[fault]));
}

static uint64_t sum_counters(const char *rules)
{
    static const char before[] = "counter packets ";
    uint64_t total = 0;
    for (const char *at = rules; (at = strstr(at, before)) != NULL;) {
        at += strlen(before);
        total += strtoull(at, NULL, 10);
    }
    return total;
}

uint64_t network_hits(const struct network *network)
{
    char path[] = "/tmp/gordian-network-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    bool listed = run(network->sides[SPOILED_SIDE], path, "nft list ruleset");
    char *rules = program_read_file(path);
    (void)unlink(path);
    uint64_t hits = listed && rules != NULL ? sum_counters(rules) : 0;
    free(rules);
    assert_true(listed);
    return hits;
}
