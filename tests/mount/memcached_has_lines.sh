#!/bin/bash
# SPDX-License-Identifier: MIT
# larder-memcached(7) has a line for every command of memcached's text protocol, and each line does what the command does.
# The commands are those of protocol.txt, as Debian's package has it, and below for a machine without that.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/rows.sh"
rows_of larder-memcached.7
gone='cd; larder umount ~/larder'
hello='larder set k hello --ttl 1h'

names protocol
row 'set k 0 900 5' set '' '' 'is "$(cat k)" hello; is "$(attribute ttl k)" 900'
row 'set k 0 1893456000 5' set '' '' 'is "$(cat k)" hello; is "$(attribute expires k)" 2030-01-01T00:00:00.000Z; is "$(date -ud @1893456000 +%F)" 2030-01-01'
row 'set k 7 0 5' set '' '' 'is "$(cat k)" hello; is "$(attribute flags k)" 7; echo w >k; is "$(attribute flags k)" 7'
row 'set k 0 0 5 noreply' set '' '' 'wait; is "$(cat k)" hello'
row 'add k 0 900 5' add '' '' 'is "$(cat k)" hello; is "$(attribute ttl k)" 900; echo old >k; not again; is "$(cat k)" old'
row 'replace k 0 900 5' replace 'echo old >k' '' 'is "$(cat k)" hello; is "$(attribute ttl k)" 900; rm k; not again; not test -e k'
row 'append k 0 0 5' append "$hello; x=\$(attribute expires k)" '' 'is "$(cat k)" "hello, Ada"; is "$(attribute expires k)" "$x"; rm k; not again; not test -e k'
row 'prepend k 0 0 5' prepend "$hello; x=\$(attribute expires k)" '' 'is "$(cat k)" "Hm, hello"; is "$(attribute expires k)" "$x"; rm k; not again; not test -e k'
row 'cas k 0 0 5 4711' cas 'echo old >k' '' 'is "$(cat k)" hello; not larder set k late --if-version "$v"; rm k; not again'
row 'username, password' set 'umask 022; echo v >k' '' 'is "$(stat -c %a k)" 600'
row 'get k' get "$hello" hello 'rm k; not again'
row 'get a b c' get 'echo 1 >a; echo 2 >b; echo 3 >c' $'==> a <==\n1\n\n==> b <==\n2\n\n==> c <==\n3' 'rm b; not again; grep -q 1 $work/again; grep -q 3 $work/again'
row 'gets k' gets "$hello" $'[1-9]*\nhello' 'is "$(head -n 1 $work/out)" "$(attribute version k)"; larder set k new --if-version "$(head -n 1 $work/out)"; rm k; not again'
row 'gat 900 k' gat "$hello" hello 'is "$(attribute ttl k)" 900; rm k; not again'
row 'gats 900 k' gats "$hello" $'[1-9]*\nhello' 'is "$(head -n 1 $work/out)" "$(attribute version k)"; is "$(attribute ttl k)" 900; rm k; not again'
row 'delete k' delete "$hello" '' 'not test -e k; not again'
row 'incr k 5' incr 'larder set k 2 --ttl 1h; x=$(attribute expires k)' 7 'is "$(cat k)" 7; is "$(attribute expires k)" "$x"; rm k; again; is "$(cat k)" 5; echo $((2**63 - 1)) >k; not again'
row 'decr k 5' decr 'echo 2 >k' -3 'is "$(cat k)" -3'
row 'touch k 900' touch "$hello" '' 'is "$(attribute ttl k)" 900; rm k; not again'

row 'mg k v' mg "$hello" hello
row 'mg k s t c h l f' mg "$hello; cat k" $'k\nsize      5 B*ttl       3600 s\nexpires   2*version   *hits      1\nmodified *' 'is "$(attribute hits k)" 1'
row 'mg k v T30' mg "$hello" hello 'is "$(attribute ttl k)" 30'
row 'mg k v N30' mg '' "$(uname -n)" 'is "$(attribute ttl k)" 30; larder set k kept; again; is "$(cat $work/again)" kept'
row 'mg k v R30' mg '' "$(uname -n)" 'is "$(attribute ttl k)" 90; larder set k kept; again; is "$(cat $work/again)" kept'
row 'ms k 5 T900' ms '' '' 'is "$(cat k)" hello; is "$(attribute ttl k)" 900'
row 'ms k 5 ME' ms '' '' 'is "$(cat k)" hello; not again'
row 'ms k 5 MR' ms 'echo old >k' '' 'is "$(cat k)" hello; rm k; not again; not test -e k'
row 'ms k 5 MA' ms "$hello" '' 'is "$(cat k)" "hello, Ada"; rm k; not again; not test -e k'
row 'ms k 5 MP' ms "$hello" '' 'is "$(cat k)" "Hm, hello"; rm k; not again; not test -e k'
row 'ms k 5 C4711' ms 'echo old >k' '' 'is "$(cat k)" hello; not larder set k late --if-version "$v"; rm k; not again'
row 'md k' md "$hello" hello 'not test -e k; not again'
row 'md k I T30' md '' '[0-9]*' 'old=$(cat k); setfattr -n user.run -v "exit=0 took_ms=1 until_ms=1" k; exec 8>>k.lock; flock 8; again; is "$(cat $work/again)" "$old"; exec 8>&-; again; not is "$(cat $work/again)" "$old"; is "$(cat k)" "$(cat $work/again)"'
row 'ma k D5' ma 'echo 2 >k' 7 'is "$(cat k)" 7'
row 'ma k N0 J13' ma '' 13 'is "$(cat k)" 13; echo 20 >k; again; is "$(cat $work/again)" 20'
row 'ma k MD D5' ma 'echo 7 >k' 2 'is "$(cat k)" 2'
row 'me k' me "$hello" '{"path":"k","kind":"file","size":5,"ttl":3600,*"version":*"hits":0,*}' 'rm k; not again'
no_need 'mn' mn

row 'flush_all' flush_all "$hello; mkdir d; echo v >d/k" '*' 'is "$(ls -A)" ""'
row 'flush_all 1' flush_all "$hello" '*' 'is "$(cat k)" hello; wait; is "$(ls -A)" ""'
row 'cache_memlimit 64' cache_memlimit "$hello" '' 'is "$(df -B1M --output=size . | tail -n 1 | tr -d " ")" 64; is "$(cat k)" hello; setfattr -x user.limit.bytes .'
row 'version' version '' $'larder *\nlibfuse *'
row 'verbosity 2' verbosity "$gone; (until_true test -d ~/larder/.larder; cat ~/larder/.larder/config; larder umount ~/larder) >/dev/null &" '' 'grep -q "LOOKUP.*\|opcode" $work/err; touch $work/remount'
no_need 'quit' quit
row 'shutdown' shutdown "$hello" '' 'not test -e ~/larder/k; mount_it; is "$(cat ~/larder/k)" hello'
row 'shutdown graceful' shutdown "$hello" '' 'not test -e ~/larder/k; mount_it; is "$(cat ~/larder/k)" hello'
no_need 'misbehave' misbehave

row 'stats' stats 'echo >k; cat k' '*hits         *sets         *hit   directory*'
row 'stats settings' 'stats.settings' '' $'*size=1073741824\n*policy=sieve\n*'
row 'stats items' 'stats.items' 'echo >a; echo >b' '{*"items":2*"evicted":0*}'
row 'stats sizes' 'stats.sizes' 'for i in 1 2 3; do echo >$i; done; mkdir d; echo long >d/k' $' *3 1\n *1 5'
no_need 'stats sizes_enable' 'stats.sizes_enable'
no_need 'stats sizes_disable' 'stats.sizes_disable'
row 'stats slabs' 'stats.slabs' 'mkdir a b; head -c 40000 /dev/zero >a/k; head -c 80000 /dev/zero >b/k' $'*\t./[ab]\n*\t./[ab]\n*\t.'
row 'stats conns' 'stats.conns' 'echo >k; exec 5<k; exec 6<k' '"handles":2'
row 'stats reset' 'stats.reset' '(while sleep 0.05; do echo >k; done) & writer=$!' '*set*' 'kill $writer'
row 'watch mutations' 'watch.mutations' '(until_true grep -q "^flags" /proc/self/fdinfo/0; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; echo >k$i; done) & writer=$!' $'{*"begin"*}\n{*"set","path":"k*}\n{*"set","path":"k*}' 'wait $writer'
row 'watch evictions' 'watch.evictions' 'cd; larder umount ~/larder; mount_it -o items=3; cd ~/larder; (for i in {1..99}; do sleep 0.03; echo >k$i; done) & writer=$!' '{*"kind":"evict"*}' 'kill $writer; touch $work/remount'
row 'watch fetchers' 'watch.fetchers' 'echo v >k; cat k; cat k' 2
no_need 'watch connevents' 'watch.connevents'
no_need 'watch proxyreqs, ...' 'watch.proxyreqs watch.proxyevents watch.proxyuser'

row 'lru mode flat' lru.mode '' '' 'grep -q "evicted .*(lru)" .larder/stats'
no_need 'lru tune 10 25 0.1 2.0' lru.tune
row 'lru temp_ttl 60' lru.temp_ttl '' '' 'grep -q "evicted .*(ttl)" .larder/stats'
no_need 'lru_crawler enable' lru_crawler.enable
no_need 'lru_crawler disable' lru_crawler.disable
no_need 'lru_crawler sleep 9' lru_crawler.sleep
no_need 'lru_crawler tocrawl 9' lru_crawler.tocrawl
row 'lru_crawler crawl all' lru_crawler.crawl 'larder set a v --ttl 1ms; larder set b v; until_true not test -e a' 'expired [01] entr*' 'grep -q "\"expired\":1," .larder/stats.json; is "$(ls)" b'
row 'lru_crawler metadump 1' lru_crawler.metadump 'echo >a; mkdir d; echo >d/b' $'{"path":"./*"kind":"file"*}\n{"path":"./*"kind":"file"*}'
no_need 'slabs reassign 1 2' slabs.reassign
no_need 'slabs automove 1' slabs.automove
rows_end

# Has every command a row?
python3 - "$work/covered" <<'END'
import glob, gzip, re, sys

wanted = set("""set add replace append prepend cas get gets gat gats delete incr decr touch mg ms md ma me mn
    flush_all cache_memlimit version verbosity quit shutdown misbehave stats stats.settings stats.items stats.sizes
    stats.sizes_enable stats.sizes_disable stats.slabs stats.conns watch.fetchers watch.mutations watch.evictions
    watch.connevents lru.tune lru.mode lru.temp_ttl lru_crawler.enable lru_crawler.disable lru_crawler.sleep
    lru_crawler.tocrawl lru_crawler.crawl lru_crawler.metadump slabs.reassign slabs.automove""".split())
covered = {line.strip().split(",")[1] for line in open(sys.argv[1])}


def told(text):
    """The commands that protocol.txt has, as far as it has a form for telling them."""
    yield from re.findall(r"^([a-z]+)(?: <.*)?\\r\\n$", text, re.M)
    yield from re.findall(r'^"(\w+)" is a command', text, re.M)
    yield from re.findall(r'^The command "(\w+)"', text, re.M)
    yield from re.findall(r'^  "(\w+)" (?:means|is)', text, re.M)
    yield from ("stats." + name for name in re.findall(r'argument of "(\w+)"', text))
    yield from ("watch." + name for name in re.findall(r'^- "(\w+)": ', text, re.M))
    for verb, words in re.findall(r"^(lru|lru_crawler|slabs) (?:(<\w+(?:\|\w+)+>)|\w+ <)", text, re.M):
        yield from (f"{verb}.{word}" for word in re.findall(r"\w+", words))
    yield from (f"{verb}.{word}" for verb, word in re.findall(r"^(lru_crawler|slabs) (\w+) <", text, re.M))


files = glob.glob("/usr/share/doc/memcached/protocol.txt*")
for path in files:
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", errors="replace") as file:
        names = set(told(file.read()))
    print(len(names), "commands in", path)
    assert len(names) > 30, f"hardly any commands were found in {path}: {names}"
    wanted |= names
if not files:
    print("no protocol.txt of memcached here; scripts/setup bench gets it")
missing = sorted(wanted - covered)
sys.exit("no row for " + ", ".join(missing) if missing else None)
END
