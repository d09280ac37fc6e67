/* Resources: the handlers behind the routes of api.c, one file each. */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "http/server.h"

http_handler_fn backups_create;
http_handler_fn backups_list; /* of one app; of all where the path names none */
http_handler_fn backups_get;
http_handler_fn backups_delete;
http_handler_fn backups_cancel;
http_handler_fn snapshots_list;
http_handler_fn apps_list;
http_handler_fn apps_get;
http_handler_fn apps_restore;
http_handler_fn buckets_list;
http_handler_fn buckets_get;
http_handler_fn clouds_list;
http_handler_fn clouds_get;
http_handler_fn clusters_list;
http_handler_fn clusters_get;
http_handler_fn health_live;
http_handler_fn health_ready;

#endif
