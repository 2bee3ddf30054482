#!/bin/sh
# The tools that benchmarks compare with, at fixed versions: wrk from the distribution, fortio from its Go module.
# What cannot be had is left out, and the benchmark says so.
set -eu
cd "$(dirname "$0")/.."
sh packaging/system-packages.sh
fortio=1.68.2
bin=.venv/tools
if [ ! -x "$bin/fortio" ]; then
	if command -v go >/dev/null 2>&1; then
		mkdir -p "$bin"
		GOBIN="$PWD/$bin" go install "fortio.org/fortio@v$fortio" || echo "fortio $fortio could not be built" >&2
	else
		echo "fortio is left out: no Go on PATH" >&2
	fi
fi
