/* An analog pulse sensor on A0 of an ATmega328P: timer 1 starts each conversion. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#include "hal.h"
#include "probe.h"

#define TICKS_PER_S 2000000UL        /* timer 1 counts at F_CPU / 8 */
#define MIN_RATE_HZ 31               /* a period fits 16 bits */
#define MAX_RATE_HZ 500
#define KEPT 32                      /* 320 ms at 100 Hz; a power of two */
#define AFTER_HOLE 0x8000            /* beside the 10 bits of a value */

const struct probe probe = {1, 10, 0, 100};

static volatile uint16_t values[KEPT];
static volatile uint32_t times[KEPT];
static volatile uint8_t written, taken;
static volatile bool overrun;
static uint16_t period;

ISR(TIMER1_COMPA_vect)
{
    OCR1A += period;
    ADCSRA |= _BV(ADSC);
}

ISR(ADC_vect)
{
    uint8_t at = written;

    if ((uint8_t)(at - taken) >= KEPT) {
        overrun = true;
        return;
    }
    values[at % KEPT] = (uint16_t)(overrun ? ADC | AFTER_HOLE : ADC);
    overrun = false;
    times[at % KEPT] = hal_now_us();
    written = (uint8_t)(at + 1);
}

bool probe_start(uint16_t rate_hz)
{
    if (rate_hz < MIN_RATE_HZ || rate_hz > MAX_RATE_HZ)
        return false;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        period = (uint16_t)(TICKS_PER_S / rate_hz);
        written = taken = 0;
        overrun = false;
        ADMUX = _BV(REFS0);          /* A0 against the supply */
        ADCSRA = _BV(ADEN) | _BV(ADIE) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
        DIDR0 = _BV(ADC0D);
        OCR1A = (uint16_t)(TCNT1 + period);
        TIFR1 = _BV(OCF1A);
        TIMSK1 |= _BV(OCIE1A);
    }
    return true;
}

bool probe_read(struct sample *sample)
{
    bool found = false;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        if (written != taken) {
            uint16_t value = values[taken % KEPT];
            sample->value = value & (uint16_t)~AFTER_HOLE;
            sample->t_us = times[taken % KEPT];
            sample->flags = value & AFTER_HOLE ? FLAG_LOST : 0;
            taken++;
            found = true;
        }
    }
    return found;
}

bool probe_light(uint8_t level)
{
    (void)level;
    return false;
}
