//! Seeded mutations of kept inputs: the same seed gives the same inputs for ever.

/// Most bytes of a mutated input.
pub const INPUT_MAX_BYTES: usize = 4096;

/// Bytes that parsers treat in a special way.
const SPECIAL: &[&[u8]] = &[
    b"\0",
    b"\x01",
    b"\x1b",
    b"\x7f",
    b"\x80",
    b"\xc2",
    b"\xe2\x80\xae",
    b"\xff",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\"",
    b"'",
    b"%",
    b"%2F",
    b"%00",
    b"%25",
    b"*",
    b",",
    b"-",
    b".",
    b"..",
    b"/",
    b"//",
    b"/../",
    b"\\",
    b":",
    b";",
    b"=",
    b"@",
    b"[",
    b"]",
    b"{",
    b"}",
    b"0",
    b"00",
    b"-1",
    b"65536",
    b"4294967296",
    b"18446744073709551616",
    b"null",
    b"true",
    b"W/",
];

/// A stream of numbers (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    #[must_use]
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

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        // The remainder is below `end`, which is a usize.
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// An input a few steps away from one of `corpus`.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus.get(random.below(corpus.len())).cloned().unwrap_or_default();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(16) + 1).min(input.len());
        match random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.byte(),
            2 => input.insert(at, random.byte()),
            3 => drop(input.drain(at..end)),
            4 => input.truncate(at),
            5 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                drop(input.splice(to..to, piece));
            }
            6 | 7 => drop(input.splice(at..at, SPECIAL[random.below(SPECIAL.len())].iter().copied())),
            _ => {
                let other = corpus.get(random.below(corpus.len())).cloned().unwrap_or_default();
                input.splice(at.., other[random.below(other.len() + 1)..].iter().copied());
            }
        }
        input.truncate(INPUT_MAX_BYTES);
    }
    input
}
