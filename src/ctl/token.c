#include "command.h"
#include "listing.h"
#include "output.h"
#include "session.h"

#include <stdio.h>

static const char hint[] = "In force with the next reload of the front end: systemctl reload "
                           "appbackupd\n";

static const struct account *account_of(const struct session *session)
{
    return config_find_account(session->config, session->account);
}

static enum status read_role(const char *text, enum role *ret_role, struct error *err)
{
    enum role role = text == NULL ? ROLE_NONE : role_from_name(text);
    if (role == ROLE_NONE)
        return FAIL(err, STATUS_INVALID, "--role viewer, member, admin or owner is expected");
    *ret_role = role;
    return STATUS_OK;
}

static enum status print_token(enum output_form form, const char *name, enum role role,
                               const char *token, struct error *err)
{
    if (form == OUTPUT_JSON) {
        json_auto_t *json =
            json_pack("{s:s, s:s, s:s}", "name", name, "role", role_name(role), "token", token);
        if (json == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "token");
        return output_json(json, err);
    }
    (void)puts(token);
    return STATUS_OK;
}

static enum status run_token_create(struct session *session, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    char token[CONFIG_TOKEN_SIZE];
    enum role role = ROLE_NONE;
    if (read_role(arguments->role, &role, err) != STATUS_OK ||
        config_token_create(session->config, account_of(session), arguments->values[0], role, token,
                            err) != STATUS_OK ||
        print_token(arguments->output, arguments->values[0], role, token, err) != STATUS_OK)
        return error_status(err);
    (void)fputs(hint, stderr);
    return STATUS_OK;
}

static enum status run_token_revoke(struct session *session, struct error *err)
{
    if (config_token_revoke(session->config, account_of(session), session->arguments->values[0],
                            err) != STATUS_OK)
        return error_status(err);
    (void)fputs(hint, stderr);
    return STATUS_OK;
}

static enum status add_token(struct listing *listing, const struct token *token, struct error *err)
{
    const char *role = role_name(token->role);
    if (!listing->is_json)
        return listing_add(listing, (const char *[]){token->name, role, token->id}, err);
    json_auto_t *json =
        json_pack("{s:s, s:s, s:s}", "name", token->name, "role", role, "id", token->id);
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "tokens");
    return listing_add_json(listing, json, err);
}

static enum status run_token_list(struct session *session, struct error *err)
{
    static const char *const titles[] = {"NAME", "ROLE", "ID", NULL};
    const struct account *account = account_of(session);
    CLEANUP(listing_done) struct listing listing;
    listing_init(&listing, session, titles, 0);
    for (size_t i = 0; i < account->token_count; i++)
        if (add_token(&listing, &account->tokens[i], err) != STATUS_OK)
            return error_status(err);
    listing_end(&listing);
    return STATUS_OK;
}

/* clang-format off */
const struct command token_commands[] = {
    {
        .group = "token", .verb = "create", .usage = "NAME --role ROLE",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_ROLE,
        .run = run_token_create,
        .summary = "make a token for a caller of the API, and print it, once",
        .help = "  NAME              1-63 characters a-z 0-9 and '-'\n"
                "  --role ROLE       viewer (sees), member (backs up and deletes), admin, owner\n"
                "Only its SHA-256 is kept, in tokens.d, which root and the front end's group may read.\n"
                "It is valid when the front end has read that:\n"
                "  systemctl reload appbackupd\n"
                "Other hosts with a front end need a copy of the file.\n",
    },
    {
        .group = "token", .verb = "list", .usage = "",
        .run = run_token_list,
        .summary = "the tokens of the account, and what they may do",
        .help = "",
    },
    {
        .group = "token", .verb = "revoke", .usage = "NAME",
        .arguments_min = 1, .arguments_max = 1,
        .without_tokens = true,
        .run = run_token_revoke,
        .summary = "remove a token that was made here",
        .help = "  NAME              as `token list` shows it\n"
                "It is refused when the front end has read that: systemctl reload appbackupd\n",
    },
    COMMANDS_END,
};

/* clang-format on */
