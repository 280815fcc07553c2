//! The daemons of Open vSwitch, OVN and libvirt, as they are, and with real faults.

use anyhow::{Result, ensure};
use container_tests::{Container, from_xtask};
use std::time::{Duration, Instant};

/// Longer than OVN takes to notice on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn servers() -> Result<Container> {
    Container::run(&[], &from_xtask("HEALTHCHECK_IMAGE_SERVERS")?, &[])
}

fn shell(container: &Container, script: &str) -> Result<()> {
    let answer = container.exec(&[], &["sh", "-ec", script])?;
    ensure!(answer.status == 0, "{script}: {}", answer.output);
    Ok(())
}

/// Asks until the answer, from inside and then from outside, has these words.
fn says(container: &Container, service: &str, words: &[&str]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let inside = container.inside(&["--service", service])?.output;
        let said = |output: &str| words.iter().all(|words| output.contains(words));
        if said(&inside) {
            let outside = container.outside(&["--service", service])?.output;
            ensure!(said(&outside), "inside {inside}\noutside {outside}");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{service}: expected {words:?}, found {inside}");
    }
}

#[test]
fn open_vswitch_and_ovn() -> Result<()> {
    let container = servers()?;
    shell(&container, "sh /opt/open-vswitch.sh")?;
    for (service, words) in [
        ("openvswitch-db", "serves Open_vSwitch (standalone)"),
        ("openvswitch-vswitchd", "ovs-vswitchd answers version: "),
        ("ovn-nb-db", "serves OVN_Northbound (standalone)"),
        ("ovn-sb-db", "serves OVN_Southbound (standalone)"),
        ("ovn-northd", "answers status: Status: active"),
        ("ovn-controller", "ovn-controller answers connection-status: connected"),
    ] {
        says(&container, service, &[&format!("healthy: {service}: "), words])?;
    }
    // Its kernel still takes connections for it.
    shell(&container, "kill -STOP $(cat /run/openvswitch/ovs-vswitchd.pid)")?;
    let silent = "accepts connections and answers nothing";
    says(&container, "openvswitch-vswitchd", &["unixctl: ", silent, "(self)"])?;
    shell(&container, "kill -STOP $(cat /run/ovn/ovnnb_db.pid)")?;
    says(&container, "ovn-nb-db", &["ovsdb: ", silent, "(self)"])?;
    // The southbound database goes: theirs who need it is not the fault.
    shell(&container, "kill -KILL $(cat /run/ovn/ovnsb_db.pid)")?;
    let gone = "\"not connected\" to connection-status";
    says(&container, "ovn-controller", &["unhealthy: ovn-controller: ", gone, "(dependency)"])?;
    says(&container, "ovn-sb-db", &["unhealthy: ovn-sb-db: ", "(self)"])
}

#[test]
fn a_member_that_lost_its_cluster() -> Result<()> {
    let container = servers()?;
    shell(&container, "sh /opt/ovn-cluster.sh")?;
    let cluster = "serves OVN_Southbound (clustered, ";
    says(&container, "ovn-sb-db", &["ovsdb: /cluster/1.sock ", cluster])?;
    shell(&container, "kill -STOP $(cat /cluster/2.pid) $(cat /cluster/3.pid)")?;
    let cut_off = "is cut off from the cluster of OVN_Southbound: no quorum, or no leader";
    says(&container, "ovn-sb-db", &[cut_off, "(dependency)"])?;
    shell(&container, "kill -CONT $(cat /cluster/2.pid) $(cat /cluster/3.pid)")?;
    says(&container, "ovn-sb-db", &["ovsdb: /cluster/1.sock ", cluster])
}

#[test]
fn libvirt_and_who_needs_it() -> Result<()> {
    let container = servers()?;
    shell(
        &container,
        "libvirtd -d; virtlogd -d; mkdir -p /etc/nova
         printf '[DEFAULT]\\ncompute_driver = libvirt.LibvirtDriver\\n' > /etc/nova/nova.conf
         printf '#!/bin/sh\\nsleep infinity\\n' > /usr/bin/nova-compute
         chmod +x /usr/bin/nova-compute; nova-compute > /dev/null 2>&1 &",
    )?;
    let answers = "answers on /run/libvirt/libvirt-sock-ro";
    says(&container, "nova-libvirt", &["healthy: nova-libvirt: ", "libvirt 9.", answers])?;
    says(&container, "nova-virtlogd", &["healthy: nova-virtlogd: "])?;
    says(&container, "nova-compute", &["libvirt: libvirt 9.", answers])?;
    // It was spoken to politely: it has nothing to complain of.
    let log = container.exec(&[], &["cat", "/var/log/libvirt/libvirtd.log"])?;
    assert!(!log.output.contains("End of file"), "{}", log.output);
    shell(&container, "kill -STOP $(pidof libvirtd) $(pidof virtlogd)")?;
    let silent = "libvirt-sock-ro accepts connections and answers nothing";
    says(&container, "nova-libvirt", &["unhealthy: nova-libvirt: ", silent, "(self)"])?;
    says(&container, "nova-compute", &["libvirt: /run/libvirt/", silent, "(dependency)"])?;
    let silent = "virtlogd-sock accepts connections and answers nothing";
    says(&container, "nova-virtlogd", &["unhealthy: nova-virtlogd: ", silent, "(self)"])?;
    shell(&container, "kill -KILL $(pidof libvirtd)")?;
    let refused = "connection refused by /run/libvirt/libvirt-sock-ro";
    says(&container, "nova-compute", &[refused, "(dependency)"])
}
