/*
 * A compressor's round trip over generated data: text with a natural spread of word frequencies, table-like records,
 * and a stretch of noise. Prints each level's compressed size and a checksum of the compressed bytes, which therefore must
 * be the same in native code and in WebAssembly.
 */
#ifndef CODEC_H
#define CODEC_H

#include "harness.h"

struct codec {
    const char *name;
    const int *levels; /* ends with a negative number */
    size_t (*bound)(size_t length);
    /* Both return the number of bytes written, 0 on failure. */
    size_t (*compress)(void *out, size_t capacity, const void *in, size_t length, int level);
    size_t (*decompress)(void *out, size_t capacity, const void *in, size_t length);
};

static size_t write_text(unsigned char *out, size_t capacity, uint64_t *state) {
    static const char syllables[] = "ka to mi ren sol va del ir un pa li gor est an che bu";
    size_t used = 0;
    /* The product of two uniform numbers favours small ones: few words are frequent, many are rare. */
    uint64_t word = (next_random(state) % 1000) * (next_random(state) % 1000) / 250;
    uint64_t spelling = word * UINT64_C(0x9E3779B97F4A7C15) | 1;
    unsigned parts = 1 + (unsigned)(spelling >> 62);
    while (parts-- > 0) {
        const char *from = syllables + (next_random(&spelling) % (sizeof syllables - 4));
        for (int i = 0; i < 3 && used < capacity; i++) {
            out[used++] = (unsigned char)(from[i] == ' ' ? 'e' : from[i]);
        }
    }
    if (used < capacity) {
        out[used++] = word % 17 == 0 ? '\n' : ' ';
    }
    return used;
}

static void fill_corpus(unsigned char *out, size_t length) {
    uint64_t state = UINT64_C(0x853c49e6748fea9b);
    size_t text = length * 6 / 10, records = length * 9 / 10, at = 0;
    while (at < text) {
        at += write_text(out + at, text - at, &state);
    }
    for (uint32_t row = 0; at < records; row++) {
        uint32_t record[6] = {row, row / 7, (uint32_t)(next_random(&state) % 100), 0, row * 3, 0x40490fdb};
        size_t n = records - at < sizeof record ? records - at : sizeof record;
        memcpy(out + at, record, n);
        at += n;
    }
    while (at < length) {
        out[at++] = (unsigned char)next_random(&state);
    }
}

static int run_codec(const struct codec *codec, size_t length, int argc, char **argv) {
    unsigned scale = scale_argument(argc, argv);
    size_t capacity = codec->bound(length);
    unsigned char *input = malloc(length), *packed = malloc(capacity), *output = malloc(length);
    if (input == NULL || packed == NULL || output == NULL) {
        fprintf(stderr, "%s: out of memory\n", codec->name);
        return 1;
    }
    fill_corpus(input, length);
    for (const int *level = codec->levels; *level >= 0; level++) {
        uint64_t hash = CHECKSUM_START;
        size_t size = 0;
        for (unsigned round = 0; round < scale; round++) {
            input[(size_t)round * 4099 % length] ^= 1; /* no two rounds are alike */
            size = codec->compress(packed, capacity, input, length, *level);
            if (size == 0) {
                fprintf(stderr, "%s: level %d does not compress\n", codec->name, *level);
                return 1;
            }
            hash = checksum(hash, packed, size);
            memset(output, 0, length);
            if (codec->decompress(output, length, packed, size) != length || memcmp(input, output, length) != 0) {
                fprintf(stderr, "%s: level %d does not come back as it was\n", codec->name, *level);
                return 1;
            }
        }
        printf("%s level %d: %zu -> %zu, checksum %016llx\n", codec->name, *level, length, size,
               (unsigned long long)hash);
    }
    free(input);
    free(packed);
    free(output);
    return 0;
}

#endif
