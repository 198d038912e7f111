/*
 * The only program of a guest that is migrated by a bench: works as servers, databases, compilers and heaps
 * do, so far as memory sees it. Its settings come on the kernel's command line, which Linux hands to the
 * first program as its environment:
 *
 *     work=W     idle | store | database | compiler | heap | words
 *     mib=N      so many MiB of memory that it works in
 *     rate=N     so many operations a second
 *
 * Prints "witness COUNT 0" ten times a second: how far it is.
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

static const char *const WORDS[] = {"\"name\":", "\"street\":", "\"state\":\"paid\",", "\"state\":\"open\",", "\"cents\":", "order", "customer",
                                    "harbour", "ferry", "lane ", "2026-11-", "\"items\":[", "],", "null,", "true,", "{\"id\":"};

/* A record as a program would keep it: words that come again and again, and numbers that do not. */
static void text(uint8_t *at, uint64_t room) {
    uint64_t used = 0;
    while (used + 32 < room) {
        uint64_t r = next();
        const char *word = WORDS[r % 16];
        size_t length = strlen(word);
        memcpy(at + used, word, length);
        used += length;
        if (r % 5 == 0) used += (uint64_t)sprintf((char *)at + used, "%llu,", (unsigned long long)(r >> 40));
    }
    memset(at + used, ' ', room - used);
}

/* Objects of a language with references: a header, two pointers into the heap, a number, room. */
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

/* One operation of the work; `n` counts them. */
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
        /* A burst of trees and text at one place after the other, as files come and go. */
        uint64_t at = n * (PAGE * 2) % (bytes / 2);
        for (uint64_t i = 0; i + OBJECT <= PAGE; i += OBJECT) object((uint64_t *)(memory + at + i));
        text(memory + at + PAGE, PAGE);
    } else if (strcmp(work, "heap") == 0) {
        /*
         * New objects one behind the other, round and round a nursery of a third; now and then an old one
         * changes.
         */
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
        puts("witness: not enough memory");
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
        /* After a stop it does not make up for what it missed. */
        if (due > rate / 4) due = 0;
        if (due > 0 || now - from > 0.25) from = now;
        for (; due > 0; due--) operate(work, done++);
        if (now - printed >= 0.1) {
            printed = now;
            printf("witness %lu 0\n", ++count);
        }
        usleep(2000);
    }
}
