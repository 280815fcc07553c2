//! The ways of asking, and the one list of them. A kind is a file beneath
//! `kinds/` and a line in [`ALL`].

pub mod amqp;
pub mod amqp1;
pub mod certificate;
pub mod command;
pub mod configuration;
pub mod connected;
pub mod database;
pub mod dns;
pub mod file;
pub mod filesystem;
pub mod frr;
pub mod galera;
pub mod greeting;
pub mod haproxy;
pub mod heartbeat;
pub mod http;
pub mod libvirt;
pub mod listening;
pub mod memcached;
pub mod ovsdb;
pub mod process;
pub mod rabbitmq;
pub mod redis;
pub mod rpc;
pub mod socket;
pub mod unixctl;

use crate::definition::decode::Decoder;
use crate::evaluate::Finding;
use crate::peer::{Peer, Side};
use crate::plan::{Scene, Unplanned};
use crate::verdict::Verdict;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeTable;
use vantage::{Blind, Deadline, Vantage};

/// A way of asking, with its values filled in.
pub trait Kind: Sized + Send + Sync + 'static {
    /// As definitions spell it.
    const NAME: &'static str;
    /// A sentence for the reference: what it establishes.
    const ABOUT: &'static str;
    /// A check of this kind, as TOML; parsed by a test, printed in the docs.
    const EXAMPLE: &'static str;
    /// Its fields and what each means, for the reference.
    const FIELDS: Fields;
    /// What it proves at best.
    const PROVES: Level = Level::Answers;
    /// What an author writes: the fields of its `[[check]]`.
    type Written: DeserializeOwned + fmt::Debug + Send + Sync + 'static;
    /// The evidence, shown in the report.
    type Seen: Serialize;

    /// Fills in what was written from the service's own settings.
    ///
    /// # Errors
    /// Where a setting is not to be found, or is not what the field needs.
    fn plan(written: &Self::Written, scene: &Scene<'_>) -> Result<Self, Unplanned>;

    /// What will be looked at, in words: `that nova-compute listens on 8774`.
    fn describe(&self) -> String;

    /// Whom all of it rests on, if that is a peer: of what the service needs nothing
    /// is the service's own fault, and it is not asked where a fault restarts the
    /// service.
    fn peer(&self) -> Option<&Peer> {
        None
    }

    /// Looks, and never judges. Ends by the deadline.
    ///
    /// # Errors
    /// Blind where it could not look.
    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Self::Seen, Blind>;

    /// Whether a look may have to wait for somebody's answer.
    fn waits(&self) -> Waits {
        Waits::ForAnAnswer
    }

    /// Judges, and never looks.
    fn judge(&self, seen: &Self::Seen) -> Judgement;
}

/// What a look may have to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Nothing: the kernel's own tables say it all.
    Never,
    /// A peer, a disk or a child, so it must not hold up the others.
    ForAnAnswer,
}

/// What a check proves of a service, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It runs.
    Runs,
    /// It holds what it works with: a listener, a connection, a socket.
    Holds,
    /// What it works with moves.
    Moves,
    /// It answers, in its protocol.
    Answers,
    /// It does its work, from one end to the other.
    Works,
}

impl Level {
    /// The one word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Holds => "holds",
            Self::Moves => "moves",
            Self::Answers => "answers",
            Self::Works => "works",
        }
    }
}

/// The fields of a kind: name and meaning, as the reference prints them.
pub type Fields = &'static [(&'static str, &'static str)];

/// What a kind makes of what it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What the verdict rests on, in words.
    pub proof: Option<String>,
    /// What an operator can do about it.
    pub hint: Option<String>,
    /// Whether it rests on something that did not happen in time: on a host
    /// where nobody gets to run, that says nothing.
    pub late: bool,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, proof: None, hint: None, late: false }
    }
}

impl Judgement {
    /// Healthy, resting on this proof.
    pub fn healthy(proof: impl Into<String>) -> Self {
        Self::from(Verdict::Healthy).proof(proof)
    }

    /// With the proof it rests on.
    #[must_use]
    pub fn proof(mut self, proof: impl Into<String>) -> Self {
        self.proof = Some(proof.into());
        self
    }

    /// Resting on something that did not happen in time.
    #[must_use]
    pub fn late(self) -> Self {
        Self { late: true, ..self }
    }

    /// Of somebody on a port that may be another process's than it should.
    #[must_use]
    pub(crate) fn of_uncertain_owner(mut self, because: &str, hint: Option<&String>) -> Self {
        let proof = self.proof.map_or_else(String::new, |proof| format!("{proof}, "));
        self.proof = Some(format!("{proof}owner of the port uncertain ({because})"));
        self.hint = self.hint.or_else(|| hint.cloned());
        self
    }

    /// With advice for an operator.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A line of the list.
#[derive(Debug)]
pub struct Entry {
    /// As definitions spell it.
    pub name: &'static str,
    /// What it establishes.
    pub about: &'static str,
    /// What it proves at best.
    pub proves: Level,
    /// A check of this kind, as TOML.
    pub example: &'static str,
    /// Its fields and what each means.
    pub fields: Fields,
    /// Reads the fields of a check.
    pub(crate) read: ReadFields,
    /// Notes the fields that reading asks for, to compare with those that are told.
    #[cfg(test)]
    note_fields: fn(&mut Vec<&'static str>),
}

/// Reads the fields of a check of one kind; `None` where they have mistakes.
type ReadFields = fn(&mut Decoder<'_>, Spanned<DeTable<'_>>) -> Option<Arc<dyn Written>>;

/// Every kind there is, by name.
pub const ALL: &[Entry] = &[
    entry::<amqp::Amqp>(),
    entry::<amqp1::Amqp1>(),
    entry::<certificate::Certificate>(),
    entry::<command::Command>(),
    entry::<configuration::Configuration>(),
    entry::<connected::Connected>(),
    entry::<database::Database>(),
    entry::<dns::Dns>(),
    entry::<file::File>(),
    entry::<filesystem::Filesystem>(),
    entry::<frr::Frr>(),
    entry::<galera::Galera>(),
    entry::<greeting::Greeting>(),
    entry::<haproxy::Haproxy>(),
    entry::<heartbeat::Heartbeat>(),
    entry::<http::Http>(),
    entry::<libvirt::Libvirt>(),
    entry::<listening::Listening>(),
    entry::<memcached::Memcached>(),
    entry::<ovsdb::Ovsdb>(),
    entry::<process::Process>(),
    entry::<rabbitmq::Rabbitmq>(),
    entry::<redis::Redis>(),
    entry::<rpc::Rpc>(),
    entry::<socket::Socket>(),
    entry::<unixctl::Unixctl>(),
];

/// The entry of a kind by its name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// What messages say where a kind is expected: there are too many to name.
pub(crate) const EXPECTED: &str = "a kind of check such as connected, http or process";

/// What an author wrote, whatever its kind.
pub trait Written: fmt::Debug + Send + Sync {
    /// Fills it in.
    ///
    /// # Errors
    /// Where a setting is not to be found, or is not what the field needs.
    fn plan(&self, scene: &Scene<'_>) -> Result<Box<dyn Look>, Unplanned>;
}

/// A planned check, whatever its kind.
pub trait Look: Send + Sync {
    /// What will be looked at, in words.
    fn describe(&self) -> String;

    /// Whether it may have to wait for somebody's answer.
    fn waits(&self) -> Waits;

    /// Whether what it finds may be the service's own fault.
    fn may_be_own_fault(&self) -> bool {
        true
    }

    /// Looks and judges.
    fn look(&self, from: &Vantage, by: Deadline) -> Finding;
}

/// What was written for the kind `K`.
struct WrittenFor<K: Kind>(K::Written);

impl<K: Kind> fmt::Debug for WrittenFor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K: Kind> Written for WrittenFor<K> {
    fn plan(&self, scene: &Scene<'_>) -> Result<Box<dyn Look>, Unplanned> {
        Ok(Box::new(K::plan(&self.0, scene)?))
    }
}

impl<K: Kind> Look for K {
    fn describe(&self) -> String {
        Kind::describe(self)
    }

    fn waits(&self) -> Waits {
        Kind::waits(self)
    }

    fn may_be_own_fault(&self) -> bool {
        self.peer().is_none_or(|peer| peer.side() == Side::Own)
    }

    fn look(&self, from: &Vantage, by: Deadline) -> Finding {
        match self.observe(from, by) {
            Ok(seen) => {
                let mut judgement = self.judge(&seen);
                if !Look::may_be_own_fault(self) {
                    judgement.verdict = judgement.verdict.of_a_dependency();
                }
                Finding::new(K::NAME, judgement, serde_json::to_value(&seen).ok())
            }
            Err(blind) => Finding::blind(K::NAME, blind),
        }
    }
}

const fn entry<K: Kind>() -> Entry {
    Entry {
        name: K::NAME,
        about: K::ABOUT,
        proves: K::PROVES,
        example: K::EXAMPLE,
        fields: K::FIELDS,
        read: |decoder, table| {
            let written = decoder.fields::<K::Written>(table)?;
            Some(Arc::new(WrittenFor::<K>(written)))
        },
        #[cfg(test)]
        note_fields: |into| {
            // Always an error: it only asks.
            let _ = <K::Written as serde::Deserialize>::deserialize(tests::Asked(into));
        },
    }
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::definition::Definition;
    use crate::plan::{Plan, Request};
    use crate::verdict::Role;
    use vantage::Vantage;

    #[test]
    fn names_are_unique_kebab_case_and_in_order() {
        let names: Vec<_> = ALL.iter().map(|entry| entry.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        for pair in names.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
        for name in names {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(fits), "{name}");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/kinds");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().replace('_', "-"))
            .collect();
        files.sort();
        assert_eq!(files, ALL.iter().map(|entry| entry.name).collect::<Vec<_>>());
    }

    /// A deserializer that only notes which fields a struct asks for.
    pub(super) struct Asked<'a>(pub(super) &'a mut Vec<&'static str>);

    impl<'de> serde::Deserializer<'de> for Asked<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: serde::de::Visitor<'de>>(
            self,
            _: V,
        ) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("expected a struct"))
        }

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.extend(fields);
            Err(serde::de::Error::custom("noted"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
            unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    #[test]
    fn the_reference_names_every_field_and_no_other() {
        for entry in ALL {
            let mut asked = Vec::new();
            (entry.note_fields)(&mut asked);
            let mut told: Vec<_> = entry.fields.iter().map(|(name, _)| *name).collect();
            asked.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, asked, "{}", entry.name);
        }
    }

    /// What `to` is to some kinds, and what they need beside it.
    fn dependency_of(kind: &str) -> &'static str {
        match kind {
            "amqp" => "to = \"rabbit://nova:os@192.0.2.1:5672/\"",
            "rpc" => {
                "to = \"rabbit://nova:os@192.0.2.1:5672/\"\nexchange = \"nova\"\ntopic = \"compute\"\nhost = \"a\""
            }
            "database" => "to = \"mysql://nova:os@192.0.2.1/nova\"",
            "greeting" => "to = \"192.0.2.1\"\nexpect = \"^SSH-2\"",
            "libvirt" => "to = \"/run/libvirt-sock\"",
            "ovsdb" => "to = \"tcp:192.0.2.1:6640\"",
            _ => "to = \"192.0.2.1:4711\"",
        }
    }

    #[test]
    fn of_what_a_service_needs_nothing_is_its_own_fault() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["proc", "root", "root/run"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let from = Vantage::at(root.path()).unwrap();
        for entry in ALL {
            let has = |field: &str| entry.fields.iter().any(|(name, _)| *name == field);
            // The first is about connections of the service's own, the other about its own answer.
            let own = matches!(entry.name, "connected" | "rpc");
            let mut checks = Vec::new();
            if has("to") {
                checks.push((dependency_of(entry.name), own));
            }
            if has("to") && has("port") && !own {
                let expect =
                    if entry.name == "greeting" { "port = 1\nexpect = \"\"" } else { "port = 1" };
                checks.push((expect, true));
            }
            for (fields, own) in checks {
                let text = format!(
                    "service = \"example\"\nprocess = \"example\"\n\n[[check]]\nkind = \"{}\"\n{fields}\n",
                    entry.name
                );
                let definition =
                    Definition::parse(&text, entry.name).unwrap_or_else(|m| panic!("{m}"));
                let role = |role| {
                    let request = Request { role, ..Request::default() };
                    let plan = Plan::new(&definition, &request, &from);
                    let unplanned = plan.checks.iter().find_map(|check| check.look.as_ref().err());
                    assert_eq!(unplanned, None, "{text}");
                    plan.checks.len()
                };
                assert_eq!(role(Role::Health), 1, "{text}");
                assert_eq!(role(Role::Live), usize::from(own), "{text}");
            }
        }
    }

    #[test]
    fn every_example_is_a_check_of_its_kind() {
        for entry in ALL {
            let text = format!("service = \"example\"\nprocess = \"example\"\n\n{}", entry.example);
            let definition = Definition::parse(&text, entry.name).unwrap_or_else(|m| panic!("{m}"));
            assert_eq!(definition.checks[0].kind, entry.name);
        }
    }
}
