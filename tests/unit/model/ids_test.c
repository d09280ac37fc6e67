/* Ids that must be the same after a reinstall; the values are of Python's uuid.uuid5(). */
#include "model/account.h"
#include "model/app.h"
#include "model/bucket.h"
#include "model/node.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const char account[] = "5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f";

Test(stable_ids, are_version_5_of_the_owner_and_the_name)
{
    char id[ID_SIZE];

    app_id(account, "shop", id);
    cr_expect(eq(str, id, "246e9e94-c614-54d3-a963-28acac1a7286"));
    bucket_id(account, "main", id);
    cr_expect(eq(str, id, "0f83dc75-f7d1-54aa-9703-b11bec6cb605"));
    token_id(account, "ci", id);
    cr_expect(eq(str, id, "168bbc06-696e-58c3-abf6-57d5a4cc5dc4"));
    cloud_id(account, id);
    cr_expect(eq(str, id, "be363f4c-297b-59df-a6b1-3fdfe8a71ef3"));
}

Test(stable_ids, of_the_whole_installation_have_the_nil_id_as_owner)
{
    char id[ID_SIZE];

    bucket_id("", "main", id);
    cr_expect(eq(str, id, "f03f5102-6507-5301-a8a9-7eef38b118be"));
    node_id("web1", id);
    cr_expect(eq(str, id, "25632884-3279-5aaa-b4ad-64f9b8377bed"));
}

Test(stable_ids, differ_for_the_longest_names_in_their_last_character)
{
    char one[NODE_NAME_SIZE];
    char other[NODE_NAME_SIZE];
    for (int i = 0; i < NODE_NAME_SIZE - 1; i++)
        one[i] = other[i] = i % 2 == 0 ? 'a' : '.';
    one[NODE_NAME_SIZE - 1] = other[NODE_NAME_SIZE - 1] = '\0';
    other[NODE_NAME_SIZE - 2] = 'b';
    char one_id[ID_SIZE];
    char other_id[ID_SIZE];

    node_id(one, one_id);
    node_id(other, other_id);

    cr_expect(ne(str, one_id, other_id));
}
