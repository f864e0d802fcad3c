/* What a test on the host does with the board: let time pass, speak, listen, put a finger on. */
#ifndef ATTUNE_HAL_HOST_H
#define ATTUNE_HAL_HOST_H

#include <stdint.h>

void host_set_time(uint32_t t_us);
void host_say(const uint8_t *bytes, uint16_t count);
uint16_t host_take(uint8_t *bytes, uint16_t room);

/* The simulated MAX30102 takes a reading into its FIFO; -1: it is not wired. */
void host_chip_reading(int32_t count);
void host_chip_wired(uint8_t wired);
uint8_t host_chip_register(uint8_t reg);

#endif
