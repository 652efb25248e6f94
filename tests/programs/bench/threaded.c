/*
 * The stack machine of interpreter.c with threaded code: each instruction's function ends by calling the next one's in its
 * own place, with the machine's state in arguments. So there is no loop, and without guaranteed tail calls no end of stack.
 */
#include "harness.h"

struct instruction {
    uint8_t operation;
    int16_t operand;
};

/* `top` is the topmost value, `below` points to the one under it. */
#define STATE const struct instruction *at, uint32_t top, uint32_t *below, uint32_t *locals, uint64_t executed

typedef uint64_t operation(STATE);

enum { PUSH, LOAD, STORE, ADD, MULTIPLY, SHIFT, AND, LESS, JUMP, JUMP_IF, HALT };

static operation *operations[HALT + 1];

#define NEXT(at, top, below)                                                                                                     \
    __attribute__((musttail)) return operations[(at)[1].operation]((at) + 1, (top), (below), locals, executed + 1)

static uint64_t op_push(STATE) {
    *++below = top;
    NEXT(at, (uint32_t)at->operand, below);
}
static uint64_t op_load(STATE) {
    *++below = top;
    NEXT(at, locals[at->operand], below);
}
static uint64_t op_store(STATE) {
    locals[at->operand] = top;
    NEXT(at, *below, below - 1);
}
static uint64_t op_add(STATE) { NEXT(at, *below + top, below - 1); }
static uint64_t op_multiply(STATE) { NEXT(at, *below * top, below - 1); }
static uint64_t op_shift(STATE) { NEXT(at, top >> at->operand, below); }
static uint64_t op_and(STATE) { NEXT(at, top & (uint32_t)at->operand, below); }
static uint64_t op_less(STATE) { NEXT(at, *below < top, below - 1); }
static uint64_t op_jump(STATE) { NEXT(at + at->operand, top, below); }
static uint64_t op_jump_if(STATE) {
    if (top != 0) {
        at += at->operand;
    }
    NEXT(at, *below, below - 1);
}
static uint64_t op_halt(STATE) {
    (void)at, (void)top, (void)below, (void)locals;
    return executed + 1;
}

/* Volatile: the compiler must not see through the calls. */
static operation *volatile operations_source[] = {op_push, op_load, op_store, op_add,     op_multiply, op_shift,
                                                  op_and,  op_less, op_jump,  op_jump_if, op_halt};

/* locals: 0 = limit, 1 = start, 2 = value, 3 = steps; jumps are relative to the next instruction */
static const struct instruction program[] = {
    {PUSH, 1},  {STORE, 1},  {PUSH, 0},     {STORE, 3},                            /*  0: start = 1, steps = 0 */
    {LOAD, 1},  {STORE, 2},                                                        /*  4: value = start */
    {LOAD, 2},  {PUSH, 2},   {LESS, 0},     {JUMP_IF, 18},                         /*  6: while value >= 2 */
    {LOAD, 3},  {PUSH, 1},   {ADD, 0},      {STORE, 3},                            /* 10: steps += 1 */
    {LOAD, 2},  {AND, 1},    {JUMP_IF, 4},                                         /* 14: odd? */
    {LOAD, 2},  {SHIFT, 1},  {STORE, 2},    {JUMP, -15},                           /* 17: value /= 2 */
    {LOAD, 2},  {PUSH, 3},   {MULTIPLY, 0}, {PUSH, 1},     {ADD, 0}, {STORE, 2},   /* 21: value = 3 value + 1 */
    {JUMP, -22},                                                                   /* 27 */
    {LOAD, 1},  {PUSH, 1},   {ADD, 0},      {STORE, 1},                            /* 28: start += 1 */
    {LOAD, 1},  {LOAD, 0},   {LESS, 0},     {JUMP_IF, -32},                        /* 32: while start < limit */
    {HALT, 0},                                                                     /* 36 */
};

int main(int argc, char **argv) {
    unsigned scale = scale_argument(argc, argv);
    for (int i = 0; i <= HALT; i++) {
        operations[i] = operations_source[i];
    }
    uint32_t stack[16] = {0}, locals[4] = {5000 * scale, 0, 0, 0};
    uint64_t executed = operations[program[0].operation](program, 0, stack, locals, 0);
    printf("threaded: %u steps, %llu instructions\n", locals[3], (unsigned long long)executed);
    return 0;
}
