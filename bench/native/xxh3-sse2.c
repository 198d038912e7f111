// libxxhash's header, limited to 128-bit vectors, as in WebAssembly.
#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_SSE2
#include <xxhash.h>

void xxh3_64_pages(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint64_t *out)
{
    for (uint32_t i = 0; i < pages; i++)
        out[i] = XXH3_64bits(src + (uint64_t)i * page_bytes, page_bytes);
}

void xxh3_128_pages(const uint8_t *src, uint32_t pages, uint32_t page_bytes, XXH128_hash_t *out)
{
    for (uint32_t i = 0; i < pages; i++)
        out[i] = XXH3_128bits(src + (uint64_t)i * page_bytes, page_bytes);
}
