/*
 * SQLite as a program. `sqlite [DATABASE] < SCRIPT` or `sqlite DATABASE SCRIPT` runs SQL statements and prints the rows;
 * `sqlite --speed SCALE` does a fixed amount of mixed work in memory and prints checksums.
 */
#include "harness.h"
#include <sqlite3.h>

static void fail(sqlite3 *db, const char *doing) {
    fprintf(stderr, "sqlite: %s: %s\n", doing, db == NULL ? "out of memory" : sqlite3_errmsg(db));
    exit(1);
}

static sqlite3 *open_database(const char *name) {
    sqlite3 *db = NULL;
    if (sqlite3_open(name, &db) != SQLITE_OK) {
        fail(db, name);
    }
    return db;
}

/* --- scripts --- */

static char *read_all(FILE *file) {
    size_t used = 0, room = 4096;
    char *text = malloc(room);
    while (text != NULL) {
        used += fread(text + used, 1, room - used - 1, file);
        if (used + 1 < room) {
            text[used] = '\0';
            return text;
        }
        room *= 2;
        text = realloc(text, room);
    }
    fail(NULL, "reading the script");
    return NULL;
}

static int print_row(void *heading_due, int columns, char **values, char **names) {
    if (*(int *)heading_due) {
        for (int i = 0; i < columns; i++) {
            printf("%s%s", i == 0 ? "-- " : " | ", names[i]);
        }
        putchar('\n');
        *(int *)heading_due = 0;
    }
    for (int i = 0; i < columns; i++) {
        printf("%s%s", i == 0 ? "" : "|", values[i] == NULL ? "NULL" : values[i]);
    }
    putchar('\n');
    return 0;
}

static void run_script(sqlite3 *db, const char *script) {
    while (*script != '\0') {
        /* One statement at a time, so that each result gets its heading. */
        sqlite3_stmt *statement;
        const char *rest;
        if (sqlite3_prepare_v2(db, script, -1, &statement, &rest) != SQLITE_OK) {
            fail(db, "statement");
        }
        if (statement != NULL) {
            int heading_due = 1;
            if (sqlite3_exec(db, sqlite3_sql(statement), print_row, &heading_due, NULL) != SQLITE_OK) {
                fail(db, sqlite3_sql(statement));
            }
        }
        sqlite3_finalize(statement);
        script = rest;
    }
}

/* --- fixed work --- */

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail(db, sql);
    }
    return statement;
}

/* Runs to the end, mixes every column of every row into a checksum, and makes the statement ready for the next time. */
static uint64_t drain(sqlite3 *db, sqlite3_stmt *statement, uint64_t hash) {
    int status;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);
            hash = checksum(hash, text, (size_t)sqlite3_column_bytes(statement, i));
        }
    }
    if (status != SQLITE_DONE) {
        fail(db, sqlite3_sql(statement));
    }
    sqlite3_reset(statement);
    return hash;
}

static void execute(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail(db, sql);
    }
}

static void name_of(char *out, size_t room, uint64_t value) {
    static const char *const parts[] = {"ban", "cor", "dul", "fen", "gil", "hom", "kir", "lun", "mar", "nox"};
    size_t used = 0;
    do {
        used += (size_t)snprintf(out + used, room - used, "%s", parts[value % 10]);
        value /= 10;
    } while (value > 0 && used + 4 < room);
}

static void report(const char *part, uint64_t hash) {
    printf("sqlite %s: %016llx\n", part, (unsigned long long)hash);
}

static void speed(unsigned scale) {
    sqlite3 *db = open_database(":memory:");
    uint64_t state = 88172645463325252u, hash = CHECKSUM_START;
    int rows = 3000 * (int)scale;
    char name[64];

    execute(db, "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, born INTEGER, city INTEGER, worth REAL);"
                "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
                "CREATE TABLE payment(payer INTEGER, payee INTEGER, amount INTEGER, note TEXT)");

    execute(db, "BEGIN");
    sqlite3_stmt *city = prepare(db, "INSERT INTO city VALUES(?1, ?2)");
    for (int i = 0; i < 100; i++) {
        name_of(name, sizeof name, (uint64_t)i * 7919);
        sqlite3_bind_int(city, 1, i);
        sqlite3_bind_text(city, 2, name, -1, SQLITE_TRANSIENT);
        drain(db, city, 0);
    }
    sqlite3_finalize(city);
    sqlite3_stmt *person = prepare(db, "INSERT INTO person VALUES(NULL, ?1, ?2, ?3, ?4)");
    for (int i = 0; i < rows; i++) {
        uint64_t random = next_random(&state);
        name_of(name, sizeof name, random % 1000000);
        sqlite3_bind_text(person, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int(person, 2, 1900 + (int)(random >> 32) % 120);
        sqlite3_bind_int(person, 3, (int)((random >> 40) % 100));
        sqlite3_bind_double(person, 4, (double)(random >> 44) / 16.0);
        drain(db, person, 0);
    }
    sqlite3_finalize(person);
    sqlite3_stmt *payment = prepare(db, "INSERT INTO payment VALUES(?1, ?2, ?3, 'for ' || hex(?3) || ' things')");
    for (int i = 0; i < 2 * rows; i++) {
        uint64_t random = next_random(&state);
        sqlite3_bind_int(payment, 1, 1 + (int)((random >> 8) % (uint64_t)rows));
        sqlite3_bind_int(payment, 2, 1 + (int)((random >> 24) % (uint64_t)rows));
        sqlite3_bind_int(payment, 3, (int)((random >> 48) % 5000));
        drain(db, payment, 0);
    }
    sqlite3_finalize(payment);
    execute(db, "COMMIT");
    execute(db, "CREATE INDEX person_born ON person(born, name); CREATE INDEX payment_payer ON payment(payer)");
    sqlite3_stmt *all = prepare(db, "SELECT count(*), sum(born), max(name), round(avg(worth), 3) FROM person");
    report("fill", drain(db, all, hash));

    sqlite3_stmt *point = prepare(db, "SELECT name, worth FROM person WHERE id = ?1");
    for (int i = 0; i < 4 * rows; i++) {
        sqlite3_bind_int(point, 1, 1 + (int)(next_random(&state) % (uint64_t)rows));
        hash = drain(db, point, hash);
    }
    sqlite3_finalize(point);
    report("point lookups", hash);

    sqlite3_stmt *range = prepare(db, "SELECT name, city FROM person WHERE born BETWEEN ?1 AND ?1 + 2 ORDER BY name LIMIT 50");
    for (int i = 0; i < rows / 20; i++) {
        sqlite3_bind_int(range, 1, 1900 + i % 118);
        hash = drain(db, range, hash);
    }
    sqlite3_finalize(range);
    report("ranges", hash);

    sqlite3_stmt *join = prepare(db, "SELECT c.name, count(*), sum(p.amount), group_concat(DISTINCT a.born % 10)"
                                     " FROM payment p JOIN person a ON a.id = p.payer JOIN city c ON c.id = a.city"
                                     " WHERE p.amount > 100 GROUP BY c.id HAVING count(*) > 1 ORDER BY 3 DESC, 1");
    report("join", hash = drain(db, join, hash));
    sqlite3_finalize(join);

    sqlite3_stmt *window = prepare(db, "SELECT sum(r), sum(l) FROM (SELECT rank() OVER (PARTITION BY city ORDER BY worth) AS r,"
                                       " lag(born, 1, 0) OVER (ORDER BY name, id) AS l FROM person)");
    report("windows", hash = drain(db, window, hash));
    sqlite3_finalize(window);

    sqlite3_stmt *scan = prepare(db, "SELECT count(*) FROM payment WHERE note LIKE '%33%' OR note GLOB '*4?4*'");
    report("text scan", hash = drain(db, scan, hash));
    sqlite3_finalize(scan);

    sqlite3_stmt *recursive = prepare(db, "WITH RECURSIVE n(i, s) AS (SELECT 1, 0 UNION ALL SELECT i + 1, (s * 31 + i) % 65537 FROM n"
                                          " WHERE i < ?1) SELECT max(s), sum(s) FROM n");
    sqlite3_bind_int(recursive, 1, 10 * rows);
    report("recursion", hash = drain(db, recursive, hash));
    sqlite3_finalize(recursive);

    execute(db, "BEGIN; UPDATE person SET worth = worth * 1.01, name = upper(substr(name, 1, 1)) || substr(name, 2) WHERE id % 3 = 0;"
                "DELETE FROM payment WHERE amount < 1000; COMMIT");
    report("changes", hash = drain(db, all, hash));
    sqlite3_finalize(all);
    sqlite3_stmt *check = prepare(db, "PRAGMA integrity_check");
    report("integrity", drain(db, check, hash));
    sqlite3_finalize(check);
    sqlite3_close(db);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--speed") == 0) {
        speed(scale_argument(argc - 1, argv + 1));
        return 0;
    }
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: %s [DATABASE [SCRIPT]] | --speed SCALE\n", argv[0]);
        return 2;
    }
    FILE *file = stdin;
    if (argc == 3 && (file = fopen(argv[2], "r")) == NULL) {
        perror(argv[2]);
        return 1;
    }
    sqlite3 *db = open_database(argc > 1 ? argv[1] : ":memory:");
    run_script(db, read_all(file));
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
