/*
 * Tree compare: are two directories the same in all that a backup must keep? Names, kinds,
 * contents, link targets, modes, owners, times of modification in nanoseconds, device numbers,
 * extended attributes (ACLs among them), and which names are hard links of one file.
 */
#ifndef TESTS_SUPPORT_TREE_COMPARE_H
#define TESTS_SUPPORT_TREE_COMPARE_H

#include <stddef.h>

/* How many entries were compared. Ends the test, saying what differs, if something does. */
size_t tree_compare(const char *expected, const char *actual);

#endif
