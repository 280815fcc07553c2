//! OVSDB (RFC 7047), as far as a check needs it: which databases a server has,
//! and what it says of them in its own database `_Server` (`ovsdb-server(5)`),
//! which there is since Open vSwitch 2.9.

use super::jsonrpc::{Caller, garbled, worded};
use crate::peer::Trouble;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{Read, Write};

/// As many databases as are looked at; a server has one or two.
const MOST_DATABASES: usize = 64;

/// What a server says of one of its databases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Database {
    /// Its name.
    pub(crate) name: String,
    /// What else is said of it; nothing by servers older than `_Server`.
    pub(crate) state: Option<State>,
}

/// The state of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct State {
    /// `standalone`, `clustered` or `relay`.
    pub(crate) model: String,
    /// Whether it is in touch with its cluster, or with the server it relays.
    pub(crate) connected: bool,
    /// Whether it leads its cluster.
    pub(crate) leader: bool,
    /// Whether it has a schema: not while it still joins its cluster.
    pub(crate) schema: bool,
}

/// Asks for the databases that a server has, and how they are.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn databases(stream: impl Read + Write) -> Result<Vec<Database>, Trouble> {
    let mut server = Caller::new(stream);
    let names = match server.call("list_dbs", &json!([]))? {
        Ok(names) => names,
        Err(words) => return Err(Trouble::failing(format!("refuses list_dbs: {words}"))),
    };
    let Some(list) = names.as_array() else { return Err(garbled("names of databases", &names)) };
    let list: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
    let Some(list) = list else { return Err(garbled("names of databases", &names)) };
    let states = match list.contains(&"_Server") {
        true => states(&mut server)?,
        false => Vec::new(),
    };
    let of = |name: &str| states.iter().find(|(known, _)| known == name);
    let databases = list.iter().filter(|name| **name != "_Server").take(MOST_DATABASES);
    Ok(databases
        .map(|&name| Database {
            name: name.to_owned(),
            state: of(name).map(|(_, state)| state.clone()),
        })
        .collect())
}

fn states<S: Read + Write>(server: &mut Caller<S>) -> Result<Vec<(String, State)>, Trouble> {
    // The schema itself may have 100 KiB: only where it is missing is asked for.
    let select = |condition: Value, columns: Value| json!({ "op": "select", "table": "Database", "where": condition, "columns": columns });
    let asked = json!([
        "_Server",
        select(json!([]), json!(["name", "model", "connected", "leader"])),
        select(json!([["schema", "==", ["set", []]]]), json!(["name"])),
    ]);
    let answer = match server.call("transact", &asked)? {
        Ok(answer) => answer,
        Err(words) => return Err(Trouble::failing(format!("refuses to tell its state: {words}"))),
    };
    let rows = |index: usize| {
        let rows = answer.pointer(&format!("/{index}/rows")).and_then(Value::as_array);
        rows.ok_or_else(|| match answer.get(index) {
            Some(error) if error.get("error").is_some() => {
                Trouble::failing(format!("refuses to tell its state: {}", worded(Some(error))))
            }
            _ => garbled("rows of its state", &answer),
        })
    };
    let name = |row: &Value| row.get("name").and_then(Value::as_str).map(str::to_owned);
    let joining: Vec<_> = rows(1)?.iter().filter_map(name).collect();
    rows(0)?
        .iter()
        .take(MOST_DATABASES)
        .map(|row| {
            let told = |key: &str| row.get(key).and_then(Value::as_bool);
            let state = (|| {
                let name = name(row)?;
                let model = row.get("model")?.as_str()?.to_owned();
                let (connected, leader) = (told("connected")?, told("leader")?);
                let schema = !joining.contains(&name);
                Some((name, State { model, connected, leader, schema }))
            })();
            state.ok_or_else(|| garbled("a row of its state", row))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Database, State, databases};
    use crate::peer::What;
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::*;

    /// As ovsdb-server 3.1.0 says it, a member of a cluster that has lost its quorum.
    const CUT_OFF: &str = concat!(
        r#"{"id":0,"result":["OVN_Southbound","_Server"],"error":null}"#,
        r#"{"id":1,"result":[{"rows":[{"leader":true,"connected":true,"name":"_Server","model":"standalone"},"#,
        r#"{"leader":false,"connected":false,"name":"OVN_Southbound","model":"clustered"}]},"#,
        r#"{"rows":[]}],"error":null}"#
    );

    #[test]
    fn what_a_server_says_of_its_databases_is_understood() {
        let mut server = Scripted::new(CUT_OFF);
        let state =
            State { model: "clustered".into(), connected: false, leader: false, schema: true };
        let expected = Database { name: "OVN_Southbound".into(), state: Some(state) };
        assert_eq!(databases(&mut server).unwrap(), [expected]);
        let joining = CUT_OFF.replace(r#"{"rows":[]}"#, r#"{"rows":[{"name":"OVN_Southbound"}]}"#);
        let found = databases(Scripted::new(joining)).unwrap();
        assert!(!found[0].state.as_ref().unwrap().schema);
    }

    #[test]
    fn an_old_server_only_lists_them() {
        let said = r#"{"id":0,"result":["Open_vSwitch"],"error":null}"#;
        let expected = Database { name: "Open_vSwitch".into(), state: None };
        assert_eq!(databases(Scripted::new(said)).unwrap(), [expected]);
        let said = r#"{"id":0,"result":[]}"#;
        assert!(databases(Scripted::new(said)).unwrap().is_empty());
    }

    #[test]
    fn other_answers_are_troubles() {
        let listed = r#"{"id":0,"result":["A","_Server"]}"#;
        for (said, what, words) in [
            (
                r#"{"id":0,"error":"unknown method"}"#.into(),
                What::Failing,
                "refuses list_dbs: unknown method",
            ),
            (
                r#"{"id":0,"result":7}"#.into(),
                What::Garbled,
                "expected names of databases, found 7",
            ),
            (
                r#"{"id":0,"result":[7]}"#.into(),
                What::Garbled,
                "expected names of databases, found [7]",
            ),
            (listed.to_owned(), What::HungUp, "closed the connection"),
            (
                format!(r#"{listed}{{"id":1,"result":[]}}"#),
                What::Garbled,
                "expected rows of its state, found []",
            ),
            (
                format!(
                    r#"{listed}{{"id":1,"result":[{{"error":"resources exhausted","details":"no"}},null]}}"#
                ),
                What::Garbled,
                "expected rows of its state",
            ),
            (
                format!(
                    r#"{listed}{{"id":1,"result":[{{"rows":[{{"name":"A"}}]}},{{"rows":[]}}]}}"#
                ),
                What::Garbled,
                "expected a row of its state",
            ),
        ] {
            let trouble = databases(Scripted::new(said)).unwrap_err();
            assert_eq!(trouble.what, what, "{trouble}");
            assert!(trouble.words.starts_with(words), "{trouble}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_answer_is_survived(rest in "(\\{|\\}|\"id\":1|\"result\":|\"rows\":|\"name\":\"A\"|,|\\[|\\]|null|true){0,20}") {
            let _ = databases(Scripted::new(format!(r#"{{"id":0,"result":["_Server"]}}{{"id":1,{rest}"#)));
        }
    }
}
