// SPDX-License-Identifier: Apache-2.0
// ncurses, kept to this file; and the way back to the shell's terminal, also out of a crash.
#define NCURSES_NOMACROS // they take common words
#include "top-screen.h"
#include "top-text.h"
#include <errno.h>
#include <ncurses.h>
#include <signal.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

// Capabilities, as macros with common names.
#undef columns
#undef lines

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int crashing[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static volatile sig_atomic_t stopped_by;
static struct termios saved_mode;
static gboolean mode_is_saved;
static gchar way_back[128]; // what the terminal is to be told, for a handler that may call nothing
static gsize way_back_size;
static SCREEN *terminal;

static void on_stop(int number) { stopped_by = number; }

// endwin() allocates and writes through stdio: not here.
static void on_crash(int number) {
    if (write(STDOUT_FILENO, way_back, way_back_size) < 0) {
        // the terminal is gone: nothing to give back
    }
    if (mode_is_saved) {
        tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void handle(const int *numbers, gsize count, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    for (gsize i = 0; i < count; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

static void remember(const char *capability) {
    if (capability != NULL && capability != (char *)-1) {
        gsize size = strlen(capability);
        if (way_back_size + size < sizeof way_back) {
            memcpy(way_back + way_back_size, capability, size);
            way_back_size += size;
        }
    }
}

static void prepare_way_back(void) {
    way_back_size = 0;
    remember(tigetstr("sgr0"));
    remember(tigetstr("cnorm"));
    remember(tigetstr("rmkx"));
    remember(tigetstr("rmcup"));
    remember("\n");
}

gint pf_top_screen_stopped_by(void) { return stopped_by; }

// --- styles

enum { PAIR_GOOD = 1, PAIR_WARN, PAIR_BAD, PAIR_BAR, PAIR_TITLE };

static void begin_colours(pf_top_screen *self) {
    self->colour = self->colour && has_colors();
    if (!self->colour) {
        return;
    }
    start_color();
    use_default_colors();
    init_pair(PAIR_GOOD, COLOR_GREEN, -1);
    init_pair(PAIR_WARN, COLOR_YELLOW, -1);
    init_pair(PAIR_BAD, COLOR_RED, -1);
    init_pair(PAIR_BAR, COLOR_CYAN, -1);
    init_pair(PAIR_TITLE, COLOR_BLACK, COLOR_CYAN);
}

static attr_t pair(int number) { return (attr_t)COLOR_PAIR(number); }

static attr_t attributes(const pf_top_screen *self, pf_top_style style) {
    switch (style) {
    case PF_TOP_STYLE_BOLD: return A_BOLD;
    case PF_TOP_STYLE_DIM: return A_DIM;
    case PF_TOP_STYLE_TITLE: return self->colour ? pair(PAIR_TITLE) : A_REVERSE;
    case PF_TOP_STYLE_GOOD: return self->colour ? pair(PAIR_GOOD) : A_NORMAL;
    case PF_TOP_STYLE_WARN: return (self->colour ? pair(PAIR_WARN) : 0) | A_BOLD;
    case PF_TOP_STYLE_BAD: return (self->colour ? pair(PAIR_BAD) : A_UNDERLINE) | A_BOLD;
    case PF_TOP_STYLE_BAR: return self->colour ? pair(PAIR_BAR) : A_NORMAL;
    case PF_TOP_STYLE_SELECTED: return A_REVERSE;
    default: return A_NORMAL;
    }
}

// --- begin and end

static void take_size(pf_top_screen *self) {
    self->rows = getmaxy(stdscr);
    self->columns = getmaxx(stdscr);
}

// Asked before ncurses is begun, which leaves memory behind when it fails.
static gboolean is_fit(GError **error) {
    const gchar *complaint = NULL;
    int found = 0;
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
        complaint = "top needs a terminal; for scripts there is --batch";
    } else if (setupterm(NULL, STDOUT_FILENO, &found) != OK) {
        complaint = "this kind of terminal is not known; set TERM, or use --batch";
    } else {
        if (tigetstr("cup") == NULL || tigetstr("clear") == NULL) {
            complaint = "this terminal cannot move its cursor; use --batch";
        }
        del_curterm(cur_term);
    }
    if (complaint != NULL) {
        g_set_error_literal(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_FAILED, complaint);
    }
    return complaint == NULL;
}

gboolean pf_top_screen_begin(pf_top_screen *self, gboolean colour, gboolean unicode,
                             GError **error) {
    *self = (pf_top_screen){.colour = colour, .unicode = unicode};
    if (!is_fit(error)) {
        return FALSE;
    }
    mode_is_saved = tcgetattr(STDIN_FILENO, &saved_mode) == 0;
    // Before ncurses looks: it takes signals only that nobody has taken.  Without SA_RESTART, so that
    // waiting for a key ends.
    handle(stopping, G_N_ELEMENTS(stopping), on_stop, 0);
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        g_set_error_literal(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_FAILED,
                            "this terminal cannot be used; use --batch");
        return FALSE;
    }
    prepare_way_back();
    handle(crashing, G_N_ELEMENTS(crashing), on_crash, (int)SA_RESETHAND);
    begin_colours(self);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    leaveok(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
    take_size(self);
    return TRUE;
}

void pf_top_screen_end(pf_top_screen *self G_GNUC_UNUSED) {
    endwin();
    delscreen(terminal);
    handle(crashing, G_N_ELEMENTS(crashing), SIG_DFL, 0);
}

// --- drawing

void pf_top_screen_clear(pf_top_screen *self) {
    take_size(self);
    erase();
}

void pf_top_screen_show(pf_top_screen *self G_GNUC_UNUSED) { refresh(); }

gint pf_top_screen_put(pf_top_screen *self, gint row, gint column, pf_top_style style,
                       const gchar *text) {
    gint room = self->columns - column;
    if (row < 0 || row >= self->rows || room <= 0) {
        return column;
    }
    guint width = pf_top_text_width(text);
    g_autofree gchar *fitted =
        pf_top_text_fit(text, width <= (guint)room ? width : (guint)room, FALSE);
    attrset(attributes(self, style));
    if (self->unicode) {
        glong count = 0;
        g_autofree gunichar *letters = g_utf8_to_ucs4_fast(fitted, -1, &count);
        G_STATIC_ASSERT(sizeof(gunichar) == sizeof(wchar_t));
        mvaddnwstr(row, column, (const wchar_t *)letters, (int)count);
    } else {
        g_autofree gchar *plain = pf_top_text_ascii(fitted);
        mvaddnstr(row, column, plain, -1);
    }
    attrset(A_NORMAL);
    return column + (gint)MIN(width, (guint)room);
}

gint pf_top_screen_put_cell(pf_top_screen *self, gint row, gint column, gint width,
                            pf_top_style style, const gchar *text, gboolean to_the_right) {
    g_autofree gchar *fitted = pf_top_text_fit(text, (guint)MAX(width, 0), to_the_right);
    return pf_top_screen_put(self, row, column, style, fitted);
}

void pf_top_screen_fill(pf_top_screen *self, gint row, pf_top_style style) {
    pf_top_screen_put_cell(self, row, 0, self->columns, style, "", FALSE);
}

// --- waiting

#define ESCAPE 27

// A key that ncurses does not know for this kind of terminal: its letters are no keys of ours.
static gboolean skip_sequence(void) {
    timeout(0);
    gint next = getch();
    if (next != '[' && next != 'O') {
        if (next != ERR) {
            ungetch(next);
        }
        return FALSE;
    }
    do {
        next = getch();
    } while (next != ERR && (next < '@' || next > '~'));
    return TRUE;
}

gint pf_top_screen_wait(pf_top_screen *self, gint64 until_us) {
    for (;;) {
        gint64 left_ms = (until_us - g_get_monotonic_time() + 999) / 1000;
        if (stopped_by != 0) {
            return PF_TOP_KEY_STOP;
        }
        timeout((int)CLAMP(left_ms, 0, 3600 * 1000));
        errno = 0;
        gint key = getch();
        if (key == KEY_RESIZE) {
            take_size(self);
        }
        if (key == ESCAPE && skip_sequence()) {
            continue;
        }
        if (key != ERR) {
            return key;
        }
        // A terminal that is gone gives nothing, at once, for ever.
        if (stopped_by != 0 || !isatty(STDIN_FILENO)) {
            return PF_TOP_KEY_STOP;
        }
        if (g_get_monotonic_time() >= until_us) {
            return PF_TOP_KEY_NONE;
        }
    }
}
