/*
 * The only program of a guest: fills 16 MiB with known content, then rewrites one word of every eighth page
 * and checks all pages, in a loop. Prints "checks COUNT BAD" after each check of all pages: completed checks,
 * and bad pages in all of them.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { PAGES = 4096, WORDS = 512 };

static uint64_t memory[PAGES][WORDS];
static uint64_t versions[PAGES];

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u + 0x9e3779b97f4a7c15u;
    return x ^ (x >> 27);
}

int main(void) {
    unsigned long bad = 0;
    for (unsigned page = 0; page < PAGES; page++)
        for (unsigned word = 1; word < WORDS; word++) memory[page][word] = mix(page * WORDS + word / 4);
    for (unsigned long count = 1;; count++) {
        for (unsigned page = count % 8; page < PAGES; page += 8) memory[page][0] = mix(++versions[page]);
        for (unsigned page = 0; page < PAGES; page++) {
            int is_bad = memory[page][0] != (versions[page] ? mix(versions[page]) : 0);
            for (unsigned word = 1; word < WORDS; word++)
                is_bad |= memory[page][word] != mix(page * WORDS + word / 4);
            bad += is_bad;
        }
        printf("checks %lu %lu\n", count, bad);
        fflush(stdout);
        usleep(50000);
    }
}
