/* Account: a tenant, its tokens and their roles. Defined in the configuration only. */
#ifndef MODEL_ACCOUNT_H
#define MODEL_ACCOUNT_H

#include "core/id.h"
#include "model/names.h"

#include <stddef.h>

/* Each role may do all that the ones before it may. */
enum role { ROLE_NONE = 0, ROLE_VIEWER, ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER, ROLE_COUNT };

enum { TOKEN_HASH_SIZE = 32 }; /* SHA-256 */

struct token {
    char id[ID_SIZE]; /* UUIDv5 of (account, "token/" name): createdBy */
    char name[NAME_SIZE];
    unsigned char hash[TOKEN_HASH_SIZE];
    enum role role;
};

struct account {
    char id[ID_SIZE];
    char name[NAME_SIZE];
    struct token *tokens; /* owned */
    size_t token_count;
};

const char *role_name(enum role role);
enum role role_from_name(const char *name); /* ROLE_NONE for anything else */
void token_id(const char *account, const char *name, char id[ID_SIZE]);
void account_done(struct account *account);

#endif
