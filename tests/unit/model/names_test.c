#include "model/names.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    bool is_label;
    bool is_host;
} cases[] = {
    {"a", true, true},          {"0", true, true},
    {"shop-1", true, true},     {"a--b", true, true},
    {"", false, false},         {"-a", false, false},
    {"a-", false, false},       {"-", false, false},
    {"A", false, false},        {"a_b", false, false},
    {"a b", false, false},      {"a\n", false, false},
    {"\xc3\xa4", false, false}, {"../a", false, false},
    {"a.b", false, true},       {"web-1.example.org", false, true},
    {"a.", false, false},       {".a", false, false},
    {"a..b", false, false},     {"a-.b", false, false},
    {"a.-b", false, false},
};

Test(name_shapes, match_the_rules_of_dns_1123)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect(eq(int, name_is_label(cases[i].text), cases[i].is_label), "'%s'", cases[i].text);
        cr_expect(eq(int, name_is_host(cases[i].text), cases[i].is_host), "'%s'", cases[i].text);
    }
}

Test(name_is_label, ends_at_63_characters)
{
    char text[65];
    memset(text, 'a', sizeof(text));

    text[63] = '\0';
    cr_expect(name_is_label(text));
    text[63] = 'a';
    text[64] = '\0';
    cr_expect(not(name_is_label(text)));
}

Test(name_is_host, ends_at_253_characters_of_labels_of_63)
{
    char text[256];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? 'a' : '.';

    text[253] = '\0'; /* "a.a. ... a": 253 characters, the last an 'a' */
    cr_expect(name_is_host(text));
    text[253] = '.';
    text[254] = 'a';
    text[255] = '\0';
    cr_expect(not(name_is_host(text)));

    memset(text, 'a', 64);
    text[64] = '\0';
    cr_expect(not(name_is_host(text)));
}
