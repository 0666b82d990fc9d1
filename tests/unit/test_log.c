/* SPDX-License-Identifier: MIT */
/* What one step of a site tells its host's log, when there is very much to tell: hundreds of peers
 * with long names are lost at one time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "stranger.h"
#include <cmocka.h>

#define PEERS      400
#define SILENCE_MS 100
#define LOG_BYTES  65536
#define LINE_BYTES 1024

static struct gdn_actions step(gdn_site *site, struct gdn_event event, int64_t now_us)
{
    struct gdn_actions actions;
    event.now_us = now_us;
    assert_int_equal(gdn_site_step(site, &event, &actions), GDN_OK);
    return actions;
}

/* Time passes, as its host tells it; not by so much at once that the site seems to have slept. */
static void pass_to(gdn_site *site, int64_t now_us)
{
    (void)step(site, (struct gdn_event){.type = GDN_EVENT_TIME_PASSED}, now_us);
    (void)step(site, (struct gdn_event){.type = GDN_EVENT_LINKS_READY}, now_us);
}

static void receive(gdn_site *site, struct gdn__buffer frame, int64_t now_us)
{
    struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED};
    event.as.frame.bytes = frame.bytes;
    event.as.frame.length = frame.length;
    (void)step(site, event, now_us);
    gdn__buffer_fini(&frame);
}

static void meet(gdn_site *site, uint64_t number, int64_t now_us)
{
    char name[GDN_NAME_MAX + 1], endpoint[32];
    struct stranger from = {.name = name, .endpoint = endpoint, .incarnation = number, .to = 1};
    (void)snprintf(name, sizeof name, "%0*llu", GDN_NAME_MAX, (unsigned long long)number);
    (void)snprintf(endpoint, sizeof endpoint, "at-%llu", (unsigned long long)number);
    receive(site, stranger_hello(&from), now_us);
    uint32_t peer = gdn__mesh_find_incarnation(site->mesh, number);
    assert_int_not_equal(peer, 0);
    from.association = gdn__mesh_peer(site->mesh, peer)->association;
    struct gdn__buffer frame = stranger_begin(&from, 1, 1);
    stranger_put_open(&frame);
    receive(site, frame, now_us);
    (void)step(site, (struct gdn_event){.type = GDN_EVENT_LINKS_READY}, now_us);
}

/* Whole lines, each of a loss; returns how many. */
static size_t count_lines(const char *log)
{
    size_t count = 0;
    for (; *log != '\0'; count++) {
        const char *end = strchr(log, '\n'), *lost = strstr(log, " lost: ");
        assert_non_null(end);
        assert_true(lost != NULL && lost < end);
        log = end + 1;
    }
    return count;
}

static void one_step_tells_no_more_than_its_bound(void **state)
{
    struct gdn_site_options options = {
        .name = "n1", .endpoint = "at-1", .incarnation = 1, .silence_ms = SILENCE_MS};
    gdn_site *site = gdn_site_new(&options);
    struct gdn_event passed = {.type = GDN_EVENT_TIME_PASSED};
    (void)state;
    assert_non_null(site);
    for (uint64_t i = 0; i < PEERS; i++) meet(site, 100 + i, 0);
    pass_to(site, SILENCE_MS * 400);
    pass_to(site, SILENCE_MS * 800);
    struct gdn_actions actions = step(site, passed, SILENCE_MS * 1001);
    assert_non_null(actions.log);
    assert_in_range(strlen(actions.log), LOG_BYTES, LOG_BYTES + LINE_BYTES);
    size_t told = count_lines(actions.log);
    assert_in_range(told, LOG_BYTES / (GDN_NAME_MAX + 100), PEERS - 1);
    actions = step(site, passed, SILENCE_MS * 1002);
    assert_true(actions.log == NULL || *actions.log == '\0'); /* Not told later either. */
    assert_int_equal(gdn_site_counters(site).peers_connected, 0);
    meet(site, 7000, SILENCE_MS * 1002);
    pass_to(site, SILENCE_MS * 1400);
    pass_to(site, SILENCE_MS * 1800);
    actions = step(site, passed, SILENCE_MS * 2200);
    assert_int_equal(count_lines(actions.log), 1); /* The next step tells again. */
    gdn_site_free(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_tells_no_more_than_its_bound),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
