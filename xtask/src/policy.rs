//! What we may depend on: `deny.toml`, held without cargo-deny, and a budget for the one tree that
//! enters every container, the probe's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::program::Program;
use crate::session::Session;

/// Crates linked into the probe, our own included. Raise it with a reason in the commit.
const PROBE_CRATES: usize = 45;

/// Fails with everything in the dependency tree that `deny.toml` or the budget forbids.
pub(crate) fn check(session: &Session) -> Result<()> {
    let step = session.progress.start("dependency policy");
    let path = session.root().join("deny.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let policy: Policy = toml::from_str(&text).context("deny.toml")?;
    let tree = Tree::of(session)?;
    let probe = tree.linked_into("probe")?;
    let mut wrong = tree.forbidden(&policy);
    wrong.extend(duplicates(&probe));
    if probe.len() > PROBE_CRATES {
        wrong
            .push(format!("probe: {} crates linked in, the budget is {PROBE_CRATES}", probe.len()));
    }
    if !wrong.is_empty() {
        bail!("dependency policy:\n  - {}", wrong.join("\n  - "));
    }
    step.done(&format!("{} crates, {} of them in the probe", tree.packages.len(), probe.len()));
    Ok(())
}

#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// The dependency tree of the workspace, on the platforms that it is built for here.
struct Tree {
    packages: BTreeMap<String, Package>,
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    fn of(session: &Session) -> Result<Self> {
        let [musl, gnu] =
            ["musl", "gnu"].map(|libc| format!("{}-unknown-linux-{libc}", std::env::consts::ARCH));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let asked = Program::new(cargo).within(session.root()).args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &musl,
            "--filter-platform",
            &gnu,
        ]);
        let said = asked.output(&session.interrupt).context("cannot list the dependencies")?;
        Self::parse(&said)
    }

    fn parse(json: &[u8]) -> Result<Self> {
        let Metadata { packages, resolve } =
            serde_json::from_slice(json).context("cargo metadata is not understood")?;
        let nodes: BTreeMap<_, _> =
            resolve.nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        let packages = packages.into_iter().map(|package| (package.id.clone(), package));
        let packages = packages.filter(|(id, _)| nodes.contains_key(id)).collect();
        Ok(Self { packages, nodes })
    }

    /// The crates whose code ends up in the program of package `name`: normal dependencies, without
    /// what only runs in the compiler.
    fn linked_into(&self, name: &str) -> Result<Vec<&Package>> {
        let root = self.packages.values().find(|package| package.name == name);
        let root = root.with_context(|| format!("no package is named {name}"))?;
        let mut seen = BTreeSet::new();
        let mut ahead = vec![root.id.as_str()];
        while let Some(id) = ahead.pop() {
            let package = self.packages.get(id).with_context(|| format!("no package {id}"))?;
            if package.is_proc_macro() || !seen.insert(id) {
                continue;
            }
            let deps = self.nodes.get(id).map_or(&[][..], |node| &node.deps);
            let is_linked =
                |dep: &&Dependency| dep.dep_kinds.iter().any(|each| each.kind.is_none());
            ahead.extend(deps.iter().filter(is_linked).map(|dep| dep.pkg.as_str()));
        }
        Ok(seen.into_iter().filter_map(|id| self.packages.get(id)).collect())
    }

    fn forbidden(&self, policy: &Policy) -> Vec<String> {
        let mut wrong = Vec::new();
        for package in self.packages.values() {
            let Package { name, version, license, source, .. } = package;
            let license = license.as_deref().unwrap_or_default();
            match is_allowed(license, &policy.licenses.allow) {
                Some(true) => {}
                Some(false) => {
                    wrong.push(format!("{name} {version}: licence not allowed: {license}"))
                }
                None => {
                    wrong.push(format!("{name} {version}: licence not understood: {license:?}"))
                }
            }
            if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.name == *name) {
                wrong.push(format!("{name} {version}: banned: {}", ban.reason));
            }
            if source.as_deref().is_some_and(|source| !source.contains("crates.io-index")) {
                wrong.push(format!("{name} {version}: not from crates.io"));
            }
        }
        wrong
    }
}

impl Package {
    fn is_proc_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }
}

fn duplicates(packages: &[&Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, found| found.len() > 1);
    versions
        .iter()
        .map(|(name, found)| format!("probe: {name} twice: {}", found.join(", ")))
        .collect()
}

/// Whether the SPDX expression is satisfied by the licences in `allow`; none when it is no such
/// expression. `/` is how older manifests spelled OR.
fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let satisfied = any(&mut words, allow)?;
    words.next().is_none().then_some(satisfied)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allow: &BTreeSet<String>) -> Option<bool> {
    let mut satisfied = all(words, allow)?;
    while words.next_if_eq(&"OR").is_some() {
        satisfied |= all(words, allow)?;
    }
    Some(satisfied)
}

fn all(words: &mut Words<'_>, allow: &BTreeSet<String>) -> Option<bool> {
    let mut satisfied = one(words, allow)?;
    while words.next_if_eq(&"AND").is_some() {
        satisfied &= one(words, allow)?;
    }
    Some(satisfied)
}

fn one(words: &mut Words<'_>, allow: &BTreeSet<String>) -> Option<bool> {
    match words.next()? {
        "(" => {
            let satisfied = any(words, allow)?;
            words.next_if_eq(&")").map(|_| satisfied)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        license if words.next_if_eq(&"WITH").is_some() => {
            Some(allow.contains(&format!("{license} WITH {}", words.next()?)))
        }
        license => Some(allow.contains(license)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, Tree, duplicates, is_allowed};
    use std::collections::BTreeSet;

    #[test]
    fn a_licence_expression_is_weighed_by_its_operators() {
        let allow = BTreeSet::from(["MIT", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned));
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("GPL-3.0 OR MIT", Some(true)),
            ("GPL-3.0/MIT", Some(true)),
            ("GPL-3.0 AND MIT", Some(false)),
            ("GPL-3.0 OR MIT AND MIT", Some(true)),
            ("(GPL-3.0 OR MIT) AND GPL-3.0", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("Apache-2.0", Some(false)),
            ("MIT AND (MIT OR GPL-3.0)", Some(true)),
            ("", None),
            ("MIT MIT", None),
            ("(MIT", None),
            ("MIT OR", None),
        ] {
            assert_eq!(is_allowed(expression, &allow), expected, "{expression}");
        }
    }

    const METADATA: &str = r#"{"packages": [
        {"id": "p", "name": "probe", "version": "1.0.0", "license": "MIT", "source": null, "targets": [{"kind": ["bin"]}]},
        {"id": "a1", "name": "a", "version": "1.0.0", "license": "MIT", "source": "registry+https://x/crates.io-index", "targets": [{"kind": ["lib"]}]},
        {"id": "a2", "name": "a", "version": "2.0.0", "license": "GPL-3.0", "source": "git+https://x/a", "targets": [{"kind": ["lib"]}]},
        {"id": "m", "name": "macro", "version": "1.0.0", "license": "MIT", "source": null, "targets": [{"kind": ["proc-macro"]}]},
        {"id": "d", "name": "dev", "version": "1.0.0", "license": "MIT", "source": null, "targets": [{"kind": ["lib"]}]},
        {"id": "w", "name": "elsewhere", "version": "1.0.0", "license": null, "source": null, "targets": [{"kind": ["lib"]}]}],
      "resolve": {"nodes": [
        {"id": "p", "deps": [{"pkg": "a1", "dep_kinds": [{"kind": null}]}, {"pkg": "m", "dep_kinds": [{"kind": null}]},
                             {"pkg": "d", "dep_kinds": [{"kind": "dev"}]}]},
        {"id": "a1", "deps": [{"pkg": "a2", "dep_kinds": [{"kind": "build"}, {"kind": null}]}]},
        {"id": "a2", "deps": []}, {"id": "d", "deps": []},
        {"id": "m", "deps": [{"pkg": "d", "dep_kinds": [{"kind": null}]}]}]}}"#;

    #[test]
    fn the_probe_s_tree_is_what_is_linked_and_two_versions_in_it_are_found() {
        let tree = Tree::parse(METADATA.as_bytes()).unwrap();
        let linked = tree.linked_into("probe").unwrap();
        let names: Vec<_> = linked.iter().map(|package| package.id.as_str()).collect();
        assert_eq!(names, ["a1", "a2", "p"]);
        assert_eq!(duplicates(&linked), ["probe: a twice: 1.0.0, 2.0.0"]);
    }

    #[test]
    fn licence_ban_and_source_are_each_reported() {
        let policy = r#"
            [licenses]
            allow = ["MIT"]
            [bans]
            deny = [{ crate = "dev", reason = "because" }]"#;
        let policy: Policy = toml::from_str(policy).unwrap();
        let wrong = Tree::parse(METADATA.as_bytes()).unwrap().forbidden(&policy);
        assert_eq!(
            wrong,
            [
                "a 2.0.0: licence not allowed: GPL-3.0",
                "a 2.0.0: not from crates.io",
                "dev 1.0.0: banned: because"
            ]
        );
    }
}
