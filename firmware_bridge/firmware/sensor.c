#include "sensor.h"

#include <string.h>

#include "frame.h"
#include "hal.h"
#include "probe.h"

#define FIRMWARE_MAJOR 1
#define FIRMWARE_MINOR 0
#define HELLO_EVERY_US 1000000UL
#define MAX_BATCH 25
#define BATCHES_PER_S 10
#define SAMPLES_HEAD_BYTES 2

enum command { COMMAND_HELLO = 1, COMMAND_STREAM, COMMAND_RATE, COMMAND_LIGHT };
enum result { DONE, UNKNOWN_COMMAND, OUT_OF_RANGE, FAILED };

static uint16_t rate_hz;         /* 0: the chip does not answer */
static bool hello_seen;
static uint32_t hello_at_us;
static bool streaming;
static bool missed;
static bool any_command;
static uint16_t last_command_seq;
static uint8_t last_result;

static uint8_t batch[SAMPLES_HEAD_BYTES + 3 * MAX_BATCH];
static uint8_t batch_count;
static uint32_t batch_t_us;

static void say_hello(void)
{
    uint8_t payload[18] = {'A', 't', FIRMWARE_MAJOR, FIRMWARE_MINOR, probe.model, probe.bits};

    put_u16(payload + 6, rate_hz);
    put_u16(payload + 8, hal_reset_cause());
    hal_unique_id(payload + 10);
    hello_at_us = hal_now_us();
    frame_send(FRAME_HELLO, hello_at_us, payload, sizeof payload);
}

static void start(uint16_t wanted_hz)
{
    rate_hz = probe_start(wanted_hz) ? wanted_hz : 0;
    batch_count = 0;
    missed = true;
}

void sensor_init(void)
{
    hello_seen = false;
    streaming = true;
    any_command = false;
    start(probe.default_rate_hz);
    missed = false;
    say_hello();
}

static void send_batch(void)
{
    uint8_t width = probe.flags & FLAG_WIDE ? 3 : 2;

    batch[1] = batch_count;
    frame_send(FRAME_SAMPLES, batch_t_us, batch,
               (uint8_t)(SAMPLES_HEAD_BYTES + width * batch_count));
    batch_count = 0;
}

static uint8_t batch_size(void)
{
    uint16_t size = rate_hz / BATCHES_PER_S;

    return (uint8_t)(size < 1 ? 1 : size > MAX_BATCH ? MAX_BATCH : size);
}

static void add(const struct sample *sample)
{
    uint8_t finger = sample->flags & (FLAG_FINGER_KNOWN | FLAG_FINGER_ON);
    uint8_t flags = (uint8_t)(probe.flags | finger);

    missed |= (sample->flags & FLAG_LOST) != 0;
    if (batch_count && (missed || (batch[0] & (uint8_t)~FLAG_LOST) != flags))
        send_batch();
    if (batch_count == 0) {
        batch[0] = (uint8_t)(missed ? flags | FLAG_LOST : flags);
        batch_t_us = sample->t_us;
        missed = false;
    }
    uint8_t width = probe.flags & FLAG_WIDE ? 3 : 2;
    uint8_t *to = batch + SAMPLES_HEAD_BYTES + width * batch_count++;
    put_u16(to, (uint16_t)sample->value);
    if (width == 3)
        to[2] = (uint8_t)(sample->value >> 16);
    if (batch_count >= batch_size())
        send_batch();
}

static uint8_t obey(uint8_t code, int16_t argument)
{
    switch (code) {
    case COMMAND_HELLO:
        hello_seen = false;
        say_hello();
        return DONE;
    case COMMAND_STREAM:
        if (argument != 0 && argument != 1)
            return OUT_OF_RANGE;
        missed |= argument && !streaming;
        streaming = argument;
        return DONE;
    case COMMAND_RATE: {
        uint16_t before_hz = rate_hz;
        if (argument <= 0)
            return OUT_OF_RANGE;
        start((uint16_t)argument);
        if (rate_hz == 0 && before_hz != 0) {
            start(before_hz);
            return OUT_OF_RANGE;
        }
        hello_seen = false;
        say_hello();
        return rate_hz ? DONE : FAILED;
    }
    case COMMAND_LIGHT:
        if (argument < 0 || argument > 255)
            return OUT_OF_RANGE;
        return probe_light((uint8_t)argument) ? DONE : FAILED;
    default:
        return UNKNOWN_COMMAND;
    }
}

static void answer_command(const struct frame_in *in)
{
    uint8_t done[4];

    if (in->payload_bytes < 3)
        return;
    if (!any_command || in->seq != last_command_seq)
        last_result = obey(in->payload[0], (int16_t)get_u16(in->payload + 1));
    any_command = true;
    last_command_seq = in->seq;
    put_u16(done, in->seq);
    done[2] = in->payload[0];
    done[3] = last_result;
    frame_send(FRAME_COMMAND_DONE, hal_now_us(), done, sizeof done);
}

static void hear(void)
{
    static struct frame_in in;
    int16_t byte;

    while ((byte = hal_read()) >= 0) {
        if (!frame_receive((uint8_t)byte, &in))
            continue;
        if (in.type == FRAME_HELLO_SEEN)
            hello_seen = rate_hz != 0; /* Without a rate it is tried, and said, on and on. */
        else if (in.type == FRAME_COMMAND)
            answer_command(&in);
    }
}

void sensor_step(void)
{
    struct sample sample;

    hal_alive();
    hear();
    if (!hello_seen && hal_now_us() - hello_at_us >= HELLO_EVERY_US) {
        if (rate_hz == 0)
            start(probe.default_rate_hz); /* A loose wire may have been fixed. */
        say_hello();
    }
    while (rate_hz && probe_read(&sample)) {
        if (streaming)
            add(&sample);
        else
            batch_count = 0;
    }
}
