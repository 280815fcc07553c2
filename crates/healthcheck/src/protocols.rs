//! Conversations with servers, as a client, over any stream: every wait under the
//! stream's own deadline, every length that a peer names under a limit of ours.
//! They make no connection and judge nothing.

pub mod http; // a request and its answer
pub mod tls; // any of the others, encrypted

pub(crate) mod amqp; // RabbitMQ: a visit, and a call to who listens there
pub(crate) mod amqp1; // AMQP 1.0: a connection with nothing in it
pub(crate) mod base64; // bytes as text
pub(crate) mod dns; // a question to a name server
pub(crate) mod erlang; // a call of a function in another node
pub(crate) mod greeting; // what a server says first
pub(crate) mod haproxy; // a load balancer: its statistics
pub(crate) mod heartbeat; // when ceilometer's pollsters ran
pub(crate) mod jsonrpc; // as Open vSwitch's daemons speak it
pub(crate) mod libvirt; // its daemons: a version, or a sign of life
mod lines; // what is said line by line
pub(crate) mod memcached; // a cache: its version
pub(crate) mod mysql; // a database: a login, a question
pub(crate) mod ovsdb; // a database server: its databases
pub(crate) mod postgres; // the other database
pub(crate) mod resp; // redis: a command and its answer
pub(crate) mod vty; // FRRouting's daemons
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod scripted; // a peer for tests
