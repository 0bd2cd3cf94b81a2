#!/usr/bin/env bash
# The real thing in one command, on a machine with docker and KVM: one emulator is made, used by
# adb and by Appium, given every task on system apps and the phone in its Chrome, saved, loaded and removed. Prints a table of verdicts; fails if one fails.
#
#   emulators/verify.sh [--image budtmo|google|redroid] [--api 34]
set -uo pipefail
cd "$(dirname "$0")/.."
agentenv="${AGENTENV:-.venv/bin/agentenv}"
python="$(dirname "$agentenv")/python"
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
trap '"$agentenv" emulators down --data >/dev/null 2>&1; rm -f "$log"' EXIT
check "doctor" "$agentenv" emulators doctor
check "up" "$agentenv" emulators up "$@"
check "status" "$agentenv" emulators status
check "seen and touched by adb" "$python" -m emulators.verify adb
check "seen and touched by Appium" "$python" -m emulators.verify appium
check "tasks on system apps begin undone" "$python" -m emulators.verify tasks
check "the phone's page in Chrome" "$python" -m emulators.verify chrome
check "snapshot save" "$agentenv" emulators snapshot save verify
check "snapshot load" "$agentenv" emulators snapshot load verify
check "down" "$agentenv" emulators down --data
printf '%s\n' "${verdicts[@]}"
exit "$failed"
