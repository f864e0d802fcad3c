/* Frames of ../PROTOCOL.md: COBS( header payload crc ) 00. No hardware in here. */
#ifndef ATTUNE_FRAME_H
#define ATTUNE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_VERSION 1
#define FRAME_HEADER_BYTES 8
#define FRAME_CRC_BYTES 2
#define FRAME_MAX_BYTES 254
#define FRAME_MAX_PAYLOAD (FRAME_MAX_BYTES - FRAME_HEADER_BYTES - FRAME_CRC_BYTES)

enum frame_type {
    FRAME_HELLO = 0x01,
    FRAME_SAMPLES = 0x02,
    FRAME_COMMAND_DONE = 0x03,
    FRAME_HELLO_SEEN = 0x81,
    FRAME_COMMAND = 0x82,
};

/* CRC-16/CCITT-FALSE; start with 0xFFFF. */
uint16_t frame_crc(uint16_t crc, const uint8_t *bytes, uint8_t count);

/* Writes a frame and its closing zero to the host; payload at most FRAME_MAX_PAYLOAD bytes. */
void frame_send(uint8_t type, uint32_t t_us, const uint8_t *payload, uint8_t count);

/* What the host sends is short; longer frames are no commands and are dropped. */
#define FRAME_RECEIVE_BYTES 32

struct frame_in {
    uint8_t type;
    uint16_t seq;
    uint8_t payload_bytes;
    uint8_t payload[FRAME_RECEIVE_BYTES];
};

/* Takes one byte from the host; true when it closed a sound frame, which is then in *in. */
bool frame_receive(uint8_t byte, struct frame_in *in);

void put_u16(uint8_t *to, uint16_t value);
uint16_t get_u16(const uint8_t *from);

#endif
