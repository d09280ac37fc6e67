#include "model/names.h"

#include <stddef.h>
#include <stdio.h>

enum { LABEL_MAX = NAME_SIZE - 1, HOST_MAX = NODE_NAME_SIZE - 1, KIND_SIZE = 16 };

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of the label at the start of the text, which ends at '.' or NUL; 0 if it is none. */
static size_t label_len(const char *text)
{
    size_t len = 0;
    while (is_letter_or_digit(text[len]) || text[len] == '-')
        if (++len > LABEL_MAX)
            return 0;
    if (len == 0 || text[0] == '-' || text[len - 1] == '-')
        return 0;
    return text[len] == '.' || text[len] == '\0' ? len : 0;
}

bool name_is_label(const char *text)
{
    size_t len = label_len(text);
    return len > 0 && text[len] == '\0';
}

bool name_is_host(const char *text)
{
    size_t at = 0;
    for (;;) {
        size_t len = label_len(text + at);
        at += len;
        if (len == 0 || at > HOST_MAX)
            return false;
        if (text[at] == '\0')
            return true;
        at++;
    }
}

void stable_id(const char *namespace_id, const char *kind, const char *name, char id[ID_SIZE])
{
    char text[KIND_SIZE + NODE_NAME_SIZE];
    (void)snprintf(text, sizeof(text), "%s/%s", kind, name);
    id_from_name(*namespace_id == '\0' ? ID_NIL : namespace_id, text, id);
}
