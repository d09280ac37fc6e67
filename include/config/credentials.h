/*
 * Credentials: files that systemd gives to a unit (LoadCredential=), "credential:NAME" in the
 * configuration.
 *
 * Source    systemd.exec(5), "Credentials"
 */
#ifndef CONFIG_CREDENTIALS_H
#define CONFIG_CREDENTIALS_H

#include <stdbool.h>

/* The file of the credential with this name: in the directory that systemd has given us, or where
 * it would have read it from if it has not started us. NULL only without memory. Caller frees. */
char *credential_path(const char *name);

/* False for what systemd starts beside the main process of a unit (ExecReload=, ExecStopPost=): it
 * is told of credentials, but up to version 252 not given any. */
bool config_may_read_secrets(void);

/* May this program be expected to read the file? False for a credential that is not there for it:
 * "$CREDENTIALS_DIRECTORY/...", or what "credential:NAME" has become. */
bool config_may_read(const char *path);

#endif
