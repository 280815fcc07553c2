//! Values that are either written out or taken from a setting: `5672`, or
//! `"{port}"`.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use vantage::Port;

/// A value of a definition: written out, or text with `{name}` in it that is
/// filled in from the definition's settings when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Var<T> {
    text: String,
    literal: Option<T>,
}

/// What can stand in a [`Var`].
pub trait FromText: Sized {
    /// What was expected, for messages: `a port from 1 to 65535`.
    const EXPECTED: &'static str;

    /// The value of a text, or `None` where it is not one.
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for String {
    const EXPECTED: &'static str = "text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromText for u64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

/// A number, or what an address ends in: services write `bind` and `listen`
/// options either way.
impl FromText for Port {
    const EXPECTED: &'static str = "a port from 1 to 65535, or an address that ends in one";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let port = match text.rsplit_once(':') {
            // An IPv6 address without brackets ends in no port.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => return None,
            Some((_, port)) => port,
            None => text,
        };
        port.parse().ok().and_then(Self::new)
    }
}

/// As oslo.config reads a boolean, and Apache its `on` and `off`.
impl FromText for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_text(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" | "" => Some(false),
            _ => None,
        }
    }
}

/// A bare number is seconds; else as in `5s`, `90 days`.
impl FromText for Duration {
    const EXPECTED: &'static str = "a duration such as \"5s\" or \"2 days\"";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.parse() {
            Ok(seconds) => Some(Self::from_secs(seconds)),
            Err(_) => humantime::parse_duration(text).ok(),
        }
    }
}

impl<T: FromText> Var<T> {
    /// The value that was written out, if it was.
    pub fn literal(&self) -> Option<&T> {
        self.literal.as_ref()
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<T: FromText> From<&str> for Var<T> {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), literal: T::from_text(text) }
    }
}

impl<'de, T: FromText> Deserialize<'de> for Var<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);

        impl<T: FromText> Visitor<'_> for Visit<T> {
            type Value = Var<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let literal = if placeholders(text).next().is_some() {
                    None
                } else {
                    let value = T::from_text(text);
                    let found = || E::invalid_value(serde::de::Unexpected::Str(text), &T::EXPECTED);
                    Some(value.ok_or_else(found)?)
                };
                Ok(Var { text: text.to_owned(), literal })
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                let text = number.to_string();
                let unexpected = serde::de::Unexpected::Signed(number);
                let literal = T::from_text(&text)
                    .ok_or_else(|| E::invalid_value(unexpected, &T::EXPECTED))?;
                Ok(Var { text, literal: Some(literal) })
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                let text = value.to_string();
                let unexpected = serde::de::Unexpected::Bool(value);
                let literal = T::from_text(&text)
                    .ok_or_else(|| E::invalid_value(unexpected, &T::EXPECTED))?;
                Ok(Var { text, literal: Some(literal) })
            }
        }

        from.deserialize_any(Visit(PhantomData))
    }
}

/// The `{name}`s in a text: their names and where they stand. A name is lower
/// case, so a regular expression's `{2,3}` is none.
pub fn placeholders(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(open) = text[from..].find('{').map(|at| from + at) {
            let name = &text[open + 1..];
            let end = name.find(|c: char| !matches!(c, 'a'..='z' | '0'..='9' | '_'));
            from = open + 1;
            if let Some(end) = end
                && name[end..].starts_with('}')
                && name.starts_with(|c: char| c.is_ascii_lowercase())
            {
                from = open + 1 + end + 1;
                return Some((&name[..end], open..from));
            }
        }
        None
    })
}

/// The settings that the values of a table refer to, with their places.
pub(super) fn collect_placeholders(table: &DeTable<'_>, into: &mut Vec<(String, Range<usize>)>) {
    for (_, value) in table.iter() {
        collect_from(value, into);
    }
}

fn collect_from(value: &Spanned<DeValue<'_>>, into: &mut Vec<(String, Range<usize>)>) {
    match value.get_ref() {
        DeValue::String(text) => {
            into.extend(placeholders(text).map(|(name, _)| (name.to_owned(), value.span())));
        }
        DeValue::Array(items) => items.iter().for_each(|item| collect_from(item, into)),
        DeValue::Table(table) => collect_placeholders(table, into),
        _ => {}
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(Vec<T>);

impl<T> OneOrMany<T> {
    /// The values.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = items.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                one(serde::de::value::StrDeserializer::new(text))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                one(serde::de::value::I64Deserializer::new(number))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<Self::Value, A::Error> {
                one(serde::de::value::MapAccessDeserializer::new(map))
            }
        }

        fn one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
            value: D,
        ) -> Result<OneOrMany<T>, D::Error> {
            Ok(OneOrMany(vec![T::deserialize(value)?]))
        }

        from.deserialize_any(Visit(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::{FromText, placeholders};
    use vantage::Port;

    #[test]
    fn a_port_is_a_number_or_the_end_of_an_address() {
        let cases = [
            ("5672", Some(5672)),
            (" 5672 ", Some(5672)),
            (":9100", Some(9100)),
            ("10.0.0.1:9100", Some(9100)),
            ("[fd00::1]:9100", Some(9100)),
            ("localhost:9100", Some(9100)),
            ("fd00::9100", None),
            ("::1", None),
            ("10.0.0.1", None),
            ("0", None),
            ("65536", None),
            ("host:", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Port::from_text(text).map(Port::get), expected, "{text:?}");
        }
    }

    #[test]
    fn a_placeholder_is_a_lower_case_name_in_braces() {
        let found = |text| placeholders(text).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(found("http://{host}:{port_2}/x"), ["host", "port_2"]);
        assert_eq!(found("a{2,3}b{2}{}{ host }{Host}{host"), [""; 0]);
        assert_eq!(found("{{host}}"), ["host"]);
    }
}
