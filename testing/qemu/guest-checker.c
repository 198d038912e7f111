/*
 * The only program of a test guest: fills pages with known content, rewrites some, and checks all of them in
 * a loop. After a migration the count continues and no page is bad. Linux passes settings on the kernel's
 * command line to the first program as its environment:
 *
 *     checker_mib=N     MiB of pages (default: 16)
 *     checker_mode=M    rewrites nothing (idle), one word of a page (words, default), or whole pages (fill)
 *     checker_rate=N    pages rewritten per second (default: 1000)
 *     checker_seed=N
 *
 * Prints "checker COUNT BAD" on the console after each check of all pages: checks completed, and bad pages in
 * this one.
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
/* How often each page was rewritten; determines its content. */
static uint32_t *versions;
static int whole_pages;

static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Zero pages, sparse pages, repetition and noise, as in real guests. */
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
            printf("checker: page %llu version %u word %u: expected %016llx, got %016llx\n", (unsigned long long)page,
                   versions[page], word, (unsigned long long)wanted, (unsigned long long)got);
        return 1;
    }
    return 0;
}

static uint64_t setting(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void *allocate(uint64_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
        puts("checker: not enough memory");
        for (;;) pause();
    }
    return at;
}

int main(void) {
    const char *mode = getenv("checker_mode");
    pages = setting("checker_mib", 16) * 256;
    seed = setting("checker_seed", 1);
    uint64_t rate = mode && strcmp(mode, "idle") == 0 ? 0 : setting("checker_rate", 1000);
    whole_pages = mode && strcmp(mode, "fill") == 0;
    memory = allocate(pages * PAGE);
    versions = allocate(pages * sizeof *versions);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t page = 0; page < pages; page++)
        for (unsigned word = 0; word < WORDS; word++) memory[page * WORDS + word] = content(page, 0, word);
    uint64_t next = 0, written = 0;
    unsigned long count = 0, bad = 0;
    double from = seconds(), printed = from;
    for (;;) {
        double now = seconds();
        uint64_t due = (uint64_t)((now - from) * rate);
        /* The guest was stopped: skip what was due in that time. */
        if (due > rate) {
            from = now;
            due = 0;
        }
        if (due > 0) from = now;
        for (; due > 0; due--) rewrite(mix(seed ^ ++written) % pages);
        for (int i = 0; i < CHECKED_AT_ONCE && next < pages; i++, next++) bad += check(next, bad < SHOWN);
        if (next < pages) continue;
        /* At most twenty lines per second, so that an idle guest is idle. */
        while ((now = seconds()) - printed < 0.05) usleep(5000);
        printed = now;
        printf("checker %lu %lu\n", ++count, bad);
        next = 0;
        bad = 0;
    }
}
