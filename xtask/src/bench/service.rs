//! A stand-in for a service: it listens, answers requests and holds a
//! connection, and does nothing else. What is measured is the looking.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// The port its broker is on.
pub(super) const BUS: u16 = 5672;
/// The port it answers requests on.
pub(super) const API: u16 = 8774;

/// How many sockets one holder keeps; each connection is two.
pub(super) const SOCKETS_PER_HOLDER: usize = 16_800;

/// What to stand in for.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Part {
    /// A broker: accepts on the bus's port.
    Broker,
    /// A service: connected to the broker, answering requests.
    Service,
    /// A neighbour with very many connections of its own.
    Holder,
}

/// Plays a part until it is killed.
pub(super) fn play(part: Part) -> Result<()> {
    match part {
        Part::Broker => {
            let listener = TcpListener::bind(("127.0.0.1", BUS)).context("cannot bind the bus")?;
            ready();
            let mut connections = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection?;
                // One that never said a word would be taken for frozen.
                connection.write_all(b"welcome")?;
                connections.push(beat(connection));
            }
        }
        Part::Service => {
            let bus = TcpStream::connect(("127.0.0.1", BUS)).context("cannot reach the bus")?;
            beat(bus);
            let listener = TcpListener::bind(("0.0.0.0", API)).context("cannot bind the API")?;
            ready();
            for connection in listener.incoming() {
                // A client that goes away early is no concern of the bench's.
                let _ = answer(connection?);
            }
        }
        Part::Holder => {
            let listener = TcpListener::bind("127.0.0.1:0").context("cannot bind")?;
            let address = listener.local_addr()?;
            let mut held = Vec::new();
            for _ in 0..SOCKETS_PER_HOLDER / 2 {
                held.push(TcpStream::connect(address).context("cannot connect")?);
                held.push(listener.accept()?.0);
            }
            ready();
            thread::park();
        }
    }
    Ok(())
}

/// Reads what comes and answers it after a while: without heartbeats a living
/// service would be taken for a wedged one, and rightly.
fn beat(mut connection: TcpStream) -> thread::JoinHandle<std::io::Result<()>> {
    thread::spawn(move || {
        connection.write_all(b"heartbeat")?;
        let mut buffer = [0; 64];
        while connection.read(&mut buffer)? > 0 {
            thread::sleep(Duration::from_secs(5));
            connection.write_all(b"heartbeat")?;
        }
        Ok(())
    })
}

/// Tells whoever started us.
fn ready() {
    println!("ready");
}

fn answer(mut connection: TcpStream) -> Result<()> {
    let mut request = [0; 2048];
    let length = connection.read(&mut request)?;
    let body: &[u8] = if request[..length].starts_with(b"HEAD") { b"" } else { b"OK" };
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    )?;
    connection.write_all(body)?;
    Ok(())
}
