//! What is parsed here of bytes that others chose, for `fuzz/`.

/// A target's name, and what feeds it.
pub type Target = (&'static str, fn(&[u8]));

/// Name and function of each; the function must survive any bytes.
pub const TARGETS: &[Target] = &[
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
