/* Arduino Uno and Nano: ATmega328P at 16 MHz. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>
#include <string.h>
#include <util/atomic.h>

#include "hal.h"
#include "sensor.h"

#define BAUD_DIVISOR 16              /* 115200 with U2X: 117647, 2.1 % high, as Arduino's own core */
#define RECEIVED 64                  /* a power of two */
#define I2C_DIVISOR 12               /* 400 kHz: F_CPU / (16 + 2 * 12) */
#define I2C_PATIENCE 2000            /* about 2 ms of looking */

static volatile uint32_t overflows;
static volatile uint8_t received[RECEIVED];
static volatile uint8_t put, got;
static uint8_t reset_flags __attribute__((section(".noinit")));

/* The boot loader may have cleared MCUSR; it leaves a copy in r2 (optiboot 4.6 on). */
void keep_reset_flags(void) __attribute__((naked, used, section(".init3")));
void keep_reset_flags(void)
{
    __asm__ volatile("sts %0, r2\n" : "=m"(reset_flags));
    if (MCUSR)
        reset_flags = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

ISR(TIMER1_OVF_vect)
{
    overflows++;
}

ISR(USART_RX_vect)
{
    uint8_t byte = UDR0;

    if ((uint8_t)(put - got) < RECEIVED)
        received[put++ % RECEIVED] = byte;
}

void hal_init(void)
{
    TCCR1A = 0;
    TCCR1B = _BV(CS11);              /* two ticks a microsecond */
    TIMSK1 = _BV(TOIE1);
    UCSR0A = _BV(U2X0);
    UBRR0 = BAUD_DIVISOR;
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    TWBR = I2C_DIVISOR;
    wdt_enable(WDTO_1S);
    sei();
}

uint32_t hal_now_us(void)
{
    uint32_t high;
    uint16_t low;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        low = TCNT1;
        high = overflows;
        if ((TIFR1 & _BV(TOV1)) && low < 0x8000)
            high++;
    }
    return high << 15 | low >> 1;
}

void hal_write(const uint8_t *bytes, uint8_t count)
{
    while (count--) {
        while (!(UCSR0A & _BV(UDRE0)))
            ;
        UDR0 = *bytes++;
    }
}

int16_t hal_read(void)
{
    if (put == got)
        return -1;
    return received[got++ % RECEIVED];
}

uint8_t hal_reset_cause(void)
{
    if (reset_flags & _BV(WDRF))
        return RESET_WATCHDOG;
    if (reset_flags & _BV(BORF))
        return RESET_BROWN_OUT;
    if (reset_flags & _BV(EXTRF))
        return RESET_PIN;
    return reset_flags & _BV(PORF) ? RESET_POWER : RESET_UNKNOWN;
}

void hal_unique_id(uint8_t *id)
{
    memset(id, 0, 8);
}

void hal_alive(void)
{
    wdt_reset();
}

static bool i2c_step(uint8_t control)
{
    TWCR = (uint8_t)(control | _BV(TWINT) | _BV(TWEN));
    for (uint16_t turn = 0; turn < I2C_PATIENCE; turn++)
        if (TWCR & _BV(TWINT))
            return true;
    return false;
}

static void i2c_stop(void)
{
    TWCR = _BV(TWINT) | _BV(TWEN) | _BV(TWSTO);
}

static bool i2c_send(uint8_t byte)
{
    TWDR = byte;
    if (!i2c_step(0))
        return false;
    uint8_t status = TWSR & 0xF8;    /* address or data, acknowledged */
    return status == 0x18 || status == 0x28 || status == 0x40;
}

bool hal_i2c_write(uint8_t address, uint8_t reg, uint8_t value)
{
    bool done = i2c_step(_BV(TWSTA)) && i2c_send((uint8_t)(address << 1)) && i2c_send(reg) &&
                i2c_send(value);
    i2c_stop();
    return done;
}

bool hal_i2c_read(uint8_t address, uint8_t reg, uint8_t *bytes, uint8_t count)
{
    bool done = i2c_step(_BV(TWSTA)) && i2c_send((uint8_t)(address << 1)) && i2c_send(reg) &&
                i2c_step(_BV(TWSTA)) && i2c_send((uint8_t)(address << 1 | 1));

    while (done && count--) {
        done = i2c_step(count ? _BV(TWEA) : 0);
        *bytes++ = TWDR;
    }
    i2c_stop();
    return done;
}

int main(void)
{
    hal_init();
    sensor_init();
    for (;;)
        sensor_step();
}
