# The words that the scripts in faults.toml are written in. They run on the host, as root, with $LAB,
# the lab's name, and $SERVICE where a fault is done to each of several services.

# within SERVICE COMMAND…: runs a command in its container, as root.
within() { docker exec --user 0 "$LAB-$1" "${@:2}"; }

# aside SERVICE COMMAND…: the same, left running.
aside() { docker exec --detach --user 0 "$LAB-$1" "${@:2}"; }

# network SERVICE COMMAND…: runs a program of the host in its container's network.
network() { nsenter --net="/proc/$(docker inspect --format '{{.State.Pid}}' "$LAB-$1")/ns/net" -- "${@:2}"; }

# mounts SERVICE COMMAND…: runs a program of the container with the host's power over its mounts. Among its processes, since umount
# reads /proc/self.
mounts() { nsenter --target "$(docker inspect --format '{{.State.Pid}}' "$LAB-$1")" --mount --pid -- "${@:2}"; }

# program SERVICE: what its processes have in their command lines.
program() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' <<<"$LAB_PROGRAMS"; }

# pids SERVICE [all|parent|workers|worker]: its processes, as the host numbers them. The checks that run beside it
# have its name in their command lines too.
pids() {
    docker top "$LAB-$1" -eo pid,ppid,comm,args | awk -v program="$(program "$1")" -v which="${2:-all}" '
        NR > 1 && $3 !~ /^(bash|sh|timeout|healthcheck|pgrep|lsof|ps|grep|gawk|awk|docker-init|tini|sleep|start)$/ {
            line = $0; sub(/^ *[0-9]+ +[0-9]+ +[^ ]+ +/, "", line)
            if (index(line, program)) { parent[$1] = $2; order[++count] = $1 }
        }
        END {
            for (i = 1; i <= count; i++) {
                pid = order[i]; is_worker = parent[pid] in parent
                if (which == "parent" && is_worker) continue
                if (which ~ /^worker/ && !is_worker) continue
                print pid
                if (which == "worker") exit
            }
        }'
}

# signal SERVICE SIGNAL [WHICH]: fails where there is none to be sent to.
signal() { local found; found=$(pids "$1" "${3:-all}"); [ -n "$found" ] && kill -s "$2" $found; }

# files PID NUMBER: how many files it may have open. As its own user, who may whatever capabilities we have.
files() {
    setpriv --reuid="$(stat -c %u "/proc/$1")" --regid="$(stat -c %g "/proc/$1")" --clear-groups \
        prlimit --pid "$1" --nofile="$2:"
}

# is_gone SERVICE, has_workers SERVICE
is_gone() { [ -z "$(pids "$1")" ]; }
has_workers() { [ -n "$(pids "$1" workers)" ]; }

# start SERVICE: starts it again; one that runs is left alone. What started it may outlive it for a moment, and would be
# taken for it.
start() {
    if is_gone "$1"; then
        within "$1" sh -c '
            read -r pid </lab/pid || exit 0
            for turn in $(seq 100); do grep -q . "/proc/$pid/cmdline" || exit 0; sleep 0.1; done
            kill -KILL "$pid"' 2>/dev/null
    fi
    docker exec --detach "$LAB-$1" /lab/start
}

# restart SERVICE
restart() {
    signal "$1" CONT || true
    signal "$1" KILL || true
    until is_gone "$1"; do sleep 0.2; done
    start "$1"
}

# address SERVICE: its container's.
address() { docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$LAB-$1"; }

# drop SERVICE PORT: nothing to or from this port of its gets through. reset: it is answered by a reset. allow undoes both.
drop() {
    network "$1" iptables -I INPUT -p tcp --dport "$2" -j DROP
    network "$1" iptables -I OUTPUT -p tcp --sport "$2" -j DROP
}
reset() { network "$1" iptables -I INPUT -p tcp --dport "$2" -j REJECT --reject-with tcp-reset; }
allow() { network "$1" iptables -F; }

# amqp_port SERVICE: of one of the brokers.
amqp_port() { case $1 in rabbit2) echo 5673 ;; *) echo 5672 ;; esac; }

# brokers: those that are in this lab.
brokers() { for each in rabbit1 rabbit2; do docker inspect "$LAB-$each" >/dev/null 2>&1 && echo "$each"; done; }

# rabbitmqctl SERVICE ARGUMENT…: as the broker's own user, who has its cookie.
rabbitmqctl() { docker exec --user rabbitmq "$LAB-$1" rabbitmqctl --quiet "${@:2}"; }

# alarmed SERVICE WHAT: whether the broker has an alarm of it.
alarmed() { docker exec --user rabbitmq "$LAB-$1" rabbitmq-diagnostics --quiet alarms | grep -qi "$2"; }

# connected_to PORT: whether any service on the message bus is.
connected_to() {
    local each
    for each in $(docker ps --filter "label=lab=$LAB" --format '{{.Names}}' | grep -E 'nova-|neutron-|cinder-|heat-'); do
        network "${each#"$LAB-"}" ss -Htn state established "dport = $1" | grep -q . && return 0
    done
    return 1
}

# sql STATEMENT: at the database, as its root.
sql() { within mariadb mysql --batch --skip-column-names --execute "$1"; }

# stick SERVICE [WHICH], unstick: one thread of each process of a service, its first, waits for what never comes.
stick() { for pid in $(pids "$1" "${2:-all}"); do python3 "$TOOLS/stuck.py" stick "$pid"; done; }
unstick() { for pid in $(pids "$1" "${2:-all}"); do python3 "$TOOLS/stuck.py" unstick "$pid"; done; }

TOOLS=$(dirname "${BASH_SOURCE[0]}")/tools
