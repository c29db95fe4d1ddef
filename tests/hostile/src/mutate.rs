//! Changes of corpus entries, made from a seed: the same seed gives the same bytes, on every machine.
//!
//! What a fuzzer does blindly, with what these doors read in mind: flips and cuts, pieces of other entries, numbers at
//! the edges of their types, characters that turn or break a line, and pieces repeated or nested until something gives.

/// What is put into an entry: the edges of what JSON, TOML, UTF-8 and SQLite have.
const SPLINTERS: &[&[u8]] = &[
    b"9007199254740991",
    b"9007199254740992",
    b"18446744073709551615",
    b"9223372036854775808",
    b"-1",
    b"-0.0",
    b"1e400",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b"\"type\":",
    b"\\u0000",
    b"\\ud800",
    b"\\u202e",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f\x91\xa9\xe2\x80\x8d",
    "\u{301}\u{301}\u{301}".as_bytes(),
    "\u{fdfa}".as_bytes(),
    "東京都".as_bytes(),
    b"../",
    b"CON",
    b"00000000-0000-0000-0000-000000000000",
    b"' OR 1=1 --",
    b"\n",
    b"\r\n",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":",
];

/// No change makes an entry longer than this: doors have their own limits, and the table has the cases beyond them.
const BYTES_MAX: usize = 64 * 1024;

/// Random numbers from a seed (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { usize::try_from(self.next() % end as u64).unwrap_or(0) }
    }
}

/// An entry of the corpus, changed one to six times.
pub fn mutate(corpus: &[(String, Vec<u8>)], seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let pick = |chance: &mut Chance| corpus.get(chance.below(corpus.len())).map_or(&[][..], |(_, bytes)| bytes);
    let bytes = pick(&mut chance).to_vec();
    changed(bytes, corpus, &mut chance)
}

/// Any bytes, changed one to six times with pieces of the corpus: what a fuzzer asks for that keeps inputs of its own.
pub fn changed(mut bytes: Vec<u8>, corpus: &[(String, Vec<u8>)], chance: &mut Chance) -> Vec<u8> {
    for _ in 0..=chance.below(6) {
        let other = corpus.get(chance.below(corpus.len())).map_or(&[][..], |(_, bytes)| bytes);
        change(&mut bytes, other, chance);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    let end = at + chance.below((bytes.len() - at).min(64) + 1);
    match chance.below(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
        }
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let splinter = SPLINTERS[chance.below(SPLINTERS.len())];
            drop(bytes.splice(at..end, splinter.iter().copied()));
        }
        4 => {
            let from = chance.below(other.len() + 1);
            drop(bytes.splice(at..end, other[from..].iter().copied()));
        }
        5 => {
            let piece: Vec<u8> = bytes[at..end].repeat(1 + chance.below(300));
            drop(bytes.splice(at..at, piece));
        }
        6 => {
            // A value in place of a value: from a colon to the next comma or brace.
            let colon = bytes.iter().skip(at).position(|byte| *byte == b':').map(|found| at + found + 1);
            if let Some(start) = colon {
                let length = bytes[start..].iter().position(|byte| b",}]\n".contains(byte)).unwrap_or(0);
                let splinter = SPLINTERS[chance.below(SPLINTERS.len())];
                drop(bytes.splice(start..start + length, splinter.iter().copied()));
            }
        }
        7 => {
            let depth = 1 + chance.below(300);
            let nested = [b"[".repeat(depth), b"]".repeat(depth)].concat();
            drop(bytes.splice(at..at, nested));
        }
        8 => {
            let lines: Vec<&[u8]> = other.split(|byte| *byte == b'\n').collect();
            let line = lines[chance.below(lines.len())];
            drop(bytes.splice(at..at, line.iter().copied()));
        }
        // Most doors take a line at a time, and what they answer to one depends on the lines before.
        _ => {
            bytes.push(b'\n');
            bytes.extend_from_slice(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_and_another_seed_others() {
        let corpus =
            vec![("a".to_owned(), b"{\"type\":\"ping\",\"no\":1}".to_vec()), ("b".to_owned(), b"text".to_vec())];
        let made: std::collections::BTreeSet<Vec<u8>> = (0..200).map(|seed| mutate(&corpus, seed)).collect();
        assert!(made.len() > 150, "{}", made.len());
        assert!((0..200).all(|seed| mutate(&corpus, seed) == mutate(&corpus, seed)));
        assert!(made.iter().all(|bytes| bytes.len() <= BYTES_MAX));
        assert!(mutate(&[], 1).len() <= BYTES_MAX, "an empty corpus is no panic");
    }
}
