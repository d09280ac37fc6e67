/*
 * Points: named places where a test lets this very process die or stop. Nothing happens unless the
 * process was started with APPBACKUP_POINT=<kill|stop>:<point>:<n> in its environment, or with
 * APPBACKUP_POINT=@<file> and that in the file, which need not exist. It is read once, before
 * main(): then the process sends itself SIGKILL or SIGSTOP the n-th time it comes to the point.
 *
 * Points    a stage's name, when it begins; "<stage>-done", when it has ended well; "chunk", each
 *           time some content is in the repository; "restored", each time some is in a file;
 *           "exchange", before a volume is; "move", before an entry of one is; "exchanged", after
 *           the last; "carried", after an excluded entry was; "unwind", before what is owed is
 *           paid; "claim", when a job process begins; "finish", when the work is done and Redis has
 *           not been told; "delete", before a snapshot is removed; "catalog", before those of a
 *           bucket are listed
 */
#ifndef CORE_POINT_H
#define CORE_POINT_H

#include <stdbool.h>

enum { POINT_NAME_SIZE = 32, POINT_TEXT_SIZE = 64 };

struct point {
    int signal; /* 0: none */
    char name[POINT_NAME_SIZE];
    long left;
};

/* False, and no point, for text that is not of that form. */
bool point_parse(const char *text, struct point *ret_point);

/* The text that the file holds, without the end of the line; false if it cannot be read. */
bool point_read_file(const char *path, char text[POINT_TEXT_SIZE]);

/* Counts; true the n-th time. */
bool point_reached(struct point *point, const char *name);

/* From any thread. */
void point_pass(const char *name);

/* What the environment says, said by the process itself, while it has no other threads. */
void point_arm(const char *text);

#endif
