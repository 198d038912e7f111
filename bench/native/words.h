// Tables of byte shuffles that select words of four, and unaligned vector access.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

// By 4-bit mask: the shuffle that moves the selected words of four to the front, and its inverse.
static uint8_t gather_table[16][16];
static uint8_t scatter_table[16][16];

__attribute__((constructor)) static void fill_tables(void) {
  memset(gather_table, 0x80, sizeof gather_table);
  memset(scatter_table, 0x80, sizeof scatter_table);
  for (int mask = 0; mask < 16; mask++) {
    int front = 0;
    for (int word = 0; word < 4; word++) {
      if (!(mask >> word & 1)) continue;
      for (int byte = 0; byte < 4; byte++) {
        gather_table[mask][4 * front + byte] = (uint8_t)(4 * word + byte);
        scatter_table[mask][4 * word + byte] = (uint8_t)(4 * front + byte);
      }
      front++;
    }
  }
}

static inline __m128i load(const void *from) { return _mm_loadu_si128((const __m128i *)from); }
static inline void put(void *to, __m128i value) { _mm_storeu_si128((__m128i *)to, value); }
static inline uint32_t count(uint32_t mask) { return (uint32_t)__builtin_popcount(mask); }
