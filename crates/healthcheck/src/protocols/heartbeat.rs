//! What ceilometer's polling agent tells whoever connects to its heartbeat socket
//! (`AgentHeartBeatManager` in `ceilometer/polling/manager.py`): of each pollster
//! that has run, its name and when, in UTC, in lines of which the last is not ended.

use crate::peer::Trouble;
use crate::text::shown;
use std::io::Read;
use std::time::SystemTime;

/// The longest answer that is read, in bytes: some thousand pollsters, of which
/// ceilometer has 200. To end the connection before it does would end the thread
/// that answers, for good.
const LONGEST: u64 = 256 << 10;

/// When a pollster ran last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Its name: `disk.device.read.bytes`.
    pub(crate) pollster: String,
    /// When.
    pub(crate) at: SystemTime,
}

/// When each pollster ran last; of those that never did nothing is told. It waits
/// for no question.
///
/// # Errors
/// Where the answer does not end, or is another.
pub(crate) fn beats(stream: impl Read) -> Result<Vec<Beat>, Trouble> {
    let mut told = Vec::new();
    stream.take(LONGEST + 1).read_to_end(&mut told)?;
    if told.len() as u64 > LONGEST {
        return Err(Trouble::garbled(format!("answered with more than {LONGEST} bytes")));
    }
    let told = String::from_utf8_lossy(&told);
    told.lines().map(beat).collect()
}

fn beat(line: &str) -> Result<Beat, Trouble> {
    let beat = line.rsplit_once(' ').and_then(|(pollster, at)| {
        let at = at.strip_suffix("+00:00").unwrap_or(at);
        let at = humantime::parse_rfc3339_weak(at).ok()?;
        (!pollster.is_empty()).then(|| Beat { pollster: pollster.to_owned(), at })
    });
    beat.ok_or_else(|| {
        let found = shown(line, 80);
        Trouble::garbled(format!("expected a pollster and its time, found \"{found}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::beats;
    use crate::peer::What;
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn what_it_says_is_understood() {
        // As ceilometer 27.0.0 said it.
        let told = b"volume.provider.pool.capacity.free 2026-11-22T22:23:43.103364\n\
                     manila.share.size 2026-11-22T22:23:43.105710\n\
                     dns.zone.serial 2026-11-22T22:23:43.149816";
        let beats = beats(&told[..]).unwrap();
        let names: Vec<_> = beats.iter().map(|beat| beat.pollster.as_str()).collect();
        assert_eq!(
            names,
            ["volume.provider.pool.capacity.free", "manila.share.size", "dns.zone.serial"]
        );
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_386_223_103_364);
        assert_eq!(beats[0].at, at);
    }

    #[test]
    fn nothing_has_run_and_a_whole_second_are_answers() {
        assert_eq!(beats(&b""[..]).unwrap(), []);
        let whole = beats(&b"cpu 2026-11-22T22:23:43"[..]).unwrap();
        let zone = beats(&b"cpu 2026-11-22T22:23:43+00:00\n"[..]).unwrap();
        assert_eq!(whole, zone);
    }

    #[test]
    fn other_answers_are_troubles() {
        let expected = |found: &str| format!("expected a pollster and its time, found \"{found}\"");
        for (said, words) in [
            (&b"cpu 2026-11-22T22:2"[..], expected("cpu 2026-11-22T22:2")),
            (b"HTTP/1.1 400 Bad\r\n", expected("HTTP/1.1 400 Bad")),
            (b" 2026-11-22T22:23:43", expected(" 2026-11-22T22:23:43")),
            (b"cpu 2026-13-41T22:23:43", expected("cpu 2026-13-41T22:23:43")),
            (b"\xff\xff", expected("��")),
            (&[b'x'; 300 << 10], "answered with more than 262144 bytes".into()),
        ] {
            let trouble = beats(said).unwrap_err();
            assert_eq!((trouble.what, trouble.words), (What::Garbled, words));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(said in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = beats(said.as_slice());
        }

        #[test]
        fn any_line_is_survived(said in "[a-z.]{0,3} ?[-0-9T:.+Z]{0,30}\n?") {
            let _ = beats(said.as_bytes());
        }
    }
}
