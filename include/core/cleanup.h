/*
 * Scope-bound ownership: a local that owns is declared CLEANUP(x_freep) with an initialiser, and is
 * released on every way out of its scope. Handing it over is STEAL(local).
 */
#ifndef CORE_CLEANUP_H
#define CORE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines <fn>p(), the adapter that CLEANUP() needs: the compiler passes the variable's address. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot be parenthesised */
#define DEFINE_CLEANUP(type, fn)         \
    static inline void fn##p(type *slot) \
    {                                    \
        if (*slot != NULL)               \
            fn(*slot);                   \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* clang-format off */
#define STEAL(ptr) __extension__({ __typeof__(ptr) stolen_ = (ptr); (ptr) = NULL; stolen_; })
/* clang-format on */

DEFINE_CLEANUP(char *, free)

/* For any pointer type: CLEANUP(free_any) struct x *x = NULL; */
static inline void free_any(void *slot)
{
    free(*(void **)slot);
}

static inline int fd_steal(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#define STEAL_FD(fd) fd_steal(&(fd))

static inline void fd_closep(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void file_closep(FILE *const *file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

static inline void dir_closep(DIR *const *dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

#endif
