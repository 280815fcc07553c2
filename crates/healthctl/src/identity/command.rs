//! The command that an engine checks a container by, where it is ours or a
//! predecessor's: what it would look at inside, to be looked at from outside.

use super::{By, Identified, Unidentified};
use crate::engines::Container;
use healthcheck::catalog::Catalog;
use healthcheck::plan::Request;
use probe::arguments::{self, Misuse, Typed};
use probe::environment;
use probe::identity::{self, Identity, Names, ToldBy};
use probe::legacy::{self, Helper, Meant};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use vantage::Vantage;

/// Where the contract has the command.
const CONTRACT: &str = "/openstack/healthcheck";

/// Where a command without a path is looked for, as engines do where an image
/// says nothing.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A check's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    called: PathBuf,
    arguments: Vec<String>,
}

impl CommandLine {
    /// What the container's engine runs, if it is ours; else what the image has
    /// in the contract's place.
    pub(super) fn of(container: Option<&Container>, from: &Vantage) -> Option<Self> {
        container.and_then(|container| Self::parse(&container.test)).or_else(|| {
            let called = PathBuf::from(CONTRACT);
            from.stat(&called).is_ok().then(|| Self { called, arguments: Vec::new() })
        })
    }

    /// A command line of ours in an engine's `Test`.
    fn parse(test: &[String]) -> Option<Self> {
        let words = match test {
            // What Podman makes of `--health-cmd '["CMD", …]'`, and cannot run.
            [form, words @ ..] if form == "CMD" => words.to_vec(),
            [form, line] if form == "CMD-SHELL" => simple_command(line)?,
            // Podman 4 hands a pod's probe to a shell word by word.
            [form, words @ ..] if form == "CMD-SHELL" => simple_command(&words.join(" "))?,
            _ => return None,
        };
        let (called, arguments) = words.split_first()?;
        let called = PathBuf::from(called);
        let own = called.file_name().is_some_and(|name| name == "healthcheck")
            || called.starts_with(environment::SCRIPTS.default)
            || called.starts_with("/openstack")
            || helper(&called).is_some();
        own.then(|| Self { called, arguments: arguments.to_vec() })
    }

    /// Whether it is one of the predecessors' helpers: they look at less than a
    /// definition of the service does.
    pub(super) fn is_helper(&self) -> bool {
        helper(&self.called).is_some()
    }

    /// What the command was asked besides its service.
    fn typed(&self) -> Result<Typed, Misuse> {
        arguments::parse(self.arguments.iter().map(OsString::from))
    }

    /// The ports it was given, and the time it may take.
    pub(super) fn request(&self) -> Request {
        let Typed { ports, deadline, .. } = self.typed().unwrap_or_default();
        Request { ports, deadline, ..Request::default() }
    }

    /// What it would find out inside.
    pub(super) fn identify(
        &self,
        container: Option<&Container>,
        from: &Vantage,
    ) -> Result<Identified, Unidentified> {
        if let Some(helper) = helper(&self.called) {
            return self.helped(helper);
        }
        let typed = self.typed()?;
        let variable = |name: &str| container?.environment.get(name).map(String::as_str);
        let scripts = variable(environment::SCRIPTS.name)
            .or_else(|| variable(environment::SCRIPTS_ALIAS.name))
            .unwrap_or(environment::SCRIPTS.default);
        let path = OsString::from(variable("PATH").unwrap_or(PATH));
        let names = Names::new(&self.called, Some(path));
        let Identity { definition, word, told_by } =
            identity::identify(&typed, &names, Path::new(scripts), from)?;
        let by = match told_by {
            ToldBy::File(_) => By::Definition,
            ToldBy::Name(_) => By::Link,
            ToldBy::Option(_) | ToldBy::Word(_) => By::Command,
            ToldBy::Running => By::Processes,
        };
        Ok(Identified { definition, request: Request { word, ..self.request() }, by })
    }
}

impl CommandLine {
    /// What a predecessor's helper would look at.
    fn helped(&self, helper: &Helper) -> Result<Identified, Unidentified> {
        let by = By::Command;
        match helper.call(self.arguments.iter().map(OsString::from).collect())? {
            Meant::Definition { definition, request, .. } => {
                Ok(Identified { definition: *definition, request, by })
            }
            Meant::Service(service) => super::named(&Catalog::embedded(), service.to_owned(), by),
            Meant::Print(_) => Err(Unidentified::nothing_tells("it prints, and checks nothing")),
        }
    }
}

/// The predecessors' helper that a command is.
fn helper(called: &Path) -> Option<&'static Helper> {
    identity::base_name(called.as_os_str()).and_then(legacy::find)
}

/// The service a check's command names by itself.
pub(super) fn named_in(test: &[String], catalog: &Catalog) -> Option<String> {
    let command = CommandLine::parse(test)?;
    if let Some(helper) = helper(&command.called) {
        let identified = command.helped(helper).ok()?;
        return catalog.service(&identified.definition.service).map(str::to_owned);
    }
    let typed = command.typed().ok()?;
    let called = identity::base_name(command.called.as_os_str()).map(str::to_owned);
    let mut names = typed.service.into_iter().chain(called).chain(typed.words);
    names.find_map(|name| catalog.service(&name).map(str::to_owned))
}

/// The words of a shell's line, where it is one command and nothing is expanded
/// in it; `|| exit 1` behind it says what is so anyway.
fn simple_command(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let line = ["|| exit 1", "||exit 1", "|| false"]
        .iter()
        .find_map(|tail| line.strip_suffix(tail))
        .unwrap_or(line);
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' => word.push(characters.next()?),
                        '$' | '`' => return None,
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '#' | '*' | '?' | '\n' => {
                return None;
            }
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if words.first().is_some_and(|word| word == "exec") {
        words.remove(0);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::{CommandLine, simple_command};

    fn parsed(test: &[&str]) -> Option<String> {
        let test: Vec<String> = test.iter().map(|&word| word.to_owned()).collect();
        let command = CommandLine::parse(&test)?;
        Some(format!("{} {:?}", command.called.display(), command.arguments))
    }

    #[test]
    fn a_check_of_ours_is_known_in_every_form_an_engine_stores() {
        let plain = Some("/openstack/healthcheck []".to_owned());
        let port = Some("/openstack/healthcheck [\"5672\"]".to_owned());
        assert_eq!(parsed(&["CMD", "/openstack/healthcheck"]), plain);
        assert_eq!(parsed(&["CMD-SHELL", "/openstack/healthcheck"]), plain);
        assert_eq!(parsed(&["CMD-SHELL", "exec /openstack/healthcheck 5672 || exit 1"]), port);
        assert_eq!(
            parsed(&["CMD-SHELL", "/openstack/healthcheck", "5672", "||", "exit", "1"]),
            port
        );
        assert_eq!(
            parsed(&["CMD", "/usr/share/openstack-tripleo-common/healthcheck/cron", "nova"]),
            Some("/usr/share/openstack-tripleo-common/healthcheck/cron [\"nova\"]".to_owned())
        );
    }

    #[test]
    fn kollas_helpers_are_known_with_their_quoted_patterns() {
        let expected = Some("healthcheck_port [\"neutron-l3-agent \", \"5672\"]".to_owned());
        assert_eq!(parsed(&["CMD-SHELL", "healthcheck_port 'neutron-l3-agent ' 5672"]), expected);
    }

    #[test]
    fn another_check_is_nobody_elses_business() {
        for test in [
            &[][..],
            &["NONE"],
            &["CMD"],
            &["CMD", "curl", "http://localhost"],
            &["CMD-SHELL", "redis-cli ping | grep PONG"],
            &["CMD-SHELL", "/openstack/healthcheck $(port)"],
            &["CMD-SHELL", "/openstack/healthcheck; true"],
            &["CMD-SHELL", "healthcheck_port $SERVICE 5672"],
        ] {
            assert_eq!(parsed(test), None, "{test:?}");
        }
    }

    #[test]
    fn a_shells_quotes_are_taken_off() {
        let words = |line| simple_command(line);
        let expected =
            |words: &[&str]| Some(words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>());
        assert_eq!(words("a 'b c' \"d\\\"e\" f\\ g"), expected(&["a", "b c", "d\"e", "f g"]));
        assert_eq!(words("a ''"), expected(&["a", ""]));
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("a \"$b\""), None);
    }
}
