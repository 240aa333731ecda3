//! Feeding targets with mutations of good inputs: no coverage feedback, and no nightly.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::panic;
use std::time::{Duration, Instant};

use crate::Target;

/// Runs `target` for about `time`; says how many inputs it took, or which input broke it.
///
/// # Errors
///
/// The input that made it panic, and the seed that reproduces the run.
pub fn run(target: &Target, time: Duration, seed: Option<u64>) -> Result<u64, Failure> {
    let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let mut random = Random(seed);
    let mut corpus = (target.seeds)();
    let good = corpus.len();
    let began = Instant::now();
    let mut inputs = 0;

    for input in corpus.clone() {
        feed(target, &input, seed)?;
        inputs += 1;
    }
    while began.elapsed() < time {
        let mut input = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut input, &corpus, &mut random);
        }
        input.truncate(MAX_INPUT);
        feed(target, &input, seed)?;
        inputs += 1;
        // A mutant now and then becomes a parent: mutations add up.
        if random.below(64) == 0 {
            if corpus.len() < good + 64 {
                corpus.push(input);
            } else {
                let place = good + random.below(64);
                corpus[place] = input;
            }
        }
    }
    Ok(inputs)
}

/// What broke a target.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The input.
    pub input: Vec<u8>,
    /// What the run began with.
    pub seed: u64,
}

fn feed(target: &Target, input: &[u8], seed: u64) -> Result<(), Failure> {
    panic::catch_unwind(|| (target.run)(input)).map_err(|_| Failure { input: input.to_vec(), seed })
}

/// One small change of the kind that parsers get wrong.
fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.byte(),
        2 => input.insert(at, INTERESTING[random.below(INTERESTING.len())]),
        3 if at < input.len() => {
            input.remove(at);
        }
        4 => input.truncate(at),
        5 => {
            let end = (at + random.below(16)).min(input.len());
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        6 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        7 => {
            let word = WORDS[random.below(WORDS.len())];
            input.splice(at..at, word.bytes());
        }
        _ => {
            let piece = vec![INTERESTING[random.below(INTERESTING.len())]; random.below(300)];
            input.splice(at..at, piece);
        }
    }
}

/// `SplitMix64`: enough to choose mutations, and reproducible.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

const MAX_INPUT: usize = 64 * 1024;

const INTERESTING: &[u8] = b"\0\t\n\r \"#%*+,-./0:=?@[\\]_{}~\x7f\x80\xbf\xc0\xed\xef\xff[{\"";

const WORDS: &[&str] = &[
    "..",
    "//",
    "/./",
    "/../",
    "%2f",
    "spiffe://",
    "wimse://",
    ".eyJ",
    "e30",
    "null",
    "1e999",
    "-0",
    "\\u0061",
    "\\ud800",
    "\"alg\":\"none\"",
    "\"b64\":false",
    "\"crit\":[\"b64\"]",
    "\"d\":\"AA\"",
    "\u{feff}",
    "\u{2024}",
];
