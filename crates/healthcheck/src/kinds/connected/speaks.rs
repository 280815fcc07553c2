//! What is spoken on a connection, as far as it tells whether the other side answers.

use serde::Deserialize;

/// A protocol in which a server answers the first word of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Speaks {
    /// RabbitMQ's.
    Amqp,
    /// Open vSwitch's and OVN's databases'.
    Ovsdb,
    /// redis's and valkey's.
    Redis,
}

impl Speaks {
    /// A first word that is answered within milliseconds: also by a server that wants TLS, or a
    /// password.
    pub(super) fn first_word(self) -> &'static [u8] {
        match self {
            // Section 4.2.2 of the specification of 0-9-1; another version is answered, too.
            Self::Amqp => b"AMQP\0\0\x09\x01",
            // RFC 7047, section 4.1.11.
            Self::Ovsdb => br#"{"method":"echo","params":[],"id":"healthcheck"}"#,
            Self::Redis => b"PING\r\n",
        }
    }
}
