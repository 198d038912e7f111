// The C library's memcmp, called once per page.
#include <stdint.h>
#include <string.h>

uint32_t memcmp_pages(const uint8_t *a, const uint8_t *b, uint32_t pages, uint32_t page_bytes)
{
    uint32_t equal = 0;
    for (uint32_t i = 0; i < pages; i++)
        equal += memcmp(a + (uint64_t)i * page_bytes, b + (uint64_t)i * page_bytes, page_bytes) == 0;
    return equal;
}
