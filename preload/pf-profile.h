// SPDX-License-Identifier: Apache-2.0
// Profiles functions and scopes of a program: header only, for C (gnu99 on) and C++, nothing to link.
//
//     #include <pf-profile.h>
//     void checkout(struct order *order) {
//         PF_PROFILE_FUNCTION();
//         ...
//     }
//
// Run as it is, a scope costs a load and a test.  Run under LD_PRELOAD=libpfprof.so, scopes are counted
// exactly and timed by sample like output calls, and each timed output call is charged to the scopes
// that it happens in.  docs/profiling-functions.md has the rest; what to know before use:
//
// - These are statements that declare a variable: put them in a block, not after `if (...)`.
// - A scope ends where its block does: return, break, goto, a C++ exception.  longjmp ends it untimed.
//   pthread_exit and exceptions through C code run it only where that is compiled with -fexceptions.
// - Texts (names, classes) are not copied: they live as long as the program, or the module, does.
#ifndef PF_PROFILE_H
#define PF_PROFILE_H
#include <stddef.h>
#include <stdint.h>
#if defined(__cplusplus) && defined(__GXX_RTTI)
#include <typeinfo>
#endif

#ifdef __cplusplus
extern "C" {
#endif

// How a place is grouped and shown.
enum {
    PF_PROFILE_KIND_FUNCTION,
    PF_PROFILE_KIND_SCOPE,
    PF_PROFILE_KIND_TYPE,   // one row for each type of object
    PF_PROFILE_KIND_OBJECT, // one row for each object
    PF_PROFILE_KIND_SPAN,
    PF_PROFILE_KIND_COUNT
};

// Where a scope stands in the sources; constant.
struct pf_profile_place {
    const char *name;     // "" for the function's
    const char *function; //
    const char *file;
    const char *const *klass; // of PF_PROFILE_CLASS(), or ""
    uint32_t line;
    uint32_t kind;
};

// A scope that has begun, in the frame of its function.  The library's, but for `stack`.
struct pf_profile_scope {
    void *stack; // NULL: nobody measures
    uint64_t start_ns;
    uint32_t index;
    uint32_t detail;
    uint32_t flags;
    uint32_t reserved;
    double period;
};

// A span that has begun, in the program's memory; all zeroes is one that has not.
struct pf_profile_span {
    const struct pf_profile_place *place; // NULL: none
    uint64_t start_ns;
    double period;
    uint32_t pid;
    uint32_t certain;
};

// What PF_PROFILE_CONTEXT() replaced.
#define PF_PROFILE_CONTEXT_SIZE 48
struct pf_profile_context {
    uint32_t used;
    char user_id[PF_PROFILE_CONTEXT_SIZE];
    char request_id[PF_PROFILE_CONTEXT_SIZE];
    char operation[PF_PROFILE_CONTEXT_SIZE];
};

// The library's side; never there unless preloaded, so call them by the macros below.
// Under a name that no program has for something of its own.
#define PF_PROFILE_SYMBOL(name) __asm__("__" #name)
typedef const char *pf_profile_name_of(const void *group);
void pf_profile_enter(struct pf_profile_scope *scope, const struct pf_profile_place *place,
                      const void *group, pf_profile_name_of *name_of)
    PF_PROFILE_SYMBOL(pf_profile_enter);
void pf_profile_leave(struct pf_profile_scope *scope) PF_PROFILE_SYMBOL(pf_profile_leave);
void pf_profile_begin(struct pf_profile_span *span, const struct pf_profile_place *place)
    PF_PROFILE_SYMBOL(pf_profile_begin);
void pf_profile_end(struct pf_profile_span *span) PF_PROFILE_SYMBOL(pf_profile_end);
void pf_profile_set_context(struct pf_profile_context *saved, const char *user_id,
                            const char *request_id, const char *operation)
    PF_PROFILE_SYMBOL(pf_profile_set_context);
void pf_profile_restore_context(struct pf_profile_context *saved)
    PF_PROFILE_SYMBOL(pf_profile_restore_context);

#ifndef PF_PROFILE_LIBRARY

#define PF_PROFILE_INLINE                                                                          \
    static inline __attribute__((always_inline, unused, no_instrument_function))

// The address of a function that may not be there.  Through the table of addresses, whatever code the
// compiler makes: a program that is linked at a fixed address would else have "not there" built in.
#if defined(__x86_64__)
#define PF_PROFILE_FIND(name, ret)                                                                 \
    __asm__(".weak __" #name "\n\tmov __" #name "@GOTPCREL(%%rip), %0" : "=r"(ret))
#elif defined(__aarch64__)
#define PF_PROFILE_FIND(name, ret)                                                                 \
    __asm__(".weak __" #name "\n\tadrp %0, :got:__" #name "\n\tldr %0, [%0, :got_lo12:__" #name    \
            "]"                                                                                    \
            : "=r"(ret))
#else
extern __typeof__(pf_profile_enter) pf_profile_enter __attribute__((weak));
extern __typeof__(pf_profile_leave) pf_profile_leave __attribute__((weak));
extern __typeof__(pf_profile_begin) pf_profile_begin __attribute__((weak));
extern __typeof__(pf_profile_end) pf_profile_end __attribute__((weak));
extern __typeof__(pf_profile_set_context) pf_profile_set_context __attribute__((weak));
extern __typeof__(pf_profile_restore_context) pf_profile_restore_context __attribute__((weak));
#define PF_PROFILE_FIND(name, ret) ((ret) = &(name))
#endif

PF_PROFILE_INLINE void pf_profile_entered(struct pf_profile_scope *scope,
                                          const struct pf_profile_place *place, const void *group,
                                          pf_profile_name_of *name_of) {
    __typeof__(&pf_profile_enter) enter;
    PF_PROFILE_FIND(pf_profile_enter, enter);
    scope->stack = NULL;
    if (__builtin_expect(enter != NULL, 0)) {
        enter(scope, place, group, name_of);
    }
}

PF_PROFILE_INLINE void pf_profile_left(struct pf_profile_scope *scope) {
    if (__builtin_expect(scope->stack != NULL, 0)) {
        __typeof__(&pf_profile_leave) leave;
        PF_PROFILE_FIND(pf_profile_leave, leave);
        leave(scope);
    }
}

PF_PROFILE_INLINE void pf_profile_begun(struct pf_profile_span *span,
                                        const struct pf_profile_place *place) {
    __typeof__(&pf_profile_begin) begin;
    PF_PROFILE_FIND(pf_profile_begin, begin);
    span->place = NULL;
    if (__builtin_expect(begin != NULL, 0)) {
        begin(span, place);
    }
}

PF_PROFILE_INLINE void pf_profile_ended(struct pf_profile_span *span) {
    if (__builtin_expect(span->place != NULL, 0)) {
        __typeof__(&pf_profile_end) end;
        PF_PROFILE_FIND(pf_profile_end, end);
        end(span);
    }
}

PF_PROFILE_INLINE void pf_profile_context_set(struct pf_profile_context *saved, const char *user_id,
                                              const char *request_id, const char *operation) {
    __typeof__(&pf_profile_set_context) set;
    PF_PROFILE_FIND(pf_profile_set_context, set);
    saved->used = 0;
    if (__builtin_expect(set != NULL, 0)) {
        set(saved, user_id, request_id, operation);
    }
}

PF_PROFILE_INLINE void pf_profile_context_left(struct pf_profile_context *saved) {
    if (__builtin_expect(saved->used != 0, 0)) {
        __typeof__(&pf_profile_restore_context) restore;
        PF_PROFILE_FIND(pf_profile_restore_context, restore);
        restore(saved);
    }
}

// In C a tentative definition, which that of PF_PROFILE_CLASS() completes; in C++ that one hides it.
#ifdef __cplusplus
static const char *const pf_profile_class __attribute__((unused)) = "";
#else
static const char *const pf_profile_class __attribute__((unused));
#endif

#define PF_PROFILE_GLUE_(a, b) a##b
#define PF_PROFILE_GLUE(a, b) PF_PROFILE_GLUE_(a, b)
#define PF_PROFILE_NAMED(a) PF_PROFILE_GLUE(a, __LINE__)

#define PF_PROFILE_PLACE(name, kind)                                                               \
    static const struct pf_profile_place PF_PROFILE_NAMED(pf_profile_place_) = {                   \
        name, __func__, __FILE__, &pf_profile_class, __LINE__, kind}
#define PF_PROFILE_OPEN(name, kind, group, name_of)                                                \
    PF_PROFILE_PLACE(name, kind);                                                                  \
    struct pf_profile_scope PF_PROFILE_NAMED(pf_profile_scope_)                                    \
        __attribute__((cleanup(pf_profile_left)));                                                 \
    pf_profile_entered(&PF_PROFILE_NAMED(pf_profile_scope_), &PF_PROFILE_NAMED(pf_profile_place_), \
                       group, name_of)

// The rest of the function; the rest of a block, by a name.
#define PF_PROFILE_FUNCTION() PF_PROFILE_OPEN("", PF_PROFILE_KIND_FUNCTION, NULL, NULL)
#define PF_PROFILE_SCOPE(name) PF_PROFILE_OPEN(name, PF_PROFILE_KIND_SCOPE, NULL, NULL)

// What the scopes of this C file, or of the C++17 class in whose body it stands, belong to.
#ifdef __cplusplus
#define PF_PROFILE_CLASS(name) static constexpr const char *pf_profile_class = name
#else
#define PF_PROFILE_CLASS(name)                                                                     \
    static const char *const pf_profile_class __attribute__((unused)) = name
#endif

// A method: by the type that `self` has at run time (C++ with RTTI), else by class and function.
#if defined(__cplusplus) && defined(__GXX_RTTI)
PF_PROFILE_INLINE const char *pf_profile_type_name(const void *group) {
    return static_cast<const std::type_info *>(group)->name();
}
#define PF_PROFILE_METHOD(self)                                                                    \
    PF_PROFILE_OPEN("", PF_PROFILE_KIND_TYPE, &typeid(*(self)), pf_profile_type_name)
#else
#define PF_PROFILE_METHOD(self)                                                                    \
    (void)(self);                                                                                  \
    PF_PROFILE_OPEN("", PF_PROFILE_KIND_TYPE, NULL, NULL)
#endif
// A method of a GObject class, by the type that `self` has at run time; needs <glib-object.h>.
#define PF_PROFILE_GOBJECT(self)                                                                   \
    PF_PROFILE_OPEN("", PF_PROFILE_KIND_TYPE, ((GTypeInstance *)(self))->g_class,                  \
                    (pf_profile_name_of *)(void (*)(void))g_type_name_from_class)
// A method, for each object on its own.
#define PF_PROFILE_OBJECT(self) PF_PROFILE_OPEN("", PF_PROFILE_KIND_OBJECT, self, NULL)

// A span: begins here, ends anywhere, also on another thread.
#define PF_PROFILE_ASYNC_BEGIN(span, name)                                                         \
    do {                                                                                           \
        PF_PROFILE_PLACE(name, PF_PROFILE_KIND_SPAN);                                              \
        pf_profile_begun(span, &PF_PROFILE_NAMED(pf_profile_place_));                              \
    } while (0)
#define PF_PROFILE_ASYNC_END(span) pf_profile_ended(span)

// Who this is done for, until the block ends; NULL leaves what was set before.
#define PF_PROFILE_CONTEXT(user_id, request_id, operation)                                         \
    struct pf_profile_context PF_PROFILE_NAMED(pf_profile_context_)                                \
        __attribute__((cleanup(pf_profile_context_left)));                                         \
    pf_profile_context_set(&PF_PROFILE_NAMED(pf_profile_context_), user_id, request_id, operation)

#endif // PF_PROFILE_LIBRARY
#ifdef __cplusplus
} // extern "C"
#endif

#endif // PF_PROFILE_H
