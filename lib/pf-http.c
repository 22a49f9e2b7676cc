// SPDX-License-Identifier: Apache-2.0
// HTTP by libcurl, which is loaded at the first request: to load it costs 7 ms, which a command that
// sends nothing need not pay.
#include "pf-http.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>
#include <zlib.h>

#define MOST_WAIT_MS 30000u
#define FIRST_WAIT_MS 250u
#define POLL_MS 50

static struct {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *curl);
    CURLMcode (*multi_perform)(CURLM *multi, int *running);
    CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned extra_count,
                            int timeout_ms, int *ready);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *curl);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *curl);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    time_t (*getdate)(const char *text, const time_t *unused);
} api;

// The header wraps this one in a macro that wants to see the real function.
#undef curl_easy_setopt
#undef curl_easy_getinfo

static gboolean load(void) {
    static const gchar *const names[] = {
        "curl_global_init",   "curl_easy_init",        "curl_easy_setopt",
        "curl_multi_init",    "curl_multi_add_handle", "curl_multi_perform",
        "curl_multi_poll",    "curl_multi_info_read",  "curl_multi_remove_handle",
        "curl_multi_cleanup", "curl_easy_getinfo",     "curl_easy_cleanup",
        "curl_easy_strerror", "curl_slist_append",     "curl_slist_free_all",
        "curl_getdate"};
    static gsize state; // 1: there, 2: not there
    if (g_once_init_enter(&state)) {
        void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
        library = library != NULL ? library : dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
        void **slot = (void **)&api;
        gboolean found = library != NULL;
        for (guint i = 0; found && i < G_N_ELEMENTS(names); i++) {
            slot[i] = dlsym(library, names[i]);
            found = slot[i] != NULL;
        }
        found = found && api.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
        g_once_init_leave(&state, found ? 1 : 2);
    }
    return state == 1;
}

gchar *pf_http_safe_url(const gchar *url) {
    g_autoptr(GUri) uri =
        g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_PARSE_RELAXED, NULL);
    return uri != NULL ? g_uri_to_string_partial(uri, G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY |
                                                          G_URI_HIDE_FRAGMENT)
                       : g_strdup("an address that cannot be read");
}

void pf_http_result_clear(pf_http_result *self) {
    if (self->answer != NULL) {
        g_string_free(self->answer, TRUE);
    }
    g_free(self->error);
    memset(self, 0, sizeof *self);
}

// --- one try

typedef struct {
    PfExporter *exporter;
    pf_http_result *result;
    guint retry_after; // s
    gboolean is_cut;
} attempt;

// An answer is read for its status and a few words; one of 1 GiB ends here.
static size_t take_answer(char *data, size_t size, size_t count, void *user) {
    attempt *self = user;
    gsize room = PF_HTTP_ANSWER_MOST - self->result->answer->len;
    gsize length = size * count;
    g_string_append_len(self->result->answer, data, (gssize)MIN(length, room));
    self->is_cut = length > room;
    return self->is_cut ? 0 : length;
}

guint pf_http_parse_retry_after(const gchar *text, gint64 now) {
    gint64 seconds;
    if (g_ascii_isdigit(*text)) {
        seconds = (gint64)MIN(g_ascii_strtoull(text, NULL, 10), 3600u);
    } else {
        time_t at = load() ? api.getdate(text, NULL) : -1;
        seconds = at != (time_t)-1 ? at - now : 0;
    }
    return (guint)CLAMP(seconds, 0, 3600);
}

static size_t take_header(char *data, size_t size, size_t count, void *user) {
    attempt *self = user;
    gsize length = size * count;
    static const gchar name[] = "retry-after:";
    if (length > strlen(name) && g_ascii_strncasecmp(data, name, strlen(name)) == 0) {
        g_autofree gchar *value = g_strndup(data + strlen(name), length - strlen(name));
        self->retry_after =
            pf_http_parse_retry_after(g_strstrip(value), g_get_real_time() / G_USEC_PER_SEC);
    }
    return length;
}

// Not curl_easy_perform(): that asks whether to go on once a second, and the deadline may come nearer by
// more than that.
static CURLcode perform(CURL *curl, attempt *self) {
    CURLM *multi = api.multi_init();
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    api.multi_add_handle(multi, curl);
    while (running > 0 && g_get_monotonic_time() < pf_exporter_get_deadline(self->exporter)) {
        if (api.multi_perform(multi, &running) != CURLM_OK ||
            (running > 0 && api.multi_poll(multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            break;
        }
    }
    int left;
    for (CURLMsg *message; (message = api.multi_info_read(multi, &left)) != NULL;) {
        code = message->msg == CURLMSG_DONE ? message->data.result : code;
    }
    api.multi_remove_handle(multi, curl);
    api.multi_cleanup(multi);
    return code;
}

static void set_text(CURL *curl, CURLoption option, const gchar *value) {
    if (value != NULL && *value != 0) {
        api.easy_setopt(curl, option, value);
    }
}

static void set_up(CURL *curl, const pf_http_request *request, struct curl_slist *headers,
                   attempt *self) {
    gint64 left_ms = (pf_exporter_get_deadline(self->exporter) - g_get_monotonic_time()) / 1000;
    api.easy_setopt(curl, CURLOPT_URL, request->url);
    api.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    api.easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    api.easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    api.easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
    api.easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    api.easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    api.easy_setopt(curl, CURLOPT_WRITEDATA, self);
    api.easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    api.easy_setopt(curl, CURLOPT_HEADERDATA, self);
    api.easy_setopt(curl, CURLOPT_QUICK_EXIT, 1l); // a resolver that hangs is not waited for
    api.easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    api.easy_setopt(curl, CURLOPT_NOSIGNAL, 1l);
    api.easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CLAMP(left_ms, 1, 3600000));
    api.easy_setopt(curl, CURLOPT_USERAGENT, "pfprof/" PF_VERSION);
    set_text(curl, CURLOPT_CAINFO, request->certificate);
    set_text(curl, CURLOPT_SSLCERT, request->client_certificate);
    set_text(curl, CURLOPT_SSLKEY, request->client_key);
}

static void say(pf_http_result *result, const pf_http_request *request, const gchar *what) {
    g_autofree gchar *url = pf_http_safe_url(request->url);
    g_free(result->error);
    result->error = g_strdup_printf("%s: %s", url, what);
}

static void judge(pf_http_result *result, const pf_http_request *request, CURLcode code,
                  const attempt *self) {
    if (code != CURLE_OK && !(self->is_cut && result->status != 0)) {
        result->status = 0;
        say(result, request,
            code == CURLE_ABORTED_BY_CALLBACK ? "no time left" : api.easy_strerror(code));
        return;
    }
    result->is_ok = result->status >= 200 && result->status < 300;
    if (!result->is_ok) {
        g_autofree gchar *line =
            g_strndup(result->answer->str, strcspn(result->answer->str, "\r\n"));
        g_autofree gchar *valid = g_utf8_make_valid(line, MIN((gssize)strlen(line), 120));
        g_autofree gchar *safe = g_strescape(valid, NULL);
        g_autofree gchar *text =
            g_strdup_printf("status %ld%s%s", result->status, *safe != 0 ? ": " : "", safe);
        say(result, request, text);
    }
}

static void try_once(CURL *curl, const pf_http_request *request, attempt *self) {
    pf_http_result *result = self->result;
    struct curl_slist *headers = NULL;
    for (const gchar *const *header = request->headers; header != NULL && *header; header++) {
        headers = api.slist_append(headers, *header);
    }
    headers = api.slist_append(headers, "Expect:"); // no waiting for a 100
    g_string_truncate(result->answer, 0);
    result->status = 0;
    g_clear_pointer(&result->error, g_free);
    set_up(curl, request, headers, self);
    CURLcode code = perform(curl, self);
    api.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &result->status);
    judge(result, request, code, self);
    api.slist_free_all(headers);
}

// --- all of them

static gboolean is_retried(const pf_http_result *result, const pf_http_request *request) {
    g_autofree gchar *status = g_strdup_printf("%ld", result->status);
    return !result->is_ok && (result->status == 0 || strstr(request->retried, status) != NULL);
}

// Doubling, and anything from the half of that to the whole: those who failed together come back apart.
guint pf_http_backoff_ms(guint tries, guint retry_after) {
    guint most = FIRST_WAIT_MS << MIN(tries, 7u);
    guint wait = (guint)g_random_int_range((gint32)(most / 2), (gint32)most + 1);
    return MAX(MIN(wait, MOST_WAIT_MS), retry_after * 1000);
}

void pf_http_send(PfExporter *exporter, const pf_http_request *request,
                  pf_http_result *ret_result) {
    memset(ret_result, 0, sizeof *ret_result);
    ret_result->answer = g_string_new(NULL);
    CURL *curl = load() ? api.easy_init() : NULL;
    if (curl == NULL) {
        say(ret_result, request, "libcurl.so.4 is not there; it sends what goes by HTTP");
        return;
    }
    attempt self = {.exporter = exporter, .result = ret_result};
    do {
        self.retry_after = 0;
        self.is_cut = FALSE;
        try_once(curl, request, &self);
        ret_result->tries++;
    } while (
        is_retried(ret_result, request) && ret_result->tries <= request->max_retries &&
        pf_exporter_wait(exporter, pf_http_backoff_ms(ret_result->tries - 1, self.retry_after)));
    api.easy_cleanup(curl);
}

GBytes *pf_http_gzip(const gchar *data, gsize size) {
    z_stream stream = {0};
    // The lowest level: a seventh larger for a third of the time.
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    gsize room = deflateBound(&stream, size);
    Bytef *out = g_malloc(room);
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    gint code = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    return code == Z_STREAM_END ? g_bytes_new_take(out, stream.total_out) : (g_free(out), NULL);
}
