/* Brotli: one quality of each kind of encoder, fast, general; 10 and 11 are left out, they cost seconds. */
#include "codec.h"
#include <brotli/decode.h>
#include <brotli/encode.h>

static size_t compress_level(void *out, size_t capacity, const void *in, size_t length, int level) {
    size_t size = capacity;
    return BrotliEncoderCompress(level, 18, BROTLI_MODE_GENERIC, length, in, &size, out) ? size : 0;
}

static size_t decompress(void *out, size_t capacity, const void *in, size_t length) {
    size_t size = capacity;
    return BrotliDecoderDecompress(length, in, &size, out) == BROTLI_DECODER_RESULT_SUCCESS ? size : 0;
}

int main(int argc, char **argv) {
    static const int levels[] = {1, 5, 9, -1};
    static const struct codec codec = {"brotli", levels, BrotliEncoderMaxCompressedSize, compress_level, decompress};
    return run_codec(&codec, 1 << 20, argc, argv);
}
