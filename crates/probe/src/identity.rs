//! Which service this is: from what was typed, else from the image, else from
//! the name the command was called by, else from what runs in the container.

mod names;

pub use names::{Names, base_name};

use crate::arguments::Typed;
use healthcheck::catalog::{Catalog, CatalogError, FOLDERS, OWN_FILE};
use healthcheck::definition::Definition;
use healthcheck::settings::Source;
use healthcheck::settings::arguments::is_named;
use healthcheck::text::{nearest, shown};
use std::fmt;
use std::path::{Path, PathBuf};
use vantage::Vantage;

/// Which service this is, and how that is known.
#[derive(Debug)]
pub struct Identity {
    /// What makes it healthy.
    pub definition: Definition,
    /// A word for the definition.
    pub word: Option<String>,
    /// How it is known.
    pub told_by: ToldBy,
}

/// How a service is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToldBy {
    /// An option.
    Option(&'static str),
    /// A word that was typed.
    Word(String),
    /// A file in the image.
    File(PathBuf),
    /// The name the command was called by.
    Name(String),
    /// What runs in the container.
    Running,
}

/// Why it is not known which service this is.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The catalogue has no answer.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The definition that was asked for cannot be had.
    #[error(transparent)]
    Asked(CatalogError),
    /// A word that means nothing to this service.
    #[error("unknown word \"{word}\" for {service}{}", also(.expected))]
    Word {
        /// The word.
        word: String,
        /// The service it was given to.
        service: String,
        /// The words it knows.
        expected: Vec<String>,
        /// The nearest service's name, or word.
        nearest: Option<String>,
    },
}

fn also(expected: &[String]) -> String {
    match expected {
        [] => String::new(),
        words => format!(", expected {}", healthcheck::text::either(words)),
    }
}

impl fmt::Display for ToldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => write!(f, "{option}"),
            Self::Word(word) => write!(f, "the word \"{}\"", shown(word, 60)),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Name(name) => write!(f, "its name, {}", shown(name, 60)),
            Self::Running => f.write_str("what runs here"),
        }
    }
}

/// Finds out which service is meant. `scripts` is the folder whose files'
/// names stand for services (`HEALTHCHECK_SCRIPTS`).
///
/// # Errors
/// Where nothing tells, what tells is unknown, or its definition has mistakes.
pub fn identify(
    typed: &Typed,
    names: &Names,
    scripts: &Path,
    from: &Vantage,
) -> Result<Identity, IdentityError> {
    let mut catalog = Catalog::with_folders(FOLDERS, from)?;
    let mut words = typed.words.iter().map(|word| script(word, scripts)).peekable();
    let (mut service, mut told_by) = match (&typed.definition, &typed.service) {
        (Some(file), service) => {
            let named = catalog.add(file, from).map_err(IdentityError::Asked)?;
            let told_by = ToldBy::Option("--definition");
            // A file of additions may be given beside the service that is meant.
            (service.clone().unwrap_or(named), told_by)
        }
        (None, Some(service)) => (service.clone(), ToldBy::Option("--service")),
        (None, None) => base(&mut catalog, words.peek().copied(), names, from)?,
    };
    if let ToldBy::Word(_) = told_by {
        words.next();
    }
    let mut definition = catalog.definition(&service)?;
    let mut given = None;
    for word in words {
        if let Some(other) = meant(&definition, |known| is_named(known, word)) {
            service = other.to_owned();
        } else if given.is_none() && takes_a_word(&definition) {
            given = Some(word.to_owned());
            continue;
        } else if let Some(other) = catalog.service(word) {
            service = other.to_owned();
        } else if let Some(other) = meant(&definition, |known| known == "*") {
            service = other.to_owned();
        } else {
            return Err(unknown_word(word, &definition, &catalog));
        }
        definition = catalog.definition(&service)?;
        told_by = ToldBy::Word(word.to_owned());
    }
    Ok(Identity { definition, word: given, told_by })
}

/// The service before any sub-service's word is taken into account.
fn base(
    catalog: &mut Catalog,
    word: Option<&str>,
    names: &Names,
    from: &Vantage,
) -> Result<(String, ToldBy), IdentityError> {
    if let Some(path) = Catalog::own_file(from) {
        let service = catalog.add(&path, from)?;
        return Ok((service, ToldBy::File(PathBuf::from(OWN_FILE))));
    }
    if let Some((service, name)) =
        names.iter(from).find_map(|name| Some((catalog.service(&name)?.to_owned(), name)))
    {
        return Ok((service, ToldBy::Name(name)));
    }
    if let Some(word) = word
        && let Some(service) = catalog.service(word)
    {
        return Ok((service.to_owned(), ToldBy::Word(word.to_owned())));
    }
    match (catalog.running(from), word) {
        (Ok(service), _) => Ok((service.to_owned(), ToldBy::Running)),
        // With nothing known to run, the word alone could have told.
        (Err(CatalogError::Unidentified(_)), Some(word)) => Err(catalog
            .definition(word)
            .err()
            .unwrap_or_else(|| CatalogError::Unidentified("nothing tells".to_owned()))
            .into()),
        (Err(error), _) => Err(error.into()),
    }
}

/// A word that is a script's path stands for the script's name.
fn script<'w>(word: &'w str, scripts: &Path) -> &'w str {
    Path::new(word)
        .strip_prefix(scripts)
        .ok()
        .and_then(|name| name.to_str())
        .filter(|name| !name.is_empty())
        .unwrap_or(word)
}

/// The service that a word means to a definition.
fn meant(definition: &Definition, is: impl Fn(&str) -> bool) -> Option<&str> {
    let found = definition.words.iter().find(|(known, _)| is(known));
    found.map(|(_, service)| service.as_str())
}

/// Whether a definition takes its settings from a word: cron, whose word is a user.
fn takes_a_word(definition: &Definition) -> bool {
    let mut sources = definition.settings.values().flatten();
    sources.any(|source| matches!(source, Source::Word(_)))
}

fn unknown_word(word: &str, definition: &Definition, catalog: &Catalog) -> IdentityError {
    let expected: Vec<String> = definition.words.keys().cloned().collect();
    let known = expected.iter().map(String::as_str).chain(catalog.services());
    IdentityError::Word {
        nearest: nearest(word, known).map(str::to_owned),
        word: shown(word, 60),
        service: definition.service.clone(),
        expected,
    }
}
