use super::{LABEL, find};
use crate::engines::{Container, ContainerId, Health, Kind, State};
use crate::look::{Asked, Written};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;
use vantage::{Pid, Port, Vantage};

/// A container as a tree of files and processes, with what its engine says of it.
struct Fixture {
    folder: TempDir,
    container: Container,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("proc")).unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let container = Container {
            engine: Kind::Docker,
            id: ContainerId::new(&"0123456789ab".repeat(5)).unwrap(),
            name: name.to_owned(),
            image: String::new(),
            state: State::Running,
            health: Health::Unchecked,
            pid: Some(Pid::new(1)),
            started: None,
            ended: None,
            exit_status: 0,
            out_of_memory: false,
            labels: BTreeMap::new(),
            environment: BTreeMap::new(),
            test: Vec::new(),
        };
        Self { folder, container }
    }

    fn path(&self, path: &str) -> PathBuf {
        let path = self.folder.path().join("root").join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn file(self, path: &str, text: &str) -> Self {
        fs::write(self.path(path), text).unwrap();
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.path(path)).unwrap();
        self
    }

    fn runs(self, command: &[&str]) -> Self {
        let pid = fs::read_dir(self.folder.path().join("proc")).unwrap().count() + 1;
        let process = self.folder.path().join(format!("proc/{pid}"));
        fs::create_dir(&process).unwrap();
        fs::write(process.join("cmdline"), format!("{}\0", command.join("\0"))).unwrap();
        self
    }

    fn checked_by(mut self, test: &[&str]) -> Self {
        self.container.test = test.iter().map(|&word| word.to_owned()).collect();
        self
    }

    fn labelled(mut self, service: &str) -> Self {
        self.container.labels.insert(LABEL.to_owned(), service.to_owned());
        self
    }

    /// The service and how it is known, or why it is not.
    fn is(&self, asked: &Asked) -> String {
        let from = Vantage::at(self.folder.path()).unwrap();
        match find(&from, Some(&self.container), asked) {
            Ok(Some(found)) => format!("{} {}", found.definition.service, found.by.word()),
            Ok(None) => "none".to_owned(),
            Err(unidentified) => format!("unidentified: {}", unidentified.because),
        }
    }
}

fn check(fixture: &Fixture, expected: &str) {
    assert_eq!(fixture.is(&Asked::default()), expected);
}

const MEMCACHED: &[&str] = &["memcached", "-p", "11211"];
const CONDUCTOR: &[&str] = &["/usr/bin/python3", "/usr/bin/nova-conductor"];

#[test]
fn what_runs_tells_and_so_does_a_name() {
    check(&Fixture::new("c1").runs(MEMCACHED), "memcached processes");
    check(&Fixture::new("memcached").runs(MEMCACHED), "memcached name");
    check(&Fixture::new("nova_conductor").runs(&["sleep"]), "nova-conductor name");
    check(&Fixture::new("c1").runs(&["sleep"]), "none");
}

#[test]
fn what_runs_is_believed_before_a_name_without_its_process() {
    check(&Fixture::new("redis").runs(MEMCACHED), "memcached processes");
}

#[test]
fn an_operator_goes_before_a_label_and_a_label_before_all_else() {
    let fixture = Fixture::new("redis").runs(MEMCACHED).labelled("nova-conductor");
    check(&fixture, "nova-conductor label");
    let asked = Asked { service: Some("heat-engine".into()), ..Asked::default() };
    assert_eq!(fixture.is(&asked), "heat-engine operator");
    let definition = Some(Written {
        file: "mine.toml".into(),
        text: "service = \"mine\"\nprocess = \"x\"\n[[check]]\nkind = \"process\"\n".into(),
    });
    assert_eq!(fixture.is(&Asked { definition, ..Asked::default() }), "mine operator");
}

#[test]
fn a_label_that_names_nothing_is_said_to() {
    let fixture = Fixture::new("c1").labelled("nova-conducter");
    check(
        &fixture,
        "unidentified: unknown service \"nova-conducter\", did you mean \"nova-conductor\"?",
    );
}

#[test]
fn the_definition_in_an_image_tells() {
    let own = "service = \"own\"\nprocess = \"own\"\n[[check]]\nkind = \"process\"\n";
    let fixture = Fixture::new("memcached").runs(MEMCACHED);
    let fixture =
        fixture.file("/openstack/healthcheck", "").file("/openstack/healthcheck.toml", own);
    check(&fixture, "own definition");
}

#[test]
fn where_the_command_leads_to_tells_and_the_link_never_leaves_the_container() {
    let script = "/usr/share/openstack-tripleo-common/healthcheck/nova-conductor";
    let fixture = Fixture::new("c1")
        .link("/openstack/healthcheck", script)
        .link(script, "../../../../openstack/binary")
        .file("/openstack/binary", "");
    check(&fixture, "nova-conductor link");
}

#[test]
fn the_command_the_engine_runs_tells() {
    let fixture = || Fixture::new("c1").file("/openstack/healthcheck", "").runs(CONDUCTOR);
    check(&fixture().checked_by(&["CMD", "/openstack/healthcheck"]), "nova-conductor processes");
    let named = ["CMD", "/openstack/healthcheck", "--service", "heat-engine"];
    check(&fixture().checked_by(&named), "heat-engine command");
    let word = ["CMD-SHELL", "/openstack/healthcheck heat-engine || exit 1"];
    check(&fixture().checked_by(&word), "heat-engine command");
    let script = ["CMD", "/usr/share/openstack-tripleo-common/healthcheck/heat-engine", "5672"];
    check(&fixture().checked_by(&script), "heat-engine link");
}

#[test]
fn kollas_helper_is_looked_at_as_it_looks_itself_unless_the_name_says_more() {
    let test = ["CMD-SHELL", "healthcheck_port nova-conductor 5672"];
    check(&Fixture::new("c1").runs(CONDUCTOR).checked_by(&test), "nova-conductor command");
    let named = Fixture::new("nova_conductor").runs(CONDUCTOR).checked_by(&test);
    check(&named, "nova-conductor name");
    let gone = Fixture::new("nova_conductor").runs(&["sleep"]).checked_by(&test);
    check(&gone, "nova-conductor command");
    let rabbitmq = Fixture::new("c1").checked_by(&["CMD-SHELL", "healthcheck_rabbitmq"]);
    check(&rabbitmq, "rabbitmq command");
    let mistaken = Fixture::new("c1").checked_by(&["CMD-SHELL", "healthcheck_port"]);
    let said = mistaken.is(&Asked::default());
    assert!(said.starts_with("unidentified: the command its engine checks it by: "), "{said}");
}

#[test]
fn the_ports_the_engine_gives_its_check_are_the_ports_that_are_looked_at() {
    let fixture = Fixture::new("c1").file("/openstack/healthcheck", "").runs(CONDUCTOR);
    let fixture = fixture.checked_by(&["CMD", "/openstack/healthcheck", "5673", "null", ""]);
    let from = Vantage::at(fixture.folder.path()).unwrap();
    let found = find(&from, Some(&fixture.container), &Asked::default()).unwrap().unwrap();
    assert_eq!(found.request.ports, [Port::new(5673).unwrap()]);
}

#[test]
fn the_containers_own_folder_of_scripts_is_heeded() {
    let mut fixture = Fixture::new("c1").file("/openstack/healthcheck", "").checked_by(&[
        "CMD",
        "/openstack/healthcheck",
        "/opt/checks/heat-engine",
    ]);
    let variable = ("HEALTHCHECK_SCRIPTS".to_owned(), "/opt/checks".to_owned());
    fixture.container.environment.extend([variable]);
    check(&fixture, "heat-engine command");
}

#[test]
fn a_container_that_has_our_command_and_is_nothing_known_is_not_passed_over() {
    let fixture = Fixture::new("c1").file("/openstack/healthcheck", "").runs(&["sleep", "9"]);
    let said = fixture.is(&Asked::default());
    assert!(said.starts_with("unidentified: cannot tell which service this is"), "{said}");
}

#[test]
fn a_mistake_in_an_image_is_said_whatever_else_tells() {
    let fixture = Fixture::new("memcached")
        .runs(MEMCACHED)
        .file("/openstack/healthcheck.d/x.toml", "service = 1\n");
    let said = fixture.is(&Asked::default());
    assert!(said.contains("/openstack/healthcheck.d/x.toml:1:11"), "{said}");
}

#[test]
fn an_image_cannot_make_the_host_read_without_end() {
    let one = "service = \"SERVICE\"\nprocess = \"x\"\n[[check]]\nkind = \"process\"\n";
    let mut many = Fixture::new("memcached").runs(MEMCACHED);
    for number in 0..201 {
        let (file, text) = (
            format!("/openstack/healthcheck.d/{number:03}.toml"),
            one.replace("SERVICE", &number.to_string()),
        );
        many = many.file(&file, &text);
    }
    check(
        &many,
        "unidentified: /openstack/healthcheck.d/200.toml: expected at most 200 definitions, found more",
    );
    let large = format!("{one}#{}\n", "x".repeat(256 << 10));
    let large = Fixture::new("memcached").file("/openstack/healthcheck.d/x.toml", &large);
    let said = large.is(&Asked::default());
    assert!(said.contains("x.toml: expected at most 262144 bytes, found 262"), "{said}");
}
