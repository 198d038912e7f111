// PackBits in plain C: the native baseline of assembly/codec/rle.ts, with the same format, bytes and checks.
// Searches runs byte by byte and decodes with memcpy and memset.
//
//   page = token*    token = literal | run        (grammar: assembly/codec/rle.ts)
#include <stdint.h>
#include <string.h>

#define TOO_SMALL (-1)
#define BAD (-2)

enum { LONGEST = 128, SHORTEST_RUN = 4 };

static uint8_t *put_literals(uint8_t *to, const uint8_t *limit, const uint8_t *from, uint32_t bytes) {
  while (bytes > 0) {
    const uint32_t some = bytes < LONGEST ? bytes : LONGEST;
    if ((uint32_t)(limit - to) < 1 + some) return NULL;
    *to++ = (uint8_t)(some - 1);
    memcpy(to, from, some);
    to += some;
    from += some;
    bytes -= some;
  }
  return to;
}

static int32_t encode_page(const uint8_t *src, uint32_t bytes, uint8_t *out, uint32_t capacity) {
  const uint8_t *limit = out + capacity;
  uint8_t *to = out;
  uint32_t literal = 0; // start of the bytes not coded yet
  for (uint32_t at = 0; at < bytes;) {
    const uint32_t most = bytes - at < LONGEST ? bytes - at : LONGEST;
    const uint8_t byte = src[at];
    uint32_t run = 1;
    while (run < most && src[at + run] == byte) run++;
    if (run >= SHORTEST_RUN) {
      to = put_literals(to, limit, src + literal, at - literal);
      if (!to || limit - to < 2) return TOO_SMALL;
      *to++ = (uint8_t)(257 - run);
      *to++ = byte;
      literal = at + run;
    }
    at += run;
  }
  to = put_literals(to, limit, src + literal, bytes - literal);
  return to ? (int32_t)(to - out) : TOO_SMALL;
}

static int32_t decode_page(const uint8_t *src, uint32_t src_bytes, uint8_t *out, uint32_t bytes) {
  const uint8_t *src_end = src + src_bytes;
  uint8_t *const end = out + bytes;
  uint8_t *to = out;
  while (src < src_end) {
    const uint32_t control = *src++;
    if (control < LONGEST) {
      const uint32_t literals = control + 1;
      if (literals > src_end - src || literals > end - to) return BAD;
      memcpy(to, src, literals);
      src += literals;
      to += literals;
    } else {
      const uint32_t run = 257 - control;
      if (control == LONGEST || src == src_end || run > end - to) return BAD;
      memset(to, *src++, run);
      to += run;
    }
  }
  return to == end ? (int32_t)bytes : BAD;
}

void rle_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens) {
  for (uint32_t page = 0; page < pages; page++) {
    lens[page] = encode_page(src + (uint64_t)page * page_bytes, page_bytes, out, capacity);
    if (lens[page] > 0) out += lens[page];
  }
}

int32_t rle_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out) {
  for (uint32_t page = 0; page < pages; page++) {
    if (decode_page(in, (uint32_t)lens[page], out + (uint64_t)page * page_bytes, page_bytes) < 0) return (int32_t)page;
    in += lens[page];
  }
  return (int32_t)pages;
}
