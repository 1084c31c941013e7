/* SPDX-License-Identifier: MIT */
/* greeting_test.c - the answer to INIT promises what we want and the kernel has offered, and nothing else changes. */
#include "greeting.h"

#include <errno.h>
#include <linux/fuse.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs what is above */
#include <cmocka.h>

#define NEW_FLAG (UINT64_C(1) << 41)

struct init {
    struct fuse_in_header header;
    struct fuse_init_in init;
};

static struct init offer(uint64_t flags)
{
    return (struct init){
        .header = {.len = sizeof(struct init), .opcode = FUSE_INIT, .unique = 2},
        .init = {.major = 7, .minor = 45, .flags = (uint32_t)flags, .flags2 = (uint32_t)(flags >> 32)},
    };
}

/* What the kernel gets that has offered `offered`, of what libfuse answers by itself. */
static struct fuse_init_out answer(uint64_t offered, uint64_t wanted, uint64_t unique, struct greeting *greeting)
{
    struct init message = offer(offered);
    struct fuse_out_header header = {.len = sizeof header + sizeof(struct fuse_init_out), .unique = unique};
    struct fuse_init_out out = {.major = 7, .minor = 31, .flags = FUSE_ASYNC_READ, .max_write = 4096};
    struct iovec iov[] = {{&header, sizeof header}, {&out, sizeof out}};
    *greeting = (struct greeting){.wanted = wanted};
    assert_int_equal(greeting_read(greeting, &message, sizeof message), 0);
    greeting_answer(greeting, iov, 2);
    return out;
}

static void what_was_offered_is_agreed_on(void **state)
{
    (void)state;
    struct greeting greeting;
    struct fuse_init_out out =
        answer(FUSE_PARALLEL_DIROPS | FUSE_INIT_EXT | NEW_FLAG, FUSE_PARALLEL_DIROPS | NEW_FLAG, 2, &greeting);
    assert_int_equal(out.flags, FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_INIT_EXT);
    assert_int_equal(out.flags2, NEW_FLAG >> 32);
    assert_int_equal(out.max_write, 4096);
    assert_true(greeting.agreed & NEW_FLAG);
}

static void what_was_not_offered_is_not(void **state)
{
    (void)state;
    struct greeting greeting;
    struct fuse_init_out out = answer(FUSE_PARALLEL_DIROPS, FUSE_PARALLEL_DIROPS | NEW_FLAG, 2, &greeting);
    assert_int_equal(out.flags, FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS);
    assert_int_equal(out.flags2, 0);
    assert_false(greeting.agreed & NEW_FLAG);
    out = answer(0, FUSE_PARALLEL_DIROPS, 2, &greeting);
    assert_int_equal(out.flags, FUSE_ASYNC_READ);
}

static void other_answers_are_left_alone(void **state)
{
    (void)state;
    struct greeting greeting;
    struct fuse_init_out out = answer(FUSE_PARALLEL_DIROPS, FUSE_PARALLEL_DIROPS, 4, &greeting);
    assert_int_equal(out.flags, FUSE_ASYNC_READ);
    assert_int_equal(greeting.agreed, 0);
}

static void only_init_is_a_greeting(void **state)
{
    (void)state;
    struct greeting greeting = {0};
    struct init message = offer(0);
    assert_int_equal(greeting_read(&greeting, &message, sizeof message.header - 1), -EPROTO);
    message.header.opcode = FUSE_GETATTR;
    assert_int_equal(greeting_read(&greeting, &message, sizeof message), -EPROTO);
    message.header.opcode = FUSE_INIT;
    assert_int_equal(greeting_read(&greeting, &message, sizeof message.header + 16), 0); /* an old kernel's */
    assert_int_equal(greeting.offered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_offered_is_agreed_on),
        cmocka_unit_test(what_was_not_offered_is_not),
        cmocka_unit_test(other_answers_are_left_alone),
        cmocka_unit_test(only_init_is_a_greeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
