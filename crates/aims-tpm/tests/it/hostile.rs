//! Answers that are late, torn, altered, or nonsense.

use std::time::{Duration, Instant};

use aims_keys::{SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{Tpm, TpmKeyStore, TpmSigner};

use crate::proxy::{Mode, Proxy};
use crate::support::{Dir, key, pcrs, signs};

/// Whatever happens on the way, a signature that comes out verifies.
fn signs_or_fails(key: &TpmSigner) {
    if let Ok(signature) = Signer::sign(key, SignInput::Message(b"message")) {
        key.public_key().verify(b"message", signature.as_bytes()).unwrap();
    }
}

#[test]
fn tpm_17_answers_that_do_not_come_are_not_waited_for() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings().timeout(Duration::from_millis(1500))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    proxy.set(Mode::Stall);
    let begun = Instant::now();
    assert_refused!(tpm.info(), "tpm_timeout", "TPM-17");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    proxy.set(Mode::Forward);
    let begun = Instant::now();
    while Signer::sign(&key, SignInput::Message(b"message")).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come back");
        std::thread::sleep(Duration::from_millis(20));
    }
    signs(&key);
}

/// TPM-17: what was torn is asked again, once, over another connection.
#[test]
fn tpm_17_torn_answers_are_asked_for_again() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let plain = key(&store, "a");
    for len in [0, 1, 6, 9, 10, 11, 40, 100] {
        proxy.set(Mode::CutOnce { after: 0, len });
        signs(&plain);
        assert!(proxy.is_forwarding());
    }
    // A policy session is started, satisfied, used and flushed: each of these is cut, more often than the TPM has sessions.
    let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    let guarded = key(&store, "b");
    signs(&guarded);
    for after in [0, 1, 2, 3].into_iter().cycle().take(16) {
        proxy.set(Mode::CutOnce { after, len: 10 });
        signs(&guarded);
        assert!(proxy.is_forwarding(), "{after}");
        signs(&plain);
        signs(&guarded);
    }
}

/// A byte of an answer altered, one after another: a wrong signature never comes out, and the next call works.
#[test]
fn altered_answers_yield_no_wrong_signature_and_no_lasting_harm() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    // The length of an answer can be altered too: then more is waited for than there is.
    let tpm = Tpm::connect(proxy.settings().timeout(Duration::from_secs(1))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    for place in (0..12).chain((12..160).step_by(8)) {
        proxy.set(Mode::FlipOnce(place));
        signs_or_fails(&key);
        assert!(proxy.is_forwarding(), "{place}");
        let begun = Instant::now();
        while Signer::sign(&key, SignInput::Message(b"message")).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{place}: it does not come back");
            std::thread::sleep(Duration::from_millis(20));
        }
        signs(&key);
    }
}

/// The same for what a TPM says of itself: evidence is checked elsewhere, and nothing here falls over it.
#[test]
fn altered_answers_make_nothing_panic() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings().timeout(Duration::from_millis(500))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let ak = store.attestation_key().unwrap();
    // Not the lengths: who is promised more than comes holds a worker until the connection ends, which this one does not.
    for place in (0..2).chain(6..12).chain((12..120).step_by(9)) {
        for work in 0..4 {
            proxy.set(Mode::FlipOnce(place));
            match work {
                0 => drop(tpm.info()),
                1 => drop(tpm.quote(&ak, &[7; 32], pcrs(&[0, 10]))),
                2 => drop(tpm.pcr_read(pcrs(&[0, 10]))),
                _ => drop(tpm.seal(b"secret", pcrs(&[10]))),
            }
        }
    }
    proxy.set(Mode::Forward);
    let begun = Instant::now();
    while let Err(error) = tpm.quote(&ak, &[7; 32], pcrs(&[0, 10])) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come back: {error:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tpm_44_what_answers_nonsense_is_no_tpm() {
    let Some(soft) = SoftTpm::start() else { return };
    let proxy = Proxy::start(&soft);
    let header = |len: u32, code: u32| [&[0x80, 1][..], &len.to_be_bytes(), &code.to_be_bytes()].concat();
    for answer in [
        Vec::new(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 10],
        vec![0xff; 4096],
        header(10, 0),
        header(0, 0),
        header(9, 0),
        header(u32::MAX, 0),
        header(10, 0x101),
        header(10, 0xffff_ffff),
        [header(14, 0), vec![0; 4]].concat(),
    ] {
        proxy.set(Mode::Instead(answer.clone()));
        let begun = Instant::now();
        let refused = Tpm::connect(proxy.settings().connect_timeout(Duration::from_secs(2))).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}");
        let code = refused.code();
        assert!(
            ["no_tpm", "tpm_backend", "device_gone", "tpm_timeout"].contains(&code),
            "{answer:?}: {code}"
        );
    }
    proxy.set(Mode::Forward);
    Tpm::connect(proxy.settings()).unwrap().info().unwrap();
}
