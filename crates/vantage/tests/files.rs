//! A hostile container's files: nothing in it leads out of it, blocks a look
//! or makes it large.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use rustix::fs::{CWD, FileType, Mode};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use support::own_pid;
use tempfile::TempDir;
use vantage::{FileError, FileKind, MAX_FILE, Vantage};

/// A root directory with a secret beside it.
struct Container {
    outer: TempDir,
}

impl Container {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        for directory in ["proc", "root/etc", "root/dir", "secrets"] {
            fs::create_dir_all(outer.path().join(directory)).unwrap();
        }
        fs::write(outer.path().join("secrets/shadow"), "the host's").unwrap();
        Self { outer }
    }

    fn root(&self) -> PathBuf {
        self.outer.path().join("root")
    }

    fn vantage(&self) -> Vantage {
        Vantage::at(self.outer.path()).unwrap()
    }
}

#[test]
fn links_lead_to_the_containers_own_files_only() {
    let container = Container::new();
    let root = container.root();
    fs::write(root.join("etc/shadow"), "the container's").unwrap();
    let secret = container.outer.path().join("secrets/shadow");
    symlink("/etc/shadow", root.join("absolute")).unwrap();
    symlink("../../../../../../../etc/shadow", root.join("dir/upwards")).unwrap();
    symlink("../secrets/shadow", root.join("beside")).unwrap();
    symlink(&secret, root.join("the-hosts-path")).unwrap();
    symlink("..", root.join("dir/up")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let from = container.vantage();
    let read = |path: &str| from.read_text(Path::new(path));
    for path in
        ["/absolute", "absolute", "/dir/upwards", "/dir/up/dir/../etc/shadow", "../etc/shadow"]
    {
        assert_eq!(read(path).unwrap(), "the container's", "{path}");
    }
    for path in ["/beside", "/the-hosts-path", "/../secrets/shadow", "/dir/up/../secrets/shadow"] {
        assert!(read(path).unwrap_err().is_missing(), "{path}");
    }
    assert!(matches!(read("/loop").unwrap_err(), FileError::Other { .. }));
}

#[test]
fn magic_links_are_not_followed() {
    // Outside, the container's `/proc` is there, with links that lead anywhere.
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: looking from outside takes root");
        return;
    }
    let from = Vantage::outside(own_pid()).unwrap();
    for link in ["exe", "cwd", "root", "fd/0", "ns/net"] {
        let path = PathBuf::from(format!("/proc/{}/{link}", std::process::id()));
        assert!(from.stat(&path).is_err(), "{link}");
    }
}

#[test]
fn what_is_no_file_is_told_and_never_opened() {
    let container = Container::new();
    let root = container.root();
    rustix::fs::mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    let mut expected =
        vec![("fifo", FileKind::Fifo), ("socket", FileKind::Socket), ("dir", FileKind::Directory)];
    if rustix::process::geteuid().is_root() {
        // /dev/zero, which has no end.
        let zero = rustix::fs::makedev(1, 5);
        rustix::fs::mknodat(CWD, root.join("zero"), FileType::CharacterDevice, Mode::RUSR, zero)
            .unwrap();
        expected.push(("zero", FileKind::Device));
    }
    for (name, found) in expected {
        let path = Path::new("/").join(name);
        let error = container.vantage().read(&path).unwrap_err();
        let wrong = FileError::WrongKind { path: path.clone(), expected: FileKind::File, found };
        assert_eq!(error, wrong);
        assert_eq!(container.vantage().stat(&path).unwrap().kind, found);
    }
    let names = container.vantage().names(Path::new("/etc/")).unwrap();
    assert!(names.is_empty());
    fs::write(root.join("etc/file"), "").unwrap();
    let error = container.vantage().names(Path::new("/etc/file")).unwrap_err();
    assert!(matches!(error, FileError::WrongKind { found: FileKind::File, .. }));
}

#[test]
fn a_file_is_read_up_to_the_limit_and_no_further() {
    let container = Container::new();
    let root = container.root();
    let read = |name: &str| container.vantage().read(&Path::new("/").join(name));
    for size in [0, 1, 4095, 4096, 4097, MAX_FILE - 1, MAX_FILE] {
        fs::write(root.join("file"), vec![b'x'; size]).unwrap();
        assert_eq!(read("file").unwrap().len(), size);
    }
    let too_large = |name: &str| FileError::TooLarge { path: Path::new("/").join(name) };
    fs::write(root.join("file"), vec![b'x'; MAX_FILE + 1]).unwrap();
    assert_eq!(read("file").unwrap_err(), too_large("file"));
    let mut sparse = File::create(root.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(1 << 30)).unwrap();
    sparse.write_all(b"x").unwrap();
    assert_eq!(read("sparse").unwrap_err(), too_large("sparse"));
}

#[test]
fn a_file_that_says_it_is_empty_is_read_to_its_end() {
    // As those of /proc and /sys do.
    let status = Vantage::inside().unwrap().read_text(Path::new("/proc/self/status")).unwrap();
    assert!(status.starts_with("Name:") && status.contains("nonvoluntary_ctxt_switches"));
}

#[test]
fn a_file_that_grows_while_it_is_read() {
    let container = Container::new();
    let path = container.root().join("growing");
    let mut file = File::create(&path).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(&[b'x'; 64 << 10]).unwrap();
                if file.stream_position().unwrap() > 64 << 20 {
                    file.set_len(0).unwrap();
                    file.rewind().unwrap();
                }
            }
        });
        for _ in 0..200 {
            match container.vantage().read(Path::new("/growing")) {
                Ok(content) => assert!(content.len() <= MAX_FILE),
                Err(error) => assert!(matches!(error, FileError::TooLarge { .. }), "{error}"),
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_not_ours() {
    let container = Container::new();
    let root = container.root();
    fs::write(root.join("latin1"), b"name = J\xf6rg\n").unwrap();
    let error = container.vantage().read_text(Path::new("/latin1")).unwrap_err();
    assert_eq!(error, FileError::NotText { path: "/latin1".into(), offset: 8 });
    assert!(container.vantage().read(Path::new("/none")).unwrap_err().is_missing());
    assert!(container.vantage().read(Path::new("/latin1/none")).unwrap_err().is_missing());
    if !rustix::process::geteuid().is_root() {
        fs::set_permissions(root.join("latin1"), fs::Permissions::from_mode(0o000)).unwrap();
        let error = container.vantage().read(Path::new("/latin1")).unwrap_err();
        assert_eq!(error, FileError::Forbidden("/latin1".into()));
    }
}

#[test]
fn times_before_1970_and_after_every_calendar() {
    let container = Container::new();
    let path = container.root().join("file");
    let file = File::create(&path).unwrap();
    let modified = || container.vantage().stat(Path::new("/file")).unwrap().modified;
    let early = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
    file.set_modified(early).unwrap();
    assert_eq!(modified(), early);
    let late = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33);
    file.set_modified(late).unwrap();
    // The file system may not be able to count that far.
    assert_eq!(modified(), fs::metadata(&path).unwrap().modified().unwrap());
}

#[test]
fn a_directory_with_too_many_names_is_told() {
    let container = Container::new();
    for number in 0..10_001 {
        symlink("x", container.root().join(format!("dir/{number}"))).unwrap();
    }
    let error = container.vantage().names(Path::new("/dir")).unwrap_err();
    assert_eq!(error.to_string(), "/dir: expected at most 10000 names, found more");
    fs::remove_file(container.root().join("dir/0")).unwrap();
    assert_eq!(container.vantage().names(Path::new("/dir")).unwrap().len(), 10_000);
}

#[test]
fn where_a_link_points() {
    let container = Container::new();
    symlink("/somewhere/else", container.root().join("link")).unwrap();
    symlink("..", container.root().join("dir/up")).unwrap();
    let from = container.vantage();
    let pointed = from.read_link(Path::new("/dir/up/link")).unwrap();
    assert_eq!(pointed, Some(PathBuf::from("/somewhere/else")));
    assert_eq!(from.read_link(Path::new("/dir")).unwrap(), None);
    assert!(from.read_link(Path::new("/none")).unwrap_err().is_missing());
}
