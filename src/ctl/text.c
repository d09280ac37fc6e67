#include "text.h"

#include <stdio.h>

void text_bytes(int64_t bytes, char text[TEXT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 0) {
        (void)snprintf(text, TEXT_SIZE, "-");
        return;
    }
    double value = (double)bytes;
    size_t unit = 0;
    /* 1023.5 and up would be printed as 1024 of the smaller unit. */
    while (value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    int decimals = unit > 0 && value < 9.95 ? 1 : 0;
    (void)snprintf(text, TEXT_SIZE, "%.*f %s", decimals, value, units[unit]);
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void text_cut(char *text, size_t max)
{
    size_t columns = 0;
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue;
        if (columns == max) {
            *text = '\0';
            return;
        }
        columns++;
    }
}
