// XBZRLE in plain C, in the structure of a hypervisor's scalar routine: compares a machine word at a time and
// copies runs with memcpy. Unchanged bytes are skipped singly up to a word boundary and then by words,
// changed bytes by words until one contains an unchanged byte.
//
//   delta  = [zrun nzrun (zrun nzrun)*]     empty when nothing changed
//   zrun   = length                         unchanged bytes; 0 only at the very start
//   nzrun  = length byte{length}            the new bytes; at least 1
//   length = ULEB128, shortest form, at most three bytes
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t ONES = 0x0101010101010101;
static const uint64_t HIGHS = 0x8080808080808080;

static uint64_t load64(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

/** First position at or after `at` where base and page differ, or `end`. */
static uint32_t skip_unchanged(const uint8_t *base, const uint8_t *page, uint32_t at, uint32_t end) {
  while (at < end && (at & 7)) {
    if (base[at] != page[at]) return at;
    at++;
  }
  while (end - at >= 8 && load64(base + at) == load64(page + at)) at += 8;
  while (at < end && base[at] == page[at]) at++;
  return at;
}

/** First position at or after `at` where base and page are equal, or `end`. */
static uint32_t skip_changed(const uint8_t *base, const uint8_t *page, uint32_t at, uint32_t end) {
  while (at < end && (at & 7)) {
    if (base[at] == page[at]) return at;
    at++;
  }
  while (end - at >= 8) {
    const uint64_t difference = load64(base + at) ^ load64(page + at);
    if ((difference - ONES) & ~difference & HIGHS) break;
    at += 8;
  }
  while (at < end && base[at] != page[at]) at++;
  return at;
}

static uint32_t length_bytes(uint32_t length) {
  return 1 + (length > 0x7f) + (length > 0x3fff);
}

static uint8_t *put_length(uint8_t *to, uint32_t length) {
  while (length > 0x7f) {
    *to++ = (uint8_t)(length | 0x80);
    length >>= 7;
  }
  *to++ = (uint8_t)length;
  return to;
}

static int32_t encode_page(const uint8_t *base, const uint8_t *page, uint32_t bytes, uint8_t *out, uint32_t capacity) {
  uint8_t *to = out;
  uint8_t *const limit = out + capacity;
  uint32_t coded = 0;
  for (;;) {
    const uint32_t run = skip_unchanged(base, page, coded, bytes);
    if (run == bytes) return (int32_t)(to - out);
    const uint32_t end = skip_changed(base, page, run, bytes);
    const uint32_t zrun = run - coded;
    const uint32_t nzrun = end - run;
    if ((size_t)(limit - to) < (size_t)length_bytes(zrun) + length_bytes(nzrun) + nzrun) return -1;
    to = put_length(to, zrun);
    to = put_length(to, nzrun);
    memcpy(to, page + run, nzrun);
    to += nzrun;
    coded = end;
  }
}

/** Read a length at `from` into `length`; return the bytes read, 0 if it is invalid or truncated. */
static uint32_t get_length(const uint8_t *from, const uint8_t *end, uint32_t *length) {
  const size_t remaining = (size_t)(end - from);
  if (remaining < 1) return 0;
  if (from[0] < 0x80) {
    *length = from[0];
    return 1;
  }
  if (remaining < 2 || from[1] == 0) return 0;
  *length = (from[0] & 0x7fu) | (from[1] & 0x7fu) << 7;
  if (from[1] < 0x80) return 2;
  if (remaining < 3 || from[2] == 0 || from[2] > 0x7f) return 0;
  *length |= (uint32_t)from[2] << 14;
  return 3;
}

static int decode_page(const uint8_t *in, uint32_t in_bytes, uint8_t *page, uint32_t page_bytes) {
  const uint8_t *from = in;
  const uint8_t *const in_end = in + in_bytes;
  uint32_t at = 0;
  while (from < in_end) {
    uint32_t zrun, nzrun;
    const uint32_t zrun_bytes = get_length(from, in_end, &zrun);
    if (!zrun_bytes || (zrun == 0 && from != in) || zrun > page_bytes - at) return 0;
    from += zrun_bytes;
    at += zrun;
    const uint32_t nzrun_bytes = get_length(from, in_end, &nzrun);
    if (!nzrun_bytes || nzrun == 0 || nzrun > page_bytes - at) return 0;
    from += nzrun_bytes;
    if (nzrun > (size_t)(in_end - from)) return 0;
    memcpy(page + at, from, nzrun);
    at += nzrun;
    from += nzrun;
  }
  return 1;
}

/** lens[i] = bytes of delta i, 0 for a page equal to its base, -1 if it exceeds `capacity`. */
void xbzrle_encode(const uint8_t *base, const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity,
                   int32_t *lens) {
  for (uint32_t i = 0; i < pages; i++) {
    const size_t at = (size_t)i * page_bytes;
    lens[i] = encode_page(base + at, src + at, page_bytes, out, capacity);
    if (lens[i] > 0) out += lens[i];
  }
}

/** In place: `out` contains the bases. Returns the count of pages decoded before the first invalid one. */
int32_t xbzrle_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out) {
  for (uint32_t i = 0; i < pages; i++) {
    if (lens[i] < 0 || !decode_page(in, (uint32_t)lens[i], out + (size_t)i * page_bytes, page_bytes)) return (int32_t)i;
    in += lens[i];
  }
  return (int32_t)pages;
}
