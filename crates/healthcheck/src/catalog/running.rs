//! Which service a container is for, told by what runs in it: when exactly one
//! does, or when one is the container's first process. Never a guess.

use super::{Catalog, CatalogError, EMBEDDED, Embedded};
use crate::program::Program;
use crate::settings::arguments::{is_shell, program};
use crate::text::{either, shown};
use regex_lite::Regex;
use vantage::{Process, Vantage};

/// What stands before a service only to start it: the service is its child. In
/// a bundle of Pacemaker's that is its agent.
const STARTERS: [&str; 9] = [
    "catatonit",
    "docker-init",
    "dumb-init",
    "kolla_start",
    "pacemaker-remoted",
    "pacemaker_remoted",
    "podman-init",
    "timeout",
    "tini",
];

/// How a service is known: by its program, by what some command line of its
/// container says, or by both.
struct Mark<'c> {
    service: &'c str,
    program: Program,
    known_by: Option<Regex>,
}

impl Catalog {
    /// The service whose program runs in the container: the only one that does,
    /// or the one that is the container's first process.
    ///
    /// # Errors
    /// Where none or several could be meant, or the container cannot be looked at.
    pub fn running(&self, from: &Vantage) -> Result<&str, CatalogError> {
        let processes: Vec<&Process> = from
            .processes()?
            .iter()
            .filter(|process| !process.arguments.is_empty() && !is_shell(&process.arguments))
            .collect();
        let lines: Vec<String> =
            processes.iter().map(|process| process.arguments.join(" ")).collect();
        let marks = self.marks(&processes, &lines);
        let mut found: Vec<&str> = Vec::new();
        let mut first = true;
        for process in &processes {
            let name = program(&process.arguments).unwrap_or_default();
            let here = best(&marks, process, name);
            let starter = STARTERS.contains(&name);
            if first
                && !starter
                && let [only] = here.as_slice()
            {
                return Ok(only);
            }
            first = first && starter;
            for service in here {
                if !found.contains(&service) {
                    found.push(service);
                }
            }
        }
        match found.as_slice() {
            [only] => Ok(only),
            [] => Err(CatalogError::Unidentified(unknown(&processes))),
            several => {
                let several: Vec<_> = several.iter().take(5).copied().collect();
                Err(CatalogError::Unidentified(format!("it could be {}", either(&several))))
            }
        }
    }

    /// The marks of every service that could be one of these processes.
    fn marks(&self, processes: &[&Process], lines: &[String]) -> Vec<Mark<'_>> {
        let named: Vec<&str> =
            processes.iter().filter_map(|process| program(&process.arguments)).collect();
        let added = self.added.keys().filter_map(|service| {
            let definition = self.definition(service).ok()?;
            Some(Mark { service, program: definition.program()?, known_by: definition.known_by })
        });
        let embedded = EMBEDDED
            .iter()
            .filter(|entry| !entry.shared && !self.added.contains_key(entry.service))
            // Regular expressions are made for those only that can be meant.
            .filter(|entry| {
                entry.programs.is_empty()
                    || entry.programs.iter().any(|program| named.contains(program))
            })
            .filter(|entry| {
                let word = entry.known_by.and_then(needed);
                word.is_none_or(|word| lines.iter().any(|line| line.contains(word)))
            })
            .filter_map(mark);
        added
            .chain(embedded)
            .filter(|mark| {
                let known = mark.known_by.as_ref();
                known.is_none_or(|known| lines.iter().any(|line| known.is_match(line)))
            })
            .collect()
    }
}

/// How the catalogue's expressions begin that a path, an option or an Apache's
/// daemon may end before.
const BEGINNING: &str = "(^|[/:(])";

/// What a line that matches has in it, where that is easily told: to look for it
/// costs next to nothing, and to make and try the expressions of all services
/// more than most checks do.
fn needed(pattern: &str) -> Option<&str> {
    let rest = pattern.strip_prefix(BEGINNING).unwrap_or(pattern);
    let (mut depth, mut within, mut escaped) = (0_usize, false, false);
    for letter in rest.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => within = false,
            '[' => within = true,
            _ if within => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // Another line may match by what stands behind it.
            '|' if depth == 0 => return None,
            _ => {}
        }
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let (word, behind) = rest.split_at(rest.find(|c| !is_plain(c)).unwrap_or(rest.len()));
    let word = match behind.chars().next() {
        Some('?' | '*' | '{') => word.get(..word.len().checked_sub(1)?)?,
        _ => word,
    };
    Some(word).filter(|word| !word.is_empty())
}

/// The mark of a service of the catalogue. Its regular expressions are tested,
/// so none is left out.
fn mark<'c>(entry: &'static Embedded) -> Option<Mark<'c>> {
    let known_by = entry.known_by.map(Regex::new).transpose().ok()?;
    let arguments = entry.arguments.map(Regex::new).transpose().ok()?;
    let program = match &known_by {
        Some(known_by) if entry.programs.is_empty() => Program::like(known_by.clone()),
        _ => Program::named(entry.programs.iter().copied()).with_arguments(arguments),
    };
    Some(Mark { service: entry.service, program, known_by })
}

/// The services a process can be. Of several that share its program, the one
/// that is called like it is meant where nothing else tells them apart.
fn best<'c>(marks: &[Mark<'c>], process: &Process, name: &str) -> Vec<&'c str> {
    let mut here: Vec<&Mark<'c>> =
        marks.iter().filter(|mark| mark.program.matches(process)).collect();
    let told = |mark: &&Mark<'c>| mark.known_by.is_some() || mark.program.has_arguments();
    if here.iter().any(told) {
        here.retain(told);
    } else if here.iter().any(|mark| mark.service == name) {
        here.retain(|mark| mark.service == name);
    }
    here.iter().map(|mark| mark.service).collect()
}

fn unknown(processes: &[&Process]) -> String {
    let names: Vec<String> = processes
        .iter()
        .filter_map(|process| program(&process.arguments))
        .take(5)
        .map(|name| shown(name, 30))
        .collect();
    match names.as_slice() {
        [] => "no other process runs here".to_owned(),
        names => format!("no service is known by the processes here ({})", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{EMBEDDED, Regex, needed};

    #[test]
    fn what_an_expression_needs_is_told_or_left_open() {
        for (pattern, expected) in [
            ("(^|[/:(])aodh([-_]api|[-_]u?wsgi)", Some("aodh")),
            ("keystone-httpd", Some("keystone-httpd")),
            ("letsencrypt.*(httpd|webserver)", Some("letsencrypt")),
            ("heats?-api", Some("heat")),
            ("a[|]b", Some("a")),
            ("sshd\\|x", Some("sshd")),
            ("one|other", None),
            ("(^|[/:(])nova[-_]api([ )]|$)|osapi_compute", None),
            ("(horizon|openstack)", None),
            ("(?i)nova", None),
            ("^nova", None),
            ("x*", None),
        ] {
            assert_eq!(needed(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn the_catalogue_s_expressions_match_nothing_without_what_they_need() {
        let known = EMBEDDED.iter().filter_map(|entry| entry.known_by);
        let all: Vec<&str> = EMBEDDED.iter().map(|entry| entry.service).collect();
        let mut told = 0;
        for pattern in known {
            let Some(word) = needed(pattern) else { continue };
            told += 1;
            let regex = Regex::new(pattern).unwrap();
            for service in &all {
                for line in [format!("/usr/bin/{service} x"), format!("(wsgi:{service}-wsgi -D")] {
                    assert!(line.contains(word) || !regex.is_match(&line), "{pattern}: {line}");
                }
            }
        }
        assert!(told > 30, "{told}");
    }
}
