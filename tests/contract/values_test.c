/* SPDX-License-Identifier: MIT */
/* values_test.c - the contract of store_read(), store_write() and store_resize(). */
#include "contract.h"

static void a_read_ends_at_the_end(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "0123456789");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    char buffer[20];
    size_t got = 99;
    assert_int_equal(store_read(version, buffer, 4, 3, &got), 0);
    assert_int_equal(got, 4);
    assert_memory_equal(buffer, "3456", 4);
    assert_int_equal(store_read(version, buffer, 20, 8, &got), 0);
    assert_int_equal(got, 2);
    assert_memory_equal(buffer, "89", 2);
    assert_int_equal(store_read(version, buffer, 20, 10, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(store_read(version, buffer, 20, 1 << 30, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(store_read(version, buffer, 20, UINT64_MAX, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(store_read(version, buffer, 0, 0, &got), 0);
    assert_int_equal(got, 0);
}

static void an_empty_value_is_a_value(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    assert_int_equal(store_write(version, "x", 0, 5), 0);
    assert_int_equal(look_version(f, version)->size, 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    expect_text(f, STORE_ROOT, "file", "");
    expect_version_text(version, "");
}

static void values_hold_any_bytes_at_any_size(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {1,     4095,   4096,   4097,   8192,    65535,       65536,
                                   65537, 131071, 131072, 131073, 1 << 20, 5 << 20 | 3, 16 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *value = pattern(f, sizes[i], (unsigned)i);
        put_bytes(f, STORE_ROOT, "file", value, sizes[i]);
        expect_bytes(f, STORE_ROOT, "file", value, sizes[i]);
    }
}

static void a_large_value_may_come_in_pieces(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 3 << 20, PIECE = 10007 };
    uint8_t *value = pattern(f, SIZE, 9);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    for (size_t at = 0; at < SIZE; at += PIECE) {
        size_t size = SIZE - at < PIECE ? SIZE - at : PIECE;
        assert_int_equal(store_write(version, value + at, size, at), 0);
    }
    expect_version(version, value, SIZE);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    expect_bytes(f, STORE_ROOT, "file", value, SIZE);
    uint8_t *read = pattern(f, PIECE, 0);
    size_t got;
    for (size_t at = 0; at < SIZE; at += PIECE) {
        assert_int_equal(store_read(version, read, PIECE, at, &got), 0);
        assert_int_equal(got, SIZE - at < PIECE ? SIZE - at : PIECE);
        assert_memory_equal(read, value + at, got);
    }
}

static void pieces_may_come_in_any_order(void **state)
{
    struct fixture *f = *state;
    enum { PIECES = 64, PIECE = 5000 };
    uint8_t *value = pattern(f, PIECES * PIECE, 10);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    for (size_t i = 0; i < PIECES; i++) {
        size_t at = (i * 37 + 11) % PIECES * PIECE;
        assert_int_equal(store_write(version, value + at, PIECE, at), 0);
    }
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    expect_bytes(f, STORE_ROOT, "file", value, PIECES * PIECE);
}

static void holes_read_as_zeroes(void **state)
{
    struct fixture *f = *state;
    enum { HOLE = 10 << 20 };
    uint8_t *value = pattern(f, HOLE + 4, 0);
    memset(value, 0, HOLE + 4);
    memcpy(value, "head", 4);
    memcpy(value + HOLE, "tail", 4);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "head", 0);
    write_text(version, "tail", HOLE);
    expect_version(version, value, HOLE + 4);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    expect_bytes(f, STORE_ROOT, "file", value, HOLE + 4);
    memcpy(value + 5000000, "middle", 6);
    write_text(version, "middle", 5000000);
    expect_bytes(f, STORE_ROOT, "file", value, HOLE + 4);
}

static void a_resize_cuts_and_fills_with_zeroes(void **state)
{
    struct fixture *f = *state;
    static const size_t steps[] = {10, 5, 20, 5000, 4096, 3, 200000, 70000, 65536, 1, 131072, 0, 65537};
    enum { MOST = 200000 };
    uint8_t *value = pattern(f, MOST, 3), *expected = pattern(f, MOST, 3);
    put_bytes(f, STORE_ROOT, "file", value, 100);
    struct store_version *version = pin(f, STORE_ROOT, "file");
    size_t size = 100;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(store_resize(version, steps[i]), 0);
        if (steps[i] > size)
            memset(expected + size, 0, steps[i] - size);
        size = steps[i];
        expect_bytes(f, STORE_ROOT, "file", expected, size);
        assert_int_equal(store_write(version, value, size, 0), 0);
        memcpy(expected, value, size);
        expect_bytes(f, STORE_ROOT, "file", expected, size);
    }
}

static void what_was_cut_off_never_comes_back(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 300000 };
    uint8_t *value = pattern(f, SIZE, 4);
    put_bytes(f, STORE_ROOT, "file", value, SIZE);
    struct store_version *version = pin(f, STORE_ROOT, "file");
    assert_int_equal(store_resize(version, 100), 0);
    assert_int_equal(store_write(version, "end", 3, SIZE - 3), 0);
    memset(value + 100, 0, SIZE - 100);
    memcpy(value + SIZE - 3, "end", 3);
    expect_bytes(f, STORE_ROOT, "file", value, SIZE);
}

/* --- live ---------------------------------------------------------------------------------------------- */

static void a_live_write_is_seen_when_it_returns(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 10 * SECOND);
    const struct entry *before = look(f, STORE_ROOT, "file");
    advance_ms(f, 3 * SECOND);
    struct store_version *version = pin(f, STORE_ROOT, "file");
    write_text(version, "longer", 2);
    expect_text(f, STORE_ROOT, "file", "valonger");
    const struct entry *after = look(f, STORE_ROOT, "file");
    assert_int_equal(after->version, before->version);
    assert_int_equal(after->ino, before->ino);
    assert_true(after->change > before->change);
    assert_int_equal(after->mtime_ns, f->now_ns);
    assert_int_equal(after->ctime_ns, f->now_ns);
    assert_int_equal(after->expires_ms, now_ms(f) + 10 * SECOND);
    assert_int_equal(after->used_ms, now_ms(f));
    assert_int_equal(look_version(f, version)->size, 8);
}

static void a_live_resize_is_seen_when_it_returns(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 10 * SECOND);
    const struct entry *before = look(f, STORE_ROOT, "file");
    advance_ms(f, 3 * SECOND);
    assert_int_equal(store_resize(pin(f, STORE_ROOT, "file"), 3), 0);
    expect_text(f, STORE_ROOT, "file", "val");
    const struct entry *after = look(f, STORE_ROOT, "file");
    assert_int_equal(after->version, before->version);
    assert_true(after->change > before->change);
    assert_int_equal(after->mtime_ns, f->now_ns);
    assert_int_equal(after->expires_ms, now_ms(f) + 10 * SECOND);
}

static void an_append_goes_to_the_end(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "one", STORE_AT_END);
    write_text(version, ",two", STORE_AT_END);
    expect_version_text(version, "one,two");
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    write_text(version, ",three", STORE_AT_END);
    write_text(pin(f, STORE_ROOT, "file"), ",four", STORE_AT_END);
    expect_text(f, STORE_ROOT, "file", "one,two,three,four");
    assert_int_equal(store_write(version, pattern(f, 5000, 2), 5000, STORE_AT_END), 0);
    write_text(version, "!", STORE_AT_END);
    assert_int_equal(look(f, STORE_ROOT, "file")->size, 18 + 5000 + 1);
}

/* Random writes, resizes and appends, compared with a buffer; the version's life goes on meanwhile. */
static void random_edits_agree_with_a_buffer(void **state)
{
    struct fixture *f = *state;
    enum { MOST = 400000, EDITS = 600 };
    uint8_t *shadow = pattern(f, MOST, 0), *data = pattern(f, MOST, 6);
    size_t size = 0;
    srand(7);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    for (int i = 0; i < EDITS; i++) {
        size_t room = rand() % 3 ? 6000 : MOST, at = (size_t)rand() % room, count = (size_t)rand() % (room / 4) + 1;
        if (at + count > MOST)
            count = MOST - at;
        if (rand() % 4 == 0) {
            assert_int_equal(store_resize(version, at), 0);
            memset(shadow + size, 0, at > size ? at - size : 0);
            size = at;
        } else {
            assert_int_equal(store_write(version, data + at / 2, count, at), 0);
            memset(shadow + size, 0, at > size ? at - size : 0);
            memcpy(shadow + at, data + at / 2, count);
            size = at + count > size ? at + count : size;
        }
        if (i % 10 == 0)
            expect_version(version, shadow, size);
        if (i == EDITS / 3) /* published from here on */
            assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
        if (i == 2 * EDITS / 3) /* and dead from here on */
            assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    }
    expect_version(version, shadow, size);
}

/* --- in sequence --------------------------------------------------------------------------------------- */

enum { FILES = 6, FILE_SIZE = 6000011, PIECE_SIZE = 131072 }; /* more and larger than what is read ahead at a time */

struct sequence {
    struct store_version *version;
    uint8_t *shadow;
    size_t at;
};

static void read_on(struct sequence *sequence, uint8_t *got, size_t size)
{
    size_t left = FILE_SIZE - sequence->at, got_size = 0;
    assert_int_equal(store_read(sequence->version, got, size, sequence->at, &got_size), 0);
    assert_int_equal(got_size, size < left ? size : left);
    assert_memory_equal(got, sequence->shadow + sequence->at, got_size);
    sequence->at = sequence->at + got_size < FILE_SIZE ? sequence->at + got_size : 0;
}

/* In front of where it is being read. */
static void write_on(struct sequence *sequence, uint8_t fill)
{
    size_t at = sequence->at + (size_t)rand() % 1000000, size = (size_t)rand() % 40000 + 1;
    if (at + size > FILE_SIZE)
        at = FILE_SIZE - size;
    memset(sequence->shadow + at, fill, size);
    assert_int_equal(store_write(sequence->version, sequence->shadow + at, size, at), 0);
}

static void values_read_in_sequence_are_what_was_written_last(void **state)
{
    struct fixture *f = *state;
    struct sequence sequences[FILES];
    uint8_t *got = pattern(f, PIECE_SIZE, 0);
    srand(8);
    for (unsigned i = 0; i < FILES; i++) {
        char name[] = {(char)('a' + i), '\0'};
        sequences[i].shadow = pattern(f, FILE_SIZE, i + 1);
        sequences[i].at = 0;
        put_bytes(f, STORE_ROOT, name, sequences[i].shadow, FILE_SIZE);
        sequences[i].version = pin(f, STORE_ROOT, name);
    }
    for (unsigned i = 0; i < 1500; i++) {
        struct sequence *sequence = &sequences[i % 7 < 4 ? 0 : rand() % FILES];
        read_on(sequence, got, rand() % 4 ? PIECE_SIZE : (size_t)rand() % PIECE_SIZE + 1);
        if (i % 16 == 0)
            write_on(sequence, (uint8_t)i);
        if (i % 64 == 0)
            sequence->at = (size_t)rand() % FILE_SIZE;
        if (i == 1000) /* dead from here on; the others live */
            assert_int_equal(store_remove(f->store, STORE_ROOT, "a"), 0);
    }
}

/* --- too large ----------------------------------------------------------------------------------------- */

static void a_value_larger_than_the_limit_is_efbig(void **state)
{
    struct fixture *f = *state;
    f->options.limit_bytes = 2 * MIB;
    fixture_restart(f);
    put(f, STORE_ROOT, "file", "value");
    struct store_version *live = pin(f, STORE_ROOT, "file"), *staged = stage(f, STORE_ROOT, "new");
    write_text(staged, "value", 0);
    struct store_version *versions[] = {live, staged};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(store_write(versions[i], "x", 1, 2 * MIB), -EFBIG);
        assert_int_equal(store_write(versions[i], "x", 1, INT64_MAX), -EFBIG);
        assert_int_equal(store_write(versions[i], "x", 1, UINT64_MAX - 1), -EFBIG);
        assert_int_equal(store_resize(versions[i], 2 * MIB + 1), -EFBIG);
        assert_int_equal(store_resize(versions[i], UINT64_MAX), -EFBIG);
        expect_version_text(versions[i], "value");
    }
    uint8_t *large = pattern(f, 2 * MIB, 1);
    assert_int_equal(store_write(staged, large, 2 * MIB, STORE_AT_END), -EFBIG);
    expect_version_text(staged, "value");
    expect_text(f, STORE_ROOT, "file", "value");
}

/* --- no value to write to ------------------------------------------------------------------------------ */

static void a_symbolic_link_is_not_written_to(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 1, 2, NULL), 0);
    struct store_version *version = pin(f, STORE_ROOT, "link");
    assert_int_equal(store_write(version, "x", 1, 0), -EINVAL);
    assert_int_equal(store_write(version, "x", 1, STORE_AT_END), -EINVAL);
    assert_int_equal(store_resize(version, 0), -EINVAL);
    assert_int_equal(store_resize(version, 5000), -EINVAL);
    expect_text(f, STORE_ROOT, "link", "target");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "link"), 0);
    assert_int_equal(store_write(version, "x", 1, 0), -EINVAL);
    assert_int_equal(store_resize(version, 1), -EINVAL);
    expect_version_text(version, "target");
}

int values_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_read_ends_at_the_end),
        CONTRACT_TEST(an_empty_value_is_a_value),
        CONTRACT_TEST(values_hold_any_bytes_at_any_size),
        CONTRACT_TEST(a_large_value_may_come_in_pieces),
        CONTRACT_TEST(pieces_may_come_in_any_order),
        CONTRACT_TEST(holes_read_as_zeroes),
        CONTRACT_TEST(a_resize_cuts_and_fills_with_zeroes),
        CONTRACT_TEST(what_was_cut_off_never_comes_back),
        CONTRACT_TEST(a_live_write_is_seen_when_it_returns),
        CONTRACT_TEST(a_live_resize_is_seen_when_it_returns),
        CONTRACT_TEST(an_append_goes_to_the_end),
        CONTRACT_TEST(random_edits_agree_with_a_buffer),
        CONTRACT_TEST(values_read_in_sequence_are_what_was_written_last),
        CONTRACT_TEST(a_value_larger_than_the_limit_is_efbig),
        CONTRACT_TEST(a_symbolic_link_is_not_written_to),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
