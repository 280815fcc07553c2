//! The engine's own health state, by `HEALTHCHECK CMD ["/openstack/healthcheck"]`.

use anyhow::Result;
use container_tests::{Container, from_xtask, scratch_image};

/// Often, so that a change shows soon.
const OFTEN: [&str; 6] =
    ["--health-interval", "500ms", "--health-retries", "1", "--health-timeout", "10s"];

#[test]
fn a_frozen_service_becomes_unhealthy_with_the_reason_and_recovers() -> Result<()> {
    let image = from_xtask("HEALTHCHECK_IMAGE_MEMCACHED")?;
    let container = Container::run(&OFTEN, &image, &[])?;
    assert_eq!(container.health("healthy")?.lines().next(), Some("healthy: memcached: 2 checks"));
    container.signal("STOP")?;
    let message = container.health("unhealthy")?;
    assert!(
        message.starts_with("unhealthy: memcached: process: memcached (process 1) is stopped"),
        "{message}"
    );
    assert!(message.lines().next().is_some_and(|line| line.ends_with("(self)")), "{message}");
    container.signal("CONT")?;
    container.health("healthy")?;
    Ok(())
}

#[test]
fn on_the_host_s_network_a_neighbour_s_port_is_not_the_service_s() -> Result<()> {
    // The neighbour listens, the service only runs: the predecessors' port
    // check by the socket table alone would be satisfied.
    let image = scratch_image("memcached")?;
    let host = ["--network", "host"];
    let neighbour = ["/memcached", "listen", "127.0.0.1:21211"];
    let _neighbour = Container::run(&host, &image, &neighbour)?.ready()?;
    let service = Container::run(&host, &image, &["/memcached", "-p", "21211"])?.ready()?;
    for answer in [service.inside(&[])?, service.outside(&[])?] {
        assert_eq!(answer.status, 1, "{}", answer.output);
        assert!(answer.verdict().contains("does not listen on port 21211"), "{}", answer.output);
    }
    Ok(())
}

#[test]
fn with_the_host_s_processes_in_sight_a_neighbour_is_not_the_service() -> Result<()> {
    let image = scratch_image("memcached")?;
    let neighbour = ["/memcached", "listen", "127.0.0.1:11211"];
    let _neighbour = Container::run(&[], &image, &neighbour)?.ready()?;
    let image = scratch_image("redis-server")?;
    let service =
        Container::run(&["--pid", "host"], &image, &["/redis-server", "listen", "127.0.0.1:6379"])?
            .ready()?;
    for answer in [service.inside(&["memcached"])?, service.outside(&["--service", "memcached"])?] {
        assert_eq!(answer.status, 1, "{}", answer.output);
        assert!(answer.verdict().contains("memcached is not running"), "{}", answer.output);
    }
    Ok(())
}
