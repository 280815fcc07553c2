//! What `--help` prints: short enough to be read.

use crate::arguments::OPTIONS;

const HEAD: &str = "\
healthcheck: whether the OpenStack service in this container is healthy

usage: healthcheck [OPTIONS] [SERVICE] [PORT...]
       healthcheck explain [OPTIONS] [SERVICE] [PORT...]

Without SERVICE it is the one this image is for: what /openstack/healthcheck.toml
says, else the name the command is called by, else what runs in the container.
PORT takes the place of the ports its definition names. `explain` prints what
would be looked at, and where each value comes from.

";

const TAIL: &str = "
The first line says what is wrong and who is to blame. The exit status is 0 for
healthy and 1 for anything else (with --format nagios: 0 to 3).
";

/// The help.
pub fn text() -> String {
    let shown = |option: &crate::arguments::Choice| match option.value {
        "" => format!("--{}", option.long),
        value => format!("--{} {value}", option.long),
    };
    let width = OPTIONS.iter().map(|option| shown(option).len()).max().unwrap_or(0);
    let mut text = HEAD.to_owned();
    for option in &OPTIONS {
        text.push_str(&format!("  {:width$}   {}\n", shown(option), option.about));
    }
    text.push_str(TAIL);
    text
}
