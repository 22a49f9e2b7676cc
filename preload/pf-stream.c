// SPDX-License-Identifier: Apache-2.0
// Finds the stream behind a descriptor.
//
// Two descriptors with the same device and inode, or two files of one path, are one stream, so dup and
// fdopen need no hook, and a journal that is made anew a thousand times is one stream;
// close, dup2 and their kin forget what the descriptor led to (pf-descriptors.c), and its next use
// looks again.  A server opens more sockets than there are numbers: past each kind's share, all
// further ones of that kind are one stream.
#include "pf-stream.h"
#include "pf-clock.h"
#include "pf-print.h"
#include "pf-process.h"
#include "pf-real.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define MOST_FILES 120u
#define MOST_OTHERS 56u // of each other kind

uint8_t pf_stream_of_fd[PF_FD_MOST];
static unsigned highest; // descriptor ever entered

struct identity {
    uint64_t device;
    uint64_t inode;
    enum pf_kind kind;
};

static bool identify(int fd, struct identity *ret) {
    struct pf_file file;
    if (pf_process.shut || pf_sys_identify(fd, &file) < 0) {
        return false;
    }
    *ret = (struct identity){file.device, file.inode, PF_KIND_UNKNOWN};
    switch (file.mode & S_IFMT) {
    case S_IFREG: ret->kind = PF_KIND_FILE; break;
    case S_IFIFO: ret->kind = PF_KIND_PIPE; break;
    case S_IFSOCK: ret->kind = PF_KIND_SOCKET; break;
    case S_IFCHR: {
        unsigned major = file.device_major;
        bool tty = major == 4 || major == 5 || (major >= 136 && major <= 143);
        ret->kind = tty ? PF_KIND_TTY : PF_KIND_DEVICE;
        break;
    }
    default: break;
    }
    return true;
}

static __attribute__((noinline)) void put_path(struct pf_out *out, int fd) {
    char link[40];
    struct pf_out path = {.text = link, .size = sizeof link - 1};
    pf_out(&path, "/proc/self/fd/");
    pf_out_uint(&path, (uint64_t)fd);
    link[path.used] = 0;
    char target[256];
    long size =
        pf_sys(SYS_readlinkat, AT_FDCWD, (long)link, (long)target, (long)sizeof target, 0, 0);
    if (size > 0) {
        pf_out_bytes(out, target, (size_t)size);
    }
}

static void put_address(struct pf_out *out, const struct sockaddr_storage *address, size_t size) {
    if (address->ss_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const void *)address;
        const unsigned char *byte = (const void *)&in->sin_addr;
        for (unsigned i = 0; i < 4; i++) {
            pf_out(out, i ? "." : "");
            pf_out_uint(out, byte[i]);
        }
        pf_out(out, ":");
        pf_out_uint(out, (uint64_t)(in->sin_port >> 8 | (in->sin_port & 0xff) << 8));
    } else if (address->ss_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *in = (const void *)address;
        pf_out(out, "[");
        for (unsigned i = 0; i < 16; i += 2) {
            unsigned group = (unsigned)in->sin6_addr.s6_addr[i] << 8 | in->sin6_addr.s6_addr[i + 1];
            char digits[8];
            struct pf_out hex = {.text = digits, .size = sizeof digits};
            pf_out_hex(&hex, group);
            pf_out(out, i ? ":" : "");
            pf_out_bytes(out, digits + 2, hex.used - 2);
        }
        pf_out(out, "]:");
        pf_out_uint(out, (uint64_t)(in->sin6_port >> 8 | (in->sin6_port & 0xff) << 8));
    } else if (address->ss_family == AF_UNIX && size > sizeof address->ss_family) {
        const char *path = ((const struct sockaddr_un *)address)->sun_path;
        size_t most = size - sizeof address->ss_family;
        pf_out(out, *path ? "" : "@");
        path += *path == 0;
        pf_out_bytes(out, path, pf_length_most(path, most - (*path == 0)));
    }
}

// Local and remote address, "a > b".  The byte order of ports is taken for little endian.
static __attribute__((noinline)) void put_socket(struct pf_out *out, int fd) {
    static const long calls[2] = {SYS_getsockname, SYS_getpeername};
    int type = 0;
    socklen_t type_size = sizeof type;
    pf_sys(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (long)&type, (long)&type_size, 0);
    size_t from = out->used;
    for (unsigned i = 0; i < 2; i++) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        if (pf_sys(calls[i], fd, (long)&address, (long)&size, 0, 0, 0) < 0) {
            continue;
        }
        if (i == 0) {
            pf_out(out, address.ss_family == AF_UNIX      ? "unix "
                        : address.ss_family == AF_NETLINK ? "netlink "
                        : type == SOCK_DGRAM              ? "udp "
                                                          : "tcp ");
        }
        size_t before = out->used;
        pf_out(out, i ? "> " : "");
        put_address(out, &address, size < sizeof address ? size : sizeof address);
        if (out->used == before + 2 && i) {
            out->used = before; // nothing to say about the other end
        } else if (out->used > before) {
            pf_out(out, i ? "" : " ");
        }
    }
    while (out->used > from && out->text[out->used - 1] == ' ') {
        out->used--;
    }
    if (out->used == from) {
        put_path(out, fd);
    }
}

// What the search looks at: a line of these is worth many records.  Of this process; what the segment
// says is the truth, so a value that is out of date costs a search and no more.
static uint64_t inode_of[PF_STREAM_COUNT];
static uint32_t hash_of[PF_STREAM_COUNT];
static bool full[PF_KIND_COUNT]; // no number is left for this kind

static uint32_t hash(const struct pf_out *name) {
    uint64_t hash = name->used;
    for (size_t i = 0; i < name->used; i++) {
        hash = (hash ^ (unsigned char)name->text[i]) * PF_KEY_MULTIPLIER;
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

static __attribute__((noinline)) uint32_t make(const struct identity *identity, unsigned id, int fd,
                                               const struct pf_out *name) {
    struct pf_stream *stream = pf_segment_take(sizeof *stream + name->used, PF_UNIT);
    if (stream == NULL) {
        return 0;
    }
    stream->device = identity->device;
    stream->inode = identity->inode;
    stream->first_ns = pf_now();
    stream->kind = identity->kind;
    stream->id = id;
    stream->opens = 1;
    stream->fd = fd;
    stream->name_size = (uint32_t)name->used;
    for (size_t i = 0; i < name->used; i++) {
        stream->name[i] = name->text[i];
    }
    return (uint32_t)pf_units(pf_process.segment, stream);
}

static struct pf_stream *stream_of(unsigned id) {
    struct pf_segment *segment = pf_process.segment;
    return pf_at(segment, __atomic_load_n(&segment->stream[id], __ATOMIC_ACQUIRE));
}

// By device and inode: a descriptor that was duplicated, a file that was opened again.
static unsigned find_inode(const struct identity *identity) {
    for (unsigned id = PF_STREAM_FIRST; id < PF_STREAM_MANY; id++) {
        if (__atomic_load_n(&inode_of[id], __ATOMIC_RELAXED) == identity->inode) {
            struct pf_stream *stream = stream_of(id);
            if (stream != NULL &&
                __atomic_load_n(&stream->inode, __ATOMIC_RELAXED) == identity->inode &&
                __atomic_load_n(&stream->device, __ATOMIC_RELAXED) == identity->device &&
                stream->kind == identity->kind) {
                __atomic_fetch_add(&stream->opens, 1, __ATOMIC_RELAXED);
                return id;
            }
        }
    }
    return PF_STREAM_UNKNOWN;
}

// By path: a file that was made anew, such as a journal or a log that was rotated.
static unsigned find_path(const struct identity *identity, const struct pf_out *name) {
    uint32_t wanted = hash(name);
    for (unsigned id = PF_STREAM_FIRST; id < PF_STREAM_MANY; id++) {
        bool likely = __atomic_load_n(&hash_of[id], __ATOMIC_RELAXED) == wanted;
        struct pf_stream *stream = likely ? stream_of(id) : NULL;
        if (stream == NULL || stream->kind != PF_KIND_FILE || stream->name_size != name->used) {
            continue;
        }
        size_t same = 0;
        while (same < name->used && stream->name[same] == name->text[same]) {
            same++;
        }
        if (same == name->used) {
            __atomic_store_n(&stream->device, identity->device, __ATOMIC_RELAXED);
            __atomic_store_n(&stream->inode, identity->inode, __ATOMIC_RELAXED);
            __atomic_store_n(&inode_of[id], identity->inode, __ATOMIC_RELAXED);
            __atomic_fetch_add(&stream->opens, 1, __ATOMIC_RELAXED);
            return id;
        }
    }
    return PF_STREAM_UNKNOWN;
}

// A number of its own.  Numbers are given out in order and by compare-and-swap; two threads that meet
// the same new stream at once may end up with two, which differ in nothing.
static unsigned add(const struct identity *identity, int fd, const struct pf_out *name) {
    struct pf_segment *segment = pf_process.segment;
    unsigned of_kind = 0;
    unsigned most = identity->kind == PF_KIND_FILE ? MOST_FILES : MOST_OTHERS;
    uint32_t made = 0;
    for (unsigned id = PF_STREAM_FIRST; id < PF_STREAM_MANY; id++) {
        struct pf_stream *stream = stream_of(id);
        if (stream != NULL) {
            of_kind += stream->kind == identity->kind;
            continue;
        }
        __atomic_store_n(&full[identity->kind], of_kind >= most, __ATOMIC_RELAXED);
        if (of_kind >= most || (made == 0 && (made = make(identity, id, fd, name)) == 0)) {
            break;
        }
        ((struct pf_stream *)pf_at(segment, made))->id = id;
        uint32_t none = 0;
        if (__atomic_compare_exchange_n(&segment->stream[id], &none, made, false, __ATOMIC_RELEASE,
                                        __ATOMIC_ACQUIRE)) {
            __atomic_store_n(&inode_of[id], identity->inode, __ATOMIC_RELAXED);
            __atomic_store_n(&hash_of[id], hash(name), __ATOMIC_RELAXED);
            return id;
        }
        of_kind += stream_of(id)->kind == identity->kind;
    }
    return PF_STREAM_MANY + identity->kind;
}

static unsigned find(const struct identity *identity, int fd) {
    unsigned id = find_inode(identity);
    if (id != PF_STREAM_UNKNOWN) {
        return id;
    }
    if (__atomic_load_n(&full[identity->kind], __ATOMIC_RELAXED) &&
        identity->kind != PF_KIND_FILE) {
        return PF_STREAM_MANY + identity->kind; // nobody will ask for its name
    }
    char text[256];
    struct pf_out name = {.text = text, .size = sizeof text};
    if (identity->kind == PF_KIND_SOCKET) {
        put_socket(&name, fd);
    } else {
        put_path(&name, fd);
    }
    if (identity->kind == PF_KIND_FILE && name.used != 0) {
        id = find_path(identity, &name);
    }
    return id != PF_STREAM_UNKNOWN ? id : add(identity, fd, &name);
}

unsigned pf_stream_find(int fd) {
    if (fd < 0) {
        return PF_STREAM_NONE;
    }
    struct identity identity = {.kind = PF_KIND_UNKNOWN};
    unsigned id = identify(fd, &identity) ? find(&identity, fd) : PF_STREAM_MANY;
    if ((unsigned)fd < PF_FD_MOST) {
        __atomic_store_n(&pf_stream_of_fd[fd], (uint8_t)id, __ATOMIC_RELAXED);
        if ((unsigned)fd > __atomic_load_n(&highest, __ATOMIC_RELAXED)) {
            __atomic_store_n(&highest, (unsigned)fd, __ATOMIC_RELAXED);
        }
    }
    return id;
}

enum pf_kind pf_stream_kind(unsigned stream) {
    if (stream >= PF_STREAM_MANY) {
        return stream - PF_STREAM_MANY < PF_KIND_COUNT ? stream - PF_STREAM_MANY : PF_KIND_UNKNOWN;
    }
    const struct pf_segment *segment = pf_process.segment;
    uint32_t at = stream >= PF_STREAM_FIRST && segment != NULL
                      ? __atomic_load_n(&segment->stream[stream], __ATOMIC_ACQUIRE)
                      : 0;
    return at != 0 ? ((struct pf_stream *)pf_at(pf_process.segment, at))->kind : PF_KIND_UNKNOWN;
}

void pf_stream_forget(unsigned first, unsigned last) {
    unsigned end = __atomic_load_n(&highest, __ATOMIC_RELAXED);
    for (unsigned fd = first; fd <= last && fd <= end; fd++) {
        if (__atomic_load_n(&pf_stream_of_fd[fd], __ATOMIC_RELAXED) != PF_STREAM_UNKNOWN) {
            __atomic_store_n(&pf_stream_of_fd[fd], PF_STREAM_UNKNOWN, __ATOMIC_RELAXED);
        }
    }
}

void pf_stream_begin(void) {
    pf_stream_forget(0, PF_FD_MOST);
    for (unsigned kind = 0; kind < PF_KIND_COUNT; kind++) {
        __atomic_store_n(&full[kind], false, __ATOMIC_RELAXED);
    }
}
