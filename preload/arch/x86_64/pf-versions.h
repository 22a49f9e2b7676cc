// SPDX-License-Identifier: Apache-2.0
// Under which version libc (or libsystemd) defines each row on x86_64, for entries and the export map.
//
// libc began with PF_VERSION_FLOOR here; what it got later is listed.  scripts/check-exports compares
// this with the libc at hand.

// (It takes the end of a version for a number.)
// clang-format off
#define PF_VERSION_FLOOR GLIBC_2.2.5

// The version of a row: what PF_SINCE_NAME brings with it, else the floor.
#define PF_SECOND(first, second, ...) second
#define PF_VERSION_OF(...) PF_SECOND(__VA_ARGS__)
#define PF_ROW_VERSION(name) PF_VERSION_OF(PF_SINCE_##name, PF_VERSION_FLOOR, )

// Every version that is named here, in the order of the export map.
#define PF_VERSIONS(X)                                                                             \
    X(GLIBC_2.2.5)                                                                                 \
    X(GLIBC_2.3)                                                                                   \
    X(GLIBC_2.3.4)                                                                                 \
    X(GLIBC_2.4)                                                                                   \
    X(GLIBC_2.5)                                                                                   \
    X(GLIBC_2.6)                                                                                   \
    X(GLIBC_2.8)                                                                                   \
    X(GLIBC_2.9)                                                                                   \
    X(GLIBC_2.10)                                                                                  \
    X(GLIBC_2.11)                                                                                  \
    X(GLIBC_2.14)                                                                                  \
    X(GLIBC_2.26)                                                                                  \
    X(GLIBC_2.27)                                                                                  \
    X(GLIBC_2.34)                                                                                  \
    X(LIBSYSTEMD_209)

#define PF_SINCE_sendfile64 , GLIBC_2.3
#define PF_SINCE___printf_chk , GLIBC_2.3.4
#define PF_SINCE___fprintf_chk , GLIBC_2.3.4
#define PF_SINCE___vprintf_chk , GLIBC_2.3.4
#define PF_SINCE___vfprintf_chk , GLIBC_2.3.4
#define PF_SINCE___wprintf_chk , GLIBC_2.4
#define PF_SINCE___fwprintf_chk , GLIBC_2.4
#define PF_SINCE___vwprintf_chk , GLIBC_2.4
#define PF_SINCE___vfwprintf_chk , GLIBC_2.4
#define PF_SINCE___syslog_chk , GLIBC_2.4
#define PF_SINCE___vsyslog_chk , GLIBC_2.4
#define PF_SINCE_splice , GLIBC_2.5
#define PF_SINCE_tee , GLIBC_2.5
#define PF_SINCE_vmsplice , GLIBC_2.5
#define PF_SINCE_sync_file_range , GLIBC_2.6
#define PF_SINCE___dprintf_chk , GLIBC_2.8
#define PF_SINCE___vdprintf_chk , GLIBC_2.8
#define PF_SINCE_dup3 , GLIBC_2.9
#define PF_SINCE_psiginfo , GLIBC_2.10
#define PF_SINCE_pwritev , GLIBC_2.10
#define PF_SINCE_pwritev64 , GLIBC_2.10
#define PF_SINCE_execvpe , GLIBC_2.11
#define PF_SINCE_sendmmsg , GLIBC_2.14
#define PF_SINCE_syncfs , GLIBC_2.14
#define PF_SINCE_pwritev2 , GLIBC_2.26
#define PF_SINCE_pwritev64v2 , GLIBC_2.26
#define PF_SINCE_copy_file_range , GLIBC_2.27
#define PF_SINCE__Fork , GLIBC_2.34
#define PF_SINCE_execveat , GLIBC_2.34
#define PF_SINCE_close_range , GLIBC_2.34
#define PF_SINCE_closefrom , GLIBC_2.34
// 32-bit libcs have these, this one has not: under a version that nobody asks for here.
#define PF_SINCE___sendmsg64 , GLIBC_2.34
#define PF_SINCE___sendmmsg64 , GLIBC_2.34
// In libraries of their own before.
#define PF_SINCE_dlclose , GLIBC_2.34
#define PF_SINCE_login_tty , GLIBC_2.34
#define PF_SINCE_dlsym , GLIBC_2.34
#define PF_ALSO_UNDER_FLOOR(X) X(dlclose) X(login_tty) X(dlsym)

#define PF_SINCE_sd_journal_print , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_print_with_location , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_printv , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_printv_with_location , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_sendv , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_sendv_with_location , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_perror , LIBSYSTEMD_209
#define PF_SINCE_sd_journal_perror_with_location , LIBSYSTEMD_209

// GLib's names have no version, so these stand under a plain name, as they do in GLib.
#define PF_SINCE_g_log , PLAIN
#define PF_SINCE_g_logv , PLAIN
#define PF_SINCE_g_log_structured_array , PLAIN
#define PF_SINCE_g_log_structured_standard , PLAIN
#define PF_SINCE_g_log_variant , PLAIN
#define PF_SINCE_g_return_if_fail_warning , PLAIN
#define PF_SINCE_g_warn_message , PLAIN
#define PF_SINCE_g_assertion_message_expr , PLAIN
#define PF_SINCE_g_print , PLAIN
#define PF_SINCE_g_printerr , PLAIN
