//! `/proc/net/unix`: which unix sockets wait for connections (`man 5 proc_net`,
//! net/unix/af_unix.c).

use crate::lines::{Stop, for_each_line};
use crate::{Blind, Inode, Obstacle, Vantage};

/// Flag of a socket that listens: `__SO_ACCEPTCON`, include/uapi/asm-generic/socket.h.
const ACCEPTS: u32 = 0x0001_0000;

/// As many listeners as are taken into one answer.
const MAX_LISTENERS: usize = 100_000;

/// A listening unix socket of the container's network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixListener {
    /// Its path, or `@` and its abstract name.
    pub name: String,
    /// Joins it with descriptors.
    pub inode: Inode,
}

impl Vantage {
    /// The listening unix sockets of the container's network namespace, from
    /// `/proc/net/unix`. One without a name is not among them.
    ///
    /// # Errors
    /// Blind where that cannot be read.
    pub fn unix_listeners(&self) -> Result<Vec<UnixListener>, Blind> {
        let path = self.net_file("unix");
        let attempt = || format!("read /proc/{path}");
        let file = self.open_proc(&path).map_err(|errno| Blind::errno(attempt(), errno))?;
        let mut listeners = Vec::new();
        let taken = for_each_line(
            &file,
            || Ok(()),
            |line| {
                match listener(line) {
                    Some(_) if listeners.len() == MAX_LISTENERS => {
                        let cause = format!("more than {MAX_LISTENERS} sockets listen");
                        return Err(Blind::new(attempt(), Obstacle::Other(cause)));
                    }
                    Some(listener) => listeners.push(listener),
                    None => {}
                }
                Ok(())
            },
        );
        taken.map_err(|stop| match stop {
            Stop::Taker(blind) => blind,
            Stop::Errno(errno) => Blind::errno(attempt(), errno),
            Stop::LongLine => {
                Blind::new(attempt(), Obstacle::Other("a line has no end".to_owned()))
            }
        })?;
        Ok(listeners)
    }
}

/// The listener on a line `Num: RefCount Protocol Flags Type St Inode Path`,
/// if it is one with a name. The name may hold spaces, even line ends: what
/// follows one of those is a line that is no listener.
pub(super) fn listener(line: &[u8]) -> Option<UnixListener> {
    let mut rest = line;
    let mut field = || {
        let start = rest.iter().position(|&byte| byte != b' ')?;
        let end = rest[start..].iter().position(|&byte| byte == b' ')? + start;
        let field = std::str::from_utf8(&rest[start..end]).ok();
        rest = &rest[end + 1..];
        field
    };
    let number = field()?;
    let (_references, _protocol) = (field()?, field()?);
    let flags = u32::from_str_radix(field()?, 16).ok()?;
    let (_kind, _state) = (field()?, field()?);
    let inode = field()?.parse().ok()?;
    let listens = number.ends_with(':') && flags & ACCEPTS != 0 && !rest.is_empty();
    listens.then(|| UnixListener {
        name: String::from_utf8_lossy(rest).into_owned(),
        inode: Inode(inode),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_and_abstract_names_of_listeners() {
        let line = b"ffff8d0a1c2d3e00: 00000002 00000000 00010000 0001 01  4711 /run/a b.sock";
        let found = listener(line).unwrap();
        assert_eq!((found.name.as_str(), found.inode), ("/run/a b.sock", Inode(4711)));
        let line = b"0000000000000000: 00000002 00000000 00010000 0001 01 12 @/tmp/x";
        assert_eq!(listener(line).unwrap().name, "@/tmp/x");
        for other in [
            "Num       RefCount Protocol Flags    Type St Inode Path",
            "0000000000000000: 00000003 00000000 00000000 0001 03 13 /run/connected",
            "0000000000000000: 00000002 00000000 00010000 0001 01 14",
            "rest of a name with a line end",
            "",
        ] {
            assert_eq!(listener(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_passed_over(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = listener(&line);
        }
    }
}
