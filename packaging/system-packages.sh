#!/bin/sh
# What the tests and benchmarks use beyond Python and Rust, by name from the distribution: a browser that opens the
# report, wrk to compare the engine with, curl and nghttp2's clients to speak HTTP/2 to the workload, and ip and
# iptables for pods in network namespaces. Without apt or without root the tests that need them say so and skip.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v wrk >/dev/null 2>&1 || missing="$missing wrk"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v nghttp >/dev/null 2>&1 || missing="$missing nghttp2-client"
PATH="$PATH:/usr/sbin:/sbin" command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
PATH="$PATH:/usr/sbin:/sbin" command -v iptables >/dev/null 2>&1 || missing="$missing iptables"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "not installed:$missing (the tests that need them are skipped)" >&2
	exit 0
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
