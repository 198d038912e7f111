// The distribution's liblz4, called once per page. Its functions are declared here, so that only the library
// is needed, not its headers.
#include <stdint.h>

int LZ4_compress_default(const char *src, char *dst, int src_bytes, int capacity);
int LZ4_decompress_safe(const char *src, char *dst, int src_bytes, int capacity);

void liblz4_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens)
{
    for (uint32_t i = 0; i < pages; i++) {
        int bytes = LZ4_compress_default((const char *)src + (uint64_t)i * page_bytes, (char *)out, (int)page_bytes, (int)capacity);
        lens[i] = bytes > 0 ? bytes : -1;
        if (bytes > 0)
            out += bytes;
    }
}

int32_t liblz4_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out)
{
    for (uint32_t i = 0; i < pages; i++) {
        if (LZ4_decompress_safe((const char *)in, (char *)out, lens[i], (int)page_bytes) != (int)page_bytes)
            return (int32_t)i;
        in += lens[i];
        out += page_bytes;
    }
    return (int32_t)pages;
}
