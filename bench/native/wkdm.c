// WKdm in C, the native baseline of assembly/codec/wkdm.ts: same format, same bytes, same checks.
//   wkdm_*          the same algorithm with SSE: slots and comparisons four words at a time, byte shuffles
//                   from tables to sort words into lists, and a dictionary without branches.
//   wkdm_classic_*  the usual structure: one word at a time, a branch per tag.
//
//   page = tags full lows indexes        (grammar: assembly/codec/wkdm.ts)
#include "words.h"

#define TOO_SMALL (-1)
#define BAD (-2)

enum {
  MAX_PAGE_BYTES = 65536,
  MULTIPLIER = 229,
  LOW_MASK = 0x3ff,
  CHUNK_WORDS = 256,
  UNUSED_SLOT = 16, // receives words that must not change the dictionary
};

// Working memory; the lists may be written and read a vector past their end.
static uint32_t dictionary[32];
static uint32_t slots[CHUNK_WORDS];
static uint32_t found[CHUNK_WORDS];
static uint32_t steps[3 * CHUNK_WORDS];
static uint32_t index_list[MAX_PAGE_BYTES / 4 + 32];
static uint32_t low_list[MAX_PAGE_BYTES / 4 + 32];

static inline uint32_t word_at(const uint8_t *from) {
  uint32_t word;
  memcpy(&word, from, 4);
  return word;
}

static int size_fits(uint32_t bytes) { return bytes - 1 < MAX_PAGE_BYTES && (bytes & 15) == 0; }
static uint32_t tag_section_bytes(uint32_t bytes) { return (bytes + 63) / 64 * 4; }
static inline uint32_t slot_of(uint32_t word) { return ((word >> 10 & 255) * MULTIPLIER >> 4) & 15; }

static inline __m128i slots_of(__m128i words) {
  const __m128i product = _mm_mullo_epi16(_mm_srli_epi32(words, 10), _mm_set1_epi16(MULTIPLIER));
  return _mm_and_si128(_mm_srli_epi32(product, 4), _mm_set1_epi32(15));
}

static void reset_dictionary(void) {
  for (int i = 0; i < 16; i++) dictionary[i] = 1;
  dictionary[UNUSED_SLOT] = 0;
}

static inline uint32_t bits16(__m128i a, __m128i b, __m128i c, __m128i d) {
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}

static inline void gather(void *to, __m128i words, uint32_t mask) {
  put(to, _mm_shuffle_epi8(words, load(gather_table[mask])));
}

// For each word its slot and the dictionary's word there; the word takes the slot. Zeros take the unused one.
static void look_up(const uint8_t *src, uint32_t words) {
  const __m128i zero = _mm_setzero_si128();
  for (uint32_t i = 0; i < words; i += 4) {
    const __m128i four = load(src + 4 * i);
    const __m128i unused = _mm_and_si128(_mm_cmpeq_epi32(four, zero), _mm_set1_epi32(UNUSED_SLOT));
    put(slots + i, _mm_or_si128(slots_of(four), unused)); // slot of zero: 0
  }
  for (uint32_t i = 0; i < words; i++) {
    uint32_t *const slot = dictionary + slots[i];
    found[i] = *slot;
    *slot = word_at(src + 4 * i);
  }
}

static int32_t pack_lists(uint8_t *full, const uint8_t *limit, uint32_t lows, uint32_t indexes, const uint8_t *out) {
  const uint32_t m = (lows + 2) / 3, n = (indexes + 1) / 2;
  if ((uint32_t)(limit - full) < 4 * m + n) return TOO_SMALL;
  low_list[lows] = low_list[lows + 1] = 0;
  index_list[indexes] = 0;
  for (uint32_t j = 0; j < m; j++) {
    const uint32_t lowest = low_list[j] & LOW_MASK, middle = low_list[m + j] & LOW_MASK, highest = low_list[2 * m + j] & LOW_MASK;
    const uint32_t packed = lowest | middle << 10 | highest << 20;
    memcpy(full + 4 * j, &packed, 4);
  }
  full += 4 * m;
  for (uint32_t j = 0; j < n; j++) full[j] = (uint8_t)(index_list[j] | index_list[n + j] << 4);
  return (int32_t)(full + n - out);
}

static int32_t encode_page(const uint8_t *src, uint32_t bytes, uint8_t *out, uint32_t capacity) {
  if (!size_fits(bytes)) return TOO_SMALL;
  const uint32_t tag_bytes = tag_section_bytes(bytes);
  if (capacity < tag_bytes) return TOO_SMALL;
  const __m128i zero = _mm_setzero_si128();
  const uint8_t *const limit = out + capacity;
  uint8_t *tag = out, *full = out + tag_bytes;
  uint32_t *index = index_list, *low = low_list;
  uint8_t spill[64];
  reset_dictionary();
  for (uint32_t at = 0; at < bytes; at += 64) {
    const uint32_t in_chunk = at / 4 % CHUNK_WORDS;
    if (in_chunk == 0) look_up(src + at, (bytes - at < 4 * CHUNK_WORDS ? bytes - at : 4 * CHUNK_WORDS) / 4);
    const uint8_t *from = src + at;
    __m128i words[4], near_words[4], equal[4], zeros[4];
    for (int i = 0; i < 4; i++) {
      const __m128i there = load(found + in_chunk + 4 * i);
      words[i] = load(from + 16 * i);
      near_words[i] = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_xor_si128(words[i], there), 10), zero);
      equal[i] = _mm_cmpeq_epi32(words[i], there);
      zeros[i] = _mm_cmpeq_epi32(words[i], zero);
    }
    const uint32_t valid = bytes - at < 64 ? (1u << (bytes - at) / 4) - 1 : 0xffff;
    const uint32_t near = bits16(near_words[0], near_words[1], near_words[2], near_words[3]);
    const uint32_t same = bits16(equal[0], equal[1], equal[2], equal[3]);
    uint32_t hit = near & ~bits16(zeros[0], zeros[1], zeros[2], zeros[3]) & valid;
    uint32_t miss = ~near & valid; // the unused slot holds 0, so no zero word is a miss
    const uint32_t exact = hit & same;
    const uint32_t tags = hit | (miss | exact) << 16;
    memcpy(tag, &tags, 4);
    tag += 4;
    if (!(hit | miss)) continue;
    uint32_t partial = hit ^ exact;
    const uint32_t remaining = (uint32_t)(limit - full);
    uint8_t *to = remaining < 64 ? spill : full;
    if (miss)
      for (int i = 0; i < 4; i++, miss >>= 4) {
        gather(to, words[i], miss & 15);
        to += 4 * count(miss & 15);
      }
    if (hit)
      for (int i = 0; i < 4; i++, hit >>= 4) {
        gather(index, load(slots + in_chunk + 4 * i), hit & 15);
        index += count(hit & 15);
      }
    if (partial)
      for (int i = 0; i < 4; i++, partial >>= 4) {
        gather(low, words[i], partial & 15); // whole words; packing the list drops their upper bits
        low += count(partial & 15);
      }
    if (remaining < 64) {
      const uint32_t some = (uint32_t)(to - spill);
      if (remaining < some) return TOO_SMALL;
      memcpy(full, spill, some);
      full += some;
    } else {
      full = to;
    }
  }
  return pack_lists(full, limit, (uint32_t)(low - low_list), (uint32_t)(index - index_list), out);
}

struct sections {
  const uint8_t *full, *lows, *indexes;
  uint32_t low_words, index_bytes;
};

static int find_sections(const uint8_t *src, uint32_t src_bytes, uint32_t bytes, struct sections *s) {
  const uint32_t tag_bytes = tag_section_bytes(bytes);
  if (!size_fits(bytes) || src_bytes < tag_bytes) return BAD;
  const uint32_t last = word_at(src + tag_bytes - 4);
  if (bytes & 63 && (last | last >> 16) & 0xffff & ~0u << (bytes & 63) / 4) return BAD;
  uint32_t misses = 0, hits = 0, partials = 0;
  for (uint32_t at = 0; at < tag_bytes; at += 4) {
    const uint32_t tag = word_at(src + at);
    misses += count(tag >> 16 & ~tag);
    hits += count(tag & 0xffff);
    partials += count(tag & 0xffff & ~(tag >> 16));
  }
  s->low_words = (partials + 2) / 3;
  s->index_bytes = (hits + 1) / 2;
  s->full = src + tag_bytes;
  s->lows = s->full + 4 * misses;
  s->indexes = s->lows + 4 * s->low_words;
  return src_bytes == tag_bytes + 4 * misses + 4 * s->low_words + s->index_bytes ? 0 : BAD;
}

static void unpack_lists(const struct sections *s) {
  for (uint32_t part = 0; part < 3; part++)
    for (uint32_t j = 0; j < s->low_words; j++)
      low_list[part * s->low_words + j] = word_at(s->lows + 4 * j) >> 10 * part & LOW_MASK;
  for (uint32_t j = 0; j < s->index_bytes; j++) index_list[j] = s->indexes[j] & 15;
  for (uint32_t j = 0; j < s->index_bytes; j++) index_list[s->index_bytes + j] = s->indexes[j] >> 4;
}

// Prepares four words: their slots (UNUSED_SLOT more for words that are not stored), the bits kept of the
// slot's word, the bits set.
static inline void put_step(uint32_t *step, const uint8_t *full, uint32_t m, const uint32_t *index, uint32_t h, const uint32_t *low,
                            uint32_t p) {
  const __m128i missed = load(scatter_table[m]), hit = load(scatter_table[h]), near = load(scatter_table[p]);
  const __m128i words = _mm_shuffle_epi8(load(full), missed);
  const __m128i where = _mm_or_si128(_mm_shuffle_epi8(load(index), hit), slots_of(words));
  // An empty position has its top bit set.
  const __m128i stays = _mm_and_si128(_mm_srli_epi32(_mm_and_si128(missed, near), 31 - 4), _mm_set1_epi32(UNUSED_SLOT));
  const __m128i kept = _mm_or_si128(_mm_srai_epi32(near, 31), _mm_set1_epi32(~LOW_MASK));
  put(step, _mm_or_si128(where, stays));
  put(step + 4, _mm_andnot_si128(_mm_srai_epi32(hit, 31), kept));
  put(step + 8, _mm_or_si128(words, _mm_shuffle_epi8(load(low), near)));
}

static void replay(uint8_t *out, uint32_t words) {
  const uint32_t *step = steps;
  for (uint32_t i = 0; i < words; i += 4, step += 12)
    for (uint32_t k = 0; k < 4; k++) {
      const uint32_t slot = step[k];
      const uint32_t word = (dictionary[slot & 15] & step[4 + k]) | step[8 + k];
      dictionary[slot] = word;
      memcpy(out + 4 * (i + k), &word, 4);
    }
}

static int32_t decode_page(const uint8_t *src, uint32_t src_bytes, uint8_t *out, uint32_t bytes) {
  struct sections s;
  if (find_sections(src, src_bytes, bytes, &s) < 0) return BAD;
  unpack_lists(&s);
  reset_dictionary();
  const uint8_t *full = s.full;
  const uint32_t *index = index_list, *low = low_list;
  for (uint32_t at = 0; at < bytes; at += 64) {
    uint32_t *const step = steps + at / 4 % CHUNK_WORDS * 3;
    const uint32_t tag = word_at(src + at / 16);
    const uint32_t hit = tag & 0xffff, partial = hit & ~(tag >> 16), miss = tag >> 16 & ~tag;
    for (uint32_t i = 0; i < 4; i++) {
      const uint32_t h = hit >> 4 * i & 15, p = partial >> 4 * i & 15, m = miss >> 4 * i & 15;
      put_step(step + 12 * i, full, m, index, h, low, p);
      full += 4 * count(m);
      index += count(h);
      low += count(p);
    }
    const uint32_t chunk = at & ~(4u * CHUNK_WORDS - 1);
    if (at + 64 >= bytes) replay(out + chunk, (bytes - chunk) / 4);
    else if (at + 64 == chunk + 4 * CHUNK_WORDS) replay(out + chunk, CHUNK_WORDS);
  }
  return (int32_t)bytes;
}

static int32_t classic_encode_page(const uint8_t *src, uint32_t bytes, uint8_t *out, uint32_t capacity) {
  if (!size_fits(bytes)) return TOO_SMALL;
  const uint32_t tag_bytes = tag_section_bytes(bytes);
  if (capacity < tag_bytes) return TOO_SMALL;
  const uint8_t *const limit = out + capacity;
  uint8_t *full = out + tag_bytes;
  uint32_t lows = 0, indexes = 0, tags = 0;
  reset_dictionary();
  for (uint32_t i = 0; i < bytes / 4; i++) {
    const uint32_t word = word_at(src + 4 * i), bit = i & 15;
    if (word != 0) {
      const uint32_t slot = slot_of(word), there = dictionary[slot];
      if (word == there) {
        tags |= 0x10001u << bit;
        index_list[indexes++] = slot;
      } else {
        dictionary[slot] = word;
        if ((word ^ there) >> 10 == 0) {
          tags |= 1u << bit;
          index_list[indexes++] = slot;
          low_list[lows++] = word;
        } else {
          tags |= 0x10000u << bit;
          if (limit - full < 4) return TOO_SMALL;
          memcpy(full, &word, 4);
          full += 4;
        }
      }
    }
    if (bit == 15 || 4 * i + 4 == bytes) {
      memcpy(out + i / 16 * 4, &tags, 4);
      tags = 0;
    }
  }
  return pack_lists(full, limit, lows, indexes, out);
}

static int32_t classic_decode_page(const uint8_t *src, uint32_t src_bytes, uint8_t *out, uint32_t bytes) {
  struct sections s;
  if (find_sections(src, src_bytes, bytes, &s) < 0) return BAD;
  unpack_lists(&s);
  reset_dictionary();
  const uint8_t *full = s.full;
  const uint32_t *index = index_list, *low = low_list;
  for (uint32_t at = 0; at < bytes; at += 64) {
    uint32_t tag = word_at(src + at / 16);
    for (uint32_t to = at; to < at + 64 && to < bytes; to += 4, tag >>= 1) {
      uint32_t word = 0;
      if (tag & 1) {
        uint32_t *const slot = dictionary + *index++;
        if (!(tag & 0x10000)) *slot = (*slot & ~(uint32_t)LOW_MASK) | *low++;
        word = *slot;
      } else if (tag & 0x10000) {
        word = word_at(full);
        full += 4;
        dictionary[slot_of(word)] = word;
      }
      memcpy(out + to, &word, 4);
    }
  }
  return (int32_t)bytes;
}

typedef int32_t encoder(const uint8_t *, uint32_t, uint8_t *, uint32_t);
typedef int32_t decoder(const uint8_t *, uint32_t, uint8_t *, uint32_t);

static inline void encode_all(encoder *encode, const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out,
                              uint32_t capacity, int32_t *lens) {
  for (uint32_t page = 0; page < pages; page++) {
    lens[page] = encode(src + (uint64_t)page * page_bytes, page_bytes, out, capacity);
    if (lens[page] > 0) out += lens[page];
  }
}

static inline int32_t decode_all(decoder *decode, const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes,
                                 uint8_t *out) {
  for (uint32_t page = 0; page < pages; page++) {
    if (decode(in, (uint32_t)lens[page], out + (uint64_t)page * page_bytes, page_bytes) < 0) return (int32_t)page;
    in += lens[page];
  }
  return (int32_t)pages;
}

void wkdm_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens) {
  encode_all(encode_page, src, pages, page_bytes, out, capacity, lens);
}

int32_t wkdm_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out) {
  return decode_all(decode_page, in, lens, pages, page_bytes, out);
}

void wkdm_classic_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens) {
  encode_all(classic_encode_page, src, pages, page_bytes, out, capacity, lens);
}

int32_t wkdm_classic_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out) {
  return decode_all(classic_decode_page, in, lens, pages, page_bytes, out);
}
