//! The test images, as `tests/images` describes them: each a service, with the probe copied in as a
//! user would do it. What is built already, the engine's build cache knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::engine::Engine;
use crate::machine::debian::Release;
use crate::session::Session;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Marks our images, so that those a newer build replaced can be told from anybody else's.
const LABEL: &str = "openstack-healthcheck.test-image";

/// An image described in `tests/images/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image(pub(crate) &'static str);

impl Image {
    /// The name that containers are made by.
    pub(crate) fn tag(self) -> String {
        tag_of_test(self.0)
    }
}

/// The name of the image described in `tests/images/NAME`.
pub(crate) fn tag_of_test(name: &str) -> String {
    format!("openstack-healthcheck/{name}")
}

/// The name of the image described in `lab/images/NAME`, of this release's packages.
pub(crate) fn tag_of_lab(name: &str, release: &Release) -> String {
    format!("openstack-healthcheck/lab-{name}:{release}")
}

/// What an image is built of.
#[derive(Debug)]
struct Recipe {
    tag: String,
    /// Where it is described.
    folder: PathBuf,
    /// The probe, for images that take it in.
    probe: Option<PathBuf>,
}

/// Builds `images` side by side on `base`, each with `probe` in it.
pub(crate) fn build(
    session: &Session,
    engine: &Engine,
    base: &str,
    probe: &Path,
    images: &[Image],
) -> Result<()> {
    let names: Vec<&str> = images.iter().map(|image| image.0).collect();
    build_for_tests(session, engine, base, probe, &names)
}

/// Builds the images described in `tests/images` by these names.
pub(crate) fn build_for_tests(
    session: &Session,
    engine: &Engine,
    base: &str,
    probe: &Path,
    names: &[&str],
) -> Result<()> {
    let folder = session.root().join("tests/images");
    let recipe = |name: &&str| Recipe {
        tag: tag_of_test(name),
        folder: folder.join(name),
        probe: Some(probe.to_owned()),
    };
    build_all(session, engine, base, &names.iter().map(recipe).collect::<Vec<_>>())
}

/// Builds the images described in `lab/images` by these names; they get the probe when they run.
pub(crate) fn build_for_lab(
    session: &Session,
    engine: &Engine,
    base: &str,
    release: &Release,
    names: &[&str],
) -> Result<()> {
    let folder = session.root().join("lab/images");
    let recipe = |name: &&str| Recipe {
        tag: tag_of_lab(name, release),
        folder: folder.join(name),
        probe: None,
    };
    build_all(session, engine, base, &names.iter().map(recipe).collect::<Vec<_>>())
}

fn build_all(session: &Session, engine: &Engine, base: &str, recipes: &[Recipe]) -> Result<()> {
    let built: Vec<Result<()>> = thread::scope(|scope| {
        let builds: Vec<_> = recipes
            .iter()
            .map(|recipe| scope.spawn(|| build_one(session, engine, base, recipe)))
            .collect();
        let panicked = || Err(anyhow!("the thread that built it panicked"));
        builds.into_iter().map(|build| build.join().unwrap_or_else(|_| panicked())).collect()
    });
    built.into_iter().collect::<Result<()>>()?;
    // What these builds replaced is of no use to anybody; failing to remove it harms nobody.
    let filter = format!("label={LABEL}");
    drop(engine.ask(&["image", "prune", "--force", "--filter", &filter]));
    Ok(())
}

fn build_one(session: &Session, engine: &Engine, base: &str, recipe: &Recipe) -> Result<()> {
    let (_, name) = recipe.tag.split_once('/').unwrap_or(("", &recipe.tag));
    let step = session.progress.start(format!("image {name}"));
    let context = session.work("images").join(name);
    lay_out(&recipe.folder, recipe.probe.as_deref(), &context)?;
    let before = image_id(engine, &recipe.tag);
    engine
        .docker()
        .limit(BUILD_LIMIT)
        // The machine's own network: where it reaches its package archive, so does the build.
        .args(["build", "--force-rm", "--network=host", "--label", LABEL])
        .args(["--build-arg", &format!("BASE={base}"), "--tag", &recipe.tag, "--file"])
        .args([context.join("Containerfile"), context])
        .logged(&session.interrupt, &session.log(&format!("image {name}")))
        .with_context(|| format!("cannot build image {name}"))?;
    let after = image_id(engine, &recipe.tag);
    step.done(if before.is_some() && before == after { "had it already" } else { "built" });
    Ok(())
}

fn image_id(engine: &Engine, tag: &str) -> Option<String> {
    engine.ask(&["image", "inspect", "--format", "{{.Id}}", tag]).ok()
}

/// Makes the directory that the build sees: the image's own files, and the probe beside them.
fn lay_out(described: &Path, probe: Option<&Path>, context: &Path) -> Result<()> {
    let copy = |from: PathBuf, to: PathBuf| {
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
    };
    if context.exists() {
        fs::remove_dir_all(context)
            .with_context(|| format!("cannot empty {}", context.display()))?;
    }
    fs::create_dir_all(context).with_context(|| format!("cannot make {}", context.display()))?;
    let files = fs::read_dir(described)
        .with_context(|| format!("no image is described in {}", described.display()))?;
    for file in files {
        let file = file?;
        copy(file.path(), context.join(file.file_name()))?;
    }
    if let Some(probe) = probe {
        copy(probe.to_path_buf(), context.join("healthcheck"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_image_takes_the_probe_in_the_way_the_contract_tells_users_to() {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/images");
        let mut found = 0;
        for image in fs::read_dir(&images).unwrap() {
            let file = image.unwrap().path().join("Containerfile");
            let text = fs::read_to_string(&file).unwrap();
            for line in [
                "FROM ${BASE}",
                "COPY healthcheck /openstack/healthcheck",
                "HEALTHCHECK CMD [\"/openstack/healthcheck\"]",
            ] {
                assert!(text.lines().any(|own| own == line), "{}: no line {line}", file.display());
            }
            found += 1;
        }
        assert!(found > 0, "no image in {}", images.display());
    }
}
