/* The files as libcyaml reads them: text, before any meaning. Absent is NULL or 0, and so is what
 * has its key but nothing behind it, where that can only mean "none": sections and lists. The
 * structs of the files are made from keys.yaml: config/raw_keys.h. */
#ifndef CONFIG_RAW_H
#define CONFIG_RAW_H

#include <stdint.h>

enum { NUMBER_DIGITS_MAX = 19 };

struct raw_texts {
    char **items;
    uint32_t count;
};

/* What a choice or flag stands for: 0 is absent, all else is one more than the constant. */
static inline int raw_choice(int raw, int otherwise)
{
    return raw == 0 ? otherwise : raw - 1;
}

#endif
