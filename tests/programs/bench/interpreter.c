/*
 * A stack machine whose instructions are functions called through a table: one indirect call an instruction, as in an
 * interpreter, a state machine or an object system. The program it runs counts Collatz steps.
 */
#include "harness.h"

struct machine {
    const struct instruction *at;
    uint32_t stack[16], *top; /* points at the topmost value */
    uint32_t locals[4];
    uint64_t executed;
};

struct instruction {
    uint8_t operation;
    int16_t operand;
};

typedef void operation(struct machine *, int32_t operand);

static void op_push(struct machine *m, int32_t operand) { *++m->top = (uint32_t)operand; }
static void op_load(struct machine *m, int32_t operand) { *++m->top = m->locals[operand]; }
static void op_store(struct machine *m, int32_t operand) { m->locals[operand] = *m->top--; }
static void op_add(struct machine *m, int32_t operand) {
    (void)operand;
    m->top--;
    *m->top += m->top[1];
}
static void op_multiply(struct machine *m, int32_t operand) {
    (void)operand;
    m->top--;
    *m->top *= m->top[1];
}
static void op_shift(struct machine *m, int32_t operand) { *m->top >>= operand; }
static void op_and(struct machine *m, int32_t operand) { *m->top &= (uint32_t)operand; }
static void op_less(struct machine *m, int32_t operand) {
    (void)operand;
    m->top--;
    *m->top = *m->top < m->top[1];
}
static void op_jump(struct machine *m, int32_t operand) { m->at += operand; }
static void op_jump_if(struct machine *m, int32_t operand) {
    if (*m->top-- != 0) {
        m->at += operand;
    }
}
static void op_halt(struct machine *m, int32_t operand) {
    (void)operand;
    m->at = NULL;
}

enum { PUSH, LOAD, STORE, ADD, MULTIPLY, SHIFT, AND, LESS, JUMP, JUMP_IF, HALT };

/* Not const: the compiler must not see through the calls. */
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
    operation *operations[HALT + 1];
    for (int i = 0; i <= HALT; i++) {
        operations[i] = operations_source[i];
    }
    struct machine m = {.at = program};
    m.top = m.stack;
    m.locals[0] = 5000 * scale;
    while (m.at != NULL) {
        struct instruction instruction = *m.at++;
        operations[instruction.operation](&m, instruction.operand);
        m.executed++;
    }
    printf("interpreter: %u steps, %llu instructions\n", m.locals[3], (unsigned long long)m.executed);
    return 0;
}
