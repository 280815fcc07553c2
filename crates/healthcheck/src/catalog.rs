//! The definitions that come with us, and those an image or an operator adds:
//! found by name, put together, and checked.

mod running;

use crate::definition::{Definition, Mistakes, Profile};
use crate::text::{nearest, shown};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vantage::{Blind, FileError, Vantage};

/// One file of the catalogue, as it was embedded.
#[derive(Debug)]
pub struct Embedded {
    /// `catalog/NAME.toml`, what mistakes cite.
    pub file: &'static str,
    /// Its service.
    pub service: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// The programs its process may be.
    pub programs: &'static [&'static str],
    /// What that process's command line matches.
    pub arguments: Option<&'static str>,
    /// What some command line of its container matches.
    pub known_by: Option<&'static str>,
    /// Whether it only says what several services share.
    pub shared: bool,
    /// The definition.
    pub text: &'static str,
}

/// All of it, in the order of the files' names.
pub const EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Where an image or an operator puts further definitions; each replaces the
/// catalogue's of the same service.
pub const FOLDERS: [&str; 2] = ["/openstack/healthcheck.d", "/etc/openstack/healthcheck.d"];

/// Where an image says which service it is for.
pub const OWN_FILE: &str = "/openstack/healthcheck.toml";

/// As many definitions as an image or an operator may add: seen from outside, it
/// is the host that reads them.
const MAX_ADDED: usize = 200;

/// The largest of them, in bytes.
const MAX_TEXT: usize = 256 << 10;

/// How deep definitions may build on one another.
const MAX_DEPTH: usize = 8;

/// A service's name is cut to this where it was taken from the kernel's name
/// of a process (TASK_COMM_LEN - 1).
const CUT_NAME: usize = 15;

/// Why there is no definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Nothing has this name.
    #[error("unknown service \"{name}\"{}", self.hint())]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The nearest there is.
        nearest: Option<String>,
    },
    /// The definition has mistakes.
    #[error(transparent)]
    Mistaken(#[from] Mistakes),
    /// Definitions that build on one another in a circle.
    #[error("{file}: `like` leads back to \"{name}\"")]
    Circular {
        /// The file of the last.
        file: String,
        /// Where it leads back to.
        name: String,
    },
    /// An image brings more definitions than anybody writes.
    #[error("{0}: expected at most {MAX_ADDED} definitions, found more")]
    TooMany(String),
    /// A definition is larger than anybody writes one.
    #[error("{file}: expected at most {MAX_TEXT} bytes, found {found}")]
    TooLarge {
        /// Its file.
        file: String,
        /// Its size in bytes.
        found: usize,
    },
    /// A file of definitions cannot be read.
    #[error("{0}")]
    Unreadable(#[from] FileError),
    /// Nothing says which service this is.
    #[error("cannot tell which service this is: {0}")]
    Unidentified(String),
    /// The container cannot be looked at.
    #[error(transparent)]
    Blind(#[from] Blind),
}

impl CatalogError {
    fn hint(&self) -> String {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => {
                format!(", did you mean \"{nearest}\"?")
            }
            _ => String::new(),
        }
    }
}

/// Every definition there is to choose from.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Files of the image or the operator, by service: (path, text).
    added: BTreeMap<String, Added>,
}

/// How far a definition is put together, by the files it is made of.
#[derive(Default)]
struct Assembly<'a> {
    /// From the definition asked for to the one that is being read.
    path: Vec<&'a str>,
    /// Those that are in it already.
    done: Vec<&'a str>,
}

#[derive(Debug)]
struct Added {
    file: String,
    text: String,
    aliases: Vec<String>,
}

impl Catalog {
    /// Only what comes with us.
    pub fn embedded() -> Self {
        Self::default()
    }

    /// With what is added in the given folders of a container.
    ///
    /// # Errors
    /// Where a file there cannot be read or has mistakes: a check that was
    /// meant and is silently left out would be a lie.
    pub fn with_folders<P: AsRef<Path>>(
        folders: impl IntoIterator<Item = P>,
        from: &Vantage,
    ) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for folder in folders {
            let names = match from.names(folder.as_ref()) {
                Ok(names) => names,
                Err(FileError::Missing(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            for name in names {
                let path = folder.as_ref().join(name);
                if path.extension().is_some_and(|extension| extension == "toml") {
                    if catalog.added.len() >= MAX_ADDED {
                        return Err(CatalogError::TooMany(path.display().to_string()));
                    }
                    catalog.add(&path, from)?;
                }
            }
        }
        Ok(catalog)
    }

    /// Adds the definition in a file; gives its service's name.
    ///
    /// # Errors
    /// Where it cannot be read or has mistakes.
    pub fn add(&mut self, path: &Path, from: &Vantage) -> Result<String, CatalogError> {
        let text = from.read_text(path)?;
        if text.len() > MAX_TEXT {
            let (file, found) = (path.display().to_string(), text.len());
            return Err(CatalogError::TooLarge { file, found });
        }
        self.add_text(path.display().to_string(), text)
    }

    /// Adds a definition from its text; gives its service's name.
    ///
    /// # Errors
    /// Where it has mistakes.
    pub fn add_text(&mut self, file: String, text: String) -> Result<String, CatalogError> {
        let definition = Definition::parse(&text, &file)?;
        let service = definition.service;
        self.added.insert(service.clone(), Added { file, text, aliases: definition.aliases });
        Ok(service)
    }

    /// The service's own name for any name of it: its name, an alias, either
    /// cut to 15 characters, any of them with `_` for `-` as kolla writes it.
    pub fn service(&self, name: &str) -> Option<&str> {
        if let Some(service) = self.named(|candidate| is_same(candidate, name)).next() {
            return Some(service);
        }
        if name.len() != CUT_NAME {
            return None;
        }
        let is_cut = |candidate: &str| {
            candidate.get(..CUT_NAME).is_some_and(|candidate| is_same(candidate, name))
        };
        let mut meant = self.named(is_cut);
        let service = meant.next()?;
        meant.all(|other| other == service).then_some(service)
    }

    /// The services that have such a name: what is added first, a service's own
    /// name before another's alias.
    fn named(&self, is: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        let added = self
            .added
            .iter()
            .filter(|(service, added)| is(service) || added.aliases.iter().any(|alias| is(alias)))
            .map(|(service, _)| service.as_str());
        let embedded = EMBEDDED.iter().filter(|entry| !entry.shared);
        let own = embedded.clone().filter(|entry| is(entry.service));
        let other = embedded.filter(|entry| entry.aliases.iter().any(|alias| is(alias)));
        let own: Vec<&str> = own.chain(other).map(|entry| entry.service).collect();
        added.collect::<Vec<_>>().into_iter().chain(own)
    }

    /// Every service's name, in order.
    pub fn services(&self) -> Vec<&str> {
        let embedded = EMBEDDED.iter().filter(|entry| !entry.shared).map(|entry| entry.service);
        let mut services: Vec<&str> =
            self.added.keys().map(String::as_str).chain(embedded).collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// The definition of a service, put together with what it builds on.
    ///
    /// # Errors
    /// Where there is none of that name, or it has mistakes.
    pub fn definition(&self, name: &str) -> Result<Definition, CatalogError> {
        let service = self.service(name).ok_or_else(|| self.unknown(name))?;
        let definition = self.assemble(service, &mut Assembly::default())?;
        if definition.profile == Profile::Shared {
            return Err(self.unknown(name));
        }
        Ok(definition)
    }

    fn unknown(&self, name: &str) -> CatalogError {
        let nearest = nearest(name, self.services()).map(str::to_owned);
        CatalogError::Unknown { name: shown(name, 60), nearest }
    }

    fn assemble<'a>(
        &'a self,
        name: &str,
        assembly: &mut Assembly<'a>,
    ) -> Result<Definition, CatalogError> {
        let depth = assembly.path.len();
        let (file, text) = self.source(name, depth).ok_or_else(|| self.unknown(name))?;
        let mut definition = Definition::parse(text, file)?;
        assembly.path.push(file);
        let own_checks = definition.checks.len();
        for base in std::mem::take(&mut definition.like).iter().rev() {
            let (base_file, _) = self.source(base, depth + 1).ok_or_else(|| self.unknown(base))?;
            if assembly.path.contains(&base_file) || depth >= MAX_DEPTH {
                return Err(CatalogError::Circular { file: file.to_owned(), name: base.clone() });
            }
            // What two of them build on is there once; and no file of an image's can
            // make us assemble more than there are files.
            if !assembly.done.contains(&base_file) {
                definition = definition.upon(self.assemble(base, assembly)?);
                assembly.done.push(base_file);
            }
        }
        assembly.path.pop();
        definition.check_references(text, own_checks)?;
        Ok(definition)
    }

    /// The text of a definition. One that replaces the catalogue's and builds
    /// on the same name means the catalogue's.
    fn source(&self, name: &str, depth: usize) -> Option<(&str, &str)> {
        let embedded = EMBEDDED
            .iter()
            .find(|entry| entry.service == name)
            .map(|entry| (entry.file, entry.text));
        match self.added.get(name) {
            Some(added) if depth == 0 || embedded.is_none() => Some((&added.file, &added.text)),
            _ => embedded,
        }
    }

    /// The path of the file in which an image says which service it is for, if it does.
    pub fn own_file(from: &Vantage) -> Option<PathBuf> {
        let path = PathBuf::from(OWN_FILE);
        match from.stat(&path) {
            Err(FileError::Missing(_)) => None,
            _ => Some(path),
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
    one.len() == other.len() && one.bytes().map(dashed).eq(other.bytes().map(dashed))
}
