#!/bin/sh
# virtual_environment.sh PYTHON DIRECTORY: make a virtual environment with pip in DIRECTORY.
set -u
python=$1
directory=$2

fail() {
    echo "error: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "no '$python' here; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
    fail "'$python' does not run; name another: make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "'$python' is Python $version, and 3.11 or newer is needed; name another: make PYTHON=/path/to/python3"

# Debian ships Python without ensurepip, and then `-m venv` leaves half an environment behind.
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    package="python$version-venv"
    if command -v apt-get >/dev/null 2>&1; then
        "$(dirname "$0")/apt_install.sh" "$package" ||
            fail "Python $version here cannot make virtual environments; install $package and try again"
    fi
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "Python $version here cannot make virtual environments: its modules venv and ensurepip are missing"
fi

"$python" -m venv --clear "$directory" || {
    rm -rf "$directory"
    fail "no virtual environment could be made in $directory"
}
