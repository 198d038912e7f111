// The distribution's libxxhash, called once per page.
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t low, high;
} hash128;
uint64_t XXH3_64bits(const void *, size_t);
hash128 XXH3_128bits(const void *, size_t);

void libxxhash_64_pages(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint64_t *out)
{
    for (uint32_t i = 0; i < pages; i++)
        out[i] = XXH3_64bits(src + (uint64_t)i * page_bytes, page_bytes);
}

void libxxhash_128_pages(const uint8_t *src, uint32_t pages, uint32_t page_bytes, hash128 *out)
{
    for (uint32_t i = 0; i < pages; i++)
        out[i] = XXH3_128bits(src + (uint64_t)i * page_bytes, page_bytes);
}
