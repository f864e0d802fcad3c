/* What takes the samples: probe_analog.c or probe_max30102.c, one of them in each firmware. */
#ifndef ATTUNE_PROBE_H
#define ATTUNE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Flags of a SAMPLES frame (PROTOCOL.md). */
#define FLAG_FINGER_KNOWN 0x01
#define FLAG_FINGER_ON 0x02
#define FLAG_LOST 0x04
#define FLAG_INVERTED 0x08
#define FLAG_WIDE 0x10

struct probe {
    uint8_t model;           /* as HELLO names it */
    uint8_t bits;
    uint8_t flags;           /* FLAG_INVERTED, FLAG_WIDE */
    uint16_t default_rate_hz;
};

struct sample {
    uint32_t value;
    uint32_t t_us;
    uint8_t flags;           /* FLAG_FINGER_..., FLAG_LOST when others were missed before it */
};

extern const struct probe probe;

/* Starts sampling anew at this rate; false when the chip cannot or does not answer. */
bool probe_start(uint16_t rate_hz);

/* True when there is a new sample. */
bool probe_read(struct sample *sample);

/* Sets the current of the light; false where there is none to set. */
bool probe_light(uint8_t level);

#endif
