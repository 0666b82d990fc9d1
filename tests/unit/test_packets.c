/* SPDX-License-Identifier: MIT */
#include "src/core/wire.h"
#include "src/node/packets.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LONGEST (GDN__FRAME_BYTES_SOFT + GDN__FRAME_HEADER_BYTES)

static uint8_t bytes[2 * LONGEST];

static void fill(struct gdn__packets *packets, zmq_msg_t *message, size_t length)
{
    assert_true(gdn__packets_fill(packets, message, bytes, length));
    assert_int_equal(zmq_msg_size(message), length);
    assert_memory_equal(zmq_msg_data(message), bytes, length);
}

static void a_message_of_any_length_is_a_copy(void **state)
{
    (void)state;
    const size_t lengths[] = {1, 64, 4096, LONGEST, LONGEST + 1, sizeof bytes};
    struct gdn__packets *packets = gdn__packets_new();
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        zmq_msg_t message;
        fill(packets, &message, lengths[i]);
        zmq_msg_close(&message);
    }
    gdn__packets_free(packets);
}

static void what_came_back_is_used_again(void **state)
{
    (void)state;
    zmq_msg_t message;
    struct gdn__packets *packets = gdn__packets_new();
    fill(packets, &message, LONGEST);
    const void *first = zmq_msg_data(&message);
    zmq_msg_close(&message);
    fill(packets, &message, LONGEST);
    assert_ptr_equal(zmq_msg_data(&message), first);
    zmq_msg_close(&message);
    gdn__packets_free(packets);
}

/* Over inproc, or in a borrowed context, a message may outlive its node. */
static void messages_outlive_the_packets_they_came_from(void **state)
{
    (void)state;
    zmq_msg_t messages[GDN__PACKETS_SPARE_MAX + 2];
    struct gdn__packets *packets = gdn__packets_new();
    size_t count = sizeof messages / sizeof *messages;
    for (size_t i = 0; i < count; i++) fill(packets, &messages[i], LONGEST);
    zmq_msg_close(&messages[0]);
    gdn__packets_free(packets);
    for (size_t i = 1; i < count; i++) {
        assert_memory_equal(zmq_msg_data(&messages[i]), bytes, LONGEST);
        zmq_msg_close(&messages[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_of_any_length_is_a_copy),
        cmocka_unit_test(what_came_back_is_used_again),
        cmocka_unit_test(messages_outlive_the_packets_they_came_from),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
