//! The daemons of Open vSwitch, OVN and libvirt, as they are, and with real faults.

use anyhow::Result;
use container_tests::{Container, FROZEN, from_xtask};

fn servers() -> Result<Container> {
    Container::run(&[], &from_xtask("HEALTHCHECK_IMAGE_SERVERS")?, &[])
}

#[test]
fn open_vswitch_and_ovn() -> Result<()> {
    let container = servers()?;
    container.shell("sh /opt/open-vswitch.sh")?;
    for (service, words) in [
        ("openvswitch-db", "serves Open_vSwitch (standalone)"),
        ("openvswitch-vswitchd", "ovs-vswitchd answers version: "),
        ("ovn-nb-db", "serves OVN_Northbound (standalone)"),
        ("ovn-sb-db", "serves OVN_Southbound (standalone)"),
        ("ovn-northd", "answers status: Status: active"),
        ("ovn-controller", "ovn-controller answers connection-status: connected"),
    ] {
        container.says(service, &[&format!("healthy: {service}: "), words])?;
    }
    container.shell("kill -STOP $(cat /run/openvswitch/ovs-vswitchd.pid)")?;
    container.says("openvswitch-vswitchd", &["process: ", FROZEN, "(self)"])?;
    container.shell("kill -STOP $(cat /run/ovn/ovnnb_db.pid)")?;
    container.says("ovn-nb-db", &["process: ", FROZEN, "(self)"])?;
    // The southbound database goes: theirs who need it is not the fault.
    container.shell("kill -KILL $(cat /run/ovn/ovnsb_db.pid)")?;
    let gone = "\"not connected\" to connection-status";
    container.says("ovn-controller", &["unhealthy: ovn-controller: ", gone, "(dependency)"])?;
    container.says("ovn-sb-db", &["unhealthy: ovn-sb-db: ", "(self)"])
}

#[test]
fn a_member_that_lost_its_cluster() -> Result<()> {
    let container = servers()?;
    container.shell("sh /opt/ovn-cluster.sh")?;
    let cluster = "serves OVN_Southbound (clustered, ";
    container.says("ovn-sb-db", &["ovsdb: /cluster/1.sock ", cluster])?;
    container.shell("kill -STOP $(cat /cluster/2.pid) $(cat /cluster/3.pid)")?;
    let cut_off = "is cut off from the cluster of OVN_Southbound: no quorum, or no leader";
    container.says("ovn-sb-db", &[cut_off, "(dependency)"])?;
    container.shell("kill -CONT $(cat /cluster/2.pid) $(cat /cluster/3.pid)")?;
    container.says("ovn-sb-db", &["ovsdb: /cluster/1.sock ", cluster])
}

#[test]
fn libvirt_and_who_needs_it() -> Result<()> {
    let container = servers()?;
    container.shell(
        "libvirtd -d; virtlogd -d; mkdir -p /etc/nova
         printf '[DEFAULT]\\ncompute_driver = libvirt.LibvirtDriver\\n' > /etc/nova/nova.conf
         printf '#!/bin/sh\\nsleep infinity\\n' > /usr/bin/nova-compute
         chmod +x /usr/bin/nova-compute; nova-compute > /dev/null 2>&1 &",
    )?;
    let answers = "answers on /run/libvirt/libvirt-sock-ro";
    container.says("nova-libvirt", &["healthy: nova-libvirt: ", "libvirt 9.", answers])?;
    container.says("nova-virtlogd", &["healthy: nova-virtlogd: "])?;
    container.says("nova-compute", &["libvirt: libvirt 9.", answers])?;
    // It was spoken to politely: it has nothing to complain of.
    let log = container.exec(&[], &["cat", "/var/log/libvirt/libvirtd.log"])?;
    assert!(!log.output.contains("End of file"), "{}", log.output);
    container.shell("kill -STOP $(pidof libvirtd) $(pidof virtlogd)")?;
    let silent = "libvirt-sock-ro accepts connections and answers nothing";
    container.says("nova-libvirt", &["unhealthy: nova-libvirt: ", FROZEN, "(self)"])?;
    container.says("nova-compute", &["libvirt: /run/libvirt/", silent, "(dependency)"])?;
    container.says("nova-virtlogd", &["unhealthy: nova-virtlogd: ", FROZEN, "(self)"])?;
    container.shell("kill -KILL $(pidof libvirtd)")?;
    let refused = "connection refused by /run/libvirt/libvirt-sock-ro";
    container.says("nova-compute", &[refused, "(dependency)"])
}
