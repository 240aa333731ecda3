//! What keys in devices cost: `hardware`, with the feature `tpm`.
//!
//! The TPM is one in software, started for this run; the token one of `SoftHSM`. What is missing is skipped, aloud.

mod endorsement;
mod raw;
mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aims_benches::measure::{Measured, paired};
use aims_benches::row::Row;
use aims_keys::store::{GenerateKeys, KeyId};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, backend};
use aims_testkit::SoftTpm;
use aims_tpm::{Tpm, TpmKeyStore, TpmSettings, TpmSigner};

use crate::raw::RawTpm;

fn main() -> ExitCode {
    token::with_token(|token| {
        let Some((soft, ca)) = SoftTpm::with_endorsement() else { return };
        let dir = Folder::new();
        let tpm = Tpm::connect(TpmSettings::new(soft.tcti().parse().expect("a TCTI"))).expect("a TPM");
        let store = TpmKeyStore::open(&tpm, &dir.0).expect("a store");
        let id: KeyId = "bench".parse().expect("a name");
        store.generate(&id, Algorithm::Es256).expect("a key");
        let key = store.signer(&id).expect("a key");

        println!(
            "| what | us | raw us | over raw: median of the differences | spread | share of raw | goal |"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|");
        print("sign in a TPM, one caller", &paired(one_caller(&soft, &key), LONG), Some(GOAL));
        print("sign in a TPM, four callers", &paired(four_callers(&soft, &key), LONG), Some(GOAL));
        print("endorsement chain of two, verify", &paired(endorsement::verify(&tpm, &ca), SHORT), None);
        print_in_turns(&paired(in_turns(&key, token), SHORT));
    })
}

fn one_caller(soft: &SoftTpm, key: &TpmSigner) -> Row {
    sign(key);
    let (mut raw, key) = (RawTpm::beside(&soft.tcti(), key), key.clone());
    Row::new(move || sign(&key)).raw(move || raw.sign(&digest()))
}

/// As many signatures at once as there are callers, over as many one after another: a TPM makes one at a time.
fn four_callers(soft: &SoftTpm, key: &TpmSigner) -> Row {
    sign(key);
    let (mut raw, key) = (RawTpm::beside(&soft.tcti(), key), key.clone());
    let row = Row::new(move || {
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| (0..EACH).for_each(|_| sign(&key)));
            }
        });
    });
    Row { per_call: CALLERS * EACH, ..row }.raw(move || (0..CALLERS * EACH).for_each(|_| raw.sign(&digest())))
}

/// The same signature by a key in memory, in the TPM and in the token.
fn in_turns(key: &TpmSigner, token: Option<&Path>) -> Row {
    let software = SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key");
    let key = key.clone();
    let row = Row::new(move || sign(&software)).peer(TPM, move || sign(&key));
    let Some(module) = token else { return row };
    let store = token::store(module);
    let handle = store.generate(&"bench".parse().expect("a name"), Algorithm::Es256).expect("a key");
    let signer = Arc::clone(handle.signer());
    row.peer(PKCS11, move || {
        // The session with the token is the store's.
        let _open = &store;
        sign(&*signer);
    })
}

fn sign(key: &(impl Signer + ?Sized)) {
    let signature = key.sign(SignInput::Message(MESSAGE)).expect("a signature");
    std::hint::black_box(signature);
}

fn digest() -> [u8; 32] {
    backend::ring().sha256(MESSAGE)
}

fn print(name: &str, row: &Measured, goal: Option<f64>) {
    let raw = row.raw_ns.unwrap_or(f64::NAN);
    let percent = |ns: f64| 100.0 * ns / raw;
    let goal = goal.map_or_else(
        || "–".to_owned(),
        |goal| {
            let met = if percent(row.over_raw_ns - row.spread_ns) >= goal {
                "missed"
            } else if percent(row.over_raw_ns + row.spread_ns) < goal {
                "met"
            } else {
                "unknown"
            };
            format!("{goal:.0} %: {met}")
        },
    );
    println!(
        "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} % | {goal} |",
        row.ns / 1e3,
        raw / 1e3,
        row.over_raw_ns / 1e3,
        row.spread_ns / 1e3,
        percent(row.over_raw_ns),
    );
}

fn print_in_turns(row: &Measured) {
    println!("\n| ES256, one signature | us |\n|---|--:|\n| a key in memory, ring | {:.1} |", row.ns / 1e3);
    for peer in &row.peers {
        println!("| {} | {:.1} |", peer.name, peer.ns / 1e3);
    }
}

/// Goes with the run.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("aims-bench-tpm-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const TPM: &str = "a key in a software TPM (swtpm)";
const PKCS11: &str = "a key in a token in software (SoftHSM)";

const MESSAGE: &[u8] = &[0x61; 600];

const CALLERS: u32 = 4;

/// Signatures of each caller in one round.
const EACH: u32 = 4;

/// For a row whose calls take milliseconds.
const LONG: Duration = Duration::from_secs(30);

const SHORT: Duration = Duration::from_secs(10);

/// What the store may add to the TPM's own call, in percent.
const GOAL: f64 = 5.0;
