/* A star and its planets under gravity, leapfrog steps: scalar floating point whose last bit shows in the checksum. */
#include "harness.h"
#include <math.h>

#define BODIES 6

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES];

/* Circular orbits at growing distances, a little out of one plane. */
static void place(void) {
    bodies[0].mass = 1000.0;
    for (int i = 1; i < BODIES; i++) {
        double distance = 4.0 * i * i, speed = sqrt(bodies[0].mass / distance);
        bodies[i] = (struct body){.x = distance, .z = 0.125 * i, .vy = speed, .vz = 0.0625 / i, .mass = 0.5 / i};
        bodies[0].vy -= bodies[i].mass * speed / bodies[0].mass;
    }
}

static void pull(double step) {
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++) {
            double dx = bodies[i].x - bodies[j].x, dy = bodies[i].y - bodies[j].y, dz = bodies[i].z - bodies[j].z;
            double square = dx * dx + dy * dy + dz * dz;
            double force = step / (square * sqrt(square));
            bodies[i].vx -= dx * bodies[j].mass * force;
            bodies[i].vy -= dy * bodies[j].mass * force;
            bodies[i].vz -= dz * bodies[j].mass * force;
            bodies[j].vx += dx * bodies[i].mass * force;
            bodies[j].vy += dy * bodies[i].mass * force;
            bodies[j].vz += dz * bodies[i].mass * force;
        }
    }
}

static void drift(double step) {
    for (int i = 0; i < BODIES; i++) {
        bodies[i].x += step * bodies[i].vx;
        bodies[i].y += step * bodies[i].vy;
        bodies[i].z += step * bodies[i].vz;
    }
}

int main(int argc, char **argv) {
    unsigned steps = 100000 * scale_argument(argc, argv);
    place();
    for (unsigned step = 0; step < steps; step++) {
        pull(0.0009765625);
        drift(0.0009765625);
    }
    printf("nbody: %.6f %.6f, checksum %016llx\n", bodies[1].x, bodies[1].y,
           (unsigned long long)checksum(CHECKSUM_START, bodies, sizeof bodies));
    return 0;
}
