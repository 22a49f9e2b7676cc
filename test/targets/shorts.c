// SPDX-License-Identifier: Apache-2.0
// shorts MODE [end]: TURNS short writes, and what comes after each.  Kills itself, so that its segment
// stays; with `end` it ends.
//
// A record has 5,000 bytes and a pipe has room for 4,096, so that 904 are left each time.  Each line of
// each record is another.  The modes are in the table at the end.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURNS 10
#define ROOM 4096
#define SIZE 5000

static int pipe_[2];
static int other[2];
static _Alignas(4096) char page[4096 + SIZE];
static char *record = page + 100; // what is left does not begin a page

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

static void open_pipe(int *fd) {
    must(pipe2(fd, O_NONBLOCK) == 0 && fcntl(fd[1], F_SETPIPE_SZ, ROOM) == ROOM);
}

static void drain(int fd) {
    static char sink[2 * SIZE];
    while (read(fd, sink, sizeof sink) > 0) {
    }
}

static void fill(void) {
    static int turn;
    char line[24];
    turn++;
    for (size_t at = 0; at < SIZE; at += 20) {
        snprintf(line, sizeof line, "%9d of %6zu\n", turn, at);
        memcpy(record + at, line, 20);
    }
}

// The record's first part, at room for no more.
static void cut(void) {
    fill();
    must(write(pipe_[1], record, SIZE) == ROOM);
}

static void left_out(void) { cut(); }

static void in_a_loop(void) {
    cut();
    drain(pipe_[0]);
    must(write(pipe_[1], record + ROOM, SIZE - ROOM) == SIZE - ROOM);
}

static void from_a_copy(void) {
    cut();
    drain(pipe_[0]);
    char *copy = malloc(SIZE);
    memcpy(copy, record + ROOM, SIZE - ROOM);
    must(write(pipe_[1], copy, SIZE - ROOM) == SIZE - ROOM);
    free(copy);
}

static void tried_too_early(void) {
    cut();
    for (int i = 0; i < 3; i++) {
        must(write(pipe_[1], record + ROOM, SIZE - ROOM) == -1 && errno == EAGAIN);
    }
    drain(pipe_[0]);
    must(write(pipe_[1], record + ROOM, SIZE - ROOM) == SIZE - ROOM);
}

static void bit_by_bit(void) {
    cut();
    drain(pipe_[0]);
    for (int at = ROOM; at < SIZE; at += 4) {
        must(write(pipe_[1], record + at, 4) == 4);
    }
}

static void after_another_stream(void) {
    cut();
    drain(pipe_[0]);
    must(write(other[1], "something else\n", 15) == 15);
    drain(other[0]);
    must(write(pipe_[1], record + ROOM, SIZE - ROOM) == SIZE - ROOM);
}

static void by_a_vector(void) {
    cut();
    drain(pipe_[0]);
    must(writev(pipe_[1], &(struct iovec){record + ROOM, SIZE - ROOM}, 1) == SIZE - ROOM);
}

static void by_a_format(void) {
    cut();
    drain(pipe_[0]);
    must(dprintf(pipe_[1], "%.*s", SIZE - ROOM, record + ROOM) == SIZE - ROOM);
}

static void too_late(void) {
    cut();
    for (int i = 0; i < 300; i++) {
        must(write(other[1], "something else\n", 15) == 15);
        drain(other[0]);
    }
}

static void at_a_page(void) {
    record = page; // and ROOM is a page
    cut();
}

static void on_two_streams(void) {
    cut();
    fill();
    must(write(other[1], record, SIZE) == ROOM); // of the first nothing is known any more
    drain(other[0]);
    must(write(other[1], record + ROOM, SIZE - ROOM) == SIZE - ROOM);
    drain(other[0]);
}

static void by_a_child(void) {
    cut();
    pid_t child = fork();
    if (child == 0) {
        drain(pipe_[0]);
        must(write(pipe_[1], record + ROOM, SIZE - ROOM) == SIZE - ROOM);
        _exit(0);
    }
    must(child > 0 && waitpid(child, NULL, 0) == child);
}

static void *write_rest(void *arg) {
    drain(pipe_[0]);
    must(write(pipe_[1], record + ROOM, SIZE - ROOM) == SIZE - ROOM);
    return arg;
}

static void by_a_thread(void) {
    pthread_t thread;
    cut();
    must(pthread_create(&thread, NULL, write_rest, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

static void send_on(void) {
    int fd[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0 && fcntl(fd[1], F_SETFL, O_NONBLOCK) == 0 &&
         fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0);
    size_t size = 1 << 20;
    char *big = malloc(size);
    for (size_t i = 0; i < size; i++) {
        big[i] = (char)(i * 2654435761u >> 24);
    }
    size_t done = 0;
    while (done < size) {
        ssize_t sent = send(fd[1], big + done, size - done, MSG_NOSIGNAL);
        must(sent > 0);
        done += (size_t)sent;
        if (done < size) {
            drain(fd[0]);
        }
    }
    free(big);
    close(fd[0]);
    close(fd[1]);
}

// These fail; the size of the second is the result of a failure (which to a kernel of 64 bits is no size,
// but of 32 it is).
static void that_fail(void) {
    must(write(pipe_[1], (void *)(uintptr_t)8, 100) == -1 && errno == EFAULT);
    must(sizeof(size_t) < 8 ||
         write(pipe_[1], record, SIZE_MAX) == -1 && (errno == EFAULT || errno == EINVAL));
}

static void *in_thread(void *turn) {
    ((void (*)(void))(uintptr_t)turn)();
    return NULL;
}

// The slot is handed on to the next thread; what was left is not.
static void by_the_next_thread(void) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, in_thread, (void *)(uintptr_t)cut) == 0);
    pthread_join(thread, NULL);
    drain(pipe_[0]);
}

static const struct {
    const char *name;
    void (*turn)(void);
} modes[] = {
    {"left-out", left_out},
    {"in-a-loop", in_a_loop},
    {"from-a-copy", from_a_copy},
    {"tried-too-early", tried_too_early},
    {"bit-by-bit", bit_by_bit},
    {"after-another-stream", after_another_stream},
    {"by-a-vector", by_a_vector},
    {"by-a-format", by_a_format},
    {"too-late", too_late},
    {"at-a-page", at_a_page},
    {"on-two-streams", on_two_streams},
    {"by-a-child", by_a_child},
    {"by-a-thread", by_a_thread},
    {"send-on", send_on},
    {"that-fail", that_fail},
    {"by-the-next-thread", by_the_next_thread},
};

int main(int argc, char **argv) {
    open_pipe(pipe_);
    open_pipe(other);
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++) {
        for (int turn = 0; turn < TURNS && strcmp(modes[i].name, argv[1]) == 0; turn++) {
            modes[i].turn();
            drain(pipe_[0]);
        }
    }
    return argc > 2 ? 0 : kill(getpid(), SIGKILL);
}
