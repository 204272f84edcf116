#!/usr/bin/env bash
# Make sure the system libraries the product and its tests use are there.
# As root on Debian or Ubuntu they are installed; elsewhere the missing ones are named, and this fails.
set -euo pipefail

declare -A probe=(
  [libpango-1.0-0]="ldconfig -p | grep -q libpango-1.0.so.0"
  [libpangoft2-1.0-0]="ldconfig -p | grep -q libpangoft2-1.0.so.0"
  [libharfbuzz-subset0]="ldconfig -p | grep -q libharfbuzz-subset.so.0"
  [fonts-dejavu-core]="test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
  [poppler-utils]="command -v pdftotext"
  [chromium]="command -v chromium"
  [faketime]="command -v faketime"
  [postgresql]="ls /usr/lib/postgresql/*/bin/initdb"
)

missing=()
for package in "${!probe[@]}"; do
  bash -c "${probe[$package]}" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "Installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
echo "These system packages are missing: ${missing[*]}" >&2
echo "Install them first, for example: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
exit 1
