/* Text: numbers as people read them. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_SIZE = 32 };

/* "0 B", "1023 B", "1.0 KiB", "12 MiB"; below 0 (not known yet): "-". */
void text_bytes(int64_t bytes, char text[TEXT_SIZE]);

/* At most max columns: nothing is left of a character that does not fit. */
void text_cut(char *text, size_t max);

/* Characters of UTF-8, one column each: bytes that do not continue another. */
size_t text_width(const char *text);

#endif
