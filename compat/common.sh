# Functions for check scripts that source the predecessors' common.sh, over
# /openstack/healthcheck. POSIX sh: no awk, curl, lsof, pgrep or crudini.
#
# Put this file and the healthcheck program where the scripts look for it,
# mostly /usr/share/openstack-tripleo-common/healthcheck. HEALTHCHECK_COMMAND
# names another program.

set -eu
# dash has no pipefail before 0.5.12.
if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi

: "${HEALTHCHECK_DEBUG:=0}"
: "${HEALTHCHECK_SCRIPTS:=${HEALTHCHECKS_DIR:-/usr/share/openstack-tripleo-common/healthcheck}}"
: "${HEALTHCHECK_USE_PROXY:=0}"
export HEALTHCHECK_DEBUG HEALTHCHECK_SCRIPTS HEALTHCHECK_USE_PROXY

if [ -z "${HEALTHCHECK_COMMAND:-}" ]; then
    HEALTHCHECK_COMMAND=$HEALTHCHECK_SCRIPTS/healthcheck
    if [ ! -x "$HEALTHCHECK_COMMAND" ]; then
        # Never /openstack/healthcheck: that may be the very script that sources this.
        HEALTHCHECK_COMMAND=$(command -v healthcheck) || HEALTHCHECK_COMMAND=
    fi
fi
if [ -z "$HEALTHCHECK_COMMAND" ]; then
    echo "unknown: common.sh: no healthcheck program in $HEALTHCHECK_SCRIPTS or PATH"
    exit 1
fi

if [ "$HEALTHCHECK_DEBUG" != 0 ]; then
    set -x
    exec 3>&1
else
    exec 3>/dev/null
fi
if [ "$HEALTHCHECK_USE_PROXY" = 0 ]; then
    unset http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
fi

healthcheck_curl() {
    if [ $# -eq 0 ]; then
        echo 'healthcheck_curl: no parameter provided'
        return 1
    fi
    "$HEALTHCHECK_COMMAND" healthcheck_curl "$@"
}

# It counted listening sockets too. It ended the script, whatever came of it;
# so that a reason is always printed and an `else` is reached, this returns.
healthcheck_port() {
    if said=$("$HEALTHCHECK_COMMAND" healthcheck_port "$@") ||
        listening=$("$HEALTHCHECK_COMMAND" healthcheck_listen "$@"); then
        printf '%s\n' "${listening:-$said}"
        unset said listening
        return 0
    fi
    printf '%s\n' "$said"
    unset said listening
    return 1
}

healthcheck_listen() {
    "$HEALTHCHECK_COMMAND" healthcheck_listen "$@"
}

healthcheck_socket() {
    "$HEALTHCHECK_COMMAND" healthcheck_socket "$@"
}

healthcheck_file_modification() {
    "$HEALTHCHECK_COMMAND" healthcheck_filemod "$@"
}

get_user_from_process() {
    "$HEALTHCHECK_COMMAND" get_user_from_process "$@"
}

# FILE SECTION OPTION DEFAULT
get_config_val() {
    "$HEALTHCHECK_COMMAND" get_config_val "$@"
}

# FILE; ends the script where there is none, as it did
get_url_from_vhost() {
    "$HEALTHCHECK_COMMAND" get_url_from_vhost "$@" || exit 1
}

# An IPv6 address in brackets; anything else as it is.
wrap_ipv6() {
    case $1 in
        *]) echo "$1" ;;
        *:*) echo "[$1]" ;;
        *) echo "$1" ;;
    esac
}

# SERVICE, such as object-replicator; $conf and $cache are the script's. The
# replicator has been through within its interval, if it runs.
check_swift_interval() {
    if ! get_user_from_process "swift-$1" >&3 2>&1; then
        return 0
    fi
    interval=$(get_config_val "$conf" "$1" interval 300)
    last=$(sed -n 's/.*"replication_last": *\([0-9][0-9]*\).*/\1/p' "$cache" | head -n 1)
    if [ $(($(date +%s) - ${last:-0})) -gt "$interval" ]; then
        echo "Last replication run did not finish within interval of $interval seconds."
        exit 1
    fi
}
