//! The services of the lab, as `lab/services.toml` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::images;
use crate::machine::debian::Release;

/// A service of the lab: a container of its own, named after the lab and it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Service {
    /// Its name on the lab's network and in tables, and what its container's name ends with.
    pub(crate) name: String,
    /// The folder in `lab/images` that describes its image.
    pub(crate) image: String,
    /// The release of Debian whose packages it is made of.
    #[serde(skip)]
    release: Release,
    /// The only release that has it; all have it where none is named.
    only_on: Option<Release>,
    /// The folder in `tests/images` that `--short` takes instead; without it, the service is not
    /// in the short lab.
    pub(crate) short: Option<String>,
    /// Folders in `lab/services`, each laid over the container's root, in order; the one of its
    /// own name is laid last and need not be named.
    #[serde(default)]
    files: Vec<String>,
    /// Where those folders are.
    #[serde(skip)]
    pub(crate) folders: Vec<PathBuf>,
    /// The user that the container, and so the service and the check inside, runs as.
    #[serde(default = "root")]
    pub(crate) user: String,
    /// Capabilities of its container beside the engine's usual ones and NET_ADMIN.
    #[serde(default)]
    pub(crate) caps: Vec<String>,
    /// The services that must be ready before this one is prepared and started.
    #[serde(default)]
    after: Vec<String>,
    /// The service whose network it shares, as all containers of a host do that have the host's.
    pub(crate) net_of: Option<String>,
    /// Volumes shared with other services, by name: where each is mounted.
    #[serde(default)]
    pub(crate) volumes: BTreeMap<String, String>,
    /// A shell script, run once as root in the container before the service is first started.
    pub(crate) prepare: Option<String>,
    /// The command of the service: one program and its arguments, in the shell's words; lines
    /// above it are run before it, each time.
    pub(crate) start: String,
    /// A shell command that exits 0 when the service can be used, run as root in the container;
    /// without it, our own check says so.
    pub(crate) ready: Option<String>,
    /// What signals are sent to: every process of the container whose command line has this in it.
    pub(crate) program: String,
    /// The service that our catalogue knows it as, where that is not `name`.
    healthcheck: Option<String>,
    /// The script of tripleo-common that checks it, with the arguments it is called with; absent
    /// where it has none.
    pub(crate) tripleo: Option<String>,
    /// The command of kolla that checks it; absent where it has none.
    pub(crate) kolla: Option<String>,
    /// It is there because a check may wrongly call it ill.
    #[serde(default)]
    pub(crate) trap: bool,
}

fn root() -> String {
    "root".to_owned()
}

impl Service {
    /// The service that our catalogue knows it as.
    pub(crate) fn healthcheck(&self) -> &str {
        self.healthcheck.as_deref().unwrap_or(&self.name)
    }

    /// The services that it cannot be started before.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        self.after.iter().chain(&self.net_of).map(String::as_str)
    }

    /// The image of its container, in the short lab or in the whole one.
    pub(crate) fn image(&self, is_short: bool) -> String {
        match &self.short {
            Some(short) if is_short => images::tag_of_test(short),
            _ => images::tag_of_lab(&self.image, &self.release),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    service: Vec<Service>,
}

/// Reads those of this release from the list in the repository at `root`, in an order in which
/// they can be started.
pub(crate) fn read(root: &Path, release: &Release) -> Result<Vec<Service>> {
    let file = root.join("lab/services.toml");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut services = parse(&text, release).with_context(|| file.display().to_string())?;
    for service in &mut services {
        let of_all = service.files.iter().chain([&service.name]);
        let folders = of_all.map(|name| root.join("lab/services").join(name));
        service.folders = folders.filter(|folder| folder.is_dir()).collect();
    }
    Ok(services)
}

fn parse(text: &str, release: &Release) -> Result<Vec<Service>> {
    let List { service: mut services } = toml::from_str(text)?;
    services.retain(|service| service.only_on.as_ref().is_none_or(|only| only == release));
    for service in &mut services {
        service.release = release.clone();
    }
    let mut known = BTreeSet::new();
    for service in &services {
        for needed in service.needs() {
            ensure!(
                known.contains(needed),
                "{} is after {needed}, which is not listed above it",
                service.name
            );
        }
        ensure!(known.insert(service.name.as_str()), "{} is listed twice", service.name);
    }
    Ok(services)
}

/// Those of `all` that are named, and whatever they need; all of them where none is named.
pub(crate) fn select(all: &[Service], named: &[String]) -> Result<Vec<Service>> {
    if named.is_empty() {
        return Ok(all.to_vec());
    }
    if let Some(unknown) = named.iter().find(|name| all.iter().all(|each| each.name != **name)) {
        let known: Vec<_> = all.iter().map(|service| service.name.as_str()).collect();
        let release = all.first().map_or_else(Release::default, |service| service.release.clone());
        bail!(
            "no service {unknown} in the lab of Debian {release}; there are: {}",
            known.join(", ")
        );
    }
    let mut wanted: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    // What a service needs is listed above it.
    for service in all.iter().rev() {
        if wanted.contains(service.name.as_str()) {
            wanted.extend(service.needs());
        }
    }
    Ok(all.iter().filter(|each| wanted.contains(each.name.as_str())).cloned().collect())
}

/// Those of `all` that the short lab has, each with its image from `tests/images`.
pub(crate) fn short(all: &[Service]) -> Vec<Service> {
    all.iter().filter(|service| service.short.is_some()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Service, parse, read, select, short};
    use crate::machine::debian::Release;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    fn on_any_release() -> impl Iterator<Item = Service> {
        let on = |release: &str| read(root(), &release.parse().unwrap()).unwrap();
        ["bookworm", "trixie"].into_iter().flat_map(on)
    }

    fn list(entries: &[(&str, &str)]) -> String {
        let entry = |(name, after): &(&str, &str)| {
            format!(
                "[[service]]\nname='{name}'\nimage='i'\nstart='x'\nprogram='x'\nafter=[{after}]\n"
            )
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn every_folder_that_the_list_names_exists() {
        for service in on_any_release() {
            let mut needed = vec![root().join("lab/images").join(&service.image)];
            needed.extend(service.short.iter().map(|name| root().join("tests/images").join(name)));
            needed.extend(service.files.iter().map(|name| root().join("lab/services").join(name)));
            for folder in needed {
                assert!(folder.is_dir(), "{}: no {}", service.name, folder.display());
            }
        }
    }

    #[test]
    fn every_service_is_in_the_catalogue() {
        for service in on_any_release() {
            let file = root().join(format!("catalog/{}.toml", service.healthcheck()));
            assert!(file.is_file(), "{}: no {}", service.name, file.display());
        }
    }

    #[test]
    fn the_short_lab_needs_nothing_that_it_does_not_have() {
        let services = short(&read(root(), &Release::default()).unwrap());
        assert!(!services.is_empty());
        for service in &services {
            for needed in &service.after {
                assert!(services.iter().any(|other| other.name == *needed), "{needed}");
            }
        }
    }

    #[test]
    fn a_service_brings_what_it_needs_in_order() {
        let all =
            parse(&list(&[("a", ""), ("b", "'a'"), ("c", ""), ("d", "'b'")]), &Release::default())
                .unwrap();
        let names = |named: &[&str]| -> Vec<String> {
            let named: Vec<_> = named.iter().map(|&name| name.to_owned()).collect();
            select(&all, &named).unwrap().into_iter().map(|service| service.name).collect()
        };
        assert_eq!(names(&["d"]), ["a", "b", "d"]);
        assert_eq!(names(&["c", "b"]), ["a", "b", "c"]);
        assert_eq!(names(&[]), ["a", "b", "c", "d"]);
        assert!(select(&all, &["e".to_owned()]).is_err());
    }

    #[test]
    fn a_release_has_its_own_services_and_those_of_all() {
        let text = format!("{}only-on='trixie'\n", list(&[("a", ""), ("b", "")]));
        let names = |release: &str| -> Vec<String> {
            let services = parse(&text, &release.parse().unwrap()).unwrap();
            services.into_iter().map(|service| service.name).collect()
        };
        assert_eq!(names("bookworm"), ["a"]);
        assert_eq!(names("trixie"), ["a", "b"]);
        let wrong = text.replace("'trixie'", "'13'");
        assert!(parse(&wrong, &Release::default()).is_err());
    }

    #[test]
    fn an_order_that_cannot_be_kept_is_refused() {
        assert!(parse(&list(&[("a", "'b'"), ("b", "")]), &Release::default()).is_err());
        assert!(parse(&list(&[("a", ""), ("a", "")]), &Release::default()).is_err());
    }
}
