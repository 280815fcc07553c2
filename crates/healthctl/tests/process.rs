//! A process of this host, looked at by its number: no engine is needed.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use support::healthctl;

/// A process that nothing else is named like, ended when dropped.
struct Service(Child);

impl Service {
    fn start(name: &str) -> Self {
        let child = Command::new("sleep").arg0(name).arg("600").spawn().unwrap();
        // Within its execve it has no arguments for a moment, and so no name.
        while std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap().is_empty() {
            std::thread::yield_now();
        }
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn definition(name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("definition.toml");
    let text =
        format!("service = \"{name}\"\nprocess = \"{name}\"\n[[check]]\nkind = \"process\"\n");
    std::fs::write(&file, text).unwrap();
    (folder, file.display().to_string())
}

#[test]
fn a_process_is_seen_as_it_is_in_every_format() {
    let name = format!("healthctl-test-{}", std::process::id());
    let service = Service::start(&name);
    let (_folder, file) = definition(&name);
    let check = |more: &[&str]| {
        healthctl(&[&["check", &service.pid(), "--definition", &file], more].concat())
    };
    let said = check(&[]);
    assert_eq!(
        (said.status, said.out.lines().next()),
        (0, Some(&*format!("healthy: {name}: 1 check")))
    );

    service.signal("-STOP");
    let said = check(&[]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.starts_with(&format!("unhealthy: {name}: process: ")), "{said:?}");
    assert!(said.out.lines().next().is_some_and(|line| line.ends_with("(self)")), "{said:?}");
    assert_eq!(check(&["--role", "live"]).status, 1);
    let said = check(&["--format", "nagios"]);
    assert_eq!(said.status, 2, "{said:?}");
    let said = check(&["--format", "json"]);
    assert!(said.out.starts_with("{\"status\":\"fail\",\"verdict\":\"unhealthy\""), "{said:?}");
    service.signal("-CONT");
}

#[test]
fn a_process_is_explained() {
    let name = format!("healthctl-explain-{}", std::process::id());
    let service = Service::start(&name);
    let (_folder, file) = definition(&name);
    let said = healthctl(&["explain", &service.pid(), "--definition", &file]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains(&format!("that {name} runs")), "{said:?}");
    assert!(said.out.contains("as it was asked for"), "{said:?}");
}

#[test]
fn what_nobody_knows_is_said_with_what_to_do() {
    let said =
        healthctl(&["check", &std::process::id().to_string(), "--service", "nova-conducter"]);
    assert_eq!(said.status, 1, "{said:?}");
    let text = format!("{}{}", said.out, said.err);
    assert!(text.contains("unknown service \"nova-conducter\", did you mean"), "{said:?}");
}
