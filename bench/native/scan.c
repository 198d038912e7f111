// The page scan in C with SSE2: finds pages filled with one byte. First, middle and last word exclude most
// pages; the rest is read 128 bytes per branch. Width and structure are those of QEMU's SSE2 zero-page check,
// extended to fill bytes other than zero.
#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline __m128i load(const uint8_t *at, __m128i fill, bool is_zero)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    return is_zero ? bytes : _mm_xor_si128(bytes, fill);
}

static inline bool filled(const uint8_t *page, uint32_t page_bytes, __m128i fill, bool is_zero)
{
    for (uint32_t at = 0; at < page_bytes; at += 128) {
        const uint8_t *p = page + at;
        __m128i a = _mm_or_si128(load(p, fill, is_zero), load(p + 16, fill, is_zero));
        __m128i b = _mm_or_si128(load(p + 32, fill, is_zero), load(p + 48, fill, is_zero));
        __m128i c = _mm_or_si128(load(p + 64, fill, is_zero), load(p + 80, fill, is_zero));
        __m128i d = _mm_or_si128(load(p + 96, fill, is_zero), load(p + 112, fill, is_zero));
        __m128i any = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(any, _mm_setzero_si128())) != 0xffff)
            return false;
    }
    return true;
}

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/**
 * Class 0 is a normal page, else 0x100 | byte. Returns the count of normal pages. Pages are multiples of 128
 * bytes.
 */
uint32_t scan_pages(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint16_t *classes)
{
    uint32_t normal = 0;
    for (uint32_t i = 0; i < pages; i++, src += page_bytes) {
        uint8_t byte = src[0];
        uint64_t word = byte * 0x0101010101010101u;
        bool fills = word_at(src) == word && word_at(src + page_bytes / 2) == word && word_at(src + page_bytes - 8) == word;
        if (fills)
            fills = byte == 0 ? filled(src, page_bytes, _mm_setzero_si128(), true)
                              : filled(src, page_bytes, _mm_set1_epi8((char)byte), false);
        classes[i] = fills ? 0x100 | byte : 0;
        normal += !fills;
    }
    return normal;
}
