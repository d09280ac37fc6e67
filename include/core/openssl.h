/* What OpenSSL says of a failure. */
#ifndef CORE_OPENSSL_H
#define CORE_OPENSSL_H

/* The first reason in its queue, since the later ones only say who had to give up for it; `otherwise`
 * if there is none. The queue is empty afterwards, as the next call expects it. */
const char *openssl_reason(const char *otherwise);

#endif
