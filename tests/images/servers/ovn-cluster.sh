#!/bin/sh
# The southbound database as a cluster of three, on one host.
set -e
mkdir -p /cluster/1 /cluster/2 /cluster/3
ovsdb-tool create-cluster /cluster/1/ovnsb_db.db /usr/share/ovn/ovn-sb.ovsschema tcp:127.0.0.1:7641
for member in 2 3; do
    ovsdb-tool join-cluster /cluster/$member/ovnsb_db.db OVN_Southbound \
        tcp:127.0.0.1:764$member tcp:127.0.0.1:7641
done
for member in 1 2 3; do
    ovsdb-server --pidfile=/cluster/$member.pid --unixctl=/cluster/$member.ctl \
        --remote=punix:/cluster/$member.sock --detach --log-file=/cluster/$member.log \
        /cluster/$member/ovnsb_db.db
done
