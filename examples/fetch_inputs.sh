#!/bin/sh
# Fetch the example pictures of jcjohnson/neural-style into examples/inputs.
# Usage: sh examples/fetch_inputs.sh [--mirror URL]
#   --mirror URL  fetch URL/NAME instead of the original's repository

mirror=https://raw.githubusercontent.com/jcjohnson/neural-style/master/examples/inputs
pictures='brad_pitt.jpg escher_sphere.jpg frida_kahlo.jpg golden_gate.jpg hoovertowernight.jpg
picasso_selfport1907.jpg seated-nude.jpg shipwreck.jpg starry_night.jpg starry_night_google.jpg
the_scream.jpg tubingen.jpg woman-with-hat-matisse.jpg'

usage() {
    echo 'usage: fetch_inputs.sh [--mirror URL]'
}

while [ $# -gt 0 ]; do
    case $1 in
        --mirror) [ $# -ge 2 ] || { usage >&2; exit 2; }; mirror=${2%/}; shift 2 ;;
        --mirror=*) mirror=${1#--mirror=}; mirror=${mirror%/}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

if command -v curl >/dev/null 2>&1; then
    download() {
        curl --fail --silent --show-error --location --connect-timeout 30 \
            --speed-limit 1000 --speed-time 30 --output "$2" "$1"
    }
elif command -v wget >/dev/null 2>&1; then
    download() { wget -q --timeout=30 --tries=2 -O "$2" "$1"; }
else
    echo 'fetch_inputs.sh: neither curl nor wget is installed' >&2
    exit 1
fi

# An error page saved under a picture's name would be found out only much later.
is_image() {
    case $(od -An -tx1 -N8 "$1" | tr -d ' \n') in
        ffd8ff* | 89504e470d0a1a0a) return 0 ;; # JPEG, PNG
        *) return 1 ;;
    esac
}

folder=$(cd "$(dirname "$0")" && pwd)/inputs || exit 1
mkdir -p "$folder" || exit 1
part=$folder/.fetch.$$
trap 'rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM

total=0
missing=
for name in $pictures; do
    total=$((total + 1))
    if [ -f "$folder/$name" ] && is_image "$folder/$name"; then
        echo "$name: already here"
    elif ! download "$mirror/$name" "$part"; then
        echo "$name: $mirror/$name could not be fetched" >&2
        missing="$missing $name"
    elif ! is_image "$part"; then
        echo "$name: $mirror/$name is not a JPEG or PNG picture" >&2
        missing="$missing $name"
    elif ! mv "$part" "$folder/$name"; then
        missing="$missing $name"
    else
        echo "$name: fetched"
    fi
done

if [ -n "$missing" ]; then
    echo "fetch_inputs.sh: FAILED, not fetched:$missing" >&2
    exit 1
fi
echo "fetch_inputs.sh: all $total pictures are in $folder"
