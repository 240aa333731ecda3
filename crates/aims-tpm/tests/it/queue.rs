//! Callers that wait, do not wait, and give up.

use std::time::{Duration, Instant};

use aims_keys::{SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{Tpm, TpmKeyStore};

use crate::proxy::Proxy;
use crate::support::{Dir, begin, block_on, key, settings, signs};

/// TPM-43: the queue is bounded, and who gives up makes room in it.
#[test]
fn tpm_43_a_full_queue_refuses_and_who_gives_up_makes_room() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = Tpm::connect(settings(&soft).queue(1).timeout(Duration::from_secs(20))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    signs(&key);

    soft.pause();
    let (served, ready) = begin(&key);
    assert!(!ready, "it waits for a TPM that is stopped");
    // The worker takes it out of the queue, sooner or later.
    let begun = Instant::now();
    let waiting = loop {
        let (waiting, ready) = begin(&key);
        if !ready {
            break waiting;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the worker does not work");
        std::thread::yield_now();
    };
    assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "key_busy", "TPM-44");
    assert_refused!(tpm.info(), "tpm_busy", "TPM-44");

    drop(waiting);
    let (in_its_place, ready) = begin(&key);
    assert!(!ready, "there is room again");
    soft.resume();
    for future in [served, in_its_place] {
        let signature = block_on(future).unwrap();
        key.public_key().verify(b"message", signature.as_bytes()).unwrap();
    }
}

/// What the TPM has begun is finished, thrown away, and in nobody's way.
#[test]
fn tpm_43_a_caller_that_gives_up_while_the_tpm_works_is_in_nobodys_way() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = Tpm::connect(settings(&soft)).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    for _ in 0..50 {
        let (future, _) = begin(&key);
        drop(future);
    }
    signs(&key);
}

/// The connection belongs to stores and keys too: it lasts as long as one of them does.
#[test]
fn a_key_outlives_its_store_and_its_tpm_and_the_last_one_closes_the_connection() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = Tpm::connect(settings(&soft)).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    drop((tpm, store));
    signs(&key);
    drop(key);
    // It would not be served before.
    Tpm::connect(settings(&soft)).unwrap().info().unwrap();
}

/// The time that a call waits in the queue counts, and what nobody waits for any more is not done when the TPM goes on.
#[test]
fn tpm_17_a_call_that_waits_too_long_is_told_so_and_not_made() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings().timeout(Duration::from_millis(1500))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    soft.pause();
    let futures: Vec<_> = (0..8).map(|_| begin(&key).0).collect();
    let begun = Instant::now();
    for future in futures {
        assert_refused!(block_on(future), "key_busy", "TPM-44");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    soft.resume();
    let begun = Instant::now();
    while tpm.info().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come back");
    }
    // Those that were under way when they were given up: a device holds three workers at most.
    assert!(proxy.count(SIGN) <= 3, "{}", proxy.count(SIGN));
    signs(&key);
}

/// `TPM_CC`.
const SIGN: u32 = 0x15d;
