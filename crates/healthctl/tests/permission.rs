//! A socket of another user. Alone in its file: a program that was just copied
//! cannot be started while another thread forks.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use support::{FakeEngine, Reply, run};

#[test]
fn a_socket_that_we_may_not_open() {
    let engine = FakeEngine::start(|_| Reply::Docker);
    let socket = engine.socket();
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o600)).unwrap();
    let folder = Path::new(&socket).parent().unwrap();
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
    // Another user may not be able to start the program where it was built.
    let program = folder.join("healthctl");
    std::fs::copy(env!("CARGO_BIN_EXE_healthctl"), &program).unwrap();
    let mut other = Command::new(program);
    other.args(["status", "--socket", &socket]);
    if std::fs::metadata(&socket).is_ok_and(|at| at.uid() == 0) {
        other.uid(65534).gid(65534);
    } else {
        std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o000)).unwrap();
    }
    let said = run(&mut other);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("permission denied"), "{said:?}");
    assert!(said.err.contains("hint: run as root"), "{said:?}");
}
