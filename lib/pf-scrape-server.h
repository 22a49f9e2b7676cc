// SPDX-License-Identifier: Apache-2.0
// A small HTTP server of a few pages: for scrapes and health checks.  Internal.
#pragma once
#include <glib.h>

typedef struct {
    guint status;
    const gchar *content_type;
    GString *body;
    GBytes *ready;    // instead of `body`
    gboolean is_gzip; // of what is ready
} pf_page;

// `accept` is NULL where there was no such header.
typedef struct {
    const gchar *path;
    const gchar *accept;
    gboolean takes_gzip;
} pf_page_request;

// Called in the server's thread.  FALSE: no such page.
typedef gboolean (*pf_page_maker)(gpointer user, const pf_page_request *request, pf_page *ret_page);

typedef struct pf_scrape_server pf_scrape_server;

// `address`: HOST:PORT, port 0 for any.
pf_scrape_server *pf_scrape_server_new(const gchar *address, pf_page_maker maker, gpointer user,
                                       GError **error);
guint pf_scrape_server_port(pf_scrape_server *self);
void pf_scrape_server_free(pf_scrape_server *self);
