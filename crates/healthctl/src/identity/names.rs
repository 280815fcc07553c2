//! Which service a container's name means: kolla's `nova_conductor`, compose's
//! `cloud-nova-conductor-1`, the kubelet's `k8s_nova-conductor_…`.

use healthcheck::catalog::Catalog;

/// What deployment tools put before the service's own name.
const PREFIXES: [&str; 6] = ["kolla_", "kolla-", "tripleo_", "edpm_", "systemd-", "openstack_"];

/// The service that a container's name means, if it is one of the catalogue's.
pub(super) fn service<'c>(name: &str, catalog: &'c Catalog) -> Option<&'c str> {
    let name = name.strip_prefix("k8s_").and_then(|rest| rest.split('_').next()).unwrap_or(name);
    let known =
        |name: &str| catalog.service(name).or_else(|| catalog.service(&name.replace('_', "-")));
    let stripped = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
    if let Some(service) = known(name).or_else(|| known(stripped?)) {
        return Some(service);
    }
    // Compose: project, service, number; the project may have hyphens of its own.
    let (name, number) = name.rsplit_once(['-', '_'])?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut rest = name;
    loop {
        if let Some(service) = known(rest) {
            return Some(service);
        }
        rest = rest.split_once(['-', '_'])?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::service;
    use healthcheck::catalog::Catalog;

    #[test]
    fn the_names_that_deployment_tools_give_mean_their_service() {
        let catalog = Catalog::embedded();
        for name in [
            "nova-conductor",
            "nova_conductor",
            "kolla_nova_conductor",
            "tripleo_nova_conductor",
            "systemd-nova-conductor",
            "cloud-nova-conductor-1",
            "my-cloud_nova-conductor_2",
            "k8s_nova-conductor_nova-conductor-0_openstack_6d9f_0",
        ] {
            assert_eq!(service(name, &catalog), Some("nova-conductor"), "{name}");
        }
        for name in ["conductor", "my-nova-conductor", "nova-conductor-db-1", "", "-1", "k8s_"] {
            assert_eq!(service(name, &catalog), None, "{name}");
        }
    }
}
