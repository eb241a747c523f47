#!/bin/sh
# system_packages.sh COMMAND...: see that the commands are there; install their Debian packages where not.
set -u
missing=""
packages=""
for name in "$@"; do
    command -v "$name" >/dev/null 2>&1 && continue
    missing="$missing $name"
    case $name in
        mosquitto_pub) packages="$packages mosquitto-clients" ;;
        node) packages="$packages nodejs" ;;
        *) packages="$packages $name" ;;
    esac
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: the tests need these commands, and there is no apt-get to install them:$missing" >&2
    exit 1
fi
# shellcheck disable=SC2086  # a list of package names
"$(dirname "$0")/apt_install.sh" $packages || exit 1

# The package starts a broker of its own on port 1883, where `make run` wants to listen.
case $packages in
    *mosquitto*)
        if [ -d /run/systemd/system ] && [ "$(id -u)" -eq 0 ]; then
            systemctl disable --now mosquitto >/dev/null 2>&1
        elif [ -d /run/systemd/system ]; then
            sudo -n systemctl disable --now mosquitto >/dev/null 2>&1
        fi
        ;;
esac

for name in "$@"; do
    command -v "$name" >/dev/null 2>&1 || {
        echo "error: $name is still missing after installing$packages" >&2
        exit 1
    }
done
