// SPDX-License-Identifier: Apache-2.0
// The loop of `pfprof top`: look, draw, wait for a key.
#include "top.h"
#include "top-picker.h"
#include "top-view.h"
#include <signal.h>

static void refresh(pf_top_view *view) {
    g_autoptr(GError) error = NULL;
    gboolean was_over = pf_top_model_is_over(view->model);
    if (was_over) {
        return;
    }
    if (!pf_top_model_refresh(view->model, &error)) {
        pf_top_view_say(view, TRUE, "%s", error->message);
        return;
    }
    if (pf_top_model_is_over(view->model)) {
        // The last interval of a process says little; what remains is the whole of it.
        pf_top_model_set_window_kind(view->model, PF_TOP_WINDOW_WHOLE);
        pf_top_view_say(view, FALSE, "the process has ended; these are its last figures");
    }
    pf_top_view_make_rows(view);
}

// Until the user leaves it.
static pf_top_outcome watch(pf_top_view *view, pf_top_screen *screen) {
    gint64 step_us = (gint64)(view->interval * G_USEC_PER_SEC);
    gint64 next_us = g_get_monotonic_time() + step_us;
    for (;;) {
        pf_top_view_draw(view, screen);
        gint key = pf_top_screen_wait(screen, next_us);
        if (key == PF_TOP_KEY_STOP) {
            return PF_TOP_QUIT;
        }
        pf_top_outcome outcome = pf_top_view_key(view, key);
        if (outcome == PF_TOP_BACK || outcome == PF_TOP_QUIT) {
            return outcome;
        }
        gint64 now_us = g_get_monotonic_time();
        if (outcome == PF_TOP_REFRESH || (now_us >= next_us && !view->is_paused)) {
            refresh(view);
        }
        if (now_us >= next_us) {
            next_us = MAX(next_us + step_us, now_us);
        }
    }
}

static pf_top_outcome show(const pf_top_options *options, pf_top_model *model,
                           pf_top_screen *screen) {
    pf_top_view view;
    pf_top_view_init(&view, model, options->interval, options->tab);
    view.has_picker = options->pid == 0;
    pf_top_outcome outcome = watch(&view, screen);
    pf_top_view_clear(&view);
    return outcome;
}

static void pick_and_show(const pf_top_options *options, pf_top_screen *screen) {
    guint pid = 0;
    for (;;) {
        pf_top_pick pick = pf_top_picker_run(screen, options->interval, &pid);
        if (pick == PF_TOP_PICK_NONE) {
            return;
        }
        g_autoptr(pf_top_model) model = pick == PF_TOP_PICK_ALL
                                            ? pf_top_model_new_of_all()
                                            : pf_top_model_new_from_pid(pid, NULL);
        // NULL: it has just ended, and the list will show that.
        if (model != NULL && show(options, model, screen) == PF_TOP_QUIT) {
            return;
        }
    }
}

gboolean pf_top_run(const pf_top_options *options, gint *ret_status, GError **error) {
    pf_top_screen screen;
    g_autoptr(pf_top_model) model = NULL;
    if (options->pid != 0) { // before the screen is taken, so that an error stays visible
        model = pf_top_model_new_from_pid(options->pid, error);
        if (model == NULL) {
            return FALSE;
        }
    }
    if (!pf_top_screen_begin(&screen, options->colour, options->unicode, error)) {
        return FALSE;
    }
    if (model != NULL) {
        show(options, model, &screen);
    } else {
        pick_and_show(options, &screen);
    }
    pf_top_screen_end(&screen);
    gint stopped_by = pf_top_screen_stopped_by();
    if (stopped_by != 0 && stopped_by != SIGINT) {
        signal(stopped_by, SIG_DFL);
        raise(stopped_by);
    }
    *ret_status = stopped_by != 0 ? 128 + stopped_by : 0;
    return TRUE;
}
