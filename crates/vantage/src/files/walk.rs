//! A path resolved beneath a root, component by component: what
//! `RESOLVE_IN_ROOT` does, for kernels before 5.6 and for containers whose
//! seccomp profile does not know `openat2`.

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// As many links as the kernel follows (MAXSYMLINKS, include/linux/namei.h).
const MAX_LINKS: usize = 40;

/// What is done with a link at the very end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// It is followed.
    Followed,
    /// It is what is wanted.
    Itself,
}

/// A handle on what the path leads to. A magic link of `/proc` is taken for
/// its text, and so leads to a path beneath the root too.
pub(super) fn beneath(root: &OwnedFd, path: &Path, last: Last) -> Result<OwnedFd, Errno> {
    // Going up is going back to where we came from, so nothing that is renamed
    // meanwhile can lead out.
    let mut way: Vec<OwnedFd> = Vec::new();
    let mut ahead = Vec::new();
    let mut links = 0;
    lay_out(path, &mut way, &mut ahead);
    while let Some(name) = ahead.pop() {
        if name == ".." {
            way.pop();
            continue;
        }
        let here = way.last().unwrap_or(root).as_fd();
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = rustix::fs::openat(here, &name, flags, Mode::empty())?;
        if name == "." {
            continue;
        }
        let stat = rustix::fs::statat(&found, "", AtFlags::EMPTY_PATH)?;
        let wanted = last == Last::Itself && ahead.is_empty();
        if wanted || FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            way.push(found);
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(Errno::LOOP);
        }
        let target = rustix::fs::readlinkat(&found, "", Vec::new())?;
        lay_out(Path::new(OsStr::from_bytes(target.as_bytes())), &mut way, &mut ahead);
    }
    match way.pop() {
        Some(found) => Ok(found),
        None => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::openat(root, ".", flags, Mode::empty())
        }
    }
}

/// Puts the components of a path ahead, the next one last; an absolute path
/// begins at the root again.
fn lay_out(path: &Path, way: &mut Vec<OwnedFd>, ahead: &mut Vec<OsString>) {
    // Such an end says that what stands before it is a directory; a link is
    // followed then.
    let bytes = path.as_os_str().as_bytes();
    if bytes.ends_with(b"/") || bytes.ends_with(b"/.") {
        ahead.push(".".into());
    }
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => ahead.push(name.to_owned()),
            Component::ParentDir => ahead.push("..".into()),
            Component::RootDir => way.clear(),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::fs::ResolveFlags;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    /// What a path leads to: device and inode, or the kernel's error.
    fn place(found: Result<OwnedFd, Errno>) -> Result<(u64, u64), Errno> {
        let stat = rustix::fs::fstat(found?)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    fn by_kernel(root: &OwnedFd, path: &Path, last: Last) -> Result<OwnedFd, Errno> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, last == Last::Itself);
        rustix::fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
    }

    fn open(path: &Path) -> OwnedFd {
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    fn path() -> impl Strategy<Value = PathBuf> {
        let name = prop::sample::select(vec!["a", "b", "c", "..", "d", ".", "missing"]);
        let end = prop::sample::select(vec!["", "/"]);
        (any::<bool>(), prop::collection::vec(name, 1..6), end).prop_map(
            |(absolute, names, end)| {
                let start = if absolute { "/" } else { "" };
                PathBuf::from(format!("{start}{}{end}", names.join("/")))
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn leads_where_the_kernel_says_for_any_links(
            links in prop::collection::vec((path(), path()), 0..8),
            asked in prop::collection::vec(path(), 1..8),
        ) {
            let outer = tempfile::tempdir().unwrap();
            let root = outer.path().join("root");
            std::fs::create_dir_all(root.join("a/b/c")).unwrap();
            std::fs::create_dir_all(root.join("d")).unwrap();
            for (at, target) in &links {
                // Beneath the root; links that cannot be made there are left out.
                let Ok(at) = at.strip_prefix("/").or_else(|_| at.strip_prefix("")) else { continue };
                if !at.components().any(|part| part == Component::ParentDir) {
                    let _ = symlink(target, root.join(at));
                }
            }
            let root = open(&root);
            for path in asked {
                for last in [Last::Followed, Last::Itself] {
                    let ours = place(beneath(&root, &path, last));
                    let kernels = place(by_kernel(&root, &path, last));
                    prop_assert_eq!(ours, kernels, "{} {:?}", path.display(), last);
                }
            }
        }
    }

    #[test]
    fn a_magic_link_leads_to_a_path_beneath_the_root() {
        let root = open(Path::new("/proc/self"));
        assert_eq!(place(beneath(&root, Path::new("exe"), Last::Followed)), Err(Errno::NOENT));
    }
}
