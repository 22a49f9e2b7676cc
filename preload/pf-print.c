// SPDX-License-Identifier: Apache-2.0
// The formatter of summaries and complaints.
#include "pf-print.h"

size_t pf_length(const char *text) {
    size_t length = 0;
    while (text[length]) {
        length++;
    }
    return length;
}

size_t pf_length_most(const char *text, size_t most) {
    size_t length = 0;
    while (length < most && text[length]) {
        length++;
    }
    return length;
}

bool pf_same(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

void pf_out_bytes(struct pf_out *out, const char *text, size_t length) {
    if (length > out->size - out->used) {
        length = out->size - out->used;
        out->cut = true;
    }
    for (size_t i = 0; i < length; i++) {
        out->text[out->used + i] = text[i];
    }
    out->used += length;
}

void pf_out(struct pf_out *out, const char *text) { pf_out_bytes(out, text, pf_length(text)); }

static void put_digits(struct pf_out *out, uint64_t value, unsigned base, unsigned least,
                       unsigned group) {
    char digits[40];
    unsigned at = sizeof digits;
    unsigned count = 0;
    do {
        if (group && count && count % group == 0) {
            digits[--at] = ' ';
        }
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
        count++;
    } while (value || count < least);
    pf_out_bytes(out, digits + at, sizeof digits - at);
}

void pf_out_uint(struct pf_out *out, uint64_t value) { put_digits(out, value, 10, 1, 0); }
void pf_out_grouped(struct pf_out *out, uint64_t value) { put_digits(out, value, 10, 1, 3); }

void pf_out_hex(struct pf_out *out, uint64_t value) {
    pf_out(out, "0x");
    put_digits(out, value, 16, 1, 0);
}

void pf_out_fixed(struct pf_out *out, double value, unsigned decimals) {
    if (value != value || value > 1.8e19 || value < -1.8e19) {
        pf_out(out, "0"); // never an invalid JSON number
        return;
    }
    if (value < 0) {
        pf_out(out, "-");
        value = -value;
    }
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++) {
        scale *= 10;
    }
    uint64_t whole = (uint64_t)value;
    uint64_t part = (uint64_t)((value - (double)whole) * (double)scale + 0.5);
    if (part >= scale) {
        whole++;
        part -= scale;
    }
    pf_out_uint(out, whole);
    if (decimals) {
        pf_out(out, ".");
        put_digits(out, part, 10, decimals, 0);
    }
}

// Three digits that matter: 1.62, 16.2, 162.
static void put_short(struct pf_out *out, double value) {
    pf_out_fixed(out, value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

void pf_out_duration(struct pf_out *out, double ns) {
    if (ns < 999.5) {
        pf_out_fixed(out, ns, 0);
        pf_out(out, " ns");
    } else if (ns < 999.5e3) {
        put_short(out, ns / 1e3);
        pf_out(out, " µs");
    } else if (ns < 999.5e6) {
        put_short(out, ns / 1e6);
        pf_out(out, " ms");
    } else {
        put_short(out, ns / 1e9);
        pf_out(out, " s");
    }
}

void pf_out_size(struct pf_out *out, double bytes) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    unsigned unit = 0;
    while (bytes >= 1023.5 && unit < 5) {
        bytes /= 1024;
        unit++;
    }
    if (unit == 0) {
        pf_out_fixed(out, bytes, 0);
    } else {
        put_short(out, bytes);
    }
    pf_out(out, units[unit]);
}

void pf_out_count(struct pf_out *out, double count) {
    static const char *const units[] = {"", "k", "M", "G", "T"};
    unsigned unit = 0;
    while (count >= 999.5 && unit < 4) {
        count /= 1000;
        unit++;
    }
    if (unit == 0) {
        pf_out_fixed(out, count, count < 9.95 && count != (double)(uint64_t)count ? 1 : 0);
    } else {
        put_short(out, count);
    }
    pf_out(out, units[unit]);
}

#define MOST_DIGITS 1e9

void pf_out_per_second(struct pf_out *out, double rate) {
    if (!(rate < MOST_DIGITS)) {
        pf_out_count(out, rate);
        return;
    }
    uint64_t tenths = (uint64_t)(rate * 10 + 0.5);
    pf_out_grouped(out, tenths / 10);
    pf_out(out, ".");
    pf_out_uint(out, tenths % 10);
}

// The length of the valid UTF-8 sequence at `text`, 0 when there is none.
static size_t utf8_length(const unsigned char *text, size_t left) {
    unsigned char c = text[0];
    size_t need = c < 0x80                ? 1
                  : c >= 0xc2 && c < 0xe0 ? 2
                  : c >= 0xe0 && c < 0xf0 ? 3
                  : c >= 0xf0 && c < 0xf5 ? 4
                                          : 0;
    if (need == 0 || need > left) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool bad = (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] >= 0xa0) ||
               (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] >= 0x90);
    return bad ? 0 : need;
}

void pf_out_json(struct pf_out *out, const char *text, size_t length) {
    pf_out(out, "\"");
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        size_t step = utf8_length((const unsigned char *)text + i, length - i);
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            pf_out_bytes(out, escaped, 2);
            i++;
        } else if (c < 0x20 || c == 0x7f) {
            pf_out(out, "\\u00");
            put_digits(out, c, 16, 2, 0);
            i++;
        } else if (step == 0) {
            pf_out(out, "\xef\xbf\xbd"); // U+FFFD
            i++;
        } else {
            pf_out_bytes(out, text + i, step);
            i += step;
        }
    }
    pf_out(out, "\"");
}

// Days to civil date: the year begins in March, so that the leap day is the last of it.
void pf_out_utc(struct pf_out *out, uint64_t unix_seconds) {
    uint64_t days = unix_seconds / 86400 + 719468;
    uint64_t second = unix_seconds % 86400;
    uint64_t era = days / 146097;
    uint64_t day_of_era = days % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153;
    uint64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    put_digits(out, era * 400 + year_of_era + (month <= 2), 10, 4, 0);
    pf_out(out, "-");
    put_digits(out, month, 10, 2, 0);
    pf_out(out, "-");
    put_digits(out, day, 10, 2, 0);
    pf_out(out, "T");
    put_digits(out, second / 3600, 10, 2, 0);
    pf_out(out, ":");
    put_digits(out, second / 60 % 60, 10, 2, 0);
    pf_out(out, ":");
    put_digits(out, second % 60, 10, 2, 0);
    pf_out(out, "Z");
}

static unsigned columns(const char *text, size_t length) {
    unsigned count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

void pf_out_left(struct pf_out *out, size_t from, unsigned width) {
    unsigned have = columns(out->text + from, out->used - from);
    for (; have < width; have++) {
        pf_out(out, " ");
    }
}

void pf_out_right(struct pf_out *out, size_t from, unsigned width) {
    size_t length = out->used - from;
    unsigned have = columns(out->text + from, length);
    unsigned pad = have < width ? width - have : 0;
    if (pad > out->size - out->used) {
        return;
    }
    for (size_t i = length; i-- > 0;) {
        out->text[from + pad + i] = out->text[from + i];
    }
    for (unsigned i = 0; i < pad; i++) {
        out->text[from + i] = ' ';
    }
    out->used += pad;
}

bool pf_parse_uint(const char *text, uint64_t *ret_value) {
    uint64_t value = 0;
    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > (UINT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *ret_value = value;
    return true;
}

bool pf_parse_number(const char *text, double *ret_value) {
    double value = 0;
    double scale = 1;
    bool digits = false;
    for (; *text >= '0' && *text <= '9'; text++, digits = true) {
        value = value * 10 + (*text - '0');
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, digits = true) {
            value = value * 10 + (*text - '0');
            scale *= 10;
        }
    }
    int exponent = 0;
    if (digits && (*text == 'e' || *text == 'E')) {
        bool negative = text[1] == '-';
        text += 1 + (negative || text[1] == '+');
        if (*text < '0' || *text > '9') {
            return false;
        }
        for (; *text >= '0' && *text <= '9' && exponent < 400; text++) {
            exponent = exponent * 10 + (*text - '0');
        }
        exponent = negative ? -exponent : exponent;
    }
    if (!digits || *text || value > 1e300 || scale > 1e300) {
        return false;
    }
    for (; exponent > 0 && value < 1e300; exponent--) {
        value *= 10;
    }
    for (; exponent < 0 && scale < 1e300; exponent++) {
        scale *= 10;
    }
    *ret_value = value / scale;
    return true;
}
