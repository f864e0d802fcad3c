/* The board under the sensor: time, the serial line, I2C, why it started. */
#ifndef ATTUNE_HAL_H
#define ATTUNE_HAL_H

#include <stdbool.h>
#include <stdint.h>

enum hal_reset { RESET_UNKNOWN, RESET_POWER, RESET_PIN, RESET_WATCHDOG, RESET_BROWN_OUT };

void hal_init(void);

/* Microseconds since the start, modulo 2^32. */
uint32_t hal_now_us(void);

/* Sends to the host; may wait until the line has taken the bytes. */
void hal_write(const uint8_t *bytes, uint8_t count);

/* The next byte from the host, or -1. */
int16_t hal_read(void);

uint8_t hal_reset_cause(void);

/* 8 bytes that tell this board from others; zeros where the chip has none. */
void hal_unique_id(uint8_t *id);

/* Keeps the watchdog quiet; without it the board starts anew after a second. */
void hal_alive(void);

/* I2C at 400 kHz; false when nobody answers. */
bool hal_i2c_write(uint8_t address, uint8_t reg, uint8_t value);
bool hal_i2c_read(uint8_t address, uint8_t reg, uint8_t *bytes, uint8_t count);

#endif
