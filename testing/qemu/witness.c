/*
 * The only program of a test guest: keeps pages of known content, rewrites some, and checks all of them again
 * and again. After a migration the count has to go on and no page may be bad. Its settings come on the
 * kernel's command line, which Linux hands to the first program as its environment:
 *
 *     witness_mib=N     so many MiB of pages (16)
 *     witness_mode=M    idle: writes nothing; words: one word of a page at a time; fill: whole pages (words)
 *     witness_rate=N    so many pages rewritten a second (1000)
 *     witness_seed=N
 *
 * Prints "witness COUNT BAD" on the console after every check of all pages: checks so far, bad pages in this
 * one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, CHECKED_AT_ONCE = 256, SHOWN = 8 };

static uint64_t seed;
static uint64_t pages;
static uint64_t *memory;
/* How often each page was rewritten: what it has to be follows from this. */
static uint32_t *versions;
static int whole_pages;

static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Zero pages, sparse ones, repetitions and noise, as guests have them. */
static uint64_t content(uint64_t page, uint32_t version, unsigned word) {
    uint64_t own = mix(seed ^ (page << 20) ^ version);
    switch (page % 8) {
    case 0:
        return version == 0 ? 0 : word % 64 == 0 ? own : 0;
    case 1:
    case 2:
    case 3:
        return word % 16 == 0 ? mix(own + word) : 0;
    case 4:
    case 5:
        return own + word % 4;
    default:
        return mix(own + word);
    }
}

static uint64_t expected(uint64_t page, uint32_t version, unsigned word) {
    if (whole_pages) return content(page, version, word);
    /* Version n changed word n % WORDS; the last such n up to the page's version, if any, decides. */
    uint32_t last = version - (version + WORDS - word) % WORDS;
    return version >= word && last >= 1 && last <= version ? mix(seed ^ (page << 32) ^ last) : content(page, 0, word);
}

static void rewrite(uint64_t page) {
    uint64_t *at = memory + page * WORDS;
    uint32_t version = versions[page] + 1;
    if (whole_pages)
        for (unsigned word = 0; word < WORDS; word++) at[word] = content(page, version, word);
    else
        at[version % WORDS] = mix(seed ^ (page << 32) ^ version);
    versions[page] = version;
}

static int check(uint64_t page, int show) {
    for (unsigned word = 0; word < WORDS; word++) {
        uint64_t wanted = expected(page, versions[page], word);
        uint64_t got = memory[page * WORDS + word];
        if (got == wanted) continue;
        if (show)
            printf("witness: page %llu version %u word %u: expected %016llx, got %016llx\n", (unsigned long long)page, versions[page],
                   word, (unsigned long long)wanted, (unsigned long long)got);
        return 1;
    }
    return 0;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void *room(uint64_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
        puts("witness: not enough memory");
        for (;;) pause();
    }
    return at;
}

int main(void) {
    const char *mode = getenv("witness_mode");
    pages = setting("witness_mib", 16) * 256;
    seed = setting("witness_seed", 1);
    uint64_t rate = mode && strcmp(mode, "idle") == 0 ? 0 : setting("witness_rate", 1000);
    whole_pages = mode && strcmp(mode, "fill") == 0;
    memory = room(pages * PAGE);
    versions = room(pages * sizeof *versions);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t page = 0; page < pages; page++)
        for (unsigned word = 0; word < WORDS; word++) memory[page * WORDS + word] = content(page, 0, word);
    uint64_t next = 0, written = 0;
    unsigned long count = 0, bad = 0;
    double from = seconds(), printed = from;
    for (;;) {
        double now = seconds();
        uint64_t due = (uint64_t)((now - from) * rate);
        /* After a stop it does not make up for what it missed. */
        if (due > rate) {
            from = now;
            due = 0;
        }
        if (due > 0) from = now;
        for (; due > 0; due--) rewrite(mix(seed ^ ++written) % pages);
        for (int i = 0; i < CHECKED_AT_ONCE && next < pages; i++, next++) bad += check(next, bad < SHOWN);
        if (next < pages) continue;
        /* At most twenty lines a second; a guest at rest rests. */
        while ((now = seconds()) - printed < 0.05) usleep(5000);
        printed = now;
        printf("witness %lu %lu\n", ++count, bad);
        next = 0;
        bad = 0;
    }
}
