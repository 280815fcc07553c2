//! Whether bytes move on a connection, by the rules that were measured on
//! oslo.messaging's heartbeats with real brokers (thresholds as multiples of
//! `heartbeat_timeout_threshold`).

use crate::program::Program;
use crate::verdict::Verdict;
use serde::Serialize;
use std::time::Duration;
use vantage::Movement;

/// What a living pair of peers does at least this often. oslo.messaging looks
/// after a connection `2 * rate` times in each timeout, and sends a heartbeat
/// when it looks and the timeout has passed since the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    timeout: Duration,
    rate: u32,
}

impl Heartbeat {
    /// `None` for a timeout of zero, with which heartbeats are switched off.
    pub(super) fn new(timeout: Duration, rate: u64) -> Option<Self> {
        let rate = u32::try_from(rate).unwrap_or(u32::MAX).max(1);
        (!timeout.is_zero()).then_some(Self { timeout, rate })
    }

    /// From one look after a connection to the next.
    fn round(&self) -> Duration {
        self.timeout / self.rate.saturating_mul(2)
    }

    /// A fifth more than an idle service needs: at rate 2 one was seen silent
    /// for up to 1.25 timeouts, a starved one 1.39.
    fn sends_within(&self) -> Duration {
        (self.timeout + self.round()).mul_f64(1.2)
    }

    /// An idle broker was seen silent for up to 0.85 timeouts, a starved one 0.90.
    fn receives_within(&self) -> Duration {
        self.timeout
    }

    /// A connection that only sends is read once in each round; a starved
    /// service was seen to take a tenth longer.
    fn reads_within(&self) -> Duration {
        (self.timeout / 2).max(self.round().mul_f64(1.5)).max(Duration::from_secs(10))
    }
}

/// What was seen of a connection's movement.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Moved {
    /// Milliseconds since data was last sent.
    pub(super) sent_ms: u64,
    /// Milliseconds since data was last received.
    pub(super) received_ms: u64,
    retransmits: u8,
    probes: u8,
    /// Bytes received in all, where the kernel counts them.
    heard: Option<u64>,
    /// Bytes sent and acknowledged in all, and one more, likewise.
    said: Option<u64>,
}

impl From<&Movement> for Moved {
    fn from(movement: &Movement) -> Self {
        Self {
            sent_ms: movement.last_sent.as_millis() as u64,
            received_ms: movement.last_received.as_millis() as u64,
            retransmits: movement.retransmits,
            probes: movement.probes,
            heard: movement.heard,
            said: movement.said,
        }
    }
}

/// What has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stall {
    /// The process does not read what has arrived.
    Unread { bytes: u32, seconds: u64 },
    /// The process sends nothing.
    Mute { seconds: u64 },
    /// The other side sends nothing.
    Silent { seconds: u64 },
    /// The other side's kernel took the connection; the other side never said a word on it. So it
    /// is with each new connection to a frozen server.
    Wordless { seconds: u64 },
    /// What was sent is not acknowledged, however often it is repeated.
    Unacknowledged { bytes: u32, seconds: u64 },
}

/// Retransmissions back off from 200 ms by doubling, so the fourth is 3 s in:
/// longer than a lost packet or two.
const MANY_RETRANSMITS: u8 = 4;

/// What must move on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// So often.
    pub(super) heartbeat: Option<&'a Heartbeat>,
    /// To what is said there is an answer.
    pub(super) answers: bool,
}

/// How long a server that works may take to its first word.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What has stopped on a connection, if anything has.
pub(super) fn stall(
    moved: &Moved,
    unread: u32,
    unsent: u32,
    Expected { heartbeat, answers }: Expected<'_>,
) -> Option<Stall> {
    let sent = Duration::from_millis(moved.sent_ms);
    let received = Duration::from_millis(moved.received_ms);
    if unsent > 0 && (moved.retransmits >= MANY_RETRANSMITS || moved.probes >= MANY_RETRANSMITS) {
        return Some(Stall::Unacknowledged { bytes: unsent, seconds: received.as_secs() });
    }
    // One of what was said is the connection's own beginning.
    let unanswered = moved.heard == Some(0) && moved.said.is_some_and(|said| said > 1);
    if answers && unanswered && sent.min(received) > ANSWERS_WITHIN {
        return Some(Stall::Wordless { seconds: received.as_secs() });
    }
    // Without heartbeats nothing has to move, and a peer that ends an idle
    // connection leaves its last words unread in a healthy pool.
    let heartbeat = heartbeat?;
    if moved.heard == Some(0) {
        return Some(Stall::Wordless { seconds: received.as_secs() });
    }
    if unread > 0 && received > heartbeat.reads_within() {
        return Some(Stall::Unread { bytes: unread, seconds: received.as_secs() });
    }
    if sent > heartbeat.sends_within() {
        return Some(Stall::Mute { seconds: sent.as_secs() });
    }
    if received > heartbeat.receives_within() {
        return Some(Stall::Silent { seconds: received.as_secs() });
    }
    None
}

impl Stall {
    /// Whose fault that is.
    pub(super) fn verdict(&self, because: String) -> Verdict {
        match self {
            Self::Unread { .. } | Self::Mute { .. } => Verdict::own_fault(because),
            Self::Silent { .. } | Self::Wordless { .. } | Self::Unacknowledged { .. } => {
                Verdict::dependency(because)
            }
        }
    }

    /// In words.
    pub(super) fn told(&self, program: &Program, remote: &str) -> String {
        match self {
            Self::Unread { bytes, seconds } => {
                format!("{program} has left {bytes} bytes from {remote} unread for {seconds} s")
            }
            Self::Mute { seconds } => {
                format!(
                    "{program} has sent nothing to {remote} for {seconds} s, not even a heartbeat"
                )
            }
            Self::Silent { seconds } => format!("no answer from {remote} for {seconds} s"),
            Self::Wordless { seconds } => {
                format!(
                    "{remote} accepted the connection {seconds} s ago and has not answered on it"
                )
            }
            Self::Unacknowledged { bytes, seconds } => {
                format!("{remote} has not acknowledged {bytes} bytes, last heard {seconds} s ago")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, Heartbeat, Moved, Stall};
    use std::time::Duration;

    fn stall(
        moved: &Moved,
        unread: u32,
        unsent: u32,
        heartbeat: Option<&Heartbeat>,
    ) -> Option<Stall> {
        super::stall(moved, unread, unsent, Expected { heartbeat, answers: false })
    }

    #[test]
    fn the_measured_states_are_told_apart() {
        let cases = [
            // sent s, received s, unread, unsent, retransmits, probes
            ("idle at its most silent", (75, 51, 0, 0, 0, 0), None),
            ("idle, a heartbeat just arrived", (30, 0, 8, 0, 0, 0), None),
            ("a sender's heartbeat until its next round", (40, 20, 8, 0, 0, 0), None),
            (
                "frozen process, early",
                (40, 31, 8, 0, 0, 0),
                Some(Stall::Unread { bytes: 8, seconds: 31 }),
            ),
            (
                "frozen process, heartbeat just arrived",
                (91, 1, 24, 0, 0, 0),
                Some(Stall::Mute { seconds: 91 }),
            ),
            ("frozen broker", (30, 61, 0, 0, 0, 0), Some(Stall::Silent { seconds: 61 })),
            (
                "cut network",
                (1, 20, 0, 16, 5, 0),
                Some(Stall::Unacknowledged { bytes: 16, seconds: 20 }),
            ),
            (
                "local drop",
                (1, 20, 0, 16, 0, 4),
                Some(Stall::Unacknowledged { bytes: 16, seconds: 20 }),
            ),
            ("a lost packet", (1, 20, 0, 16, 1, 0), None),
        ];
        let heartbeat = Heartbeat::new(Duration::from_secs(60), 2);
        for (name, (sent, received, unread, unsent, retransmits, probes), expected) in cases {
            let moved = Moved {
                sent_ms: sent * 1000,
                received_ms: received * 1000,
                retransmits,
                probes,
                heard: Some(9000),
                said: Some(9000),
            };
            assert_eq!(stall(&moved, unread, unsent, heartbeat.as_ref()), expected, "{name}");
        }
        let slow = Heartbeat::new(Duration::from_secs(60), 1);
        let moved = Moved {
            sent_ms: 100_000,
            received_ms: 40_000,
            retransmits: 0,
            probes: 0,
            heard: Some(9000),
            said: Some(9000),
        };
        assert_eq!(stall(&moved, 8, 0, slow.as_ref()), None, "at rate 1 all takes longer");
        let idle_pool = Moved {
            sent_ms: 9_000_000,
            received_ms: 9_000_000,
            retransmits: 0,
            probes: 0,
            heard: Some(0),
            said: Some(1),
        };
        assert_eq!(stall(&idle_pool, 60, 0, None), None, "a pool without heartbeats may idle");
    }

    #[test]
    fn a_connection_on_which_the_broker_never_spoke_is_no_proof_of_it() {
        let heartbeat = Heartbeat::new(Duration::from_secs(60), 2);
        let fresh = Moved {
            sent_ms: 2000,
            received_ms: 2000,
            retransmits: 0,
            probes: 0,
            heard: Some(0),
            said: Some(9),
        };
        let found = stall(&fresh, 0, 0, heartbeat.as_ref());
        assert_eq!(found, Some(Stall::Wordless { seconds: 2 }));
        let uncounted = Moved { heard: None, ..fresh };
        assert_eq!(stall(&uncounted, 0, 0, heartbeat.as_ref()), None, "an old kernel says nothing");
    }

    #[test]
    fn who_never_answers_is_silent_without_heartbeats_too() {
        let asked = |ago: u64, said, heard| {
            let moved = Moved {
                sent_ms: ago * 1000,
                received_ms: ago * 1000 + 1,
                retransmits: 0,
                probes: 0,
                heard,
                said,
            };
            super::stall(&moved, 0, 0, Expected { heartbeat: None, answers: true })
        };
        assert_eq!(asked(11, Some(200), Some(0)), Some(Stall::Wordless { seconds: 11 }));
        assert_eq!(asked(10, Some(200), Some(0)), None, "it may take its time");
        assert_eq!(asked(11, Some(200), Some(1)), None, "it has answered once");
        assert_eq!(asked(11, Some(1), Some(0)), None, "nobody has asked it");
        assert_eq!(asked(11, None, None), None, "an old kernel says nothing");
    }
}
