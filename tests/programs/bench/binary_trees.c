/* Many small allocations: trees are built, walked and freed, beside one that lives through the whole run. */
#include "harness.h"

struct node {
    struct node *left, *right;
};

static struct node *grow(unsigned depth) {
    struct node *node = malloc(sizeof *node);
    if (node == NULL) {
        fprintf(stderr, "binary-trees: out of memory\n");
        exit(1);
    }
    node->left = depth == 0 ? NULL : grow(depth - 1);
    node->right = depth == 0 ? NULL : grow(depth - 1);
    return node;
}

static unsigned count(const struct node *node) {
    return node == NULL ? 0 : 1 + count(node->left) + count(node->right);
}

static void fell(struct node *node) {
    if (node != NULL) {
        fell(node->left);
        fell(node->right);
        free(node);
    }
}

int main(int argc, char **argv) {
    unsigned deepest = 9 + scale_argument(argc, argv);
    struct node *lasting = grow(deepest);
    for (unsigned depth = 4; depth <= deepest; depth += 4) {
        unsigned rounds = 1u << (deepest - depth + 2), nodes = 0;
        for (unsigned round = 0; round < rounds; round++) {
            struct node *tree = grow(depth);
            nodes += count(tree);
            fell(tree);
        }
        printf("binary-trees: %u trees of depth %u, %u nodes\n", rounds, depth, nodes);
    }
    printf("binary-trees: lasting tree of depth %u, %u nodes\n", deepest, count(lasting));
    fell(lasting);
    return 0;
}
