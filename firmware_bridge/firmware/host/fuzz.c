/* Feeds standard input to the sensor as if the host had said it; sanitizers watch. */
#include <stdio.h>

#include "../sensor.h"
#include "hal_host.h"

int main(void)
{
    static uint8_t bytes[256], drain[65535];
    uint32_t t_us = 0;
    size_t count;

    sensor_init();
    while ((count = fread(bytes, 1, sizeof bytes, stdin)) > 0) {
        host_say(bytes, (uint16_t)count);
        host_set_time(t_us += 7919);
        host_chip_reading((int32_t)(t_us & 0x3FFFF));
        sensor_step();
        host_take(drain, sizeof drain);
    }
    return 0;
}
