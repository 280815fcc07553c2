//! What we need of a certificate (X.509, RFC 5280, section 4.1) and the TLS
//! library does not tell: from when until when it is valid, and whose it is. A
//! parser for all of X.509 would be five crates more.

use super::PemError;
use super::trust::certificates;
use ring::digest::{SHA256, digest};
use std::time::{Duration, SystemTime};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, which the first version of X.509 leaves out.
const VERSION: u8 = 0xa0;

/// What there is to know of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// When it begins; `None` for times before 1970 and what is no time.
    pub not_before: Option<SystemTime>,
    /// When it ends.
    pub not_after: Option<SystemTime>,
    /// SHA-256 of its subject: whose it is.
    pub subject: Digest,
    /// SHA-256 of its issuer's subject.
    pub issuer: Digest,
    /// SHA-256 of all of it: which one it is.
    pub fingerprint: Digest,
}

/// SHA-256, in bytes.
pub(super) type Digest = [u8; 32];

impl Certificate {
    /// From DER; `None` where it is no certificate.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(der, SEQUENCE)?;
        let (fields, _) = expect(certificate, SEQUENCE)?;
        let fields = match element(fields)? {
            (VERSION, _, rest) => rest,
            _ => fields,
        };
        let (_serial, rest) = expect(fields, INTEGER)?;
        let (_signature, rest) = expect(rest, SEQUENCE)?;
        let (issuer, rest) = expect(rest, SEQUENCE)?;
        let (validity, rest) = expect(rest, SEQUENCE)?;
        let (subject, _) = expect(rest, SEQUENCE)?;
        let (begin_tag, begin, end) = element(validity)?;
        let (end_tag, end, _) = element(end)?;
        Some(Self {
            not_before: point_in_time(begin_tag, begin),
            not_after: point_in_time(end_tag, end),
            subject: sha256(subject),
            issuer: sha256(issuer),
            fingerprint: sha256(der),
        })
    }

    /// The certificates of a PEM file, in their order; keys among them are passed over.
    ///
    /// # Errors
    /// Where there is none, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Vec<Self>, PemError> {
        certificates(pem)?
            .iter()
            .map(|der| {
                Self::from_der(der).ok_or_else(|| PemError::Certificate("not X.509".to_owned()))
            })
            .collect()
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut into = Digest::default();
    into.copy_from_slice(digest(&SHA256, bytes).as_ref());
    into
}

/// The content of an element with this tag, and what follows it.
fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match element(der)? {
        (found, content, rest) if found == tag => Some((content, rest)),
        _ => None,
    }
}

/// An element's tag and content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` (1950 to 2049) or `YYYYMMDDHHMMSSZ`.
fn point_in_time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |from: usize, length: usize| {
        std::str::from_utf8(digits.get(from..from + length)?).ok()?.parse::<u64>().ok()
    };
    let (year, at) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match number(0, 2)? {
            year @ 50.. => (1900 + year, 2),
            year => (2000 + year, 2),
        },
        (GENERALIZED_TIME, 14) => (number(0, 4)?, 4),
        _ => return None,
    };
    let (month, day) = (number(at, 2)?, number(at + 2, 2)?);
    let (hour, minute, second) = (number(at + 4, 2)?, number(at + 6, 2)?, number(at + 8, 2)?);
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let seconds = days_since_1970(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; none before.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years that begin in March have their leap day at the end.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    // From 0000-03-01 to 1970-01-01.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::{Certificate, GENERALIZED_TIME, UTC_TIME, point_in_time};
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
    use std::time::{Duration, SystemTime};

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let cases = [
            (UTC_TIME, "700101000000Z", at(0)),
            (UTC_TIME, "260228235959Z", at(1_772_323_199)),
            (UTC_TIME, "491231235959Z", at(2_524_607_999)),
            // `date -u -d 2000-02-29 +%s`, and the year 9999, which means never.
            (GENERALIZED_TIME, "20000229000000Z", at(951_782_400)),
            (GENERALIZED_TIME, "99991231235959Z", at(253_402_300_799)),
            (UTC_TIME, "500101000000Z", None),
            (UTC_TIME, "261301000000Z", None),
            (UTC_TIME, "2602282359Z", None),
            (UTC_TIME, "260228235959", None),
            (GENERALIZED_TIME, "00000101000000Z", None),
            (UTC_TIME, "+60228235959Z", None),
        ];
        for (tag, text, expected) in cases {
            assert_eq!(point_in_time(tag, text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_certificate_is_the_one_that_was_made(begin in 0_u64..4_000_000_000, seconds in 0_u64..253_402_300_799, cut in any::<usize>()) {
            let mut parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            let end = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(begin);
            parameters.not_before = begin.into();
            parameters.not_after = end.into();
            let key = rcgen::KeyPair::generate().unwrap();
            let der = parameters.self_signed(&key).unwrap().der().to_vec();
            let certificate = Certificate::from_der(&der).unwrap();
            prop_assert_eq!((certificate.not_before, certificate.not_after), (Some(begin), Some(end)));
            // It has signed itself.
            prop_assert_eq!(certificate.subject, certificate.issuer);
            // Any part of it is none, and no panic.
            let part = &der[..cut % der.len()];
            prop_assert!(Certificate::from_der(part).is_none());
        }

        #[test]
        fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::from_der(&bytes);
        }
    }
}
