/* zlib: stored, fast, default and best. */
#include "codec.h"
#include <zlib.h>

static size_t bound(size_t length) { return compressBound((uLong)length); }

static size_t compress_level(void *out, size_t capacity, const void *in, size_t length, int level) {
    uLongf size = (uLongf)capacity;
    return compress2(out, &size, in, (uLong)length, level) == Z_OK ? size : 0;
}

static size_t decompress(void *out, size_t capacity, const void *in, size_t length) {
    uLongf size = (uLongf)capacity;
    return uncompress(out, &size, in, (uLong)length) == Z_OK ? size : 0;
}

int main(int argc, char **argv) {
    static const int levels[] = {0, 1, 6, 9, -1};
    static const struct codec codec = {"zlib", levels, bound, compress_level, decompress};
    return run_codec(&codec, 1 << 20, argc, argv);
}
