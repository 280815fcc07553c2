//! Stands in for a service in tests, under whatever name it is started by.
//!
//! `stand-in [--anything VALUE] listen ADDRESS | udp ADDRESS | connect ADDRESS |
//! http ADDRESS STATUS | unix PATH | abstract NAME | full ADDRESS …`: does all of
//! it, says `ready`, and stays until it is killed.

use std::any::Any;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    // Whatever must stay open.
    let mut held: Vec<Box<dyn Any>> = Vec::new();
    while let Some(word) = words.next() {
        let mut next =
            || words.next().ok_or_else(|| format!("{word}: expected a value, found nothing"));
        match word.as_str() {
            "listen" => accept_all(TcpListener::bind(next()?)?),
            "udp" => held.push(Box::new(UdpSocket::bind(next()?)?)),
            "connect" => read_all(TcpStream::connect(next()?)?)?,
            "http" => {
                let listener = TcpListener::bind(next()?)?;
                answer_all(listener, next()?);
            }
            "unix" => held.push(Box::new(UnixListener::bind(next()?)?)),
            "abstract" => {
                let address = SocketAddr::from_abstract_name(next()?)?;
                held.push(Box::new(UnixListener::bind_addr(&address)?));
            }
            // Listens, never accepts, and fills its own queue.
            "full" => {
                let listener = TcpListener::bind(next()?)?;
                let address = listener.local_addr()?;
                held.push(Box::new(listener));
                while let Ok(stream) =
                    TcpStream::connect_timeout(&address, Duration::from_millis(300))
                {
                    held.push(Box::new(stream));
                }
            }
            // A service's own options mean nothing to a stand-in.
            option if option.starts_with('-') => drop(next()?),
            other => return Err(format!("expected what to do, found \"{other}\"").into()),
        }
    }
    println!("ready");
    std::io::stdout().flush()?;
    loop {
        thread::park();
        // `held` is kept open for as long as this runs.
        let _ = held.len();
    }
}

/// Takes every connection, says a word on it, as a living server would, and keeps it.
fn accept_all(listener: TcpListener) {
    let name = std::env::args().next().unwrap_or_default();
    let word: &[u8] = match name.ends_with("memcached") {
        true => b"VERSION 1.6.18\r\n",
        false => b"AMQP\0\0\x09\x01",
    };
    thread::spawn(move || {
        let mut connections: Vec<TcpStream> = Vec::new();
        for mut connection in listener.incoming().flatten() {
            // A client may have gone.
            let _ = connection.write_all(word);
            connections.push(connection);
        }
    });
}

/// Hears the other side's first word, where it comes soon, then reads whatever else it says.
fn read_all(mut connection: TcpStream) -> std::io::Result<()> {
    let mut word = [0; 64];
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    // Silence is an answer too.
    let _ = connection.read(&mut word);
    connection.set_read_timeout(None)?;
    thread::spawn(move || {
        while connection.read(&mut word).is_ok_and(|length| length > 0) {}
        // Its end of a connection that the other side has closed stays open.
        loop {
            thread::park();
            let _ = connection.peer_addr();
        }
    });
    Ok(())
}

/// Answers every request with one status.
fn answer_all(listener: TcpListener, status: String) {
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = [0; 4096];
            if connection.read(&mut request).is_ok() {
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
                );
                // A client may have gone.
                let _ = connection.write_all(answer.as_bytes());
            }
        }
    });
}
