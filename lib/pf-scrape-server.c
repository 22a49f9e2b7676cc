// SPDX-License-Identifier: Apache-2.0
// One thread, at most 32 connections, one request each, 10 seconds for it: so a slow or hostile client
// costs a place for a while, and nothing else.
#include "pf-scrape-server.h"
#include "pf-errors.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_CONNECTIONS 32
#define MOST_REQUEST 8192
#define MOST_TIME (10 * G_TIME_SPAN_SECOND)

typedef struct {
    int fd;
    gint64 until;
    GString *request;
    GString *answer; // NULL: still reading
    gsize sent;
} connection;

struct pf_scrape_server {
    int listener;
    int wake[2];
    pf_page_maker maker;
    gpointer user;
    GThread *thread;
    connection connections[MOST_CONNECTIONS];
    guint count;
};

static void connection_clear(connection *self) {
    close(self->fd);
    g_string_free(self->request, TRUE);
    if (self->answer != NULL) {
        g_string_free(self->answer, TRUE);
    }
}

// --- one request

static gchar *header(const gchar *request, const gchar *name) {
    g_auto(GStrv) lines = g_strsplit(request, "\r\n", -1);
    gsize length = strlen(name);
    for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++) {
        if (g_ascii_strncasecmp(lines[i], name, length) == 0 && lines[i][length] == ':') {
            return g_strstrip(g_strdup(lines[i] + length + 1));
        }
    }
    return NULL;
}

static gboolean takes_gzip(const gchar *request) {
    g_autofree gchar *accepted = header(request, "Accept-Encoding");
    return accepted != NULL && strstr(accepted, "gzip") != NULL;
}

// The status.
static guint make_page(pf_scrape_server *self, const gchar *method, const gchar *target,
                       const gchar *request, pf_page *page) {
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return 405;
    }
    g_autofree gchar *accept = header(request, "Accept");
    g_autofree gchar *path = g_strndup(target, strcspn(target, "?"));
    pf_page_request wanted = {path, accept, takes_gzip(request)};
    page->status = 200;
    return self->maker(self->user, &wanted, page) ? page->status : 404;
}

static GString *answer(pf_scrape_server *self, const gchar *request) {
    pf_page page = {0, "text/plain; charset=utf-8", g_string_new(NULL), NULL, FALSE};
    g_auto(GStrv) words = g_strsplit_set(request, " \r", 4);
    guint status = g_strv_length(words) < 3 || !g_str_has_prefix(words[2], "HTTP/1.")
                       ? 400
                       : make_page(self, words[0], words[1], request, &page);
    if (status == 404 || (status >= 400 && page.body->len == 0)) {
        g_string_printf(page.body, "%u\n", status);
    }
    gsize size = page.body->len;
    const gchar *body = page.ready != NULL ? g_bytes_get_data(page.ready, &size) : page.body->str;
    GString *out = g_string_sized_new(size + 256);
    g_string_printf(out,
                    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n%sContent-Length: %" G_GSIZE_FORMAT
                    "\r\nConnection: close\r\n\r\n",
                    status, status == 200 ? "OK" : "No", page.content_type,
                    page.is_gzip ? "Content-Encoding: gzip\r\n" : "", size);
    if (strcmp(words[0], "HEAD") != 0) {
        g_string_append_len(out, body, (gssize)size);
    }
    g_string_free(page.body, TRUE);
    g_clear_pointer(&page.ready, g_bytes_unref);
    return out;
}

// FALSE: the connection is done.
static gboolean receive(pf_scrape_server *self, connection *one) {
    gchar data[4096];
    ssize_t got = recv(one->fd, data, sizeof data, 0);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    g_string_append_len(one->request, data, got);
    if (strstr(one->request->str, "\r\n\r\n") != NULL) {
        one->answer = answer(self, one->request->str);
        return TRUE;
    }
    return one->request->len < MOST_REQUEST;
}

static gboolean transmit(connection *one) {
    ssize_t put =
        send(one->fd, one->answer->str + one->sent, one->answer->len - one->sent, MSG_NOSIGNAL);
    if (put < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    one->sent += (gsize)put;
    if (one->sent == one->answer->len) {
        shutdown(one->fd, SHUT_WR);
        return FALSE;
    }
    return TRUE;
}

// --- all of them

static void take(pf_scrape_server *self) {
    int fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    self->connections[self->count++] = (connection){
        .fd = fd, .until = g_get_monotonic_time() + MOST_TIME, .request = g_string_new(NULL)};
}

static guint fill(pf_scrape_server *self, struct pollfd *polls) {
    polls[0] = (struct pollfd){.fd = self->wake[0], .events = POLLIN};
    // When all places are taken, others wait in the kernel's queue.
    polls[1] = (struct pollfd){.fd = self->count < MOST_CONNECTIONS ? self->listener : -1,
                               .events = POLLIN};
    for (guint i = 0; i < self->count; i++) {
        polls[2 + i] =
            (struct pollfd){.fd = self->connections[i].fd,
                            .events = self->connections[i].answer != NULL ? POLLOUT : POLLIN};
    }
    return self->count;
}

static gpointer serve(gpointer data) {
    pf_scrape_server *self = data;
    for (;;) {
        struct pollfd polls[MOST_CONNECTIONS + 2];
        guint count = fill(self, polls);
        poll(polls, count + 2, count > 0 ? 1000 : -1);
        if (polls[0].revents != 0) {
            return NULL;
        }
        for (guint i = count; i-- > 0;) {
            connection *one = &self->connections[i];
            gboolean stays = g_get_monotonic_time() < one->until;
            if (stays && polls[2 + i].revents != 0) {
                stays = one->answer != NULL ? transmit(one) : receive(self, one);
            }
            if (!stays) {
                connection_clear(one);
                *one = self->connections[--self->count];
            }
        }
        if (polls[1].revents != 0) {
            take(self);
        }
    }
}

static int open_listener(const gchar *address, GError **error) {
    const gchar *colon = strrchr(address, ':');
    g_autofree gchar *host = g_strndup(address, colon != NULL ? (gsize)(colon - address) : 0);
    if (host[0] == '[' && strlen(host) > 2) {
        memmove(host, host + 1, strlen(host));
        host[strlen(host) - 1] = 0;
    }
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = colon == NULL ? EAI_NONAME
                             : getaddrinfo(*host != 0 ? host : NULL, colon + 1, &hints, &found);
    int fd = -1;
    errno = 0;
    if (code == 0) {
        const int yes = 1;
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
                        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 64) != 0)) {
            int kept = errno;
            close(fd);
            errno = kept;
            fd = -1;
        }
        freeaddrinfo(found);
    }
    if (fd < 0) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED, "cannot listen on %s: %s",
                    address, code != 0 ? gai_strerror(code) : g_strerror(errno));
    }
    return fd;
}

pf_scrape_server *pf_scrape_server_new(const gchar *address, pf_page_maker maker, gpointer user,
                                       GError **error) {
    int listener = open_listener(address, error);
    if (listener < 0) {
        return NULL;
    }
    pf_scrape_server *self = g_new0(pf_scrape_server, 1);
    self->listener = listener;
    self->maker = maker;
    self->user = user;
    if (pipe2(self->wake, O_CLOEXEC) != 0) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED, "no pipe: %s",
                    g_strerror(errno));
        close(listener);
        g_free(self);
        return NULL;
    }
    self->thread = g_thread_new("pf-scrape", serve, self);
    return self;
}

guint pf_scrape_server_port(pf_scrape_server *self) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    gchar port[8] = "0";
    if (getsockname(self->listener, (struct sockaddr *)&address, &size) == 0) {
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof port,
                    NI_NUMERICSERV | NI_NUMERICHOST);
    }
    return (guint)atoi(port);
}

void pf_scrape_server_free(pf_scrape_server *self) {
    if (self == NULL) {
        return;
    }
    while (write(self->wake[1], "", 1) < 0 && errno == EINTR) {
    }
    g_thread_join(self->thread);
    for (guint i = 0; i < self->count; i++) {
        connection_clear(&self->connections[i]);
    }
    close(self->listener);
    close(self->wake[0]);
    close(self->wake[1]);
    g_free(self);
}
