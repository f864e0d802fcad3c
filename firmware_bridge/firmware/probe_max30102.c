/* MAX30102 over I2C: infrared only, 18 bits, four readings averaged. Registers: data sheet rev. 1. */
#include "hal.h"
#include "probe.h"

#define ADDRESS 0x57
#define PART_ID 0x15
#define SLOTS 32                     /* depth of its FIFO */
#define BYTES 3
#define FINGER_ON_COUNT 50000UL      /* SparkFun's threshold, at SparkFun's light and range */
#define LIGHT 0x1F                   /* 6.2 mA */

enum reg {
    REG_FIFO_WRITE = 0x04, REG_OVERFLOW = 0x05, REG_FIFO_READ = 0x06, REG_FIFO_DATA = 0x07,
    REG_FIFO_CONFIG = 0x08, REG_MODE = 0x09, REG_SAMPLING = 0x0A, REG_LED_INFRARED = 0x0D,
    REG_SLOTS = 0x11, REG_PART_ID = 0xFF,
};

#define AVERAGE_4 (2 << 5)
#define MULTI_LED 0x07
#define RESET 0x40
#define SLOT_INFRARED 0x02
#define RANGE_4096_NA (1 << 5)
#define WIDTH_411_US 0x03            /* 18 bits */

const struct probe probe = {2, 18, FLAG_INVERTED | FLAG_WIDE, 100};

static uint8_t waiting;
static uint32_t period_us, newest_us;
static bool lost;

static bool write(uint8_t reg, uint8_t value)
{
    return hal_i2c_write(ADDRESS, reg, value);
}

/* The chip clears the bit itself, within a millisecond. */
static bool reset_chip(void)
{
    uint8_t mode = RESET;

    if (!write(REG_MODE, RESET))
        return false;
    for (uint8_t turn = 0; turn < 100 && mode & RESET; turn++)
        if (!hal_i2c_read(ADDRESS, REG_MODE, &mode, 1))
            return false;
    return !(mode & RESET);
}

bool probe_start(uint16_t rate_hz)
{
    uint8_t part = 0, speed;

    switch (rate_hz) {
    case 25: speed = 1; break;       /* 100 readings a second, averaged by four */
    case 50: speed = 2; break;
    case 100: speed = 3; break;
    case 200: speed = 4; break;
    default: return false;
    }
    if (!hal_i2c_read(ADDRESS, REG_PART_ID, &part, 1) || part != PART_ID)
        return false;
    period_us = 1000000UL / rate_hz;
    waiting = 0;
    lost = false;
    return reset_chip() && write(REG_FIFO_CONFIG, AVERAGE_4) &&
           write(REG_SAMPLING, (uint8_t)(RANGE_4096_NA | speed << 2 | WIDTH_411_US)) &&
           write(REG_LED_INFRARED, LIGHT) && write(REG_SLOTS, SLOT_INFRARED) &&
           write(REG_FIFO_WRITE, 0) && write(REG_OVERFLOW, 0) && write(REG_FIFO_READ, 0) &&
           write(REG_MODE, MULTI_LED);
}

/* Asks how many samples wait; a full FIFO that drops new ones counts them. */
static void look(void)
{
    uint8_t pointers[3];             /* write, overflow, read */

    if (!hal_i2c_read(ADDRESS, REG_FIFO_WRITE, pointers, sizeof pointers)) {
        lost = true;
        return;
    }
    waiting = (uint8_t)((pointers[0] - pointers[2]) & (SLOTS - 1));
    if (pointers[1]) {
        waiting = SLOTS;
        lost = true;                 /* after those that are still in the FIFO */
    }
    newest_us = hal_now_us();
}

bool probe_read(struct sample *sample)
{
    static bool hole_follows;
    uint8_t bytes[BYTES];

    if (waiting == 0) {
        hole_follows = lost;
        lost = false;
        look();
        if (waiting == 0) {
            lost |= hole_follows;
            return false;
        }
    }
    if (!hal_i2c_read(ADDRESS, REG_FIFO_DATA, bytes, BYTES)) {
        waiting = 0;
        lost = true;
        return false;
    }
    waiting--;
    sample->value = ((uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2]) & 0x3FFFF;
    sample->t_us = newest_us - waiting * period_us;
    sample->flags = FLAG_FINGER_KNOWN;
    if (sample->value >= FINGER_ON_COUNT)
        sample->flags |= FLAG_FINGER_ON;
    if (hole_follows)
        sample->flags |= FLAG_LOST;
    hole_follows = false;
    return true;
}

bool probe_light(uint8_t level)
{
    return write(REG_LED_INFRARED, level);
}
