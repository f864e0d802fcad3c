/* Runs a firmware's ELF on a simulated ATmega328P (simavr): standard input is what the host says,
 * standard output what the board says, A0 a triangle of 1 Hz.
 * usage: simulated_uno FIRMWARE.elf SECONDS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

#define F_CPU_HZ 16000000UL

static void to_host(struct avr_irq_t *irq, uint32_t byte, void *parameter)
{
    (void)irq, (void)parameter;
    putchar((int)byte);
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    memset(&firmware, 0, sizeof firmware);
    if (argc != 3 || elf_read_firmware(argv[1], &firmware))
        return 2;
    strcpy(firmware.mmcu, "atmega328p");
    firmware.frequency = F_CPU_HZ;
    avr_t *avr = avr_make_mcu_by_name(firmware.mmcu);
    if (!avr || avr_init(avr))
        return 2;
    avr_load_firmware(avr, &firmware);
    avr->vcc = avr->avcc = avr->aref = 5000;
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)AVR_UART_FLAG_STDIO;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), to_host, NULL);
    avr_irq_t *input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_t *a0 = avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0);

    uint64_t end = (uint64_t)(atof(argv[2]) * F_CPU_HZ), next_ms = 0, half = F_CPU_HZ / 2;
    while (avr->cycle < end) {
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed)
            return 1;
        if (avr->cycle < next_ms)
            continue;
        next_ms += F_CPU_HZ / 1000;
        uint64_t at = avr->cycle % F_CPU_HZ;
        avr_raise_irq(a0, (uint32_t)((at < half ? at : F_CPU_HZ - at) * 5000 / half));
        int said = avr->cycle > F_CPU_HZ * 3 / 2 ? getchar() : EOF;
        if (said != EOF)
            avr_raise_irq(input, (uint32_t)said);
    }
    return 0;
}
