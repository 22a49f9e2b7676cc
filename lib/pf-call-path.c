// SPDX-License-Identifier: Apache-2.0
// Finds logging wrappers in call stacks.
//
// A wrapper is known by its shape: many lines of the program call it, and it passes the messages on
// through few lines of its own.  A function that does its work and reports on it has the opposite
// shape.  So a function is a wrapper when messages come through it from at least three lines, from at
// least twice as many as it has itself, and no single one of them sends nearly all.  What such a
// function calls on the way (log_info, log_va, vfprintf) has one caller only, and is told from a
// function that works by its name.
#include "pf-call-path.h"
#include "pf-known-code.h"
#include <string.h>

#define LEAST_CALLERS 3u
#define CALLERS_PER_LINE 2u
#define MOST_OF_ONE 0.9 // of the calls
#define MOST_ROUNDS 3   // wrappers around wrappers
#define MOST_HOPS 4u    // functions inside a wrapper

static void step_clear(gpointer data) { pf_place_unref(((pf_step *)data)->place); }

static void path_free(gpointer data) {
    pf_path *path = data;
    g_array_unref(path->steps);
    g_free(path);
}

void pf_paths_init(pf_paths *self, PfSymbolizer *symbolizer) {
    self->symbolizer = symbolizer;
    self->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->paths = g_ptr_array_new_with_free_func(path_free);
}

void pf_paths_clear(pf_paths *self) {
    g_ptr_array_unref(self->paths);
    g_hash_table_unref(self->numbers);
}

guint pf_paths_number(pf_paths *self, const gchar *text) {
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(self->numbers, text));
    if (number == 0) {
        number = g_hash_table_size(self->numbers) + 1;
        g_hash_table_insert(self->numbers, g_strdup(text), GUINT_TO_POINTER(number));
    }
    return number;
}

guint pf_paths_line_of(pf_paths *self, const PfPlace *place) {
    g_autofree gchar *text =
        place->file != NULL
            ? g_strdup_printf("l %s %s:%u", place->module, place->file, place->line)
            : g_strdup_printf("l %s+%" G_GINT64_MODIFIER "x", place->module, place->offset);
    return pf_paths_number(self, text);
}

static void add_step(pf_paths *self, GArray *steps, PfPlace *place) {
    pf_step step = {.place = pf_place_ref(place),
                    .line = pf_paths_line_of(self, place),
                    .is_library = pf_is_library_code(place)};
    if (place->function != NULL) {
        g_autofree gchar *text = g_strdup_printf("f %s %s", place->module, place->function);
        step.function = pf_paths_number(self, text);
    }
    g_array_append_val(steps, step);
}

void pf_paths_add(pf_paths *self, const PfStack *stack) {
    pf_path *path = g_new0(pf_path, 1);
    path->stack = stack;
    path->wrapper = -1;
    path->steps = g_array_new(FALSE, FALSE, sizeof(pf_step));
    g_array_set_clear_func(path->steps, step_clear);
    for (guint i = 0; i < stack->depth; i++) {
        const PfFrame *frame = &stack->frames[i];
        g_autoptr(PfPlace) place =
            pf_symbolizer_find_return(self->symbolizer, frame->module, frame->address);
        add_step(self, path->steps, place);
        for (guint c = 0; place->callers != NULL && c < place->callers->len; c++) {
            add_step(self, path->steps, g_ptr_array_index(place->callers, c));
        }
    }
    g_ptr_array_add(self->paths, path);
}

static pf_step *step_at(const pf_path *path, guint index) {
    return &g_array_index(path->steps, pf_step, index);
}

// The first step from `from` on that is not a library's; the number of steps when there is none.
static guint skip_libraries(const pf_path *path, guint from) {
    while (from < path->steps->len && step_at(path, from)->is_library) {
        from++;
    }
    return from;
}

typedef struct {
    GHashTable *lines;   // of the function
    GHashTable *callers; // line -> weight (gdouble *)
    gdouble weight;
    gdouble most;
} shape;

static void shape_free(gpointer data) {
    shape *self = data;
    g_hash_table_unref(self->lines);
    g_hash_table_unref(self->callers);
    g_free(self);
}

static shape *shape_of(GHashTable *shapes, guint function) {
    shape *found = g_hash_table_lookup(shapes, GUINT_TO_POINTER(function));
    if (found == NULL) {
        found = g_new0(shape, 1);
        found->lines = g_hash_table_new(NULL, NULL);
        found->callers = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        g_hash_table_insert(shapes, GUINT_TO_POINTER(function), found);
    }
    return found;
}

static void add_to_shape(GHashTable *shapes, const pf_path *path, guint at) {
    const pf_step *step = step_at(path, at);
    guint above = skip_libraries(path, at + 1);
    shape *of = shape_of(shapes, step->function);
    gdouble weight = MAX(path->stack->weight, 1);
    g_hash_table_add(of->lines, GUINT_TO_POINTER(step->line));
    of->weight += weight;
    if (above == path->steps->len) {
        return; // nobody is seen to call it: the stack ends here
    }
    gpointer caller = GUINT_TO_POINTER(step_at(path, above)->line);
    gdouble *sum = g_hash_table_lookup(of->callers, caller);
    if (sum == NULL) {
        sum = g_new0(gdouble, 1);
        g_hash_table_insert(of->callers, caller, sum);
    }
    *sum += weight;
    of->most = MAX(of->most, *sum);
}

static gboolean is_wrapper(const shape *self) {
    guint callers = g_hash_table_size(self->callers);
    return callers >= LEAST_CALLERS &&
           callers >= CALLERS_PER_LINE * g_hash_table_size(self->lines) &&
           self->most <= MOST_OF_ONE * self->weight;
}

static gboolean is_logging_name(const gchar *name) {
    static const gchar *const words[] = {"log",   "print", "msg",    "message", "warn", "err",
                                         "debug", "trace", "notice", "info",    "emit", "say"};
    g_autofree gchar *lower = g_ascii_strdown(name, -1);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(lower, words[i]) != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

// How a path goes on from a step: the step above the wrapper that it is in or leads to; the step itself
// when there is none.
static guint above_wrapper(GHashTable *shapes, const pf_path *path, guint from,
                           guint *ret_wrapper) {
    guint at = from;
    for (guint hops = 0; hops < MOST_HOPS && at < path->steps->len; hops++) {
        const pf_step *step = step_at(path, at);
        guint above = skip_libraries(path, at + 1);
        const shape *of = g_hash_table_lookup(shapes, GUINT_TO_POINTER(step->function));
        if (step->function == 0 || of == NULL || above == path->steps->len) {
            return from;
        }
        if (is_wrapper(of)) {
            *ret_wrapper = at;
            return above;
        }
        if (!is_logging_name(step->place->function)) {
            return from;
        }
        at = above;
    }
    return from;
}

// The functions next to the charged steps, as far up as a wrapper is looked for.
static GHashTable *shapes_of(const pf_paths *self) {
    GHashTable *shapes = g_hash_table_new_full(NULL, NULL, NULL, shape_free);
    for (guint i = 0; i < self->paths->len; i++) {
        const pf_path *path = g_ptr_array_index(self->paths, i);
        guint at = path->real;
        for (guint hops = 0; hops < MOST_HOPS && at < path->steps->len; hops++) {
            if (step_at(path, at)->function != 0) {
                add_to_shape(shapes, path, at);
            }
            at = skip_libraries(path, at + 1);
        }
    }
    return shapes;
}

// One round: every path whose charged step is in a wrapper is charged to the caller.
static gboolean settle_once(pf_paths *self) {
    gboolean moved = FALSE;
    GHashTable *shapes = shapes_of(self);
    for (guint i = 0; i < self->paths->len; i++) {
        pf_path *path = g_ptr_array_index(self->paths, i);
        guint wrapper = 0;
        guint above = above_wrapper(shapes, path, path->real, &wrapper);
        if (above != path->real) {
            path->wrapper = (gint)wrapper;
            path->real = above;
            moved = TRUE;
        }
    }
    g_hash_table_unref(shapes);
    return moved;
}

void pf_paths_settle(pf_paths *self) {
    for (guint i = 0; i < self->paths->len; i++) {
        pf_path *path = g_ptr_array_index(self->paths, i);
        path->real = skip_libraries(path, 0);
    }
    for (guint round = 0; round < MOST_ROUNDS && settle_once(self); round++) {
    }
    for (guint i = 0; i < self->paths->len; i++) {
        pf_path *path = g_ptr_array_index(self->paths, i);
        if (path->real == path->steps->len) {
            path->real = 0; // libraries all the way: the site itself
        }
    }
}

gchar *pf_paths_key(const gchar *function, const PfModule *module, guint64 address) {
    return g_strdup_printf(
        "%s %s %s %" G_GINT64_MODIFIER "x", function, module != NULL ? module->build_id : "",
        module != NULL ? module->path : "", module != NULL ? address - module->bias : address);
}

gdouble pf_paths_time(const PfStack *stack) {
    return stack->taken != 0
               ? stack->weight * (gdouble)stack->total_duration_ns / (gdouble)stack->taken
               : 0;
}
