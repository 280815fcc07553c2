//! The guide's snippets, executed: what stands in docs/guide.md works.

use anyhow::{Context, Result};
use container_tests::{Answer, Container, build, from_xtask};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A service on a bus that it plays itself.
const CONDUCTOR: [&str; 5] =
    ["/nova-conductor", "listen", "127.0.0.1:5672", "connect", "127.0.0.1:5672"];
/// A bus that answers no ping.
const BUS: [&str; 4] = [
    "--env",
    "OS_DEFAULT__TRANSPORT_URL=rabbit://u:p@127.0.0.1:5672/",
    "--env",
    "OS_DEFAULT__RPC_PING_ENABLED=false",
];

/// The snippets with a name, by name.
fn snippets() -> Result<BTreeMap<String, String>> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md");
    let text = fs::read_to_string(guide)?;
    let mut found = BTreeMap::new();
    for part in text.split("<!-- tested: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n```").context("a name without its snippet")?;
        let (_, code) = rest.split_once('\n').context("a snippet without an end")?;
        let (code, _) = code.split_once("\n```").context("a snippet without an end")?;
        found.insert(name.to_owned(), format!("{code}\n"));
    }
    Ok(found)
}

fn snippet(name: &str) -> Result<String> {
    snippets()?.remove(name).with_context(|| format!("the guide has no snippet \"{name}\""))
}

/// An image made of lines, the probe, the stand-in, and further files.
fn image(name: &str, containerfile: &str, texts: &[(&str, &str)]) -> Result<String> {
    let probe = PathBuf::from(from_xtask("HEALTHCHECK_PROBE")?);
    let stand_in = PathBuf::from(from_xtask("HEALTHCHECK_STAND_IN")?);
    let folder = tempfile::tempdir()?;
    let mut files = vec![(probe, "healthcheck"), (stand_in, "stand-in")];
    for (to, text) in texts {
        let path = folder.path().join(to);
        fs::write(&path, text)?;
        files.push((path, *to));
    }
    let files: Vec<(&Path, &str)> = files.iter().map(|(from, to)| (from.as_path(), *to)).collect();
    build(&format!("guide-{name}"), containerfile, &files)
}

fn check(answer: &Answer, status: i32, verdict: &str) {
    assert!(
        answer.status == status && answer.verdict().starts_with(verdict),
        "expected {status} and \"{verdict}\", found {} and {}",
        answer.status,
        answer.output
    );
}

#[test]
fn every_snippet_with_a_name_is_executed_here() -> Result<()> {
    let names: Vec<String> = snippets()?.into_keys().collect();
    let executed = [
        "containerfile",
        "definition",
        "kolla",
        "kubernetes",
        "maintenance",
        "own-file",
        "tripleo",
        "trying",
    ];
    assert_eq!(names, executed);
    Ok(())
}

#[test]
fn the_containerfile_makes_the_engine_check_the_service() -> Result<()> {
    let containerfile =
        format!("FROM scratch\nCOPY stand-in /memcached\n{}", snippet("containerfile")?);
    let image = image("containerfile", &containerfile, &[])?;
    let command = ["/memcached", "listen", "0.0.0.0:11211"];
    let container = Container::run(&["--health-interval", "500ms"], &image, &command)?.ready()?;
    container.health("healthy")?;
    // What the snippet says is what the engine has, but for the interval.
    assert_eq!(
        container.inspect("{{json .Config.Healthcheck.Test}}")?,
        r#"["CMD","/openstack/healthcheck"]"#
    );
    assert_eq!(container.inspect("{{.Config.Healthcheck.Retries}}")?, "3");
    Ok(())
}

#[test]
fn one_line_makes_an_image_a_known_service_s() -> Result<()> {
    let containerfile = "FROM scratch\nCOPY stand-in /nova-conductor\nCOPY healthcheck /openstack/healthcheck\n\
         COPY own.toml /openstack/healthcheck.toml\n";
    let image = image("own-file", containerfile, &[("own.toml", &snippet("own-file")?)])?;
    let container = Container::run(&BUS, &image, &CONDUCTOR)?.ready()?;
    check(&container.inside(&[])?, 0, "healthy: my-conductor: 2 checks");
    check(&container.outside(&[])?, 0, "healthy: my-conductor: 2 checks");
    Ok(())
}

#[test]
fn the_definition_is_linted_explained_and_evaluated() -> Result<()> {
    let definition = snippet("definition")?;
    let config =
        "[DEFAULT]\ntransport_url = rabbit://u:hidden@127.0.0.1:5672/\n[api]\nbind_port = 8778\n";
    let containerfile = "FROM scratch\nWORKDIR /definitions\nCOPY stand-in /inventory-agent\n\
         COPY healthcheck /openstack/healthcheck\nCOPY inventory-agent.toml /definitions/inventory-agent.toml\n\
         COPY inventory.conf /etc/inventory/inventory.conf\n";
    let files = [("inventory-agent.toml", definition.as_str()), ("inventory.conf", config)];
    let image = image("definition", containerfile, &files)?;
    let agent = [
        "/inventory-agent",
        "listen",
        "127.0.0.1:5672",
        "connect",
        "127.0.0.1:5672",
        "http",
        "127.0.0.1:8778",
        "200 OK",
    ];
    let container = Container::run(&[], &image, &agent)?.ready()?;

    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("inventory-agent.toml"), &definition)?;
    for line in snippet("trying")?.lines() {
        let words: Vec<&str> = line.strip_prefix("$ ").context("no command")?.split(' ').collect();
        if words[0] == "healthctl" {
            let healthctl = from_xtask("HEALTHCTL")?;
            let linted = Command::new(healthctl).args(&words[1..]).current_dir(&folder).output()?;
            assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
            continue;
        }
        let answer = container.exec(&[], &words)?;
        assert_eq!(answer.status, 0, "{line}: {}", answer.output);
        assert!(!answer.output.contains("hidden"), "{}", answer.output);
        if words.contains(&"explain") {
            assert!(answer.output.contains("/etc/inventory/inventory.conf:4"), "{}", answer.output);
        } else {
            check(&answer, 0, "healthy: inventory-agent: 3 checks");
        }
    }
    Ok(())
}

/// The commands of the probes, in the order they stand in.
fn kubernetes_commands() -> Result<Vec<Vec<String>>> {
    snippet("kubernetes")?
        .lines()
        .filter_map(|line| line.trim().strip_prefix("command: "))
        .map(|command| serde_json::from_str(command).context("a command is no list"))
        .collect()
}

#[test]
fn a_dependency_s_outage_takes_a_pod_out_of_service_and_never_restarts_it() -> Result<()> {
    let containerfile =
        "FROM scratch\nCOPY stand-in /nova-conductor\nCOPY healthcheck /openstack/healthcheck\n";
    let image = image("kubernetes", containerfile, &[])?;
    let healthy = Container::run(&BUS, &image, &CONDUCTOR)?.ready()?;
    let outage = Container::run(&BUS, &image, &CONDUCTOR[..1])?.ready()?;
    let commands = kubernetes_commands()?;
    assert_eq!(commands.len(), 3);
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let role = words.get(2).copied().unwrap_or_default();
        assert_eq!(healthy.exec(&[], &words)?.status, 0, "{role}");
        assert_eq!(outage.exec(&[], &words)?.status, i32::from(role == "ready"), "{role}");
    }
    // A fault of its own is another matter.
    outage.signal("STOP")?;
    for command in kubernetes_commands()? {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        assert_eq!(outage.exec(&[], &words)?.status, 1, "{words:?}");
    }
    outage.signal("CONT")
}

#[test]
fn kolla_s_helpers_are_answered_by_their_names() -> Result<()> {
    let base = from_xtask("HEALTHCHECK_IMAGE_MEMCACHED")?;
    let containerfile = format!(
        "FROM {base}\nUSER root\nCOPY healthcheck /openstack/healthcheck\n{}\nUSER memcache",
        snippet("kolla")?
    );
    let image = image("kolla", &containerfile, &[])?;
    let container = Container::run(&[], &image, &[])?;
    let port = ["healthcheck_listen", "memcached", "11211"];
    // It starts at once, and binds a moment later.
    let bound = (0..50).any(|_| container.exec(&[], &port).is_ok_and(|answer| answer.status == 0));
    assert!(bound, "{:?}", container.exec(&[], &port));
    for (command, status) in [
        (&["healthcheck_listen", "memcached", "1121"][..], 1),
        (&["healthcheck_listen", "redis", "11211"], 1),
        (&["healthcheck_port", "memcached", "5672"], 1),
        (&["healthcheck_socket", "memcached", "/run/no.sock"], 1),
        (&["healthcheck_filemod", "/etc/hosts", "3600"], 0),
        (&["healthcheck_curl", "127.0.0.1:1"], 1),
    ] {
        let answer = container.exec(&[], command)?;
        assert_eq!(answer.status, status, "{command:?}: {}", answer.output);
        assert!(!answer.output.is_empty(), "{command:?} gave no reason");
    }
    Ok(())
}

#[test]
fn a_link_to_a_script_s_name_says_which_service_it_is() -> Result<()> {
    let base = from_xtask("HEALTHCHECK_IMAGE_MEMCACHED")?;
    let containerfile = format!(
        "FROM {base}\nUSER root\nRUN rm -rf /openstack\nCOPY stand-in /nova-conductor\n{}",
        snippet("tripleo")?
    );
    let image = image("tripleo", &containerfile, &[])?;
    let container = Container::run(&BUS, &image, &CONDUCTOR)?.ready()?;
    check(&container.inside(&[])?, 0, "healthy: nova-conductor: 2 checks");
    check(&container.inside(&["5672"])?, 0, "healthy: nova-conductor: 2 checks");
    check(&container.inside(&["5671"])?, 1, "unhealthy: nova-conductor: connected:");
    check(&container.outside(&[])?, 0, "healthy: nova-conductor: 2 checks");
    Ok(())
}

#[test]
fn in_maintenance_ready_answers_no_and_live_yes() -> Result<()> {
    let containerfile = "FROM scratch\nCOPY stand-in /nova-conductor\nCOPY healthcheck /openstack/healthcheck\n\
         COPY maintenance /run/openstack/maintenance\n";
    let image = image("maintenance", containerfile, &[("maintenance", &snippet("maintenance")?)])?;
    let container = Container::run(&BUS, &image, &CONDUCTOR)?.ready()?;
    for answer in
        [container.inside(&["--role", "ready"])?, container.outside(&["--role", "ready"])?]
    {
        assert_eq!(answer.status, 1, "{}", answer.output);
        assert!(
            answer.output.contains("in maintenance by alice: moving to rack 7"),
            "{}",
            answer.output
        );
    }
    assert_eq!(container.inside(&["--role", "live"])?.status, 0);
    assert_eq!(container.inside(&[])?.status, 0);
    Ok(())
}
