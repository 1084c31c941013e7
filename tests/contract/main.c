/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs the contract suites: contract [mem|rocksdb [PATTERN]]. A pattern with * and ? picks tests by name.
 */
#include "contract.h"

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return open_tests_child(argv[2], argv[3]);
    if (argc > 1)
        setenv("LARDER_STORE", argv[1], 1);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    int failed = 0;
    failed += open_tests();
    failed += names_tests();
    failed += rename_tests();
    failed += listing_tests();
    failed += versions_tests();
    failed += exchange_tests();
    failed += warm_tests();
    failed += values_tests();
    failed += attributes_tests();
    failed += lifetime_tests();
    failed += limits_tests();
    failed += quotas_tests();
    failed += quota_load_tests();
    failed += tags_tests();
    failed += clear_tests();
    failed += snapshot_tests();
    failed += threads_tests();
    return failed > 0;
}
