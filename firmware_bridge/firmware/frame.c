#include "frame.h"

#include <string.h>

#include "hal.h"

static uint16_t next_seq;

void put_u16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

uint16_t get_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | (uint16_t)from[1] << 8);
}

uint16_t frame_crc(uint16_t crc, const uint8_t *bytes, uint8_t count)
{
    while (count--) {
        crc ^= (uint16_t)((uint16_t)*bytes++ << 8);
        for (uint8_t bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? (uint16_t)(crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* COBS of at most 254 bytes: every zero becomes the distance to the next one. */
static void send_stuffed(uint8_t *body, uint8_t count)
{
    static uint8_t line[FRAME_MAX_BYTES + 1];
    static const uint8_t end = 0;    /* apart: with it the longest line would be 256 bytes */
    uint8_t code_at = 0, distance = 1, at = 1;

    for (uint8_t i = 0; i < count; i++) {
        if (body[i] == 0) {
            line[code_at] = distance;
            code_at = at++;
            distance = 1;
        } else {
            line[at++] = body[i];
            distance++;
        }
    }
    line[code_at] = distance;
    hal_write(line, at);
    hal_write(&end, 1);
}

void frame_send(uint8_t type, uint32_t t_us, const uint8_t *payload, uint8_t count)
{
    static uint8_t body[FRAME_MAX_BYTES];

    body[0] = FRAME_VERSION;
    body[1] = type;
    put_u16(body + 2, next_seq++);
    put_u16(body + 4, (uint16_t)t_us);
    put_u16(body + 6, (uint16_t)(t_us >> 16));
    if (count)
        memcpy(body + FRAME_HEADER_BYTES, payload, count);
    count = (uint8_t)(count + FRAME_HEADER_BYTES);
    put_u16(body + count, frame_crc(0xFFFF, body, count));
    send_stuffed(body, (uint8_t)(count + FRAME_CRC_BYTES));
}

/* Undoes COBS in place; returns the number of bytes, 0 when it is none. */
static uint8_t unstuff(uint8_t *block, uint8_t count)
{
    uint8_t from = 0, to = 0;

    while (from < count) {
        uint8_t distance = block[from++];
        if (distance == 0 || (uint8_t)(distance - 1) > (uint8_t)(count - from))
            return 0;
        for (uint8_t i = 1; i < distance; i++)
            block[to++] = block[from++];
        if (from < count)
            block[to++] = 0;
    }
    return to;
}

bool frame_receive(uint8_t byte, struct frame_in *in)
{
    static uint8_t block[FRAME_RECEIVE_BYTES];
    static uint8_t filled;
    static bool overlong;

    if (byte != 0) {
        if (filled < sizeof block)
            block[filled++] = byte;
        else
            overlong = true;
        return false;
    }
    uint8_t count = overlong ? 0 : unstuff(block, filled);
    filled = 0;
    overlong = false;
    if (count < FRAME_HEADER_BYTES + FRAME_CRC_BYTES || block[0] != FRAME_VERSION)
        return false;
    count = (uint8_t)(count - FRAME_CRC_BYTES);
    if (frame_crc(0xFFFF, block, count) != get_u16(block + count))
        return false;
    in->type = block[1];
    in->seq = get_u16(block + 2);
    in->payload_bytes = (uint8_t)(count - FRAME_HEADER_BYTES);
    memcpy(in->payload, block + FRAME_HEADER_BYTES, in->payload_bytes);
    return true;
}
