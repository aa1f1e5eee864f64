# What the tests in a booted systemd share: to be sourced, with the program as the first argument.
# shellcheck shell=bash
#
# Needs root and the packages mmdebstrap and systemd-container.
# Says SKIPPED, and why, where a system cannot be booted; fails where the daemon does.
set -euo pipefail
binary=$(realpath "$1")
work=$(mktemp -d)
root=$work/root
leader=
nspawn=

skip() {
    printf 'SKIPPED %s in a booted systemd: %s\n' "$(basename "$0")" "$1"
    exit 0
}

finish() {
    # Without what the shell says about processes that were killed.
    {
        [ -z "$nspawn" ] || kill -KILL "$nspawn" || true
        [ -z "$leader" ] || kill -KILL "$leader" || true
        wait || true
    } 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

fail() {
    printf 'FAILED %s\n' "$1"
    [ -n "$leader" ] || exit 1
    in_system journalctl -u session-keepalive --no-pager -o cat 2>/dev/null | tail -n 40 || true
    in_system systemctl status session-keepalive --no-pager 2>/dev/null | head -n 20 || true
    seen || true
    exit 1
}

in_system() { nsenter -t "$leader" -m -u -i -n -p -C -- "$@"; }
ok() { printf 'ok %s (%s s)\n' "$1" "$SECONDS"; }
property() { in_system systemctl show session-keepalive -P "$1"; }

# wait_for SECONDS WHAT COMMAND...
wait_for() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || fail "$what"
        sleep 0.2
    done
}

boot() {
    systemd-nspawn -q -D "$root" --boot --register=no --keep-unit --private-network \
        --console=pipe >"$work/console" 2>&1 </dev/null &
    nspawn=$!
    leader=
    for _ in $(seq 150); do
        leader=$(pgrep -P "$nspawn" 2>/dev/null | head -n 1 || true)
        if [ -n "$leader" ] && in_system systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then
            return 0
        fi
        kill -0 "$nspawn" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

# What the simulator saw of each token: a table whose lines begin with fingerprints.
seen() {
    in_system systemctl kill -s HUP simulator
    sleep 0.3
    in_system journalctl -u simulator --no-pager -o cat -n 20
}
fingerprint() { printf %s "$1" | sha256sum | cut -c1-8; }
# fate TOKEN: the end of its last line. peeks TOKEN, touches TOKEN: how many peeks, how many HEADs.
fate() { seen | grep "$(fingerprint "$1")" | tail -n 1 | sed 's/^ *\([^ ]* *\)\{6\}//'; }
peeks() { seen | grep "$(fingerprint "$1")" | tail -n 1 | awk '{print $2}'; }
touches() { seen | grep "$(fingerprint "$1")" | tail -n 1 | awk '{print $3 + $4}'; }
lives() { [ "$(fate "$1")" = lives ]; }
is_touched() { [ "$(touches "$1")" -gt "${2:-0}" ]; }
logged() { in_system journalctl --no-pager -o cat -u session-keepalive | grep -qF -- "$1"; }
logged_times() { [ "$(in_system journalctl --no-pager -o cat SESSION=wallboard | grep -cF -- "$1")" -ge "$2" ]; }
status_says() { property StatusText | grep -qF -- "$1"; }
is_active() { [ "$(property ActiveState)" = active ]; }
main_pid_is_not() { [ "$(property MainPID)" != "$1" ] && [ "$(property MainPID)" != 0 ]; }

configure() {
    cat >"$root/etc/session-keepalive/config.toml" <<CONFIG
api = "http://127.0.0.1:8085"
ready_after = "5s"
[defaults]
idle_timeout = "20s"
[sessions.wallboard]
token = { credential = "wallboard" }
$1
CONFIG
}
give() {
    printf %s "$1" >"$root/etc/session-keepalive/tokens/wallboard"
}

# boot_debian SUITE [PACKAGES]: a Debian with the simulator in it, and those packages.
boot_debian() {
    [ "$(id -u)" = 0 ] || skip 'not root'
    for command in mmdebstrap systemd-nspawn; do
        command -v "$command" >/dev/null || skip "there is no $command"
    done
    mmdebstrap --quiet --variant=minbase --include="systemd,systemd-sysv,dbus${2:+,$2}" "$1" "$root" >"$work/debootstrap" 2>&1 ||
        skip "no Debian can be made: $(tail -n 1 "$work/debootstrap")"
    install "$binary" "$root/usr/local/bin/simulator"
    cat >"$root/etc/systemd/system/simulator.service" <<'UNIT'
[Service]
ExecStart=/usr/local/bin/simulator simulate --idle-timeout 10m --token first-token --token second-token --token third-token --token file-token --token last-token
[Install]
WantedBy=multi-user.target
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../simulator.service "$root/etc/systemd/system/multi-user.target.wants/"
    boot || skip "systemd did not boot: $(tail -n 1 "$work/console")"
    ok "systemd $(in_system systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') has booted"
}

# install_package PACKAGE: the first one, or an upgrade.
install_package() {
    case $1 in
    *.deb)
        cp "$1" "$root/package.deb"
        in_system dpkg --force-depends -i /package.deb >"$work/said" 2>&1 || fail "the package installs: $(tail -n 3 "$work/said")"
        ;;
    *.rpm)
        # Nothing that it depends on is in the database of an rpm that is a guest here.
        cp "$1" "$root/package.rpm"
        in_system rpm -U --nodeps /package.rpm >"$work/said" 2>&1 || fail "the package installs: $(tail -n 3 "$work/said")"
        ;;
    esac
}

give_credential() {
    mkdir -p "$root/etc/session-keepalive/tokens" "$root/etc/systemd/system/session-keepalive.service.d"
    cat >"$root/etc/systemd/system/session-keepalive.service.d/token.conf" <<'UNIT'
[Service]
LoadCredential=wallboard:/etc/session-keepalive/tokens/wallboard
WatchdogSec=4s
RestartSec=200ms
UNIT
}

# use_drop_in NAME: one of those that the package brings along as examples.
use_drop_in() {
    cp "$root/usr/share/doc/session-keepalive/packaging/systemd/$1" "$root/etc/systemd/system/session-keepalive.service.d/"
    in_system systemctl daemon-reload
}
