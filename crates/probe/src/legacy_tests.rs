use super::{ALL, Call, Meant, find};
use std::ffi::OsString;
use vantage::Port;

#[test]
fn names_are_unique_and_in_order() {
    let names: Vec<_> = ALL.iter().map(|helper| helper.name).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
}

fn call(name: &str, words: &[&str]) -> Result<Meant, String> {
    let helper = find(name).unwrap_or_else(|| panic!("{name}"));
    let words = words.iter().map(OsString::from).collect();
    helper.call(words).map_err(|error| error.to_string())
}

#[test]
fn a_process_is_a_pattern_and_ports_are_its_rest() {
    let Ok(Meant::Definition { definition, request, .. }) =
        call("healthcheck_port", &["neutron-l3-agent ", "5671", "null", "", "5672"])
    else {
        panic!("expected a definition");
    };
    assert_eq!(definition.service, "neutron-l3-agent");
    assert_eq!(request.ports, [5671, 5672].map(|port| Port::new(port).unwrap()));
    assert_eq!(definition.process.unwrap().to_string(), "/neutron-l3-agent/");
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let cases = [
        (
            "healthcheck_port",
            &[][..],
            "healthcheck_port: expected a pattern of a command line, found nothing",
        ),
        (
            "healthcheck_port",
            &["nova"],
            "healthcheck_port: expected a port from 1 to 65535, found nothing",
        ),
        (
            "healthcheck_listen",
            &["nova", "http"],
            "healthcheck_listen: expected a port from 1 to 65535, found \"http\"",
        ),
        (
            "healthcheck_filemod",
            &["/a", "soon"],
            "healthcheck_filemod: expected a number of seconds, found \"soon\"",
        ),
        (
            "healthcheck_socket",
            &["nova"],
            "healthcheck_socket: expected a unix socket's path, or @ and its abstract name, found nothing",
        ),
    ];
    for (name, words, expected) in cases {
        let error = call(name, words).err();
        assert_eq!(error.as_deref(), Some(expected));
    }
    let error = call("healthcheck_port", &["(", "1"]).err().unwrap();
    assert!(error.starts_with("healthcheck_port: expected a regular expression ("), "{error}");
}

#[test]
fn every_helper_makes_a_definition_without_mistakes() {
    let words = ["a", "1", "2"].map(str::to_owned).to_vec();
    for helper in &ALL {
        if helper.name.starts_with("healthcheck_") && !helper.name.ends_with("curl") {
            let call = Call { name: helper.name, words: words.clone() };
            (helper.read)(&call).unwrap_or_else(|error| panic!("{}: {error}", helper.name));
        }
    }
}
