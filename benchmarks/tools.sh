#!/bin/sh
# The tools that benchmarks compare with, at fixed versions, from the registries where their authors put them: apt
# (wrk, h2load and nghttpd, hey, ab), Go modules (fortio, vegeta, ghz, k6) and crates (oha). What is built goes to
# .venv/tools. What cannot be had is left out with a word, and the benchmark says so; nothing here fails the whole.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.venv/tools
mkdir -p "$bin"

left_out() {
	echo "$1 is left out: $2" >&2
}

# system COMMAND PACKAGE UPSTREAM-VERSION
updated=""
system() {
	command -v "$1" >/dev/null 2>&1 && return 0
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		left_out "$1" "not on PATH, and there is no apt or no root to install $2 with"
		return 0
	fi
	if [ -z "$updated" ]; then
		apt-get update -qq >/dev/null 2>&1 || true
		updated=yes
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2=$3*" >/dev/null 2>&1 ||
		left_out "$1" "apt has no $2 $3"
}

# built COMMAND VERSION BUILDER ARGUMENTS…: only when .venv/tools has not this very version yet
built() {
	name=$1 version=$2 builder=$3
	shift 3
	[ -x "$bin/$name" ] && [ "$(cat "$bin/.$name.version" 2>/dev/null)" = "$version" ] && return 0
	if ! command -v "$builder" >/dev/null 2>&1; then
		left_out "$name" "no $builder on PATH"
		return 0
	fi
	if nice "$builder" "$@" >"$bin/.$name.log" 2>&1; then
		echo "$version" >"$bin/.$name.version"
		rm -f "$bin/.$name.log"
	else
		left_out "$name" "$name $version could not be built: $(tail -n 1 "$bin/.$name.log")"
	fi
}

module() {
	GOBIN=$bin GOFLAGS=-p=1 built "$1" "$3" go install "$2@v$3"
}

crate() {
	built "$1" "$2" cargo install --quiet --locked --root "$bin/.cargo" --version "$2" "$1"
	[ ! -x "$bin/.cargo/bin/$1" ] || ln -sf ".cargo/bin/$1" "$bin/$1"
}

system wrk wrk 4.1.
system h2load nghttp2-client 1.52.
system nghttpd nghttp2-server 1.52.
system hey hey 0.1.4
system ab apache2-utils 2.4.
module fortio fortio.org/fortio 1.68.2
module vegeta github.com/tsenart/vegeta/v12 12.13.0
# Not the newest: 0.120.0 takes three times the CPU per call, and the cheapest one is the one to beat.
module ghz github.com/bojand/ghz/cmd/ghz 0.93.0
module k6 go.k6.io/k6 1.8.1
crate oha 1.16.0
