#!/bin/sh
# Open vSwitch and OVN on one host, without the kernel's datapath.
set -e
mkdir -p /run/openvswitch /run/ovn /var/lib/openvswitch /var/lib/ovn /var/log/ovn /var/log/openvswitch
ovsdb-tool create /var/lib/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-tool create /var/lib/ovn/ovnnb_db.db /usr/share/ovn/ovn-nb.ovsschema
ovsdb-tool create /var/lib/ovn/ovnsb_db.db /usr/share/ovn/ovn-sb.ovsschema
ovsdb-server /var/lib/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock \
    --pidfile --detach --log-file
ovs-vsctl --no-wait init -- set open_vswitch . external-ids:system-id=host1 \
    external-ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock \
    external-ids:ovn-encap-type=geneve external-ids:ovn-encap-ip=127.0.0.1
ovs-vswitchd --enable-dummy=override --disable-system --pidfile --detach --log-file
for database in nb sb; do
    case $database in nb) port=6641 ;; sb) port=6642 ;; esac
    ovsdb-server --pidfile=/run/ovn/ovn${database}_db.pid --unixctl=/run/ovn/ovn${database}_db.ctl \
        --remote=punix:/run/ovn/ovn${database}_db.sock --remote=ptcp:$port:127.0.0.1 \
        --detach --log-file=/var/log/ovn/$database.log /var/lib/ovn/ovn${database}_db.db
done
ovn-northd --pidfile --detach --log-file \
    --ovnnb-db=unix:/run/ovn/ovnnb_db.sock --ovnsb-db=unix:/run/ovn/ovnsb_db.sock
ovn-controller --pidfile --detach --log-file unix:/run/openvswitch/db.sock
