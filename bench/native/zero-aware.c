// Zero-aware coding in C with SSE: the native baseline of assembly/codec/zero-aware.ts, with the same format,
// bytes, checks and algorithm: a mask of the nonzero words of 64 bytes; a group of none or of all is stored
// unchanged, any other with a byte shuffle from a table for every four words, and word offsets from popcnt.
// Vectors are 16 bytes wide, as in WebAssembly.
//
//   page = bitmap tail words        (grammar: assembly/codec/zero-aware.ts)
#include "words.h"

#define TOO_SMALL (-1)
#define BAD (-2)


static inline void copy_group(uint8_t *to, const uint8_t *from) {
  for (int i = 0; i < 64; i += 16) put(to + i, load(from + i));
}

static inline void clear_group(uint8_t *to) {
  for (int i = 0; i < 64; i += 16) put(to + i, _mm_setzero_si128());
}

static inline uint32_t nonzero_words(const uint8_t *at) {
  const __m128i zero = _mm_setzero_si128();
  const __m128i low = _mm_packs_epi32(_mm_cmpeq_epi32(load(at), zero), _mm_cmpeq_epi32(load(at + 16), zero));
  const __m128i high = _mm_packs_epi32(_mm_cmpeq_epi32(load(at + 32), zero), _mm_cmpeq_epi32(load(at + 48), zero));
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) ^ 0xffff;
}

static inline void gather(uint8_t *to, const uint8_t *from, uint32_t mask) {
  put(to, _mm_shuffle_epi8(load(from), load(gather_table[mask])));
}

static inline void scatter(uint8_t *to, const uint8_t *from, uint32_t mask) {
  put(to, _mm_shuffle_epi8(load(from), load(scatter_table[mask])));
}

// Store the words of `mask`, one at a time; return the new end, or NULL if they do not fit.
static uint8_t *put_words(uint8_t *to, const uint8_t *limit, const uint8_t *from, uint32_t mask) {
  if ((uint32_t)(limit - to) < 4 * count(mask)) return NULL;
  for (; mask; mask &= mask - 1) {
    memcpy(to, from + 4 * __builtin_ctz(mask), 4);
    to += 4;
  }
  return to;
}

static int32_t encode_page(const uint8_t *src, uint32_t bytes, uint8_t *out, uint32_t capacity) {
  const uint32_t words = bytes / 4, bitmap_bytes = (words + 7) / 8, tail_bytes = bytes & 3, whole = words & ~15u;
  if (capacity < bitmap_bytes + tail_bytes) return TOO_SMALL;
  const uint8_t *limit = out + capacity;
  uint8_t *to = out + bitmap_bytes + tail_bytes;
  for (uint32_t i = 0; i < whole; i += 16) {
    const uint8_t *from = src + 4 * i;
    const uint32_t mask = nonzero_words(from);
    const uint16_t bits = (uint16_t)mask;
    memcpy(out + i / 8, &bits, 2);
    if (mask == 0) continue;
    if (mask == 0xffff && limit - to >= 64) {
      copy_group(to, from);
      to += 64;
    } else if (limit - to >= 64) {
      gather(to, from, mask & 15);
      gather(to + 4 * count(mask & 0xf), from + 16, mask >> 4 & 15);
      gather(to + 4 * count(mask & 0xff), from + 32, mask >> 8 & 15);
      gather(to + 4 * count(mask & 0xfff), from + 48, mask >> 12);
      to += 4 * count(mask);
    } else {
      to = put_words(to, limit, from, mask);
      if (!to) return TOO_SMALL;
    }
  }
  if (whole < words) {
    uint32_t mask = 0;
    for (uint32_t i = whole; i < words; i++) {
      uint32_t word;
      memcpy(&word, src + 4 * i, 4);
      mask |= (uint32_t)(word != 0) << (i - whole);
    }
    memcpy(out + whole / 8, &mask, bitmap_bytes - whole / 8);
    to = put_words(to, limit, src + 4 * whole, mask);
    if (!to) return TOO_SMALL;
  }
  memcpy(out + bitmap_bytes, src + 4 * words, tail_bytes);
  return (int32_t)(to - out);
}

static uint32_t count_bits(const uint8_t *at, uint32_t bytes) {
  uint64_t bits = 0, group;
  uint32_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    memcpy(&group, at + i, 8);
    bits += (uint64_t)__builtin_popcountll(group);
  }
  for (; i < bytes; i++) bits += count(at[i]);
  return (uint32_t)bits;
}

static int32_t decode_page(const uint8_t *src, uint32_t src_bytes, uint8_t *out, uint32_t bytes) {
  const uint32_t words = bytes / 4, bitmap_bytes = (words + 7) / 8, tail_bytes = bytes & 3, whole = words & ~15u;
  if (src_bytes < bitmap_bytes + tail_bytes) return BAD;
  if (words & 7 && src[bitmap_bytes - 1] >> (words & 7)) return BAD;
  if (src_bytes - bitmap_bytes - tail_bytes != 4 * count_bits(src, bitmap_bytes)) return BAD;
  const uint8_t *from = src + bitmap_bytes + tail_bytes;
  for (uint32_t i = 0; i < whole; i += 16) {
    uint8_t *to = out + 4 * i;
    uint16_t bits;
    memcpy(&bits, src + i / 8, 2);
    const uint32_t mask = bits;
    if (mask == 0xffff) {
      copy_group(to, from);
      from += 64;
      continue;
    }
    if (mask == 0) {
      clear_group(to);
      continue;
    }
    scatter(to, from, mask & 15);
    scatter(to + 16, from + 4 * count(mask & 0xf), mask >> 4 & 15);
    scatter(to + 32, from + 4 * count(mask & 0xff), mask >> 8 & 15);
    scatter(to + 48, from + 4 * count(mask & 0xfff), mask >> 12);
    from += 4 * count(mask);
  }
  for (uint32_t i = whole; i < words; i++) {
    const uint32_t present = src[i / 8] >> (i & 7) & 1;
    uint32_t word;
    memcpy(&word, from, 4);
    word *= present;
    memcpy(out + 4 * i, &word, 4);
    from += 4 * present;
  }
  memcpy(out + 4 * words, src + bitmap_bytes, tail_bytes);
  return (int32_t)bytes;
}

void zero_aware_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens) {
  for (uint32_t page = 0; page < pages; page++) {
    lens[page] = encode_page(src + (uint64_t)page * page_bytes, page_bytes, out, capacity);
    if (lens[page] > 0) out += lens[page];
  }
}

int32_t zero_aware_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out) {
  for (uint32_t page = 0; page < pages; page++) {
    if (decode_page(in, (uint32_t)lens[page], out + (uint64_t)page * page_bytes, page_bytes) < 0) return (int32_t)page;
    in += lens[page];
  }
  return (int32_t)pages;
}
