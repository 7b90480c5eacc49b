#!/bin/sh
# Install the programs that tests and load measurements drive, by Debian's packages. A tool that
# cannot be installed fails the run: a test that silently did not happen proves nothing.
set -eu

missing=""
for pair in sipp:sip-tester baresip:baresip-core cc:gcc; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo "the tests need these Debian packages:$missing; there is no apt-get here," \
        "install sipp, baresip and a C compiler yourself" >&2
    exit 1
}
if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo"; fi
echo "installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086  # several words on purpose
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
