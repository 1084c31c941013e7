#!/bin/bash
# SPDX-License-Identifier: MIT
# Every verb has a page, which is installed and found from larder(1), and the options in its page are those in its --help.
. "$(dirname "$0")/../lib/mount.sh"

# The options that a text names, one a line.
options() {
    { grep -oE -- '(^|[^[:alnum:]_-])--?[[:lower:]][[:lower:]-]*' || true; } | sed 's/^[^-]*//' | sort -u
}

page_options() { # PAGE: of its synopsis and lists, without examples
    sed '/^\.Sh EXAMPLES/,/^\.Sh/d' "$1" | sed -n '/^\.\(Op\|It\|Oo\|Fl\).*/p' | { grep Fl || true; } | sed 's/Fl \\-/Fl --/g; s/Fl \([a-z]\)/Fl -\1/g; s/Fl //g' | options
}

verbs=$("$larder" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$verbs")" -gt 10 ] || fail "too few verbs: $verbs"
for verb in $verbs; do
    [ "$verb" != help ] || continue
    page=$root/fs/man/larder-$verb.1
    [ -s "$page" ] || fail "no page for $verb"
    help=$("$larder" "$verb" --help | sed '/^options behind -o:/,$d')
    equal "options of $verb, in the page and in --help" "$(options <<<"$help")" "$(page_options "$page")"
    grep -q "Xr larder-$verb 1" "$root/fs/man/larder.1" || fail "larder(1) does not lead to larder-$verb(1)"
    grep -q "man/larder-$verb.1" "$root/fs/meson.build" || fail "larder-$verb(1) is not installed"
done
