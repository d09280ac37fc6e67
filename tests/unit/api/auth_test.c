#include "src/api/auth.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#define ONE   "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"

static struct token tokens_of_one[2] = {{.role = ROLE_VIEWER}, {.role = ROLE_OWNER}};
static struct token tokens_of_other[1] = {{.role = ROLE_MEMBER}};
static struct account accounts[2] = {
    {.id = ONE, .tokens = tokens_of_one, .token_count = 2},
    {.id = OTHER, .tokens = tokens_of_other, .token_count = 1},
};
static struct auth auth = {.accounts = accounts, .account_count = 2};

static void hash(const char *text, struct token *token)
{
    cr_assert(digest_sha256(auth.digest, text, strlen(text), token->hash));
}

static void set_up(void)
{
    struct error err = {.status = STATUS_OK};
    cr_assert(eq(int, (int)digest_new(&auth.digest, &err), (int)STATUS_OK));
    hash("look", &tokens_of_one[0]);
    hash("everything", &tokens_of_one[1]);
    hash("other", &tokens_of_other[0]);
}

static void tear_down(void)
{
    digest_free(auth.digest);
}

TestSuite(auth_identify, .init = set_up, .fini = tear_down);

Test(auth_identify, finds_the_account_and_the_token)
{
    struct caller caller = {NULL, NULL};

    enum problem_number refused = auth_identify(&auth, "Bearer everything", ONE, &caller);

    cr_assert(eq(int, (int)refused, PROBLEM_NONE));
    cr_expect(eq(str, (char *)(uintptr_t)caller.account->id, ONE));
    cr_expect(eq(int, (int)caller.token->role, ROLE_OWNER));
}

Test(auth_identify, takes_the_scheme_in_any_case_and_spaces_around_the_token)
{
    struct caller caller = {NULL, NULL};

    cr_expect(eq(int, (int)auth_identify(&auth, "bEARER   look  ", ONE, &caller), PROBLEM_NONE));
    cr_expect(eq(int, (int)caller.token->role, ROLE_VIEWER));
}

Test(auth_identify, says_whose_token_it_is_even_if_another_account_was_asked_for)
{
    struct caller caller = {NULL, NULL};

    cr_expect(eq(int, (int)auth_identify(&auth, "Bearer other", ONE, &caller), PROBLEM_NONE));
    cr_expect(eq(str, (char *)(uintptr_t)caller.account->id, OTHER));
}

Test(auth_identify, prefers_the_account_asked_for_when_two_have_the_token)
{
    struct caller caller = {NULL, NULL};
    hash("look", &tokens_of_other[0]);

    cr_expect(eq(int, (int)auth_identify(&auth, "Bearer look", OTHER, &caller), PROBLEM_NONE));
    cr_expect(eq(str, (char *)(uintptr_t)caller.account->id, OTHER));
    cr_expect(eq(int, (int)auth_identify(&auth, "Bearer look", ONE, &caller), PROBLEM_NONE));
    cr_expect(eq(str, (char *)(uintptr_t)caller.account->id, ONE));
}

Test(auth_identify, tells_a_missing_token_from_a_wrong_one)
{
    static const struct {
        const char *header;
        enum problem_number number;
    } table[] = {
        {NULL, PROBLEM_TOKEN_MISSING},
        {"", PROBLEM_TOKEN_MISSING},
        {"Bearer", PROBLEM_TOKEN_MISSING},
        {"Bearer   ", PROBLEM_TOKEN_MISSING},
        {"Bearerlook", PROBLEM_TOKEN_MISSING},
        {"Basic bG9vazo=", PROBLEM_TOKEN_MISSING},
        {"Bearer loo", PROBLEM_TOKEN_INVALID},
        {"Bearer lookx", PROBLEM_TOKEN_INVALID},
        {"Bearer look look", PROBLEM_TOKEN_INVALID},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct caller caller = {NULL, NULL};
        cr_expect(
            eq(int, (int)auth_identify(&auth, table[i].header, ONE, &caller), (int)table[i].number),
            "%s", table[i].header);
        cr_expect(eq(ptr, (void *)(uintptr_t)caller.token, NULL));
    }
}

Test(auth_identify, refuses_everybody_when_there_are_no_accounts)
{
    struct auth nobody = {.digest = auth.digest};
    struct caller caller = {NULL, NULL};

    cr_expect(
        eq(int, (int)auth_identify(&nobody, "Bearer look", ONE, &caller), PROBLEM_TOKEN_INVALID));
}
