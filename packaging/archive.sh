#!/usr/bin/env bash
# Makes the archive of a release: packaging/archive.sh VERSION TARGET PROGRAM FOLDER
# It holds the program, the man pages, the completions, README.md, CHANGELOG.md and LICENSE.
set -euo pipefail
version=$1 target=$2 program=$3 folder=$4
root="$(cd "$(dirname "$0")/.." && pwd)"
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
name="policylayer-$version-$target"
mkdir -p "$staging/$name" "$folder"
cp "$program" "$staging/$name/"
cp -R "$root/man" "$root/completions" "$root/README.md" "$root/CHANGELOG.md" "$root/LICENSE" "$staging/$name/"
# The members stand at the top, where the formula looks for them.
tar -czf "$folder/$name.tar.gz" -C "$staging/$name" .
printf '%s\n' "$folder/$name.tar.gz"
