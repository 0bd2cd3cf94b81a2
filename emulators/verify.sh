#!/usr/bin/env bash
# The real thing in one command, on a machine with docker and KVM: one emulator is made, used by
# adb and by Appium, given every task on system apps and the phone in its Chrome, and with a checkout
# of MyPhoneBench that benchmark's own apps; saved, restored and removed. Prints a table of verdicts;
# fails if one fails.
#
#   emulators/verify.sh [--image budtmo|google|redroid] [--api 34] [--checkout DIR]
set -uo pipefail
cd "$(dirname "$0")/.."
agentenv="${AGENTENV:-.venv/bin/agentenv}"
python="$(dirname "$agentenv")/python"
checkout=""
options=()
while (($#)); do
  if [[ $1 == --checkout ]]; then
    checkout=$2
    shift 2
  else
    options+=("$1")
    shift
  fi
done
if [[ -e .agentenv/emulators.json ]]; then
  echo "emulators are up, which this would remove; first: agentenv emulators down" >&2
  exit 2
fi
verdicts=()
failed=0

check() {
  local name=$1
  shift
  local began=$SECONDS
  if "$@" >"$log" 2>&1; then
    verdicts+=("ok      $name ($((SECONDS - began)) s)")
  else
    verdicts+=("FAILED  $name: $(tail -n 1 "$log")")
    failed=1
  fi
}

log=$(mktemp)
imported=$(mktemp -d)
trap '"$agentenv" emulators down --data >/dev/null 2>&1; rm -rf "$log" "$imported"' EXIT
check "doctor" "$agentenv" emulators doctor
check "up" "$agentenv" emulators up "${options[@]}"
check "status" "$agentenv" emulators status
check "seen and touched by adb" "$python" -m emulators.verify adb
check "seen and touched by Appium" "$python" -m emulators.verify appium
check "tasks on system apps begin undone" "$python" -m emulators.verify tasks
check "the phone's page in Chrome" "$python" -m emulators.verify chrome
if [[ -n $checkout ]]; then
  check "MyPhoneBench is imported" "$agentenv" import myphonebench "$checkout" --device android --out "$imported"
  check "MyPhoneBench's apps begin undone, and open" "$python" -m emulators.verify apps "$imported/myphonebench-android.json"
fi
check "snapshot save" "$agentenv" emulators snapshot save verify
check "snapshot restore" "$agentenv" emulators snapshot restore verify
check "down" "$agentenv" emulators down --data
printf '%s\n' "${verdicts[@]}"
exit "$failed"
