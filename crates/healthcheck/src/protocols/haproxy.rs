//! haproxy's own account of itself, over its stats socket (haproxy's
//! `management.txt`, sections 9.1 and 9.3): `show info`, then `show stat` as CSV.

use super::lines::Lines;
use crate::peer::Trouble;
use serde::Serialize;
use std::io::{Read, Write};

/// The longest line that is read, in bytes: a server has some hundred columns.
const LONGEST: usize = 16 << 10;

/// As much as is read, in bytes: some ten thousand servers.
const MOST: usize = 8 << 20;

/// As many services are named.
const NAMED: usize = 8;

/// All proxies, and of each its servers (4) and itself as a backend (2). What
/// is asked in one line is answered, and then the connection is closed.
const QUESTION: &[u8] = b"show info;show stat -1 6 -1\n";

/// What haproxy says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    pub(crate) version: String,
    pub(crate) connections: u64,
    /// As many connections as it takes; 0 where it does not say.
    pub(crate) limit: u64,
    /// The services that have servers.
    pub(crate) services: usize,
    pub(crate) servers: usize,
    /// Servers that take requests, those that nobody checks among them.
    pub(crate) up: usize,
    /// The services behind which no server takes requests.
    pub(crate) down: usize,
    /// The first of these.
    pub(crate) named: Vec<Down>,
}

/// A service behind which no server takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Down {
    pub(crate) name: String,
    /// How the last check of a server ended, in haproxy's words; empty where none is checked.
    pub(crate) check: String,
}

/// Asks for its account.
///
/// # Errors
/// Where there is none, not all of it, or another answer.
pub(crate) fn account(stream: impl Read + Write) -> Result<Account, Trouble> {
    let mut lines = Lines::new(stream, LONGEST);
    lines.say(QUESTION)?;
    let mut read = 0;
    let mut next = || {
        let line = lines.line_or_end()?;
        read += line.as_ref().map_or(0, |line| line.len() + 1);
        match read > MOST {
            true => Err(Trouble::garbled(format!("answered with more than {MOST} bytes"))),
            false => Ok(line),
        }
    };
    let mut account = Account::default();
    let columns = loop {
        let Some(line) = next()? else {
            return Err(Trouble::garbled("ended its answer before its statistics"));
        };
        if let Some(header) = line.strip_prefix("# ") {
            break Columns::find(header)?;
        }
        let (key, value) = line.split_once(": ").unwrap_or((&line, ""));
        match (key, account.version.is_empty()) {
            ("Version", _) => value.clone_into(&mut account.version),
            ("CurrConns", _) => account.connections = value.parse().unwrap_or_default(),
            ("Maxconn", _) => account.limit = value.parse().unwrap_or_default(),
            // What it is called comes first, and what comes after its version may be anything.
            ("Name" | "", _) | (_, false) => {}
            _ if line.starts_with("Permission denied") => return Err(Trouble::denied(&line)),
            _ => return Err(unexpected(&line)),
        }
    };
    let mut behind = Behind::default();
    while let Some(line) = next()? {
        if !line.is_empty() {
            columns.take(&line, &mut behind, &mut account)?;
        }
    }
    if !behind.name.is_empty() {
        return Err(Trouble::garbled("ended its answer within its statistics"));
    }
    Ok(account)
}

fn unexpected(line: &str) -> Trouble {
    Trouble::garbled(format!("expected haproxy's statistics, found \"{line}\""))
}

/// What stands before a proxy's own row: its servers.
#[derive(Default)]
struct Behind {
    name: String,
    servers: usize,
    up: usize,
    /// Those that an operator has taken out of use.
    unused: usize,
    check: String,
}

/// Where the columns are that matter.
struct Columns {
    proxy: usize,
    server: usize,
    status: usize,
    check: usize,
}

impl Columns {
    fn find(header: &str) -> Result<Self, Trouble> {
        let at = |name| {
            header.split(',').position(|column| column == name).ok_or_else(|| unexpected(header))
        };
        Ok(Self {
            proxy: at("pxname")?,
            server: at("svname")?,
            status: at("status")?,
            check: at("check_status")?,
        })
    }

    fn take(&self, line: &str, behind: &mut Behind, into: &mut Account) -> Result<(), Trouble> {
        let fields = fields(line);
        let field = |at: usize| fields.get(at).map(String::as_str).ok_or_else(|| unexpected(line));
        let (proxy, status) = (field(self.proxy)?, field(self.status)?);
        if behind.name != proxy {
            *behind = Behind { name: proxy.to_owned(), ..Behind::default() };
        }
        match field(self.server)? {
            "FRONTEND" => {}
            "BACKEND" => {
                let behind = std::mem::take(behind);
                // Its own page is a service without servers; one that an operator has taken out of
                // use is none to miss.
                if behind.servers == behind.unused {
                    return Ok(());
                }
                into.services += 1;
                into.servers += behind.servers;
                into.up += behind.up;
                if status.starts_with("UP") {
                    return Ok(());
                }
                into.down += 1;
                if into.named.len() < NAMED {
                    into.named.push(Down { name: behind.name, check: behind.check });
                }
            }
            _ => {
                behind.servers += 1;
                behind.up += usize::from(status.starts_with("UP") || status == "no check");
                // Not "MAINT (resolution)": its name is not found.
                behind.unused += usize::from(status == "MAINT" || status.starts_with("MAINT (via"));
                // A check that is running has a star before it.
                let check = field(self.check)?.trim_start_matches("* ");
                if !check.is_empty() {
                    check.clone_into(&mut behind.check);
                }
            }
        }
        Ok(())
    }
}

/// The fields of a line; those with a comma stand in quotes, and quotes in them twice.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match (character, quoted, fields.last_mut()) {
            ('"', _, _) => quoted = !quoted,
            (',', false, _) => fields.push(String::new()),
            (other, _, Some(field)) => field.push(other),
            (_, _, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{Account, Down, account};
    use crate::peer::What;
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::{any, prop, proptest};

    /// haproxy 2.6.12 of Debian 12: two services without a server that is up,
    /// one that is not checked, and its own page.
    const RECORDED: &[u8] = include_bytes!("haproxy_2_6.txt");

    #[test]
    fn a_recorded_account_is_understood() {
        let mut server = Scripted::new(RECORDED);
        let down = |name: &str| Down { name: name.to_owned(), check: "L4CON".to_owned() };
        let expected = Account {
            version: "2.6.12-1+deb12u4".to_owned(),
            connections: 0,
            limit: 100,
            services: 3,
            servers: 5,
            up: 1,
            down: 2,
            named: vec![down("placement"), down("keystone")],
        };
        assert_eq!(account(&mut server).unwrap(), expected);
        assert_eq!(server.heard(), b"show info;show stat -1 6 -1\n");
    }

    #[test]
    fn servers_are_told_apart_by_their_status() {
        let header = "Version: 2.8\nMaxconn: 10\nCurrConns: 9\n\n# svname,pxname,status,check_status,last_chk\n";
        let rows = "a,one,DOWN 1/2,L7STS,\"503, \"\"busy\"\"\"\nb,one,UP 1/3,L4OK,\nBACKEND,one,UP,,\n\
                    a,two,MAINT (resolution),,\nb,two,NOLB,* L7OK,\nBACKEND,two,DOWN,,\n\
                    FRONTEND,three,OPEN,,\na,three,no check,,\nBACKEND,three,UP,,\n\n";
        let account = account(Scripted::new(format!("{header}{rows}"))).unwrap();
        let numbers = (account.services, account.servers, account.up, account.down);
        assert_eq!(numbers, (3, 5, 2, 1));
        let down = Down { name: "two".to_owned(), check: "L7OK".to_owned() };
        assert_eq!((account.named, account.connections), (vec![down], 9));
    }

    #[test]
    fn a_service_that_an_operator_took_out_of_use_is_not_missed() {
        let header = "Version: 2.8\n\n# svname,pxname,status,check_status,last_chk\n";
        let rows = "a,one,MAINT,,\nb,one,MAINT (via x/y),,\nBACKEND,one,DOWN,,\n\
                    a,two,MAINT,,\nb,two,DOWN,L4CON,\nBACKEND,two,DOWN,,\n\n";
        let account = account(Scripted::new(format!("{header}{rows}"))).unwrap();
        assert_eq!((account.services, account.down), (1, 1));
        assert_eq!(account.named[0].name, "two");
    }

    #[test]
    fn what_is_no_account_is_told() {
        let half = RECORDED.len() - 700;
        let cases: [(&[u8], What, &str); 8] = [
            (b"Permission denied\n\n", What::Denied, "Permission denied"),
            (
                b"SSH-2.0-OpenSSH_9.2\r\n",
                What::Garbled,
                "expected haproxy's statistics, found \"SSH-2.0-OpenSSH_9.2\"",
            ),
            (b"", What::Garbled, "ended its answer before its statistics"),
            (b"Version: 2.6\n\n", What::Garbled, "ended its answer before its statistics"),
            (
                b"Version: 2.6\n\n# pxname,svname\n",
                What::Garbled,
                "expected haproxy's statistics, found \"pxname,svname\"",
            ),
            (
                b"Version: 2.6\n\n# pxname,svname,status,check_status\na,b\n",
                What::Garbled,
                "expected haproxy's statistics, found \"a,b\"",
            ),
            (&RECORDED[..half], What::HungUp, "closed the connection"),
            (&[b'x'; 20_000], What::Garbled, "answered with more than 16384 bytes"),
        ];
        for (said, what, words) in cases {
            let trouble = account(Scripted::new(said)).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let mut endless = b"Version: 2.6\n".to_vec();
        endless.extend(format!("Key: {}\n", "x".repeat(15_000)).repeat(600).bytes());
        let trouble = account(Scripted::new(endless)).unwrap_err();
        assert_eq!(trouble.words, "answered with more than 8388608 bytes");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(head in prop::sample::select(vec![0, 600, 900, 2500]), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut said = RECORDED[..head].to_vec();
            said.extend(bytes);
            let _ = account(Scripted::new(said));
        }
    }
}
