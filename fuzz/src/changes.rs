//! Inputs made of others, the same ones in each run.

use crate::LONGEST;

/// Numbers that look like chance (xorshift64*).
#[derive(Debug)]
pub struct Chance(u64);

/// What lengths and counts like to be mistaken for.
const EXTREME: [&[u8]; 8] = [
    &[0xff; 4],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0; 4],
    &[0xff; 8],
    b"4294967296",
    b"-1",
    b"18446744073709551615",
];

impl Chance {
    /// From a number other than 0.
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// From 0 to what is beneath `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        number as usize % end.max(1)
    }

    /// One input changed in a few places, at times with a piece of another.
    pub fn changed(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut changed = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(changed.len() + 1);
            let end = (at + 1 + self.below(8)).min(changed.len());
            match self.below(8) {
                0 => changed.truncate(at),
                1 => drop(changed.drain(at..end)),
                2 => changed.insert(at, self.below(256) as u8),
                3 => {
                    let piece = changed.get(at..end).unwrap_or_default().repeat(self.below(64));
                    drop(changed.splice(at..at, piece));
                }
                4 => {
                    let extreme = EXTREME[self.below(EXTREME.len())];
                    let end = (at + extreme.len()).min(changed.len());
                    drop(changed.splice(at..end, extreme.iter().copied()));
                }
                5 => {
                    let from = self.below(other.len());
                    let until = (from + self.below(64)).min(other.len());
                    drop(changed.splice(at..end, other[from..until].iter().copied()));
                }
                _ => {
                    if let Some(byte) = changed.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
        changed.truncate(LONGEST);
        changed
    }
}
