// SPDX-License-Identifier: Apache-2.0
// DogStatsD: lines of text, as many to a datagram as fit.
//
// Counters go as `c` (what they grew by), gauges as `g`, histograms as distributions `d`: one line for
// each bucket, its middle with the sample rate 1/count, which the receiver multiplies out again.
#include "pf-dogstatsd.h"
#include "pf-datadog-tags.h"
#include "pf-errors.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_UDP 1432 // fits into an Ethernet frame
#define MOST_UNIX 8192

struct pf_dogstatsd {
    gchar *url;
    gchar *tags; // of every line
    gsize most;
    int fd;
    GString *datagram;
    guint points;  // whose last line is in the datagram
    guint64 *left; // of the export that goes on
    gboolean is_broken;
};

pf_dogstatsd *pf_dogstatsd_new(const gchar *url, gchar **common_tags, GError **error) {
    gboolean is_unix = g_str_has_prefix(url, "unix://") || g_str_has_prefix(url, "unixgram://");
    if (!is_unix && !g_str_has_prefix(url, "udp://")) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED,
                    "DD_DOGSTATSD_URL=\"%s\" is neither udp://HOST:PORT nor unix://PATH", url);
        return NULL;
    }
    pf_dogstatsd *self = g_new0(pf_dogstatsd, 1);
    self->url = g_strdup(url);
    self->tags = g_strjoinv(",", common_tags);
    self->most = is_unix ? MOST_UNIX : MOST_UDP;
    self->fd = -1;
    self->datagram = g_string_new(NULL);
    return self;
}

void pf_dogstatsd_free(pf_dogstatsd *self) {
    if (self != NULL) {
        if (self->fd >= 0) {
            close(self->fd);
        }
        g_string_free(self->datagram, TRUE);
        g_free(self->tags);
        g_free(self->url);
        g_free(self);
    }
}

static int connect_unix(const gchar *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int kept = errno;
        close(fd);
        errno = kept;
        fd = -1;
    }
    return fd;
}

static int connect_udp(const gchar *where) {
    const gchar *colon = strrchr(where, ':');
    g_autofree gchar *host =
        colon != NULL ? g_strndup(where, (gsize)(colon - where)) : g_strdup(where);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    int fd = -1;
    errno = EHOSTUNREACH;
    if (getaddrinfo(host, colon != NULL ? colon + 1 : "8125", &hints, &found) == 0) {
        fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
        freeaddrinfo(found);
    }
    return fd;
}

static gboolean is_open(pf_dogstatsd *self) {
    if (self->fd < 0) {
        const gchar *where = strstr(self->url, "://") + 3;
        self->fd = self->url[1] == 'n' ? connect_unix(where) : connect_udp(where);
    }
    return self->fd >= 0;
}

// UDP tells at the next datagram that nobody took the one before; a socket of ours may be full.
static gboolean put(pf_dogstatsd *self, PfExporter *exporter) {
    for (;;) {
        if (send(self->fd, self->datagram->str, self->datagram->len, MSG_NOSIGNAL) >= 0) {
            return TRUE;
        }
        if (errno == EINTR) {
            continue;
        }
        gint64 left_ms = (pf_exporter_get_deadline(exporter) - g_get_monotonic_time()) / 1000;
        if ((errno != EAGAIN && errno != ENOBUFS) || left_ms <= 0) {
            return FALSE;
        }
        struct pollfd one = {.fd = self->fd, .events = POLLOUT};
        poll(&one, 1, (int)MIN(left_ms, 100));
    }
}

static void flush(pf_dogstatsd *self, PfExporter *exporter) {
    if (self->datagram->len > 0 && !self->is_broken) {
        g_string_truncate(self->datagram, self->datagram->len - 1); // the last newline
        self->is_broken = !put(self, exporter);
    }
    if (!self->is_broken) {
        *self->left += self->points;
    }
    self->points = 0;
    g_string_truncate(self->datagram, 0);
}

static void line(pf_dogstatsd *self, PfExporter *exporter, const GString *text) {
    if (self->datagram->len + text->len > self->most) {
        flush(self, exporter);
    }
    g_string_append_len(self->datagram, text->str, (gssize)text->len);
}

static void write_line(pf_dogstatsd *self, PfExporter *exporter, const pf_series *series,
                       const gchar *type, gdouble value, guint64 count) {
    g_autoptr(GString) text = g_string_new(pf_metric_get(series->id)->name);
    g_auto(GStrv) tags = pf_datadog_tags(series);
    g_autofree gchar *own = g_strjoinv(",", tags);
    g_string_append_c(text, ':');
    pf_put_number(text, value);
    g_string_append_printf(text, "|%s", type);
    if (count > 1) {
        g_string_append(text, "|@");
        pf_put_number(text, 1.0 / (gdouble)count);
    }
    if (*own != 0 || *self->tags != 0) {
        g_string_append_printf(text, "|#%s%s%s", own, *own != 0 && *self->tags != 0 ? "," : "",
                               self->tags);
    }
    g_string_append_c(text, '\n');
    line(self, exporter, text);
}

static void write_point(pf_dogstatsd *self, PfExporter *exporter, const pf_point *delta) {
    const pf_metric *metric = pf_point_metric(delta);
    if (metric->kind == PF_KIND_GAUGE) {
        write_line(self, exporter, delta->series, "g", pf_point_value(delta), 1);
    } else if (metric->kind == PF_KIND_COUNTER && delta->value > 0) {
        write_line(self, exporter, delta->series, "c", pf_point_value(delta), 1);
    }
    for (guint i = 0; i < delta->buckets.count; i++) {
        if (delta->buckets.bucket[i] > 0) {
            write_line(self, exporter, delta->series, "d",
                       pf_hist_middle(delta->buckets.first + i) / 1e9, delta->buckets.bucket[i]);
        }
    }
}

guint64 pf_dogstatsd_send(pf_dogstatsd *self, PfExporter *exporter, PfMetricSet *set,
                          pf_deltas *deltas, gchar **ret_error) {
    guint64 left = 0;
    guint64 committed = 0;
    self->left = &left;
    self->is_broken = !is_open(self);
    for (guint i = 0; i < set->points->len && !self->is_broken; i++) {
        gint64 since;
        pf_point delta = pf_deltas_make(deltas, pf_set_point(set, i), &since);
        write_point(self, exporter, &delta);
        pf_delta_clear(&delta);
        self->points++;
    }
    flush(self, exporter);
    for (; committed < left; committed++) { // in order: so the first ones are those that left
        pf_deltas_commit(deltas, pf_set_point(set, (guint)committed), set->unix_ns);
    }
    if (self->is_broken) {
        *ret_error = g_strdup_printf("%s: %s", self->url, g_strerror(errno));
        if (self->fd >= 0) {
            close(self->fd);
            self->fd = -1;
        }
    }
    return left;
}
