#!/bin/sh
# Install the programs that tests and load measurements drive, by Debian's packages. A tool that
# cannot be installed fails the run: a test that silently did not happen proves nothing.
set -eu

missing=""
for pair in sipp:sip-tester baresip:baresip-core cc:gcc chromium:chromium fc-list:fontconfig; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# Pictures of reports have Chinese in them.
[ -n "$(fc-list :lang=zh 2>/dev/null)" ] || missing="$missing fonts-wqy-zenhei"
# Debian's package of Prometheus starts a server: of it only the one program is taken, below.
alone=""
command -v promtool >/dev/null 2>&1 || alone="prometheus"
[ -n "$missing$alone" ] || exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo "the tests need these Debian packages:$missing $alone; there is no apt-get here," \
        "install sipp, baresip, chromium, a Chinese font, promtool and a C compiler yourself" >&2
    exit 1
}
if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo"; fi
echo "installing$missing $alone"
$as_root apt-get update -qq
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # several words on purpose
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
fi
if [ -n "$alone" ]; then
    folder=$(mktemp -d)
    chmod 755 "$folder" # apt's own account reads there
    (cd "$folder" && apt-get download -qq "$alone" && dpkg -x "$alone"_*.deb .)
    $as_root install -m 755 "$folder/usr/bin/promtool" /usr/local/bin/promtool
    rm -rf "$folder"
fi
