/*
 * Vectors of 128 bits, written with the compiler's vector types: SSE2 or NEON natively, SIMD in WebAssembly. Bytes are
 * searched, folded and reordered, samples multiplied and summed, pixels blended, matrices multiplied, and a set of Mandelbrot
 * drawn, four points at a time.
 */
#include "harness.h"

#pragma STDC FP_CONTRACT OFF

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int16_t i16x4 __attribute__((vector_size(8)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));

#define LENGTH 4096

static u8x16 bytes[LENGTH / 16], other[LENGTH / 16], out[LENGTH / 16];
static i16x8 samples[LENGTH / 8], weights[LENGTH / 8];

/* Upper case becomes lower case; counts letters. */
static uint64_t fold_case(void) {
    u8x16 count = {0};
    uint64_t letters = 0;
    for (int i = 0; i < LENGTH / 16; i++) {
        u8x16 c = bytes[i];
        i8x16 upper = (c >= 'A') & (c <= 'Z');
        u8x16 lower = c | ((u8x16)upper & 0x20);
        count -= (u8x16)((lower >= 'a') & (lower <= 'z'));
        out[i] = lower;
        if (i % 128 == 127) {
            for (int lane = 0; lane < 16; lane++) {
                letters += count[lane];
            }
            count = (u8x16){0};
        }
    }
    return letters;
}

/* Average and difference, saturated, of two pictures; words of four bytes turned round. */
static void blend(void) {
    for (int i = 0; i < LENGTH / 16; i++) {
        u8x16 a = bytes[i], b = other[i];
        u8x16 low = __builtin_elementwise_min(a, b), high = __builtin_elementwise_max(a, b);
        u8x16 sum = __builtin_elementwise_add_sat(low, high - low);
        out[i] = __builtin_shufflevector(sum ^ b, sum, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 28);
    }
}

static int32_t multiply_and_sum(void) {
    i32x4 sum = {0};
    for (int i = 0; i < LENGTH / 8; i++) {
        i16x8 a = samples[i], b = weights[i];
        i16x4 a_low = __builtin_shufflevector(a, a, 0, 1, 2, 3), a_high = __builtin_shufflevector(a, a, 4, 5, 6, 7);
        i16x4 b_low = __builtin_shufflevector(b, b, 0, 1, 2, 3), b_high = __builtin_shufflevector(b, b, 4, 5, 6, 7);
        sum += __builtin_convertvector(a_low, i32x4) * __builtin_convertvector(b_low, i32x4);
        sum += __builtin_convertvector(a_high, i32x4) * __builtin_convertvector(b_high, i32x4);
        samples[i] = __builtin_elementwise_add_sat(a, b >> 3);
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

#define SIZE 32

static f32x4 left[SIZE][SIZE / 4], right[SIZE][SIZE / 4], product[SIZE][SIZE / 4];

static void multiply_matrices(void) {
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE / 4; column++) {
            f32x4 sum = {0};
            for (int k = 0; k < SIZE; k++) {
                sum += left[row][k / 4][k % 4] * right[k][column];
            }
            product[row][column] = sum;
        }
    }
}

static i32x4 mandelbrot(f32x4 x0, f32x4 y0) {
    f32x4 x = x0, y = y0;
    i32x4 count = {0};
    for (int i = 0; i < 64; i++) {
        f32x4 xx = x * x, yy = y * y;
        i32x4 inside = xx + yy <= 4.0f;
        if (!(inside[0] | inside[1] | inside[2] | inside[3])) {
            break;
        }
        count -= inside;
        y = 2.0f * x * y + y0;
        x = xx - yy + x0;
    }
    return count;
}

/* Distances, in doubles, and the integers below them. */
static uint64_t distances(void) {
    uint64_t sum = 0;
    for (int i = 0; i < LENGTH / 8; i++) {
        f64x2 a = {samples[i][0], samples[i][3]}, b = {weights[i][5], weights[i][6]};
        f64x2 square = a * a + b * b;
        f64x2 root = __builtin_elementwise_sqrt(square);
        f64x2 below = __builtin_elementwise_floor(root / 3.0);
        sum += (uint64_t)below[0] + ((uint64_t)below[1] << 20);
    }
    return sum;
}

int main(int argc, char **argv) {
    unsigned scale = scale_argument(argc, argv);
    uint64_t state = 42, hash = CHECKSUM_START;
    for (int i = 0; i < LENGTH; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)(next_random(&state) >> 57);
        ((uint8_t *)other)[i] = (uint8_t)(next_random(&state) >> 56);
    }
    for (int i = 0; i < LENGTH; i++) {
        ((int16_t *)samples)[i] = (int16_t)(next_random(&state) >> 50);
        ((int16_t *)weights)[i] = (int16_t)((next_random(&state) >> 53) - 1024);
    }
    for (int i = 0; i < SIZE * SIZE; i++) {
        ((float *)left)[i] = (float)(next_random(&state) >> 54) / 64.0f;
        ((float *)right)[i] = (float)(next_random(&state) >> 54) / 64.0f;
    }
    for (unsigned round = 0; round < scale; round++) {
        for (int i = 0; i < 100; i++) {
            hash = checksum_u64(hash, fold_case());
            bytes[i] ^= out[i] >> 1;
            blend();
            other[i] += out[i];
            hash = checksum_u64(hash, (uint64_t)multiply_and_sum());
            multiply_matrices();
            left[i % SIZE][i % (SIZE / 4)] = product[i % SIZE][1] / 4096.0f;
            hash = checksum_u64(hash, distances());
        }
        for (int row = 0; row < 64; row++) {
            for (int column = 0; column < 64; column += 4) {
                f32x4 x = {column, column + 1, column + 2, column + 3};
                f32x4 y = {row, row, row, row};
                i32x4 count = mandelbrot(x / 24.0f - 2.0f, y / 32.0f - 1.0f);
                hash = checksum(hash, &count, sizeof count);
            }
        }
        hash = checksum(hash, out, sizeof out);
        hash = checksum(hash, product, sizeof product);
    }
    printf("vectors %016llx\n", (unsigned long long)hash);
    return 0;
}
