/* Zstandard, one level of each match-finder family: double fast, lazy with rows, binary tree. */
#include "codec.h"
#include <zstd.h>

static size_t compress_level(void *out, size_t capacity, const void *in, size_t length, int level) {
    size_t size = ZSTD_compress(out, capacity, in, length, level);
    return ZSTD_isError(size) ? 0 : size;
}

static size_t decompress(void *out, size_t capacity, const void *in, size_t length) {
    size_t size = ZSTD_decompress(out, capacity, in, length);
    return ZSTD_isError(size) ? 0 : size;
}

int main(int argc, char **argv) {
    static const int levels[] = {3, 7, 13, -1};
    static const struct codec codec = {"zstd", levels, ZSTD_compressBound, compress_level, decompress};
    return run_codec(&codec, 1 << 20, argc, argv);
}
