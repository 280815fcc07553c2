//! Definitions that an operator adds.

use super::container;
use healthcheck::catalog::Catalog;
use healthcheck::catalog::CatalogError;

const FOLDER: &str = "/openstack/healthcheck.d";

/// The catalogue with these files in the image's folder.
fn added(files: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
    let (folder, vantage) = container(&[]);
    let place = folder.path().join("root").join(FOLDER.trim_start_matches('/'));
    std::fs::create_dir_all(&place).unwrap();
    for (name, text) in files {
        std::fs::write(place.join(name), text).unwrap();
    }
    Catalog::with_folders([FOLDER], &vantage)
}

#[test]
fn an_added_definition_replaces_the_catalogues() {
    let own = "service = \"nova-conductor\"\naliases = [\"chief\"]\nlike = \"nova-conductor\"\n\n\
        [[check]]\nkind = \"listening\"\nport = 9999\n";
    let catalog = added(&[("nova.toml", own), ("README", "not a definition")]).unwrap();
    let definition = catalog.definition("nova_conductor").unwrap();
    assert_eq!(definition.file, "/openstack/healthcheck.d/nova.toml");
    // It builds on the one that it replaces.
    let kinds: Vec<_> = definition.checks.iter().map(|check| check.kind).collect();
    assert!(kinds.starts_with(&["process", "connected"]), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"listening"));
    assert_eq!(catalog.service("chief"), Some("nova-conductor"));
    // Its program is the catalogue's, so what runs is still known.
    let (_folder, vantage) = container(&[&["/usr/bin/nova-conductor"]]);
    assert_eq!(catalog.running(&vantage).unwrap(), "nova-conductor");
}

#[test]
fn a_new_service_is_known_by_its_name_and_its_process() {
    let new =
        "service = \"zun-compute\"\nlike = \"bus\"\nproject = \"zun\"\nprocess = \"zun-compute\"\n";
    let catalog = added(&[("zun.toml", new)]).unwrap();
    assert!(catalog.services().contains(&"zun-compute"));
    let (_folder, vantage) = container(&[&["/usr/bin/python3", "/usr/bin/zun-compute"]]);
    assert_eq!(catalog.running(&vantage).unwrap(), "zun-compute");
}

#[test]
fn every_mistake_in_an_added_file_is_told_at_once() {
    let wrong = "service = \"zun-compute\"\nabuot = \"Containers\"\n\n[[check]]\nkind = \"proces\"\n\n\
        [[check]]\nkind = \"listening\"\nport = 70000\n\n[[check]]\nkind = \"process\"\nat-leest = 2\n";
    let CatalogError::Mistaken(mistakes) = added(&[("zun.toml", wrong)]).unwrap_err() else {
        unreachable!("the file has mistakes")
    };
    let found: Vec<_> =
        mistakes.0.iter().map(|mistake| (mistake.line, mistake.hint.as_deref())).collect();
    let expected = [(2, Some("about")), (5, Some("process")), (9, None), (13, Some("at-least"))];
    assert_eq!(found, expected, "{mistakes}");
}

#[test]
fn a_definition_that_builds_on_itself_is_told() {
    let one = "service = \"one\"\nlike = \"two\"\n";
    let two = "service = \"two\"\nlike = \"one\"\n";
    let error = added(&[("1.toml", one), ("2.toml", two)]).unwrap().definition("one").unwrap_err();
    assert!(matches!(error, CatalogError::Circular { .. }), "{error}");
}

#[test]
fn a_setting_that_shared_checks_ask_for_must_be_given() {
    let own = "service = \"my-exporter\"\nlike = \"exporter\"\nprocess = \"my-exporter\"\n";
    let catalog = added(&[("mine.toml", own)]).unwrap();
    let error = catalog.definition("my-exporter").unwrap_err().to_string();
    let expected =
        "settings: expected \"port\", which the check \"http\" of `like` refers to, found nothing";
    assert!(error.contains(expected), "{error}");
}
