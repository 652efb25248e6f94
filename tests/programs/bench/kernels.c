/*
 * The mix of work that CoreMark stands for, written anew: a linked list that is searched, reversed and merge-sorted, small
 * integer matrices, a state machine that scans numbers in text, and a CRC over every result. Not CoreMark: its scores cannot
 * be compared with anything but this program's own.
 */
#include "harness.h"

/* --- CRC-16 (CCITT, reflected), bit by bit --- */

static uint16_t crc16(uint16_t crc, uint16_t value) {
    for (int bit = 0; bit < 16; bit++) {
        unsigned carry = (crc ^ value) & 1;
        crc >>= 1;
        value >>= 1;
        if (carry) {
            crc ^= 0x8408;
        }
    }
    return crc;
}

/* --- linked list --- */

#define ITEMS 200

struct item {
    struct item *next;
    int16_t key, data;
};

typedef int order(const struct item *, const struct item *);

static int by_key(const struct item *a, const struct item *b) { return a->key - b->key; }
static int by_data(const struct item *a, const struct item *b) { return a->data - b->data; }

static struct item *merge_sort(struct item *list, order *compare) {
    if (list == NULL || list->next == NULL) {
        return list;
    }
    struct item *slow = list, *fast = list->next;
    while (fast != NULL && fast->next != NULL) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct item *right = merge_sort(slow->next, compare), head, *tail = &head;
    slow->next = NULL;
    struct item *left = merge_sort(list, compare);
    while (left != NULL && right != NULL) {
        struct item **smaller = compare(left, right) <= 0 ? &left : &right;
        tail = tail->next = *smaller;
        *smaller = (*smaller)->next;
    }
    tail->next = left != NULL ? left : right;
    return head.next;
}

static struct item *reverse(struct item *list) {
    struct item *done = NULL;
    while (list != NULL) {
        struct item *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static uint16_t list_work(struct item *items, uint16_t seed) {
    for (int i = 0; i < ITEMS; i++) {
        items[i].next = i + 1 < ITEMS ? &items[i + 1] : NULL;
        items[i].key = (int16_t)((i * 7919 + seed) % 1000);
        items[i].data = (int16_t)(i ^ (seed & 0xff));
    }
    uint16_t crc = 0;
    struct item *list = items;
    for (int wanted = 0; wanted < 40; wanted++) {
        const struct item *found = list;
        while (found != NULL && found->key % 40 != wanted) {
            found = found->next;
        }
        crc = crc16(crc, found == NULL ? 0xffff : (uint16_t)found->data);
        list = reverse(list);
    }
    list = merge_sort(list, by_key);
    crc = crc16(crc, (uint16_t)list->data);
    list = merge_sort(list, by_data);
    for (const struct item *item = list; item != NULL; item = item->next) {
        crc = crc16(crc, (uint16_t)item->key);
    }
    return crc;
}

/* --- matrices --- */

#define SIZE 12

static uint16_t matrix_work(uint16_t seed) {
    static int16_t a[SIZE][SIZE], b[SIZE][SIZE];
    static int32_t product[SIZE][SIZE];
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = (int16_t)((i * 31 + j * 17 + seed) % 256 - 128);
            b[i][j] = (int16_t)((i * 13 - j * 29 + seed) % 256);
        }
    }
    uint16_t crc = 0;
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            int32_t sum = 0;
            for (int k = 0; k < SIZE; k++) {
                sum += a[i][k] * b[k][j];
            }
            product[i][j] = sum;
        }
    }
    for (int i = 0; i < SIZE; i++) {
        int32_t row = 0;
        for (int j = 0; j < SIZE; j++) {
            int32_t bits = ((product[i][j] >> 2) & 15) * ((product[i][j] >> 5) & 127);
            row += bits > product[j][i] ? 10 : bits;
        }
        crc = crc16(crc, (uint16_t)row);
    }
    return crc;
}

/* --- state machine: what kind of number is each comma-separated field? --- */

enum state { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, INVALID, STATES };

static enum state step(enum state state, char c) {
    int digit = c >= '0' && c <= '9';
    switch (state) {
    case START:
        return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN:
        return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER:
        return digit ? INTEGER : c == '.' ? POINT : c == 'e' ? EXPONENT : INVALID;
    case POINT:
    case FRACTION:
        return digit ? FRACTION : c == 'e' && state == FRACTION ? EXPONENT : INVALID;
    case EXPONENT:
        return digit ? SCIENTIFIC : c == '+' || c == '-' ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN:
    case SCIENTIFIC:
        return digit ? SCIENTIFIC : INVALID;
    default:
        return INVALID;
    }
}

static uint16_t scan_work(char *text, size_t length, uint16_t seed) {
    uint32_t ends[STATES] = {0};
    size_t flipped = seed % length;
    text[flipped] ^= 1;
    enum state state = START;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ',') {
            ends[state]++;
            state = START;
        } else {
            state = step(state, text[i]);
        }
    }
    text[flipped] ^= 1;
    uint16_t crc = 0;
    for (int i = 0; i < STATES; i++) {
        crc = crc16(crc, (uint16_t)ends[i]);
    }
    return crc;
}

int main(int argc, char **argv) {
    unsigned rounds = 400 * scale_argument(argc, argv);
    static struct item items[ITEMS];
    char text[] = "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,+0.6e-12,"
                  "T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,";
    uint16_t crc = 0;
    for (unsigned round = 0; round < rounds; round++) {
        uint16_t seed = (uint16_t)(round * 257 + crc);
        crc = crc16(crc, list_work(items, seed));
        crc = crc16(crc, matrix_work(seed));
        crc = crc16(crc, scan_work(text, sizeof text - 1, seed));
    }
    printf("kernels: %u rounds, crc %04x\n", rounds, crc);
    return 0;
}
