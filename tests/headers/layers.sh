#!/bin/bash
# SPDX-License-Identifier: MIT
# Dependencies point one way: fs -> store/store.h -> a backend. The include paths enforce most of it; what lies in the
# system's own include directory they cannot hide, and fs/ sees the folder of store.h.
set -u
cd "$(dirname "$0")/../.." || exit 99
status=0

# refuse WHAT PATTERN GREP-ARGUMENT...: no #include that matches may be found
refuse() {
    local what=$1 pattern=$2
    shift 2
    if grep -rnE --include='*.[ch]' "^[[:space:]]*#[[:space:]]*include[[:space:]]*$pattern" "$@"; then
        echo "layers: $what" >&2
        status=1
    fi
}

refuse "only store/rocksdb may know RocksDB" '[<"]rocksdb/c?' store/*.[ch] store/memory fs
refuse "store knows nothing of FUSE" '[<"](fuse|linux/fuse)' store
refuse "store knows nothing of fs" "[<\"]($(cd fs && ls ./*.h | sed 's|^\./||' | paste -sd'|'))[\">]" store
refuse "fs sees nothing of store but store.h" '[<"](\.\./)*(store/)?(entry|backend|bytes|memory/[a-z]*|rocksdb/[a-z]*)\.h' fs
exit $status
