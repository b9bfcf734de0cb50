#!/usr/bin/env bash
# Prints the formula of a release: packaging/homebrew/fill.sh VERSION FOLDER
# FOLDER has the release's archives, policylayer-VERSION-TARGET.tar.gz.
set -euo pipefail
version=$1 folder=$2
template="$(dirname "$0")/policylayer.rb.in"
edits=(-e "1d" -e "s/@VERSION@/$version/g")
for target in $(grep -o '@SHA256_[^@]*@' "$template" | sed 's/@SHA256_\(.*\)@/\1/'); do
  sum=$(sha256sum "$folder/policylayer-$version-$target.tar.gz" | cut -d ' ' -f 1)
  edits+=(-e "s/@SHA256_$target@/$sum/")
done
sed "${edits[@]}" "$template"
