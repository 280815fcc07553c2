//! Symbolic links: told as written, and never followed out of the root.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use vantage::Vantage;

fn fixture() -> (tempfile::TempDir, Vantage) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("proc")).unwrap();
    fs::create_dir_all(folder.path().join("root/usr/share")).unwrap();
    let from = Vantage::at(folder.path()).unwrap();
    (folder, from)
}

#[test]
fn a_link_is_told_as_written() {
    let (folder, from) = fixture();
    symlink("/usr/share/nova-conductor", folder.path().join("root/healthcheck")).unwrap();
    assert_eq!(
        from.read_link(Path::new("/healthcheck")),
        Ok(Some(PathBuf::from("/usr/share/nova-conductor")))
    );
}

#[test]
fn what_is_no_link_has_no_target() {
    let (folder, from) = fixture();
    fs::write(folder.path().join("root/healthcheck"), "").unwrap();
    assert_eq!(from.read_link(Path::new("/healthcheck")), Ok(None));
    assert_eq!(from.read_link(Path::new("/usr")), Ok(None));
    assert!(from.read_link(Path::new("/missing")).unwrap_err().is_missing());
}

#[test]
fn a_link_on_the_way_stays_beneath_the_root() {
    let (folder, from) = fixture();
    symlink("/usr/share", folder.path().join("root/openstack")).unwrap();
    symlink("inside", folder.path().join("root/usr/share/healthcheck")).unwrap();
    assert_eq!(
        from.read_link(Path::new("/openstack/healthcheck")),
        Ok(Some(PathBuf::from("inside")))
    );
}
