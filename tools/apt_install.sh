#!/bin/sh
# apt_install.sh PACKAGE...: install Debian packages as root, or through sudo where it asks no password.
set -u
if [ "$(id -u)" -eq 0 ]; then
    as_root="env"
elif sudo -n true >/dev/null 2>&1; then
    as_root="sudo -n env"
else
    echo "error: not root, and sudo wants a password. Please run: sudo apt-get install $*" >&2
    exit 1
fi
echo "installing $*" >&2
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
{
    $as_root DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        $as_root DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@"
} >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "error: apt-get could not install $*" >&2
    exit 1
}
