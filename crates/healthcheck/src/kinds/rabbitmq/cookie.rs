//! Erlang's cookie, which nodes know each other by: where the node itself has it from.

use crate::settings::secret::Secret;
use std::path::{Path, PathBuf};
use vantage::Vantage;

/// Where the home is if nothing says so.
const HOME: &str = "/var/lib/rabbitmq";

/// Where the cookie may be.
pub(super) struct Cookies {
    given: Option<Secret>,
    files: Vec<PathBuf>,
}

impl Cookies {
    /// By the process's arguments and its environment: `-setcookie`, then the
    /// variable that packages write the file from, then the file in its home, and
    /// those an author names.
    pub(super) fn new<'a>(
        arguments: &[String],
        variable: impl Fn(&str) -> Option<&'a str>,
        named: Vec<PathBuf>,
    ) -> Self {
        // Erlang's own options stand behind a `--`, too.
        let option = |name: &str| {
            let found = arguments
                .windows(2)
                .rev()
                .find(|pair| pair.first().is_some_and(|word| word == name));
            found.and_then(|pair| pair.get(1)).map(String::as_str)
        };
        let given = option("-setcookie").or_else(|| variable("RABBITMQ_ERLANG_COOKIE"));
        let given = given.filter(|cookie| !cookie.is_empty()).map(Secret::new);
        let mut files = named;
        for home in [option("-home"), variable("HOME"), Some(HOME)].into_iter().flatten() {
            for file in [".erlang.cookie", ".config/erlang/.erlang.cookie"] {
                let path = Path::new(home).join(file);
                if !files.contains(&path) {
                    files.push(path);
                }
            }
        }
        Self { given, files }
    }

    /// The cookie, or why it is not to be had.
    pub(super) fn read(&self, from: &Vantage) -> Result<Secret, String> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        let mut why = None;
        for file in &self.files {
            match from.read_text(file) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => return Ok(Secret::new(text.trim())),
                Err(error) if error.is_missing() => {}
                Err(error) => {
                    why.get_or_insert_with(|| format!("cannot read {error}"));
                }
            }
        }
        Err(why.unwrap_or_else(|| "Erlang's cookie is not to be found".to_owned()))
    }
}
