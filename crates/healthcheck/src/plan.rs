//! A definition and a vantage make a plan: the checks that apply, their values
//! filled in from the service's own settings, each looked up once.

use crate::definition::{AtWorst, Check, Condition, Definition, FromText, Var, placeholders};
use crate::kinds::Look;
use crate::program::Program;
use crate::settings::secret::Secret;
use crate::settings::{Origin, Settings, Unfound, Value, secret};
use crate::verdict::Role;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vantage::{Blind, FileError, Port, Vantage};

/// What was asked for, besides the service.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What the answer is for.
    pub role: Role,
    /// Ports that replace the ones the definition names.
    pub ports: Vec<Port>,
    /// A word for the definition: `healthcheck nova`, for cron.
    pub word: Option<String>,
    /// How long it may take at most.
    pub deadline: Option<Duration>,
}

/// What will be looked at.
#[derive(Clone)]
pub struct Plan {
    /// The service.
    pub service: String,
    /// Its processes, if the definition says which they are.
    pub program: Option<Program>,
    /// How long it may take.
    pub deadline: Duration,
    /// What the answer is for.
    pub role: Role,
    /// The checks that apply, in the order of the definition.
    pub checks: Vec<Planned>,
    /// Those that do not, and why.
    pub skipped: Vec<Skipped>,
}

/// A check that applies.
#[derive(Clone)]
pub struct Planned {
    /// What to call it.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// How to look, or why that could not be planned.
    pub look: Result<Arc<dyn Look>, Unplanned>,
    /// What its verdict is at worst.
    pub at_worst: AtWorst,
    /// The settings it used.
    pub used: Vec<Used>,
}

/// A setting that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Its name in the definition.
    pub name: String,
    /// Its value, without secrets.
    pub shown: String,
    /// Where it came from.
    pub origin: Origin,
    /// What of its text is not to be shown.
    hidden: Vec<Secret>,
}

/// A check that does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What to call it.
    pub name: String,
    /// Why not.
    pub because: String,
}

/// Why a check cannot be planned: nothing is known of what it would establish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplanned {
    /// A setting is not to be found.
    #[error(transparent)]
    Unfound(#[from] Unfound),
    /// A setting is not what the field needs.
    #[error("{origin}: {error}")]
    Malformed {
        /// Where the value came from.
        origin: String,
        /// What was expected and what was found, without secrets.
        error: String,
    },
    /// A file that decides cannot be read.
    #[error("cannot read {0}")]
    Unreadable(FileError),
    /// The container cannot be looked at.
    #[error(transparent)]
    Blind(#[from] Blind),
    /// By its settings the service does not have what would be looked at.
    #[error("{0}")]
    Moot(String),
    /// The definition gives this check nothing to look at.
    #[error("{0}")]
    Nothing(String),
}

/// How long an evaluation takes at most, if nobody says otherwise: beneath
/// Docker's timeout of 30 s and `HEALTHCHECK_CURL_MAX_TIME`'s default of 10 s.
pub const DEADLINE: Duration = Duration::from_secs(8);

/// The same for a probe's role: beneath Kubernetes' default `timeoutSeconds`
/// of 1 s, with room for the runtime to start the command.
pub const PROBE_DEADLINE: Duration = Duration::from_millis(800);

impl Plan {
    /// Plans the checks of a definition.
    pub fn new(definition: &Definition, request: &Request, from: &Vantage) -> Self {
        let scene = Scene::new(definition, request, from);
        let mut checks = Vec::new();
        let mut skipped = Vec::new();
        for check in &definition.checks {
            match scene.reason_to_skip(check) {
                Ok(Some(because)) => {
                    let because = without_secrets(&because, &scene.used.borrow());
                    skipped.push(Skipped { name: check.name.clone(), because });
                }
                Ok(None) => {
                    let planned = scene.plan(check);
                    match planned.reason_to_skip(request.role) {
                        Some(because) => skipped.push(Skipped { name: planned.name, because }),
                        None => checks.push(planned),
                    }
                }
                // Whether it applies is not known: so neither is what it would find.
                Err(unplanned) => checks.push(Planned {
                    name: check.name.clone(),
                    kind: check.kind,
                    look: Err(unplanned),
                    at_worst: check.at_worst,
                    used: Vec::new(),
                }),
            }
        }
        let own = definition.deadline.unwrap_or(DEADLINE);
        let deadline = request.deadline.unwrap_or(match request.role {
            Role::Health => own,
            Role::Live | Role::Ready | Role::Startup => own.min(PROBE_DEADLINE),
        });
        let service = definition.service.clone();
        let program = definition.process.clone();
        Self { service, program, deadline, role: request.role, checks, skipped }
    }
}

impl Planned {
    /// Why it does not apply after all: by the settings, or because this role
    /// does nothing about what it could find. A dependency must not be asked by
    /// every liveness probe of all that need it, to no effect.
    fn reason_to_skip(&self, role: Role) -> Option<String> {
        match &self.look {
            Err(Unplanned::Moot(because)) => Some(self.without_secrets(because)),
            Ok(look) if role.restarts() && !look.may_be_own_fault() => {
                Some(format!("a restart mends no dependency, and the role is {role}"))
            }
            _ => None,
        }
    }

    /// A text about this check, without the secrets it was planned with and
    /// those that can be told by their place.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        without_secrets(text, &self.used)
    }
}

fn without_secrets(text: &str, used: &[Used]) -> String {
    let mut text = text.to_owned();
    for secret in used.iter().flat_map(|used| &used.hidden) {
        text = secret.hidden_from(&text);
    }
    secret::redact(&text)
}

/// Whether a setting's value is a secret by its name, or by that of the option
/// it was found in. That option's section says nothing: not all of
/// `[keystone_authtoken]` is secret.
fn is_secret(name: &str, origin: &Origin) -> bool {
    let option = match origin {
        Origin::File { option, .. } => option.rsplit([' ', '.']).next().unwrap_or(option),
        Origin::Argument(option) => option.as_str(),
        Origin::Environment(name) => name.as_str(),
        _ => "",
    };
    secret::is_secret_name(name) || secret::is_secret_name(option)
}

/// What a kind sees of the world while it is planned.
pub struct Scene<'a> {
    definition: &'a Definition,
    request: &'a Request,
    from: &'a Vantage,
    settings: Settings<'a>,
    used: std::cell::RefCell<Vec<Used>>,
}

impl<'a> Scene<'a> {
    fn new(definition: &'a Definition, request: &'a Request, from: &'a Vantage) -> Self {
        // The oldest process speaks for its workers: it has the command line that was given.
        let process =
            definition.program().and_then(|program| program.find(from).ok()?.into_iter().next());
        let settings = Settings::new(definition, from, process, request.word.as_deref());
        Self { definition, request, from, settings, used: std::cell::RefCell::default() }
    }

    /// Where we look from. For the few kinds whose settings are files of their own.
    pub fn vantage(&self) -> &'a Vantage {
        self.from
    }

    /// The service that is asked about.
    pub fn service(&self) -> &'a str {
        &self.definition.service
    }

    /// The ports that were asked for in place of the definition's, if any.
    pub fn ports_asked_for(&self) -> &'a [Port] {
        &self.request.ports
    }

    /// The processes a check is about: its own, else the definition's.
    pub fn program(&self, own: Option<&Program>) -> Option<Program> {
        own.cloned().or_else(|| {
            let program = self.definition.process.clone()?;
            Some(program.of_service(&self.definition.service))
        })
    }

    /// The same, for a kind that cannot do without.
    ///
    /// # Errors
    /// Where neither names any.
    pub fn required_program(&self, own: Option<&Program>) -> Result<Program, Unplanned> {
        self.program(own).ok_or_else(|| {
            Unplanned::Nothing(format!(
                "{}: no `process` says which program is meant",
                self.definition.file
            ))
        })
    }

    /// The files of oslo.config that settings are read from.
    pub fn configuration_files(&self) -> Vec<PathBuf> {
        self.settings.oslo_files()
    }

    /// A setting by its name.
    ///
    /// # Errors
    /// Where it is not to be found.
    pub fn setting(&self, name: &str) -> Result<Value, Unplanned> {
        let value = self.settings.get(name)?;
        let (shown, hidden) = match is_secret(name, &value.origin) {
            true => {
                let secret = Secret::new(value.text.clone());
                (secret.to_string(), secret::whole(&value.text))
            }
            false => {
                let redacted = secret::redact(&value.text);
                let hidden = secret::hidden_in(&value.text, &redacted);
                (crate::text::shown(&redacted, 200), hidden)
            }
        };
        let used = Used { name: name.to_owned(), shown, origin: value.origin.clone(), hidden };
        let mut all = self.used.borrow_mut();
        if !all.contains(&used) {
            all.push(used);
        }
        Ok(value)
    }

    /// The text of a value, settings filled in.
    ///
    /// # Errors
    /// Where a setting is not to be found.
    pub fn text<T: FromText>(&self, var: &Var<T>) -> Result<String, Unplanned> {
        let mut filled = String::new();
        let mut from = 0;
        for (name, span) in placeholders(var.text()) {
            filled.push_str(&var.text()[from..span.start]);
            filled.push_str(&self.setting(name)?.text);
            from = span.end;
        }
        filled.push_str(&var.text()[from..]);
        Ok(filled)
    }

    /// The text of a value that is not to be shown, settings filled in.
    ///
    /// # Errors
    /// Where a setting is not to be found.
    pub fn secret(&self, var: &Var<String>) -> Result<Secret, Unplanned> {
        let text = self.text(var)?;
        for (name, _) in placeholders(var.text()) {
            let value = self.setting(name)?.text;
            // Of a URL only a part is.
            let (shown, hidden) = if value.contains("://") {
                let redacted = secret::redact(&value);
                let hidden = secret::hidden_in(&value, &redacted);
                (redacted, hidden)
            } else {
                let hidden = secret::whole(&value);
                (Secret::new(value).to_string(), hidden)
            };
            for used in self.used.borrow_mut().iter_mut().filter(|used| used.name == name) {
                used.shown.clone_from(&shown);
                used.hidden.clone_from(&hidden);
            }
        }
        Ok(Secret::new(text))
    }

    /// The text of URLs or addresses, settings filled in: of these only what
    /// stands before an `@` is not to be shown.
    ///
    /// # Errors
    /// Where a setting is not to be found.
    pub fn addresses(&self, var: &Var<String>) -> Result<Secret, Unplanned> {
        match self.text(var)? {
            text if text.contains('@') => self.secret(var),
            text => Ok(Secret::new(text)),
        }
    }

    /// A value, settings filled in.
    ///
    /// # Errors
    /// Where a setting is not to be found, or is not what the field needs.
    pub fn value<T: FromText + Clone>(&self, var: &Var<T>) -> Result<T, Unplanned> {
        if let Some(literal) = var.literal() {
            return Ok(literal.clone());
        }
        let text = self.text(var)?;
        T::from_text(&text).ok_or_else(|| Unplanned::Malformed {
            origin: self.origins(var),
            error: format!(
                "expected {}, found \"{}\"",
                T::EXPECTED,
                crate::text::shown(&secret::redact(&text), 60)
            ),
        })
    }

    /// Where a value's settings came from, for messages.
    pub fn origins<T: FromText>(&self, var: &Var<T>) -> String {
        let origins: Vec<_> = placeholders(var.text())
            .filter_map(|(name, _)| Some(self.settings.get(name).ok()?.origin.to_string()))
            .collect();
        if origins.is_empty() { self.definition.file.clone() } else { origins.join(", ") }
    }

    fn plan(&self, check: &Check) -> Planned {
        self.used.borrow_mut().clear();
        let look = check.written.plan(self).map(Arc::from);
        let used = self.used.take();
        Planned { name: check.name.clone(), kind: check.kind, look, at_worst: check.at_worst, used }
    }

    /// Why a check does not apply here, if it does not.
    fn reason_to_skip(&self, check: &Check) -> Result<Option<String>, Unplanned> {
        for when in &check.when {
            if let Some(because) = self.violation(when)? {
                return Ok(Some(because));
            }
        }
        let mut unknown = None;
        for unless in &check.unless {
            match self.violation(unless) {
                Ok(None) => return Ok(Some(unless.to_string())),
                Ok(Some(_)) => {}
                Err(unplanned) => unknown = unknown.or(Some(unplanned)),
            }
        }
        unknown.map_or(Ok(None), Err)
    }

    /// Why a condition does not hold, if it does not.
    fn violation(&self, condition: &Condition) -> Result<Option<String>, Unplanned> {
        let Condition { role, process, no_process, setting, matching, file, contains } = condition;
        if let Some(role) = role
            && *role != self.request.role
        {
            return Ok(Some(format!("the role is {}", self.request.role)));
        }
        let runs = |program: &Program| Ok::<_, Blind>(!program.find(self.from)?.is_empty());
        if let Some(program) = process
            && !runs(program)?
        {
            return Ok(Some(format!("no {program} runs here")));
        }
        if let Some(program) = no_process
            && runs(program)?
        {
            return Ok(Some(format!("{program} runs here")));
        }
        if let Some(name) = setting {
            let value = match self.setting(name) {
                Ok(value) => value,
                Err(Unplanned::Unfound(unfound)) if !unfound.unreadable => {
                    return Ok(Some(unfound.to_string()));
                }
                Err(error) => return Err(error),
            };
            let holds = match matching {
                Some(matching) => matching.0.is_match(&value.text),
                None => bool::from_text(&value.text) != Some(false),
            };
            if !holds {
                let text = crate::text::shown(&secret::redact(&value.text), 40);
                return Ok(Some(format!("{} is \"{text}\"", value.origin)));
            }
        }
        if let Some(path) = file {
            let found = match contains {
                None => self.from.stat(path).map(|_| true),
                Some(wanted) => self.from.read_text(path).map(|text| text.contains(wanted)),
            };
            match (found, contains) {
                (Ok(false), Some(wanted)) => {
                    let because = format!("{} does not contain \"{wanted}\"", path.display());
                    return Ok(Some(because));
                }
                (Ok(_), _) => {}
                (Err(error), _) if error.is_missing() => return Ok(Some(error.to_string())),
                (Err(error), _) => return Err(Unplanned::Unreadable(error)),
            }
        }
        Ok(None)
    }
}
