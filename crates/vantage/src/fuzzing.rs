//! What is parsed here of bytes that others chose, for `fuzz/`.

/// Name and function of each; the function must survive any bytes.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("dns", crate::dial::fuzzing::answer),
    ("hosts", crate::dial::fuzzing::hosts),
    ("proc-net", crate::sockets::fuzzing::lines),
    ("proc-pid", proc_pid),
    ("resolv-conf", crate::dial::fuzzing::resolv_conf),
    ("sock-diag", crate::sockets::fuzzing::replies),
];

/// A file of a process: `stat`, `cmdline` or `cgroup`.
fn proc_pid(bytes: &[u8]) {
    crate::processes::fuzz(bytes);
    crate::scope::fuzz(&String::from_utf8_lossy(bytes));
}
