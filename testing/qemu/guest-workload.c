/*
 * The only program of a benchmark's guest: accesses memory as a server, a database, a compiler or a heap
 * does. Linux passes settings on the kernel's command line to the first program as its environment:
 *
 *     work=W     idle | store | database | compiler | heap | words
 *     mib=N      MiB of memory that it uses
 *     rate=N     operations per second
 *
 * Prints "checker COUNT 0" ten times per second, in the format of guest-checker.c; it checks nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, RECORD = 1024, ROW = 128, OBJECT = 64 };

static uint8_t *memory;
static uint64_t bytes;
static uint64_t state = 1;

static uint64_t next(void) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t x = state;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static const char *const WORDS[] = {"\"name\":",  "\"street\":", "\"state\":\"paid\",", "\"state\":\"open\",",
                                    "\"cents\":", "order",       "customer",            "harbour",
                                    "quay",       "lane ",       "2026-11-",            "\"items\":[",
                                    "],",         "null,",       "true,",               "{\"id\":"};

/* Write a record: words from a small vocabulary, and numbers that do not repeat. */
static void text(uint8_t *at, uint64_t capacity) {
    uint64_t used = 0;
    while (used + 32 < capacity) {
        uint64_t r = next();
        const char *word = WORDS[r % 16];
        size_t length = strlen(word);
        memcpy(at + used, word, length);
        used += length;
        if (r % 5 == 0) used += (uint64_t)sprintf((char *)at + used, "%llu,", (unsigned long long)(r >> 40));
    }
    memset(at + used, ' ', capacity - used);
}

/* Write a heap object: a header, two pointers into the heap, a number, padding. */
static void object(uint64_t *at) {
    at[0] = 0x0000000100000000u | (next() % 40) << 8;
    at[1] = 0x7f3a00000000u + next() % bytes / 16 * 16;
    at[2] = next() % 3 ? 0x7f3a00000000u + next() % bytes / 16 * 16 : 0;
    at[3] = next() % 1000;
    memset(at + 4, 0, OBJECT - 32);
}

static void fill(const char *work) {
    if (strcmp(work, "heap") == 0)
        for (uint64_t at = 0; at + OBJECT <= bytes; at += OBJECT) object((uint64_t *)(memory + at));
    else if (strcmp(work, "words") == 0)
        for (uint64_t at = 0; at < bytes; at += 8) *(uint64_t *)(memory + at) = at % 64 == 0 ? next() : at >> 12;
    else
        for (uint64_t at = 0; at + RECORD <= bytes; at += RECORD) {
            if (at % (16 * RECORD) == 0) object((uint64_t *)(memory + at));
            else text(memory + at, RECORD);
        }
}

/* Run operation number `n` of the workload. */
static void operate(const char *work, uint64_t n) {
    uint64_t hot = next() % 10 < 8 ? bytes / 16 : bytes;
    if (strcmp(work, "store") == 0) text(memory + next() % (hot / RECORD) * RECORD, RECORD);
    else if (strcmp(work, "database") == 0) {
        for (int row = 0; row < 3; row++) {
            uint64_t *at = (uint64_t *)(memory + next() % (hot / ROW) * ROW);
            at[3] = n;
            at[4] += 7;
        }
        text(memory + bytes - bytes / 8 + n % (bytes / 8 / ROW) * ROW, ROW);
    } else if (strcmp(work, "compiler") == 0) {
        /* A burst of syntax trees and text at consecutive addresses, as for one source file after another. */
        uint64_t at = n * (PAGE * 2) % (bytes / 2);
        for (uint64_t i = 0; i + OBJECT <= PAGE; i += OBJECT) object((uint64_t *)(memory + at + i));
        text(memory + at + PAGE, PAGE);
    } else if (strcmp(work, "heap") == 0) {
        /* Allocate objects in sequence in a nursery, a third of the heap, and change two old objects. */
        uint64_t nursery = bytes / 3 / PAGE * PAGE;
        uint64_t at = n * PAGE % nursery;
        for (uint64_t i = 0; i < PAGE; i += OBJECT) object((uint64_t *)(memory + at + i));
        for (int i = 0; i < 2; i++) ((uint64_t *)(memory + nursery + next() % ((bytes - nursery) / OBJECT) * OBJECT))[3] = n;
    } else if (strcmp(work, "words") == 0) *(uint64_t *)(memory + next() % (bytes / 8) * 8) = next();
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

int main(void) {
    const char *work = getenv("work");
    const char *mib = getenv("mib"), *per_second = getenv("rate");
    if (!work) work = "idle";
    bytes = strtoull(mib ? mib : "64", NULL, 10) << 20;
    double rate = per_second ? atof(per_second) : 0;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        puts("checker: not enough memory");
        for (;;) pause();
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    fill(work);
    uint64_t done = 0;
    unsigned long count = 0;
    double from = seconds(), printed = from;
    for (;;) {
        double now = seconds();
        uint64_t due = (uint64_t)((now - from) * rate);
        /* The guest was stopped: skip what was due in that time. */
        if (due > rate / 4) due = 0;
        if (due > 0 || now - from > 0.25) from = now;
        for (; due > 0; due--) operate(work, done++);
        if (now - printed >= 0.1) {
            printed = now;
            printf("checker %lu 0\n", ++count);
        }
        usleep(2000);
    }
}
