// SPDX-License-Identifier: Apache-2.0
// odd nested: handlers three deep inside a printf.  odd stdout: the program puts another stream there.
// needs: gnu/libc-version.h
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void third(int number) { dprintf(1, "third %d\n", number == SIGALRM); }

static void second(int number) {
    (void)!write(1, "second\n", 7);
    raise(SIGALRM);
    dprintf(1, "second %d\n", number == SIGUSR2);
}

static void first(int number) {
    (void)!write(1, "first\n", 6);
    raise(SIGUSR2);
    dprintf(1, "first %d\n", number == SIGUSR1);
}

// The stream's own write: the outer call is in the middle of itself, with its lock held.
static ssize_t interrupted_write(void *unused, const char *text, size_t size) {
    (void)unused;
    raise(SIGUSR1);
    return write(1, text, size);
}

static void nested(void) {
    signal(SIGUSR1, first);
    signal(SIGUSR2, second);
    signal(SIGALRM, third);
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = interrupted_write});
    setvbuf(stream, NULL, _IONBF, 0);
    for (int i = 0; i < 200; i++) {
        fprintf(stream, "main %d\n", i);
    }
    fclose(stream);
}

static void other_stdout(void) {
    FILE *real = stdout;
    char *text = NULL;
    size_t size = 0;
    puts("to the first");
    stdout = open_memstream(&text, &size);
    printf("to the second %d\n", 2);
    puts("this too");
    putchar('x');
    fclose(stdout);
    stdout = stderr;
    printf("to the third\n");
    stdout = real;
    printf("%zu bytes: %s\n", size, text);
    fflush(NULL);
    fclose(stdin);
    printf("the end\n");
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "nested") == 0) {
        nested();
    } else {
        other_stdout();
    }
    return 0;
}
