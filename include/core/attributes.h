/* Compiler attributes, named for what they promise. gcc and clang. */
#ifndef CORE_ATTRIBUTES_H
#define CORE_ATTRIBUTES_H

/* The result may not be dropped: every function that can fail carries it. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* The format is one argument, its values start at another; both count from 1. */
#define PRINTF_LIKE(format_at, values_at) \
    __attribute__((__format__(__printf__, format_at, values_at)))

#define NORETURN __attribute__((noreturn))
#define UNUSED   __attribute__((unused))

#endif
