//! The predecessors' commands, each by its name: kolla's helpers, MariaDB's
//! own script, and what scripts that source `common.sh` call. Each becomes a
//! definition, and the same engine evaluates it.

pub(crate) mod curl;
mod filemod;
mod listen;
mod port;
mod scripts;
mod socket;

use crate::arguments::{Misuse, PORT, port as number};
use healthcheck::definition::{Definition, Mistakes};
use healthcheck::plan::Request;
use healthcheck::program::Program;
use healthcheck::text::shown;
use std::ffi::OsString;
use std::process::ExitCode;
use vantage::{Port, Vantage};

/// A command of the predecessors.
pub struct Helper {
    /// The name it is called by.
    pub name: &'static str,
    /// Its arguments.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
    pub(crate) read: fn(&Call) -> Result<Meant, HelperError>,
}

/// A helper's name and the arguments it was called with.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<String>,
}

/// Looks something up, for standard output.
pub type LookUp = Box<dyn FnOnce(&Vantage) -> (String, ExitCode)>;

/// What a helper was called for.
pub enum Meant {
    /// To evaluate this definition.
    Definition {
        /// What makes it healthy.
        definition: Box<Definition>,
        /// Ports, a word, a deadline.
        request: Request,
        /// What to write about a request, in curl's way.
        write_out: Option<String>,
    },
    /// To evaluate this service of the catalogue.
    Service(&'static str),
    /// To print something that it looks up.
    Print(LookUp),
}

/// Why a helper cannot do what it was called for.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// It was called with the wrong arguments.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The definition it makes is not one.
    #[error(transparent)]
    Mistaken(#[from] Mistakes),
}

/// Every command of the predecessors, by name.
pub const ALL: [Helper; 12] = [
    helper(
        "get_config_val",
        "FILE SECTION OPTION [DEFAULT]",
        "prints an option of an INI file",
        scripts::config_value,
    ),
    helper(
        "get_url_from_vhost",
        "FILE",
        "prints the URL of an Apache virtual host",
        scripts::vhost_url,
    ),
    helper("get_user_from_process", "PROC", "prints whose process it is", scripts::user),
    helper("healthcheck.sh", "[--OPTION]...", "MariaDB's own: checks mariadb", |_| {
        Ok(Meant::Service("mariadb"))
    }),
    helper("healthcheck_curl", "[CURL OPTION]... URL", "an HTTP server answers", curl::read),
    helper("healthcheck_filemod", "FILE SECONDS", "a file was changed lately", filemod::read),
    helper("healthcheck_listen", "PROC PORT...", "a process listens on a port", listen::read),
    helper("healthcheck_mariadb", "", "checks mariadb", |_| Ok(Meant::Service("mariadb"))),
    helper(
        "healthcheck_port",
        "PROC PORT...",
        "a process has a connection to or on a port",
        port::read,
    ),
    helper("healthcheck_rabbitmq", "", "checks rabbitmq", |_| Ok(Meant::Service("rabbitmq"))),
    helper("healthcheck_socket", "PROC PATH", "a process listens on a unix socket", socket::read),
    helper("http-healthcheck.py", "[OPTION]... URL", "the same as healthcheck_curl", curl::read),
];

const fn helper(
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    read: fn(&Call) -> Result<Meant, HelperError>,
) -> Helper {
    Helper { name, usage, about, read }
}

/// The helper of a name.
pub fn find(name: &str) -> Option<&'static Helper> {
    ALL.iter().find(|helper| helper.name == name)
}

impl Helper {
    /// What it was called for.
    ///
    /// # Errors
    /// Where its arguments are not what it takes.
    pub fn call(&self, arguments: Vec<OsString>) -> Result<Meant, HelperError> {
        // A command line is shown and compared with text; bytes that are none
        // are replaced, as they are in the command lines they are compared with.
        let text = |argument: OsString| {
            argument.into_string().unwrap_or_else(|other| other.to_string_lossy().into_owned())
        };
        let words = arguments.into_iter().map(text).collect();
        (self.read)(&Call { name: self.name, words })
    }
}

impl Call {
    /// An argument by its place.
    fn word(&self, index: usize, what: &'static str) -> Result<&str, HelperError> {
        let found =
            self.words.get(index).map(String::as_str).filter(|word| !word.trim().is_empty());
        found.ok_or_else(|| self.expected(what, self.words.get(index).map(String::as_str)))
    }

    fn expected(&self, what: &str, found: Option<&str>) -> HelperError {
        let found =
            found.map_or_else(|| "nothing".to_owned(), |word| format!("\"{}\"", shown(word, 60)));
        Misuse::Unexpected { what: self.name, expected: what.to_owned(), found, nearest: None }
            .into()
    }

    /// The processes that the first argument means: an extended regular
    /// expression on the whole command line.
    fn program(&self) -> Result<Program, HelperError> {
        let pattern = self.word(0, "a pattern of a command line")?;
        Program::pattern(pattern).map_err(|error| {
            self.expected(&format!("a regular expression ({error})"), Some(pattern))
        })
    }

    /// The ports after it. An empty one, or `null`, is nothing.
    fn ports(&self) -> Result<Vec<Port>, HelperError> {
        let words = self.words.iter().skip(1).flat_map(|word| word.split_whitespace());
        let ports: Result<Vec<Port>, HelperError> = words
            .filter(|word| *word != "null")
            .map(|word| number(word).ok_or_else(|| self.expected(PORT, Some(word))))
            .collect();
        match ports {
            Ok(ports) if ports.is_empty() => Err(self.expected(PORT, None)),
            ports => ports,
        }
    }

    /// A definition about that program.
    fn about_program(&self, text: &str) -> Result<Definition, HelperError> {
        let mut definition = self.definition(text)?;
        definition.process = Some(self.program()?);
        self.word(0, "")?.trim().clone_into(&mut definition.service);
        Ok(definition)
    }

    /// To evaluate a definition.
    fn meant(definition: Definition, request: Request) -> Meant {
        Meant::Definition { definition: Box::new(definition), request, write_out: None }
    }

    fn definition(&self, text: &str) -> Result<Definition, HelperError> {
        let mut definition = Definition::parse(text, self.name)?;
        self.name.clone_into(&mut definition.service);
        Ok(definition)
    }
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
