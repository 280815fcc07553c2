//! Which service a container is: from what the operator says, its label, the
//! image, the command its engine checks it by, its name, or what runs in it.

mod command;
mod names;

use crate::engines::Container;
use crate::look::Asked;
use command::CommandLine;
use healthcheck::catalog::{Catalog, CatalogError, FOLDERS};
use healthcheck::definition::Definition;
use healthcheck::plan::Request;
use probe::arguments::Misuse;
use probe::identity::IdentityError;
use probe::legacy::HelperError;
use std::fmt;
use vantage::Vantage;

/// The label that says which service a container is.
pub(crate) const LABEL: &str = "org.openstack.healthcheck.service";

/// A service, and what to ask of it.
#[derive(Debug)]
pub(crate) struct Identified {
    /// What makes it healthy.
    pub(crate) definition: Definition,
    /// What the engine's check asks besides: ports, words.
    pub(crate) request: Request,
    /// How it is known.
    pub(crate) by: By,
}

/// How a service is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The operator said so.
    Operator,
    /// A label of the container.
    Label,
    /// A definition in the image.
    Definition,
    /// What `/openstack/healthcheck` leads to in the image.
    Link,
    /// The command its engine checks it by.
    Command,
    /// The container's name.
    Name,
    /// What runs in it.
    Processes,
}

impl By {
    /// The one word for it, in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Label => "label",
            Self::Definition => "definition",
            Self::Link => "link",
            Self::Command => "command",
            Self::Name => "name",
            Self::Processes => "processes",
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "as it was asked for",
            Self::Label => "by its label",
            Self::Definition => "by the definition in its image",
            Self::Link => "by what /openstack/healthcheck leads to",
            Self::Command => "by the command its engine checks it by",
            Self::Name => "by its name",
            Self::Processes => "by what runs in it",
        })
    }
}

/// A container whose service should be known, and is not.
#[derive(Debug)]
pub(crate) struct Unidentified {
    /// What it was said to be, and by whom.
    pub(crate) told: Option<(String, By)>,
    /// What is wrong.
    pub(crate) because: String,
    /// Whether simply nothing tells which service it is.
    nothing_tells: bool,
}

impl Unidentified {
    /// Nothing tells which service it is.
    fn nothing_tells(because: &str) -> Self {
        Self { told: None, because: because.to_owned(), nothing_tells: true }
    }
}

impl From<HelperError> for Unidentified {
    fn from(error: HelperError) -> Self {
        let because = format!("the command its engine checks it by: {error}");
        Self { told: None, because, nothing_tells: false }
    }
}

impl From<IdentityError> for Unidentified {
    fn from(error: IdentityError) -> Self {
        let nothing_tells = matches!(error, IdentityError::Catalog(CatalogError::Unidentified(_)));
        Self { told: None, because: error.to_string(), nothing_tells }
    }
}

impl From<CatalogError> for Unidentified {
    fn from(error: CatalogError) -> Self {
        IdentityError::from(error).into()
    }
}

impl From<Misuse> for Unidentified {
    fn from(misuse: Misuse) -> Self {
        let because = format!("the command its engine checks it by: {misuse}");
        Self { told: None, because, nothing_tells: false }
    }
}

/// The service of a container, or `None` where nothing says that it is one of
/// the catalogue's.
pub(crate) fn find(
    from: &Vantage,
    container: Option<&Container>,
    asked: &Asked,
) -> Result<Option<Identified>, Unidentified> {
    let mut catalog = Catalog::with_folders(FOLDERS, from)?;
    if let Some((service, by)) = told(container, asked, &mut catalog)? {
        return named(&catalog, service, by).map(Some);
    }
    let name = container.and_then(|container| names::service(&container.name, &catalog));
    let name = name.map(str::to_owned);
    if let Some(command) = CommandLine::of(container, from) {
        return match command.identify(container, from) {
            Ok(identified) if identified.by == By::Processes || command.is_helper() => {
                Ok(Some(prefer_name(identified, name, &catalog, from)))
            }
            Ok(identified) => Ok(Some(identified)),
            Err(nothing) if nothing.nothing_tells && name.is_some() => {
                by_name(&catalog, name, command.request())
            }
            Err(unidentified) => Err(unidentified),
        };
    }
    match catalog.running(from).map(str::to_owned) {
        Ok(service) => {
            let identified = named(&catalog, service, By::Processes)?;
            Ok(Some(prefer_name(identified, name, &catalog, from)))
        }
        Err(CatalogError::Unidentified(_)) => by_name(&catalog, name, Request::default()),
        Err(error) => Err(error.into()),
    }
}

/// What is known of a container that cannot be looked at, or does not run.
pub(crate) fn without_looking(container: &Container, asked: &Asked) -> Option<(String, By)> {
    let mut catalog = Catalog::embedded();
    if let Ok(Some(told)) = told(Some(container), asked, &mut catalog) {
        return Some(told);
    }
    if let Some(service) = command::named_in(&container.test, &catalog) {
        return Some((service, By::Command));
    }
    let service = names::service(&container.name, &catalog)?;
    Some((service.to_owned(), By::Name))
}

/// What the operator or the label says.
fn told(
    container: Option<&Container>,
    asked: &Asked,
    catalog: &mut Catalog,
) -> Result<Option<(String, By)>, Unidentified> {
    let mut given = None;
    if let Some(written) = &asked.definition {
        let added = catalog.add_text(written.file.clone(), written.text.clone());
        given = Some(added?);
    }
    if let Some(service) = asked.service.clone().or(given) {
        return Ok(Some((service, By::Operator)));
    }
    let label = container.and_then(|container| container.labels.get(LABEL));
    Ok(label.filter(|label| !label.is_empty()).map(|label| (label.clone(), By::Label)))
}

fn named(catalog: &Catalog, service: String, by: By) -> Result<Identified, Unidentified> {
    match catalog.definition(&service) {
        Ok(definition) => Ok(Identified { definition, request: Request::default(), by }),
        Err(error) => {
            let told = Some((healthcheck::text::shown(&service, 60), by));
            Err(Unidentified { told, ..error.into() })
        }
    }
}

/// A helper of the predecessors looks at less than the definition of the service
/// that the name means. Several services share a program, and the container's name says which; a
/// name alone, with none of its processes there, says less than what runs.
fn prefer_name(
    identified: Identified,
    name: Option<String>,
    catalog: &Catalog,
    from: &Vantage,
) -> Identified {
    let Some(definition) = name.and_then(|name| catalog.definition(&name).ok()) else {
        return identified;
    };
    let runs = definition
        .process
        .as_ref()
        .is_some_and(|program| program.find(from).is_ok_and(|found| !found.is_empty()));
    match identified.by {
        _ if !runs => identified,
        // A helper's ports are those of its own check.
        By::Command => Identified { definition, by: By::Name, request: Request::default() },
        _ => Identified { definition, by: By::Name, ..identified },
    }
}

fn by_name(
    catalog: &Catalog,
    name: Option<String>,
    request: Request,
) -> Result<Option<Identified>, Unidentified> {
    let Some(name) = name else { return Ok(None) };
    Ok(Some(Identified { request, ..named(catalog, name, By::Name)? }))
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
