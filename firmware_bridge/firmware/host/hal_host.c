/* A board on the host: a clock that is set, two byte queues, and a MAX30102 by its registers. */
#include "hal_host.h"

#include <string.h>

#include "../hal.h"

#define ROOM 65535
#define SLOTS 32
#define BYTES 3

static uint32_t now_us;
static uint8_t to_board[ROOM], from_board[ROOM];
static uint16_t said, heard, sent;

static uint8_t registers[256];
static uint8_t fifo[SLOTS][BYTES];
static uint8_t fifo_byte, fifo_count;
static uint8_t wired = 1;

void hal_init(void) {}
void hal_alive(void) {}
uint32_t hal_now_us(void) { return now_us; }
void host_set_time(uint32_t t_us) { now_us = t_us; }
uint8_t hal_reset_cause(void) { return RESET_WATCHDOG; }
void hal_unique_id(uint8_t *id) { memcpy(id, "HOSTTEST", 8); }

void hal_write(const uint8_t *bytes, uint8_t count)
{
    if (sent + count <= ROOM) {
        memcpy(from_board + sent, bytes, count);
        sent = (uint16_t)(sent + count);
    }
}

int16_t hal_read(void)
{
    if (heard == said) {
        heard = said = 0;
        return -1;
    }
    return to_board[heard++];
}

void host_say(const uint8_t *bytes, uint16_t count)
{
    if (said + count <= ROOM) {
        memcpy(to_board + said, bytes, count);
        said = (uint16_t)(said + count);
    }
}

uint16_t host_take(uint8_t *bytes, uint16_t room)
{
    uint16_t count = sent < room ? sent : room;

    memcpy(bytes, from_board, count);
    memmove(from_board, from_board + count, (size_t)(sent - count));
    sent = (uint16_t)(sent - count);
    return count;
}

/* --- MAX30102, data sheet rev. 1 --- */

void host_chip_wired(uint8_t is_wired) { wired = is_wired; }
uint8_t host_chip_register(uint8_t reg) { return registers[reg]; }

void host_chip_reading(int32_t count)
{
    uint8_t *write = &registers[0x04];

    if (fifo_count == SLOTS) {       /* full, roll-over off: the new one is lost */
        if (registers[0x05] < 0x1F)
            registers[0x05]++;
        return;
    }
    fifo[*write][0] = (uint8_t)(count >> 16);
    fifo[*write][1] = (uint8_t)(count >> 8);
    fifo[*write][2] = (uint8_t)count;
    *write = (uint8_t)((*write + 1) % SLOTS);
    fifo_count++;
}

bool hal_i2c_write(uint8_t address, uint8_t reg, uint8_t value)
{
    if (!wired || address != 0x57)
        return false;
    if (reg == 0x09 && value & 0x40) {
        memset(registers, 0, sizeof registers);
        fifo_count = 0;
        return true;
    }
    registers[reg] = value;
    if (reg == 0x04 || reg == 0x06)
        fifo_count = fifo_byte = 0;
    return true;
}

static uint8_t pop(void)
{
    uint8_t *read = &registers[0x06];
    uint8_t value = fifo[*read][fifo_byte++];

    if (fifo_byte == BYTES) {
        fifo_byte = 0;
        registers[0x05] = 0;
        *read = (uint8_t)((*read + 1) % SLOTS);
        if (fifo_count)
            fifo_count--;
    }
    return value;
}

bool hal_i2c_read(uint8_t address, uint8_t reg, uint8_t *bytes, uint8_t count)
{
    if (!wired || address != 0x57)
        return false;
    registers[0xFF] = 0x15;
    while (count--)
        *bytes++ = reg == 0x07 ? pop() : registers[reg++];
    return true;
}
