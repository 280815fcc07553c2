//! What the tests share: an engine that answers as it is told, `healthctl`
//! asking it, and golden files.

#![allow(clippy::allow_attributes, reason = "not every test file uses what they allow")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::panic, reason = "a golden file that differs is a failure")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the engine answers.
pub enum Reply {
    /// To `/_ping`, as Docker.
    Docker,
    /// To `/_ping`, as Podman.
    Podman,
    /// This JSON.
    Json(String),
    /// A failure, in this JSON.
    Failure(u16, String),
    /// These bytes, and the end.
    Raw(Vec<u8>),
    /// These bytes, and zeros for as long as anybody reads.
    Endless(Vec<u8>),
    /// Nothing, for ever.
    Silence,
}

/// An engine on a socket of its own; it ends with the test's process.
pub struct FakeEngine {
    folder: tempfile::TempDir,
}

impl FakeEngine {
    /// Answers each request by its path.
    pub fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let answer = Arc::new(answer);
        // Connections that are never answered are kept, or they would be closed.
        let silent = Arc::new(Mutex::new(Vec::new()));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (answer, silent) = (Arc::clone(&answer), Arc::clone(&silent));
                thread::spawn(move || {
                    let path = request(&stream);
                    match answer(&path) {
                        Reply::Silence => silent.lock().unwrap().push(stream),
                        reply => respond(stream, reply),
                    }
                });
            }
        });
        Self { folder }
    }

    /// Docker with these containers: what it lists, and what it says of each.
    pub fn docker(list: String, inspect: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |path| match path {
            "/_ping" => Reply::Docker,
            "/v1.41/containers/json?all=true" => Reply::Json(list.clone()),
            other => inspect(other),
        })
    }

    /// An engine that answers what a real one answered once. The processes are
    /// none of this host's.
    pub fn recorded(engine: &'static str) -> Self {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(engine);
        let list = std::fs::read_to_string(recorded.join("list.json")).unwrap();
        let mut inspected = Vec::new();
        for entry in std::fs::read_dir(recorded).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
            if let Some(id) = value.get("Id").and_then(|id| id.as_str()).map(str::to_owned) {
                if let Some(pid) = value.pointer_mut("/State/Pid").filter(|pid| **pid != 0) {
                    *pid = NO_PROCESS.into();
                }
                inspected.push((id, value.to_string()));
            }
        }
        Self::start(move |path| match path {
            "/_ping" if engine == "podman" => Reply::Podman,
            "/_ping" => Reply::Docker,
            list_path if list_path.ends_with("/containers/json?all=true") => {
                Reply::Json(list.clone())
            }
            other => match inspected.iter().find(|(id, _)| other.contains(id.as_str())) {
                Some((_, text)) => Reply::Json(text.clone()),
                None => Reply::Failure(404, "{\"message\":\"No such container\"}".into()),
            },
        })
    }

    /// Its socket.
    pub fn socket(&self) -> String {
        self.folder.path().join("engine.sock").display().to_string()
    }
}

/// Larger than any process id (PID_MAX_LIMIT is 4194304).
pub const NO_PROCESS: u32 = 4_999_999;

fn request(stream: &UnixStream) -> String {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn respond(mut stream: UnixStream, reply: Reply) {
    let head = |status: u16, headers: &str, length: usize| {
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n")
    };
    let bytes = match reply {
        Reply::Docker => head(200, "Api-Version: 1.41\r\n", 2) + "OK",
        Reply::Podman => head(200, "Api-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n", 2) + "OK",
        Reply::Json(text) => head(200, "", text.len()) + &text,
        Reply::Failure(status, text) => head(status, "", text.len()) + &text,
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            return;
        }
        Reply::Endless(bytes) => {
            let zeros = vec![b'0'; 1 << 20];
            let _ = stream.write_all(&bytes);
            while stream.write_all(&zeros).is_ok() {}
            return;
        }
        Reply::Silence => return,
    };
    // A client that has gone is the client's business.
    let _ = stream.write_all(bytes.as_bytes());
}

/// What `healthctl` said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// `healthctl` with these arguments, and nothing of this host's engines in its environment.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_healthctl"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

pub fn run(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        status: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// `healthctl` with these arguments.
pub fn healthctl(arguments: &[&str]) -> Said {
    run(&mut command(arguments))
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` writes it instead.
pub fn golden(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    if wanted != found {
        panic!(
            "{name} differs; UPDATE_GOLDEN=1 writes it anew\nwanted:\n{wanted}\nfound:\n{found}"
        );
    }
}

/// The text with the value of each `key="…"` or `"key": "…"` written as `…`.
pub fn masked(text: &str, key: &str) -> String {
    let mut masked = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        for opening in [format!("\"{key}\": \""), format!(" {key}=\"")] {
            while let Some(at) = rest.find(&opening) {
                let (before, after) = rest.split_at(at + opening.len());
                masked.push_str(before);
                masked.push('…');
                rest = after.split_once('"').map_or("", |(value, _)| &after[value.len()..]);
            }
        }
        masked.push_str(rest);
    }
    masked
}
