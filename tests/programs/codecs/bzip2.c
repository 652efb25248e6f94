/* bzip2: small blocks and large ones. */
#include "codec.h"
#include <bzlib.h>

/* bzlib without stdio asks its user for this. */
void bz_internal_error(int code) {
    fprintf(stderr, "bzip2: internal error %d\n", code);
    exit(1);
}

static size_t bound(size_t length) { return length + length / 100 + 600; }

static size_t compress_level(void *out, size_t capacity, const void *in, size_t length, int level) {
    unsigned size = (unsigned)capacity;
    int status = BZ2_bzBuffToBuffCompress(out, &size, (char *)in, (unsigned)length, level, 0, 0);
    return status == BZ_OK ? size : 0;
}

static size_t decompress(void *out, size_t capacity, const void *in, size_t length) {
    unsigned size = (unsigned)capacity;
    int status = BZ2_bzBuffToBuffDecompress(out, &size, (char *)in, (unsigned)length, 0, 0);
    return status == BZ_OK ? size : 0;
}

int main(int argc, char **argv) {
    static const int levels[] = {1, 9, -1};
    static const struct codec codec = {"bzip2", levels, bound, compress_level, decompress};
    return run_codec(&codec, 1 << 20, argc, argv);
}
