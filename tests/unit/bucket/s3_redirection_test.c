#include "src/bucket/s3_redirection.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct {
    const char *origin;
    const char *location;
    const char *leads_to; /* NULL: it is not followed */
} redirections[] = {
    {"https://b.s3.amazonaws.com", "https://b.s3.eu-west-1.amazonaws.com/k?q=1",
     "https://b.s3.eu-west-1.amazonaws.com"},
    {"https://b.s3.amazonaws.com", "https://B.S3.AmazonAWS.com:443/k?q=1",
     "https://B.S3.AmazonAWS.com"},
    {"https://s3.example.co.uk", "https://eu.example.co.uk:9000/k?q=1",
     "https://eu.example.co.uk:9000"},
    {"http://127.0.0.1:9000", "http://127.0.0.1:9001/k?q=1", "http://127.0.0.1:9001"},
    {"http://[::1]:9000", "https://[::1]/k?q=1", "https://[::1]"},
    {"http://localhost:9000", "http://localhost:9001/k?q=1", "http://localhost:9001"},
    /* to somebody else */
    {"https://b.s3.amazonaws.com", "https://b.s3.amazonaws.com.example.net/k?q=1", NULL},
    {"https://b.s3.amazonaws.com", "https://amazonaws.com@example.net/k?q=1", NULL},
    {"https://s3.example.co.uk", "https://other.co.uk/k?q=1", NULL},
    {"http://127.0.0.1:9000", "http://127.0.0.2:9000/k?q=1", NULL},
    {"http://10.0.0.1", "http://11.0.0.1/k?q=1", NULL},
    {"http://[::1]:9000", "http://[::2]:9000/k?q=1", NULL},
    {"http://[::1]:9000", "http://[::1/k?q=1", NULL},
    {"http://storage", "http://other/k?q=1", NULL},
    /* to something else */
    {"https://s3.example.com", "http://s3.example.com/k?q=1", NULL},
    {"https://s3.example.com", "https://s3.example.com/other?q=1", NULL},
    {"https://s3.example.com", "https://s3.example.com/k2?q=1", NULL},
    {"https://s3.example.com", "https://s3.example.com/k?q=2", NULL},
    {"https://s3.example.com", "https://s3.example.com/k", NULL},
    {"https://s3.example.com", "/k?q=1", NULL},
    {"https://s3.example.com", "", NULL},
};

Test(s3_redirection_read, follows_within_a_domain)
{
    for (size_t i = 0; i < sizeof(redirections) / sizeof(redirections[0]); i++) {
        struct s3_redirection to = {.origin = ""};
        const struct s3_redirection_from sent = {redirections[i].origin, "/k", "q=1"};

        bool follows = s3_redirection_read(redirections[i].location, &sent, &to);

        cr_expect(eq(int, follows, redirections[i].leads_to != NULL), "%s -> %s",
                  redirections[i].origin, redirections[i].location);
        if (redirections[i].leads_to != NULL)
            cr_expect(eq(str, to.origin, (char *)redirections[i].leads_to));
    }
}

Test(s3_redirection_read, knows_paths_without_a_query)
{
    struct s3_redirection to = {.origin = ""};
    const struct s3_redirection_from sent = {"https://s3.example.com", "/k", ""};

    cr_expect(s3_redirection_read("https://eu.example.com/k", &sent, &to));
    cr_expect(eq(str, to.host, "eu.example.com"));
    cr_expect(not(s3_redirection_read("https://eu.example.com/k?q=1", &sent, &to)));
}
