//! The names a command was called by: its own first argument's, and that of
//! each link on the way to the file itself. An image's
//! `/openstack/healthcheck` may lead to `…/healthcheck/nova-conductor`, and
//! that to us.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use vantage::{FileKind, Place, Vantage};

/// The kernel follows no more links than this (MAXSYMLINKS).
const MAX_LINKS: usize = 40;

/// The names a command was called by.
#[derive(Debug, Clone)]
pub struct Names {
    called: OsString,
    path: Option<OsString>,
}

/// The last component of a path, where it is UTF-8.
pub fn base_name(path: &OsStr) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

impl Names {
    /// Of a command that was called `called`, with `path` as its `PATH`.
    pub fn new(called: impl Into<OsString>, path: Option<OsString>) -> Self {
        Self { called: called.into(), path }
    }

    /// The name, then that of each link, as they are found beneath the container's
    /// root. Nothing is looked up before it is asked for.
    pub fn iter<'a>(&'a self, from: &'a Vantage) -> impl Iterator<Item = String> + 'a {
        let own = base_name(&self.called).map(str::to_owned);
        let mut at = None;
        let links = (0..MAX_LINKS).map_while(move |step| {
            let path = match at.take() {
                Some(path) => path,
                None if step == 0 => self.file(from)?,
                None => return None,
            };
            let target = from.read_link(&path).ok()??;
            let name = base_name(target.as_os_str()).map(str::to_owned);
            at = path.parent().map(|folder| folder.join(&target));
            Some(name)
        });
        own.into_iter().chain(links.flatten())
    }

    /// The file that was called: a name without a slash was looked up in `PATH`.
    fn file(&self, from: &Vantage) -> Option<PathBuf> {
        let called = Path::new(&self.called);
        if called.parent().is_some_and(|folder| !folder.as_os_str().is_empty()) {
            // Ours is where we were started; a container's is looked up from its root.
            let inside = *from.place() == Place::Inside;
            return if inside { std::path::absolute(called).ok() } else { Some(called.to_owned()) };
        }
        let is_file = |path: &PathBuf| from.stat(path).is_ok_and(|at| at.kind == FileKind::File);
        std::env::split_paths(self.path.as_ref()?).map(|folder| folder.join(called)).find(is_file)
    }
}

#[cfg(test)]
mod tests {
    use super::Names;
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;
    use vantage::Vantage;

    fn names(names: &Names) -> Vec<String> {
        names.iter(&Vantage::inside().unwrap()).collect()
    }

    #[test]
    fn every_link_on_the_way_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("scripts")).unwrap();
        std::fs::write(path("binary"), "").unwrap();
        symlink(path("binary"), path("scripts/nova-conductor")).unwrap();
        symlink("scripts/nova-conductor", path("healthcheck")).unwrap();
        let expected = ["healthcheck", "nova-conductor", "binary"];

        let names = Names::new(path("healthcheck"), None);
        assert_eq!(self::names(&names), expected);
        let names = Names::new("healthcheck", Some(folder.path().into()));
        assert_eq!(self::names(&names), expected);
        let names = Names::new("healthcheck", None);
        assert_eq!(self::names(&names), ["healthcheck"]);
    }

    #[test]
    fn a_circle_of_links_ends_and_no_name_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        symlink(&b, &a).unwrap();
        symlink(&a, &b).unwrap();
        assert_eq!(names(&Names::new(&a, None)).len(), 41);
        assert_eq!(names(&Names::new(OsStr::new(""), None)).len(), 0);
        assert_eq!(names(&Names::new("/", None)).len(), 0);
    }
}
