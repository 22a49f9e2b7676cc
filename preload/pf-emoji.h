// SPDX-License-Identifier: Apache-2.0
// Does a text hold an emoji?
//
// An emoji is a code point that is shown as one by itself (Emoji_Presentation), or any Emoji followed
// by U+FE0F: so neither digits and # nor a bare (c) sign count, and keycaps do.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>
#pragma GCC visibility push(hidden)

// UTF-8.  At the first byte that is not, or is NUL, the rest is taken for binary data and not looked at; a
// sequence cut off at the end is no error.  Reads [text, text + length) only.  Async-signal-safe.
bool pf_has_emoji(const char *text, size_t length);
bool pf_has_emoji_wide(const wchar_t *text, size_t length);
#pragma GCC visibility pop
