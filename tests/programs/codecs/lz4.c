/*
 * LZ4: the fast compressor (level 0), the high-compression one, and its optimal parser. In independent blocks of 64 KiB, as
 * in LZ4's frame format: with longer input the fast compressor's hash, and so its output, depends on the pointer's width.
 */
#include "codec.h"
#include <lz4.h>
#include <lz4hc.h>

#define BLOCK 65536

static size_t bound(size_t length) {
    return (length / BLOCK + 1) * (sizeof(uint32_t) + (size_t)LZ4_compressBound(BLOCK));
}

static size_t compress_level(void *out, size_t capacity, const void *in, size_t length, int level) {
    size_t used = 0;
    for (size_t at = 0; at < length; at += BLOCK) {
        const char *from = (const char *)in + at;
        char *to = (char *)out + used + sizeof(uint32_t);
        int part = (int)(length - at < BLOCK ? length - at : BLOCK);
        int room = (int)(capacity - used - sizeof(uint32_t));
        int size = level == 0 ? LZ4_compress_default(from, to, part, room) : LZ4_compress_HC(from, to, part, room, level);
        if (size <= 0) {
            return 0;
        }
        memcpy((char *)out + used, &(uint32_t){(uint32_t)size}, sizeof(uint32_t));
        used += sizeof(uint32_t) + (size_t)size;
    }
    return used;
}

static size_t decompress(void *out, size_t capacity, const void *in, size_t length) {
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t size;
        memcpy(&size, (const char *)in + at, sizeof size);
        at += sizeof size;
        int got = LZ4_decompress_safe((const char *)in + at, (char *)out + used, (int)size, (int)(capacity - used));
        if (got < 0) {
            return 0;
        }
        used += (size_t)got;
        at += size;
    }
    return used;
}

int main(int argc, char **argv) {
    static const int levels[] = {0, 4, 10, -1};
    static const struct codec codec = {"lz4", levels, bound, compress_level, decompress};
    return run_codec(&codec, 1 << 20, argc, argv);
}
