// SPDX-License-Identifier: Apache-2.0
// The walk itself, included by pf-format.c once for char and once for wchar_t.

static void WALK(const CHARACTER *at, struct arguments *args, struct pf_format *format) {
    *format = (struct pf_format){.complete = true};
    if (at == NULL) {
        return;
    }
    const CHARACTER *literal = at;
    for (;;) {
        CHARACTER seen = 0;
        while (*at && *at != '%') {
            seen |= *at;
            at++;
        }
        // Nearly every literal is ASCII, and then there is nothing to decode.
        if ((seen & ~0x7f) != 0) {
            format->emoji |= HAS_EMOJI(literal, (size_t)(at - literal));
        }
        if (*at == 0) {
            return;
        }
        at++;
        literal = at;
        if (!format->complete) {
            continue; // only the literal text is looked at from here on
        }
        while (*at == '-' || *at == '+' || *at == ' ' || *at == '#' || *at == '0' || *at == '\'' ||
               *at == 'I') {
            at++;
        }
        int precision = -1;
        if (*at == '*') {
            at++;
            if (*at >= '0' && *at <= '9') {
                format->complete = false; // *1$: positional
                continue;
            }
            (void)va_arg(args->list, int);
        }
        while (*at >= '0' && *at <= '9') {
            at++;
        }
        if (*at == '$') {
            format->complete = false;
            continue;
        }
        if (*at == '.') {
            at++;
            precision = 0;
            if (*at == '*') {
                at++;
                if (*at >= '0' && *at <= '9') {
                    format->complete = false;
                    continue;
                }
                precision = va_arg(args->list, int); // negative: as if there were none
            } else if (*at == '-') {
                precision = -1;
                at++;
            }
            while (*at >= '0' && *at <= '9') {
                if (precision >= 0) {
                    precision =
                        precision < 100000000 ? precision * 10 + (int)(*at - '0') : precision;
                }
                at++;
            }
        }
        enum length length = LENGTH_NONE;
        while (*at == 'h' || *at == 'l' || *at == 'q' || *at == 'L' || *at == 'j' || *at == 'z' ||
               *at == 'Z' || *at == 't') {
            length = length_of((unsigned)*at, length);
            at++;
        }
        if (*at == 0) {
            return; // a format that ends in the middle of a conversion
        }
        if (*at != '%' && !take(args, (unsigned)*at, length, precision, format)) {
            format->complete = false;
            continue;
        }
        at++;
        literal = at;
    }
}

#undef CHARACTER
#undef WALK
#undef HAS_EMOJI
