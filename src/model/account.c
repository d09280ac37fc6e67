#include "model/account.h"

#include "fields.h"

#include <stdlib.h>

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_NONE] = "",       [ROLE_VIEWER] = "viewer", [ROLE_MEMBER] = "member",
    [ROLE_ADMIN] = "admin", [ROLE_OWNER] = "owner",
};

const char *role_name(enum role role)
{
    return (unsigned)role < ROLE_COUNT ? role_names[role] : "";
}

enum role role_from_name(const char *name)
{
    return (enum role)NAMES_FIND(role_names, name);
}

void token_id(const char *account, const char *name, char id[ID_SIZE])
{
    stable_id(account, "token", name, id);
}

void account_done(struct account *account)
{
    free(account->tokens);
    account->tokens = NULL;
    account->token_count = 0;
}
