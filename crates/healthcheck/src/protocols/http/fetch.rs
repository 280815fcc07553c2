//! An errand from start to end: names resolved and connections made from the
//! container's network, TLS, a proxy if one is asked for, redirects if they
//! are to be followed. What became of it is told with all that an operator
//! asks for: where, how long, whose certificate.

use super::{
    Head, HttpError, Limits, Malformed, Method, Request, Response, Scheme, Url, UrlError, exchange,
};
use crate::link::Link;
use crate::protocols::tls::{self, Identity, Served, TlsError, Trust};
use crate::settings::secret::Secret;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use vantage::{Deadline, DialError, UnixAddress, Vantage};

/// What to ask, and how.
#[derive(Debug, Clone)]
pub struct Errand {
    /// What to ask for.
    pub url: Url,
    /// Where to connect, if not where the URL's host leads to.
    pub place: Option<Place>,
    /// GET, mostly.
    pub method: Method,
    /// Further headers; `host` and `user-agent` replace what would be sent.
    pub headers: Vec<(String, Secret)>,
    /// Who asks, and their password; the URL's if not given.
    pub user: Option<(String, Secret)>,
    /// Whose word is taken for a server.
    pub trust: Trust,
    /// Who we are, if a server wants to know.
    pub identity: Option<Arc<Identity>>,
    /// The name that is verified and sent as SNI, if not the URL's host.
    pub server_name: Option<String>,
    /// How many redirects to follow. With 0, a redirect is the answer.
    pub redirects: u32,
    /// What an answer may cost.
    pub limits: Limits,
    /// The proxy to go through.
    pub proxy: Option<Url>,
}

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The first of these that there is a way to.
    Tcp(Vec<SocketAddr>),
    /// A unix socket.
    Unix(UnixAddress),
}

/// Where a connection was made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// By TCP.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(UnixAddress),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(address) => address.fmt(f),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The answer.
    pub response: Response,
    /// What was asked for last, redirects followed.
    pub url: Url,
    /// Who answered, or the proxy.
    pub address: Address,
    /// How long all of it took.
    pub elapsed: Duration,
    /// What the server served, within TLS.
    pub served: Option<Served>,
    /// How many redirects were followed.
    pub redirects: u32,
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// What was asked for last.
    pub url: Url,
    /// Who was asked, if it came to a connection.
    pub address: Option<Address>,
    /// How long it took.
    pub elapsed: Duration,
    /// What the server served, if it came to that.
    pub served: Option<Served>,
}

/// What was in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The request cannot be made.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was sent on more often than is to be followed.
    #[error("redirected more than {0} times")]
    Redirects(u32),
    /// It was sent on to what cannot be followed.
    #[error("redirected to what cannot be followed: {0}")]
    Location(UrlError),
    /// The proxy would not let us through.
    #[error("the proxy answered {0}")]
    Proxy(String),
}

/// Does an errand; all of it ends by the deadline.
///
/// # Errors
/// Where there is no answer. An answer of any status is none.
pub fn fetch(errand: &Errand, from: &Vantage, by: Deadline) -> Result<Fetched, Box<Failure>> {
    let begun = by.remaining();
    let mut url = errand.url.clone();
    let mut redirects = 0;
    loop {
        let mut hop = Hop { errand, url: &url, from, by, address: None, served: None };
        let asked = hop.ask();
        let Hop { address, served, .. } = hop;
        let elapsed = begun.saturating_sub(by.remaining());
        let cause = match asked {
            Ok((response, address)) => match next(errand, &url, &response.head, redirects) {
                Ok(None) => {
                    return Ok(Fetched { response, url, address, elapsed, served, redirects });
                }
                Ok(Some(next)) => {
                    url = next;
                    redirects += 1;
                    continue;
                }
                Err(cause) => cause,
            },
            Err(cause) => cause,
        };
        return Err(Box::new(Failure { cause, url, address, elapsed, served }));
    }
}

/// Where an answer sends us on to, if it does and we are to follow.
fn next(errand: &Errand, url: &Url, head: &Head, followed: u32) -> Result<Option<Url>, Cause> {
    let is_redirect = matches!(head.status, 301 | 302 | 303 | 307 | 308);
    let Some(location) = head.header("location").filter(|_| is_redirect) else { return Ok(None) };
    if errand.redirects == 0 {
        return Ok(None);
    }
    if followed >= errand.redirects {
        return Err(Cause::Redirects(errand.redirects));
    }
    url.join(location).map(Some).map_err(Cause::Location)
}

/// One request of an errand, and what is known of it so far.
struct Hop<'a> {
    errand: &'a Errand,
    url: &'a Url,
    from: &'a Vantage,
    by: Deadline,
    address: Option<Address>,
    served: Option<Served>,
}

impl Hop<'_> {
    fn ask(&mut self) -> Result<(Response, Address), Cause> {
        let request = self.request()?;
        let (mut link, address) = self.dial()?;
        if self.url.scheme == Scheme::Https {
            if let Some(proxy) = &self.errand.proxy {
                pass_through(&mut link, proxy, self.url, self.errand.limits)?;
            }
            link = self.encrypt(link)?;
        }
        Ok((exchange(&mut link, &request, self.errand.limits)?, address))
    }

    /// Whether this is the server that the errand is about, and no other that
    /// it was sent on to: names, passwords and tokens are for the one alone.
    fn is_first_server(&self) -> bool {
        self.url.is_same_server(&self.errand.url)
    }

    fn request(&self) -> Result<Request, Malformed> {
        let (errand, url) = (self.errand, self.url);
        let target = match &errand.proxy {
            Some(_) if url.scheme == Scheme::Http => {
                format!("http://{}{}", url.authority(), url.target())
            }
            _ => url.target().to_owned(),
        };
        let mut request = Request::get(&target, &url.authority())?;
        request = request.with_method(errand.method.clone());
        if let Some(proxy) = &errand.proxy
            && url.scheme == Scheme::Http
            && let Some((user, password)) = &proxy.user
        {
            request = request.proxy_basic(user, password);
        }
        if !self.is_first_server() {
            return Ok(request);
        }
        for (name, value) in &errand.headers {
            request = request.header(name, value.expose())?;
        }
        if let Some((user, password)) = errand.user.as_ref().or(url.user.as_ref()) {
            request = request.basic(user, password);
        }
        Ok(request)
    }

    fn dial(&mut self) -> Result<(Link, Address), DialError> {
        let addresses = match (&self.errand.proxy, &self.errand.place) {
            (None, Some(Place::Unix(address))) if self.is_first_server() => {
                let known = Address::Unix(address.clone());
                self.address = Some(known.clone());
                return Ok((Link::Plain(self.from.connect_unix(address, self.by)?), known));
            }
            (None, Some(Place::Tcp(addresses))) if self.is_first_server() => addresses.clone(),
            (proxy, _) => {
                let Url { host, port, .. } = proxy.as_ref().unwrap_or(self.url);
                let addresses = self.from.resolve(host, self.by)?;
                addresses.into_iter().map(|ip| SocketAddr::new(ip, port.get())).collect()
            }
        };
        let named = !matches!(self.errand.place, Some(Place::Tcp(_)));
        let mut failure = None;
        for (index, address) in addresses.iter().enumerate() {
            // What is left is shared, so that a silent first address leaves
            // time for a living second.
            let left = (addresses.len() - index) as u32;
            let by = self.by.at_most(self.by.remaining() / left);
            let known = Address::Tcp(*address);
            self.address = Some(known.clone());
            match self.from.connect(*address, by) {
                Ok(stream) => return Ok((Link::Plain(stream.with_deadline(self.by)), known)),
                // Any address of a name will do; of a place, whoever is at the
                // next address may be somebody else.
                Err(error) => {
                    let next = named || matches!(error, DialError::Unreachable(..));
                    failure = Some(error);
                    if !next {
                        break;
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| DialError::Unresolved {
            name: crate::text::shown(&self.url.host, 60),
            cause: "it has no address".into(),
        }))
    }

    fn encrypt(&mut self, link: Link) -> Result<Link, Cause> {
        let errand = self.errand;
        let name = match &errand.server_name {
            Some(name) if self.is_first_server() => name,
            _ => &self.url.host,
        };
        let identity = errand.identity.as_deref();
        let peer = tls::Peer { name, trust: &errand.trust, identity, now: self.from.now() };
        let (link, served) = link.encrypt(peer).map_err(|failed| {
            self.served = failed.served.map(|served| *served);
            failed.error
        })?;
        self.served = served;
        Ok(link)
    }
}

/// Asks a proxy for a way to a server.
fn pass_through(link: &mut Link, proxy: &Url, to: &Url, limits: Limits) -> Result<(), Cause> {
    let mut request = Request::connect(&format!("{}:{}", super::bracketed(&to.host), to.port))?;
    if let Some((user, password)) = &proxy.user {
        request = request.proxy_basic(user, password);
    }
    // Nothing follows the head until we have spoken, so nothing is read ahead.
    let (head, _) = super::open(link, &request, limits)?;
    if (200..300).contains(&head.status) { Ok(()) } else { Err(Cause::Proxy(head.to_string())) }
}
