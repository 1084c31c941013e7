#!/bin/bash
# SPDX-License-Identifier: MIT
# larder-diskcache(7) has a line for every method of diskcache's classes and recipes, and each line does what the method
# does. What they are is asked of diskcache itself (5.4 and later), and of Django.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/rows.sh"
rows_of larder-diskcache.7
gone='cd; larder umount ~/larder'

names Cache FanoutCache DjangoCache
row 'Cache(directory)' __init__ "$gone" '' 'is "$(findmnt -no FSTYPE ~/larder)" fuse.larder; touch $work/remount'
row 'FanoutCache(d, shards)' __init__ "$gone" '' 'is "$(findmnt -no FSTYPE ~/larder)" fuse.larder; touch $work/remount'
row 'with Cache(d) as cache:' '__enter__ __exit__' "$gone" '' 'not test -e ~/larder/k; mount_it; is "$(cat ~/larder/k)" v'
row 'close()' close 'echo v >k' '' 'not test -e ~/larder/k; mount_it; is "$(cat ~/larder/k)" v'
row 'cache[k] = v' __setitem__ 'echo old >k' '' 'is "$(cat k)" v'
row 'cache[k]' __getitem__ 'echo v >k' v 'rm k; not again; grep -q "No such file" $work/again'
row 'del cache[k]' __delitem__ 'echo v >k' '' 'not test -e k; not again'
row 'k in cache' __contains__ 'echo v >k' '' 'is "$(attribute hits k)" 0; rm k; not again'
row 'set(k, v, expire, tag)' set '' '' 'is "$(cat k)" v; is "$(attribute ttl k)" 900; is "$(attribute tags k)" users,eu'
row 'set(k, file, read=True)' set '' '' 'cmp k /etc/hostname'
row 'get(k, default)' get 'printf v >k' v 'rm k; again; is "$(cat $work/again)" default'
row 'get(k, tag=True)' get 'larder set k v --ttl 1h --tag eu' $'k\nsize*ttl       3600 s*expires   2*tags      eu*'
row 'read(k)' read 'printf value >k' va 'rm k; is "$(cat <&3)" lue'
row 'add(k, v, expire)' add '' '' 'is "$(cat k)" v; is "$(attribute ttl k)" 600; echo w >k; not again; is "$(cat k)" w'
row 'pop(k)' pop 'printf v >k' v 'not test -e k; not again'
row 'delete(k)' delete 'echo v >k' '' 'not test -e k; again'
row 'touch(k, expire)' touch 'larder set k v --ttl 1h' '' 'is "$(attribute ttl k)" 900; rm k; not again'
row 'incr(k, delta)' incr 'echo 2 >k' 7 'is "$(cat k)" 7; rm k; again; is "$(cat k)" 5'
row 'decr(k)' decr 'echo 2 >k' 1 'is "$(cat k)" 1; rm k; again; is "$(cat k)" -1'
row 'len(cache)' __len__ 'touch a b c' $'IUsed\n*3'
row 'iter(cache)' __iter__ 'echo >c; echo >a; echo >b' $'c\na\nb'
row 'reversed(cache)' __reversed__ 'echo >c; echo >a; echo >b' $'b\na\nc'
row 'iterkeys()' iterkeys 'echo >c; echo >a; echo >b' $'a\nb\nc'
row 'peekitem()' peekitem 'echo 1 >b; echo 2 >a' $'==> a <==\n2'
row 'push(v)' push 'larder push q u' '' 'is "$(items)" "u v "'
row 'pull()' pull 'larder push q u; larder push q v' u 'is "$(items)" "v "'
row 'peek()' peek 'larder push q u; larder push q v' u 'is "$(items)" "u v "'
row 'evict(tag)' evict 'larder set a 1 --tag eu; larder set b 1 --tag eu,us; larder set c 1 --tag us' '*' 'is "$(ls)" c'
row 'create_tag_index()' create_tag_index 'larder set a 1 --tag eu,us' $'eu\nus'
no_need 'drop_tag_index()' drop_tag_index
row 'cull()' cull 'echo >old; touch -d "40 days ago" old; echo >new' '*' 'is "$(ls)" new'
row 'clear()' clear 'echo v >a; mkdir d; echo v >d/b' '*' 'is "$(ls -A)" ""'
row 'expire()' expire 'larder set a v --ttl 1ms; larder set b v --ttl 1h; until_true not test -e a' 'expired [01] entr*' 'grep -q "\"expired\":1," .larder/stats.json; is "$(ls)" b'
row 'check()' check 'echo v >a' '*clean*'
row 'stats()' stats 'echo >k; cat k' '*hits         *sets         *hit   directory*'
row 'volume()' volume 'head -c 1000000 /dev/zero >k' $'9*K\t.'
row 'transact()' transact 'echo v >a' '' 'is "$(cat b)" v; not test -e a; echo w >a; larder lock l -- sleep 1 & until_true not larder lock l --timeout 0 -- true; again; wait $!'
row 'memoize(expire)' memoize '' "$(uname -n)" 'is "$(cat k)" "$(uname -n)"; is "$(attribute ttl k)" 600; echo kept >k; again; is "$(cat $work/again)" kept'
row 'reset(name, value)' reset '' '' 'is "$(df -B1M --output=size . | tail -n 1 | tr -d " ")" 64; setfattr -x user.limit.bytes .'
row 'cache.directory' directory '' "$HOME/.cache/larder"
row 'cache.timeout' timeout 'printf v >k' v 'rm k; not again'
row 'cache.disk' disk '' "$(cat /etc/hostname)" 'is "$(head -c 2 k | od -An -tx1)" " 1f 8b"'
names FanoutCache
row 'cache.size_limit' __getattr__ '' 'size=1073741824'
names Cache FanoutCache
row 'pickle.dumps(cache)' '__getstate__ __setstate__' 'echo v >k' v
names FanoutCache DjangoCache
row 'fanout.cache(name)' cache '' '' 'is "$(cat name/k)" v'
row 'fanout.deque(name)' deque '' '' 'is "$(items name)" "v "'
row 'fanout.index(name)' index '' '' 'test -d name'

names DjangoCache
row 'has_key(k)' has_key 'echo v >k' '' 'rm k; not again'
row 'get_many([a, b])' get_many 'echo 1 >a; echo 2 >b' $'==> a <==\n1\n\n==> b <==\n2'
row 'set_many({...})' set_many '' '' 'is "$(cat a b)" "$(seq 2)"'
row 'delete_many([a, b])' delete_many 'touch a b c' '' 'is "$(ls)" c; again'
row 'get_or_set(k, call)' get_or_set '' "$(uname -n)" 'echo kept >k; again; is "$(cat $work/again)" kept'
row 'make_key(k, version)' make_key '' '' 'is "$(cat site/1/k)" v'
row 'validate_key(k)' 'validate_key make_and_validate_key' '' '' 'is "$(ls)" "any key: 255 bytes, no slash"; echo 255 >$(printf "x%.0s" {1..255}); not touch $(printf "x%.0s" {1..256})'
row 'incr_version(k)' incr_version 'mkdir 1; larder set 1/k v --ttl 1h' '' 'is "$(cat 2/k)" v; is "$(attribute ttl 2/k)" 3600; not test -e 1/k'
row 'decr_version(k)' decr_version 'mkdir 2; echo v >2/k' '' 'is "$(cat 1/k)" v; not test -e 2/k'
row 'get_backend_timeout()' get_backend_timeout 'larder set k v --ttl 5m' 300
row 'TIMEOUT' '' '' '' 'echo v >k; is "$(attribute ttl k)" 300; mkdir d; echo v >d/k; is "$(attribute ttl d/k)" 300'
row 'aget, aset, ...' 'a*' '' '' 'is "$(cat k)" v'

names Deque
three='seq 3 | larder push q --lines'
abv='for i in a v b v; do larder push q $i; done'
row 'Deque(iterable)' __init__ '' '' 'is "$(items)" "1 2 3 "'
row 'Deque.fromcache(cache)' fromcache '' '' 'is "$(items app/q)" "v "'
row 'd.append(v)' append "$three" '' 'is "$(items)" "1 2 3 v "'
row 'd.appendleft(v)' appendleft "$three" '' 'is "$(items)" "v 1 2 3 "'
row 'd.extend(iterable)' extend 'larder push q 0' '' 'is "$(items)" "0 1 2 3 "'
row 'd += iterable' __iadd__ 'larder push q 0' '' 'is "$(items)" "0 1 2 3 "'
row 'd.extendleft(iterable)' extendleft 'larder push q 0' '' 'is "$(items)" "3 2 1 0 "'
row 'd.popleft()' popleft "$three" 1 'is "$(items)" "2 3 "; rm q/*; not again'
row 'd.pop()' pop "$three" 3 'is "$(items)" "1 2 "; rm q/*; not again'
row 'd.peekleft()' peekleft "$three" 1 'is "$(items)" "1 2 3 "; rm q/*; not again'
row 'd.peek()' peek "$three" 3 'is "$(items)" "1 2 3 "; rm q/*; not again'
row 'd[1]' __getitem__ "$three" 2
row 'd[1] = v' __setitem__ "$three" '' 'is "$(items)" "1 v 3 "'
row 'del d[1]' __delitem__ "$three" '' 'is "$(items)" "1 3 "'
row 'len(d)' __len__ "$three" 3
row 'iter(d)' __iter__ "$three" $'1\n2\n3'
row 'reversed(d)' __reversed__ "$three" $'3\n2\n1'
row 'repr(d)' __repr__ "$three" $'==> q/*-* <==\n1\n==> q/*-* <==\n2\n==> q/*-* <==\n3'
row 'v in d' __contains__ "$abv" '' 'rm q/*; larder push q vv; not again'
row 'd.count(v)' count "$abv" 2
row 'd.index(v)' index "$abv" 'q/*-*' 'is "$(cat $work/out)" "q/$(ls q | sed -n 2p)"'
row 'd.remove(v)' remove "$abv" '' 'is "$(items)" "a b v "'
row 'd.rotate(1)' rotate "$three" '' 'is "$(items)" "3 1 2 "; rm q/*; not again; is "$(ls q)" ""'
row 'd.rotate(-1)' rotate "$three" '' 'is "$(items)" "2 3 1 "; rm q/*; not again; is "$(ls q)" ""'
row 'd.reverse()' reverse "$three" '' 'is "$(items)" "3 2 1 "; is "$(ls)" q'
row 'd.maxlen = 3' maxlen '' '' 'seq 9 | larder push q --lines; test "$(ls q | wc -l)" -le 3; is "$(larder peek q --back)" 9'
row 'd.copy()' copy 'larder push q v --ttl 1h' '' 'is "$(items r)" "v "; is "$(attribute ttl r/*)" 3600'
row 'd.clear()' clear "$three" '' 'is "$(ls)" ""'
row 'd == other, d != other' '__eq__ __ne__' "$three; cp -a q r" '' 'larder push r 4; not again'
row 'd < other, d >= other' '__lt__ __le__ __gt__ __ge__' 'seq 3 | larder push q -l; seq 2 4 | larder push r -l' '' 'rm r/*; not again'
row 'd.transact()' transact "$three" '' 'is "$(items)" "1 2 3 v "'
row 'd.cache' cache "$three" $'*-*\n*-*\n*-*'
row 'd.directory' directory "$three" "$HOME/larder/q"
row 'pickle.dumps(d)' '__getstate__ __setstate__' "$three" 1

names Index
two='mkdir i; echo 1 >i/b; echo 2 >i/a'
row 'Index(a=1, b=2)' __init__ '' '' 'is "$(cat i/a i/b)" "$(seq 2)"'
row 'Index.fromcache(cache)' fromcache '' '' 'test -d app/i'
row 'i[k] = v' __setitem__ 'mkdir i' '' 'is "$(cat i/k)" v'
row 'i[k]' __getitem__ 'mkdir i; echo v >i/k' v 'rm i/k; not again'
row 'del i[k]' __delitem__ 'mkdir i; echo v >i/k' '' 'not test -e i/k; not again'
row 'k in i' __contains__ 'mkdir i; echo v >i/k' '' 'rm i/k; not again'
row 'i.get(k, default)' get 'mkdir i; echo v >i/k' v 'rm i/k; again; is "$(cat $work/again)" default'
row 'i.setdefault(k, v)' setdefault 'mkdir i; echo old >i/k' old 'rm i/k; again; is "$(cat i/k)" v'
row 'i.update(other)' update "$two; mkdir other; echo 3 >other/a; larder set other/c 4 --ttl 1h" '' 'is "$(cat i/b i/a i/c)" "$(printf "1\n3\n4")"; is "$(attribute ttl i/c)" 3600'
row 'i.pop(k)' pop 'mkdir i; echo v >i/k' v 'not test -e i/k; not again'
row 'i.popitem()' popitem "$two" 2 'is "$(ls i)" b'
row 'i.peekitem()' peekitem "$two" $'==> i/a <==\n2'
row 'i.push(v)' push 'larder push i u' '' 'is "$(items i)" "u v "'
row 'i.pull()' pull 'larder push i u; larder push i v' u 'is "$(items i)" "v "'
row 'i.keys(), iter(i)' 'keys __iter__' "$two" $'b\na'
row 'reversed(i)' __reversed__ "$two" $'a\nb'
row 'i.values()' values "$two" $'2\n1'
row 'i.items(), repr(i)' 'items __repr__' "$two" $'i/a:2\ni/b:1'
row 'len(i)' __len__ "$two" 2
row 'i.clear()' clear "$two" '' 'is "$(ls)" ""'
row 'i == other, i != other' '__eq__ __ne__' "$two; cp -a i other" '' 'echo 3 >other/a; not again; grep -q "i/a" $work/again'
row 'i.memoize()' memoize 'mkdir i' "$(uname -n)" 'echo kept >i/k; again; is "$(cat $work/again)" kept; is "$(attribute ttl i/k)" 0'
row 'i.transact()' transact "$two" '' 'is "$(cat i/b)" 2'
row 'i.cache' cache "$two" $'a\nb'
row 'i.directory' directory "$two" "$HOME/larder/i"
row 'pickle.dumps(i)' '__getstate__ __setstate__' 'mkdir i; echo v >i/k' v

names recipes
held='not larder lock k --timeout 0 -- true'
free='larder lock k --timeout 0 -- true'
taken="mkdir k; exec 9<k; flock 9; $held"
row 'with Lock(cache, k):' 'Lock.__init__ Lock.__enter__ Lock.__exit__' '' alone "$free"
row 'lock.acquire()' Lock.acquire '' '' "$held; exec 9<&-; $free"
row 'lock.release()' Lock.release "$taken" '' "$free"
row 'lock.locked()' Lock.locked 'larder lock k -- sleep 60 & until_true not larder lock k --timeout 0 -- true' '' 'kill $!; until_true larder lock k --timeout 0 -- true; not again'
row 'with RLock(cache, k):' 'RLock.__init__ RLock.__enter__ RLock.__exit__' '' '' "$held; exec 9<&-; $free"
row 'rlock.acquire()' RLock.acquire '' '' "$held"
row 'rlock.release()' RLock.release "$taken; flock 9" '' "$free"
two_in='larder semaphore k -n 2 -- sleep 60 & one=$!; larder semaphore k -n 2 -- sleep 60 & two=$!; until_true not larder semaphore k -n 2 --timeout 100ms -- true'
row 'with BoundedSemaphore:' 'BoundedSemaphore.__init__ BoundedSemaphore.__enter__ BoundedSemaphore.__exit__' '' in "$two_in; kill \$one; until_true larder semaphore k -n 2 --timeout 100ms -- true; kill \$two"
row 'semaphore.acquire()' BoundedSemaphore.acquire '' '' 'mine=$!; larder semaphore k -n 2 -- sleep 60 & until_true not larder semaphore k -n 2 --timeout 100ms -- true; kill $! $mine'
row 'semaphore.release()' BoundedSemaphore.release 'larder semaphore k -n 1 -- sleep 60 & until_true not larder semaphore k -n 1 --timeout 100ms -- true' '' 'until_true larder semaphore k -n 1 --timeout 100ms -- true'
row '@throttle' throttle '' go 'before=$(date +%s%N); for i in 1 2 3 4 5 6 7 8 9 10; do again; done; test $(($(date +%s%N) - before)) -ge 900000000'
row '@barrier(cache, Lock)' barrier '' alone "larder lock k -- sleep 60 & until_true not larder lock k --timeout 0 -- true; again & sleep 0.1; is \"\$(cat \$work/again 2>/dev/null)\" ''; kill %1; wait %2; is \"\$(cat \$work/again)\" alone"
row '@memoize_stampede' memoize_stampede '' "$(uname -n)" 'echo kept >k; again; is "$(cat $work/again)" kept'
row 'Averager.add(v)' 'Averager.__init__ Averager.add' 'echo 1 >>k' '' 'is "$(cat k)" "$(printf "1\n5")"'
row 'Averager.get()' Averager.get 'printf "1\n2\n6\n" >k' 3
row 'Averager.pop()' Averager.pop 'printf "1\n2\n6\n" >k' 3 'not test -e k'

names settings
row 'size_limit' size_limit "$gone" '' 'grep -qx size=2147483648 ~/larder/.larder/config; touch $work/remount'
row 'eviction_policy' eviction_policy '' '' 'grep -q "evicted .*(lfu)" .larder/stats'
no_need 'cull_limit' cull_limit
row 'statistics' statistics 'echo >k; cat k' '*hits         *sets         *hit   directory*'
row 'tag_index' tag_index 'larder set k v --tag eu' eu
no_need 'disk_min_file_size' disk_min_file_size
no_need 'disk_pickle_protocol' disk_pickle_protocol
row 'sqlite_synchronous' sqlite_synchronous "$gone" '' 'grep -qx sync=1 ~/larder/.larder/config; touch $work/remount'
row 'sqlite_cache_size' sqlite_cache_size "$gone" '' 'grep -qx cache=268435456 ~/larder/.larder/config; touch $work/remount'
no_need 'sqlite_mmap_size' sqlite_mmap_size
no_need 'sqlite_journal_mode' sqlite_journal_mode
no_need 'sqlite_auto_vacuum' sqlite_auto_vacuum
rows_end

# Has every method a row, and is every name in the rows a method's?
python=
for candidate in python3 /usr/bin/python3; do
    ! "$candidate" -c 'import diskcache' 2>/dev/null || python=$candidate
done
[ -n "$python" ] || skip "no python3-diskcache to ask for its methods; scripts/setup test gets it. All lines do what they should"
"$python" - "$work/covered" <<'END'
import ast, collections, fnmatch, os, sys
import diskcache

# What every class has, and what is no method.
IGNORED = {"__module__", "__doc__", "__dict__", "__weakref__", "__slots__", "__abstractmethods__", "__hash__",
           "__subclasshook__", "__class_getitem__", "__annotations__", "__static_attributes__", "__firstlineno__",
           "__orig_bases__"}
NEWER = {"maxlen", "copy"} # of Deque, since 5.5


def methods(cls):
    names = {name for name in dir(cls) if not name.startswith("_")}
    for base in cls.__mro__:
        if base is not object:
            names |= {name for name in vars(base) if name.startswith("__") and name.endswith("__") and vars(base)[name]}
    return names - IGNORED


def django_methods():
    try:
        from django.conf import settings
        settings.configure()
        return methods(diskcache.DjangoCache)
    except ImportError: # its own, without those it inherits
        path = os.path.join(os.path.dirname(diskcache.__file__), "djangocache.py")
        cls = next(node for node in ast.parse(open(path).read()).body if isinstance(node, ast.ClassDef) and node.name == "DjangoCache")
        print("no Django: what DjangoCache inherits from it was not looked for")
        return {node.name for node in cls.body if isinstance(node, ast.FunctionDef)}


there = {name: methods(getattr(diskcache, name)) for name in ("Cache", "FanoutCache", "Deque", "Index")}
there["DjangoCache"] = django_methods()
recipes = {"throttle", "barrier", "memoize_stampede"}
for name in "Averager", "Lock", "RLock", "BoundedSemaphore":
    recipes |= {f"{name}.{method}" for method in methods(getattr(diskcache, name))}
there["recipes"] = recipes
there["settings"] = set(diskcache.DEFAULT_SETTINGS)
known = {"Cache", "FanoutCache", "DjangoCache", "Deque", "Index", "Averager", "Lock", "RLock", "BoundedSemaphore", *recipes,
         "DEFAULT_SETTINGS", "EVICTION_POLICY", "ENOVAL", "UNKNOWN", "Disk", "JSONDisk", "Timeout", "EmptyDirWarning",
         "UnknownFileWarning"}
wrong = [f"diskcache has {name}, which this test does not know" for name in set(diskcache.__all__) - known]

covered = collections.defaultdict(set)
for line in open(sys.argv[1]):
    classes, name = line.strip().split(",")
    for cls in classes.split():
        covered[cls].add(name)
    inherited = name in ("make_and_validate_key", "a*") or ("DjangoCache" in classes and len(there["DjangoCache"]) < 35)
    if name not in NEWER and not inherited and not any(name in there[cls] for cls in classes.split()):
        wrong.append(f"there is no {name} in {classes}")
for cls, names in there.items():
    for name in names:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in covered[cls]):
            wrong.append(f"no row for {cls}: {name}")
sys.exit("\n".join(sorted(wrong)) or None)
END
