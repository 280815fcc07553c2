//! SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. The user's name
//! is left out, as PostgreSQL has it from before.

use crate::peer::{Trouble, What};
use crate::protocols::base64;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, Tag, sign};
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use std::num::NonZeroU32;

/// As servers call it.
pub(super) const NAME: &str = "SCRAM-SHA-256";

/// More rounds than any server is set to; each costs us, and a server names them.
const MOST_ROUNDS: u32 = 100_000;

/// A login in its course.
pub(super) struct Scram {
    nonce: String,
    confirmation: Option<String>,
}

impl Scram {
    /// Begins; what is said first.
    ///
    /// # Errors
    /// Where the system has no random bytes.
    pub(super) fn begin() -> Result<(Self, String), Trouble> {
        let mut random = [0; 18];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Trouble::new(What::Garbled, "no random bytes are to be had here"))?;
        Ok(Self::with(base64::encode(&random)))
    }

    pub(super) fn with(nonce: String) -> (Self, String) {
        let first = format!("n,,n=,r={nonce}");
        (Self { nonce, confirmation: None }, first)
    }

    /// What is said to the server's challenge; `None` where it is none.
    pub(super) fn answer(&mut self, challenge: &str, password: &str) -> Option<String> {
        let of = |name: &str| challenge.split(',').find_map(|field| field.strip_prefix(name));
        let nonce = of("r=").filter(|nonce| nonce.starts_with(&self.nonce))?;
        let salt = base64::decode(of("s=")?)?;
        let rounds = of("i=")?.parse::<NonZeroU32>().ok().filter(|i| i.get() <= MOST_ROUNDS)?;
        let mut salted = [0; 32];
        let (algorithm, password) = (pbkdf2::PBKDF2_HMAC_SHA256, password.as_bytes());
        pbkdf2::derive(algorithm, rounds, &salt, password, &mut salted);
        let client = hmac(&salted, b"Client Key");
        let stored = digest(&SHA256, client.as_ref());
        let end = format!("c=biws,r={nonce}");
        let all = format!("n=,r={},{challenge},{end}", self.nonce);
        let signature = hmac(stored.as_ref(), all.as_bytes());
        let proof: Vec<u8> =
            client.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server = hmac(hmac(&salted, b"Server Key").as_ref(), all.as_bytes());
        self.confirmation = Some(format!("v={}", base64::encode(server.as_ref())));
        Some(format!("{end},p={}", base64::encode(&proof)))
    }

    /// Whether the server's last words prove that it knows the password, too.
    pub(super) fn is_confirmed_by(&self, end: &str) -> bool {
        self.confirmation.as_deref() == Some(end)
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::Scram;

    /// RFC 7677, section 3, but for the user's name, which is signed there, too:
    /// so the proofs are by Python's hmac and hashlib.
    #[test]
    fn a_challenge_is_answered_and_the_server_s_last_word_is_checked() {
        let (mut scram, first) = Scram::with("rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(first, "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k=";
        assert_eq!(scram.answer(challenge, "pencil").unwrap(), answer);
        assert!(scram.is_confirmed_by("v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="));
        assert!(!scram.is_confirmed_by("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    }

    #[test]
    fn a_challenge_that_is_none_or_costs_too_much_is_not_answered() {
        for challenge in [
            "",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=nonce1,s=*,i=4096",
            "r=nonce1,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=nonce1,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000",
        ] {
            let (mut scram, _) = Scram::with("nonce".into());
            assert_eq!(scram.answer(challenge, "pencil"), None, "{challenge}");
            assert!(!scram.is_confirmed_by(""));
        }
    }
}
