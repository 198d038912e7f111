// The distribution's libzstd at levels 1 and 3: one frame per page, contexts reused.
#include <stddef.h>
#include <stdint.h>

typedef struct ZSTD_CCtx_s ZSTD_CCtx;
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
ZSTD_CCtx *ZSTD_createCCtx(void);
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_compressCCtx(ZSTD_CCtx *, void *, size_t, const void *, size_t, int level);
size_t ZSTD_decompressDCtx(ZSTD_DCtx *, void *, size_t, const void *, size_t);
unsigned ZSTD_isError(size_t);

static void encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens, int level)
{
    static ZSTD_CCtx *context;
    if (!context)
        context = ZSTD_createCCtx();
    for (uint32_t i = 0; i < pages; i++) {
        size_t bytes = ZSTD_compressCCtx(context, out, capacity, src + (uint64_t)i * page_bytes, page_bytes, level);
        lens[i] = ZSTD_isError(bytes) ? -1 : (int32_t)bytes;
        if (lens[i] > 0)
            out += bytes;
    }
}

void libzstd_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens)
{
    encode(src, pages, page_bytes, out, capacity, lens, 1);
}

void libzstd3_encode(const uint8_t *src, uint32_t pages, uint32_t page_bytes, uint8_t *out, uint32_t capacity, int32_t *lens)
{
    encode(src, pages, page_bytes, out, capacity, lens, 3);
}

int32_t libzstd_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out)
{
    static ZSTD_DCtx *context;
    if (!context)
        context = ZSTD_createDCtx();
    for (uint32_t i = 0; i < pages; i++) {
        if (ZSTD_decompressDCtx(context, out, page_bytes, in, (size_t)lens[i]) != page_bytes)
            return (int32_t)i;
        in += lens[i];
        out += page_bytes;
    }
    return (int32_t)pages;
}

int32_t libzstd3_decode(const uint8_t *in, const int32_t *lens, uint32_t pages, uint32_t page_bytes, uint8_t *out)
{
    return libzstd_decode(in, lens, pages, page_bytes, out);
}
