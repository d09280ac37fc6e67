/* Actor: who is at the admin's tool, for records and the journal. */
#ifndef CTL_ACTOR_H
#define CTL_ACTOR_H

enum { ACTOR_SIZE = 32 };

/* "appbackupctl:uid=0" */
void actor_name(char actor[ACTOR_SIZE]);

#endif
