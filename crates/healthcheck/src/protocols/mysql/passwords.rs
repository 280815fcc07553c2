//! The ways to prove a password (the server's authentication plugins).

use ring::digest::{Digest, SHA1_FOR_LEGACY_USE_ONLY as SHA1, SHA256, digest};

/// The plugin of servers before 8.0, and of MariaDB.
pub(super) const NATIVE: &str = "mysql_native_password";

/// A way to prove a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plugin {
    /// By SHA-1 of the password and the server's nonce.
    Native,
    /// By SHA-256 of the same, if the server remembers the password from before.
    CachingSha2,
    /// By the password itself, where nobody else hears it.
    Sha256,
    /// The same.
    Clear,
    /// Who we are on this host, which the server knows of a unix socket.
    UnixSocket,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// This.
    Say(Vec<u8>),
    /// Nothing: the server goes on.
    Nothing,
    /// What we cannot say, and why.
    Unable(String),
    /// What we say only where nobody else hears it.
    Private(String),
}

const NAMES: [(&str, Plugin); 6] = [
    (NATIVE, Plugin::Native),
    ("caching_sha2_password", Plugin::CachingSha2),
    ("sha256_password", Plugin::Sha256),
    ("mysql_clear_password", Plugin::Clear),
    ("unix_socket", Plugin::UnixSocket),
    ("auth_socket", Plugin::UnixSocket),
];

impl Plugin {
    /// The plugin of this name, if it is one of ours.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(of, _)| *of == name).map(|(_, plugin)| *plugin)
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, plugin)| *plugin == self).map_or(NATIVE, |(name, _)| name)
    }

    /// What proves the password first.
    pub(super) fn reply(self, password: &str, nonce: &[u8], private: bool) -> Reply {
        match self {
            Self::Native | Self::CachingSha2 if password.is_empty() => Reply::Say(Vec::new()),
            Self::Native => Reply::Say(native(password, nonce)),
            Self::CachingSha2 => Reply::Say(sha2(password, nonce)),
            Self::Sha256 | Self::Clear => in_clear(password, self.name(), private),
            Self::UnixSocket => Reply::Say(Vec::new()),
        }
    }

    /// What is said to something more that the server wants.
    pub(super) fn more(self, asked: &[u8], password: &str, private: bool) -> Reply {
        match (self, asked) {
            // It remembers the password.
            (Self::CachingSha2, [3]) => Reply::Nothing,
            (Self::CachingSha2, [4]) => in_clear(password, self.name(), private),
            _ => Reply::Unable(format!("wants more than a password, by {}", self.name())),
        }
    }
}

fn in_clear(password: &str, name: &str, private: bool) -> Reply {
    match private {
        true => Reply::Say([password.as_bytes(), &[0]].concat()),
        false => Reply::Private(format!("wants TLS or a public key for a login by {name}")),
    }
}

/// SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))).
fn native(password: &str, nonce: &[u8]) -> Vec<u8> {
    let once = digest(&SHA1, password.as_bytes());
    let twice = digest(&SHA1, once.as_ref());
    xor(&once, &digest(&SHA1, &[nonce, twice.as_ref()].concat()))
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce).
fn sha2(password: &str, nonce: &[u8]) -> Vec<u8> {
    let once = digest(&SHA256, password.as_bytes());
    let twice = digest(&SHA256, once.as_ref());
    xor(&once, &digest(&SHA256, &[twice.as_ref(), nonce].concat()))
}

fn xor(a: &Digest, b: &Digest) -> Vec<u8> {
    a.as_ref().iter().zip(b.as_ref()).map(|(a, b)| a ^ b).collect()
}
