//! Answers that are late, torn, altered, or nonsense.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
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
        thread::sleep(Duration::from_millis(20));
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
            thread::sleep(Duration::from_millis(20));
        }
        signs(&key);
    }
}

/// The same for what a TPM says of itself: evidence is checked elsewhere, and nothing here falls over it.
#[test]
fn altered_answers_make_nothing_panic() {
    // The queue survives a panic of its worker, and callers would see an error like any other.
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let Some(soft) = SoftTpm::start() else { return };
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() == Some("aims-tpm worker") {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(info);
    }));
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
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

/// TPM-15, TPM-44: the answers of a TPM, by the names that callers act on. They are put in its mouth: a software TPM gives few of them.
#[test]
fn tpm_15_tpm_44_what_a_tpm_answers_comes_out_by_name() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let key = key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a");
    let say = |code: u32| {
        let answer = [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat();
        proxy.set(Mode::Instead(answer));
    };
    // TPM_RC_LOCKOUT is told from TPM_RC_AUTH_FAIL, which counts towards it, and from TPM_RC_BAD_AUTH, which does not.
    for (code, name, rule, signer) in [
        (0x921, "locked_out", "TPM-15", "locked_out"),
        (0x98e, "auth_failed", "TPM-15", "auth_failed"),
        (0x9a2, "auth_failed", "TPM-15", "auth_failed"),
        (0x902, "tpm_slots_full", "TPM-8", "key_busy"),
        (0x903, "tpm_slots_full", "TPM-8", "key_busy"),
        (0x920, "tpm_busy", "TPM-44", "key_busy"),
        (0x923, "tpm_busy", "TPM-44", "key_busy"),
        (0x99d, "device_policy", "TPM-44", "device_policy"),
        (0x128, "device_policy", "TPM-44", "device_policy"),
        (0x3e0, "tpm_key_restricted", "TPM-13", "wrong_use"),
        (0x1d5, "tpm_data_length", "TPM-12", "unsupported_input"),
        (0x143, "unsupported_algorithm", "TPM-44", "unsupported_algorithm"),
        (0x101, "device_gone", "TPM-44", "device_gone"),
        (0x17f, "tpm_backend", "TPM-44", "signing_backend"),
    ] {
        say(code);
        assert_refused!(tpm.pcr_read(pcrs(&[0])), name, rule, "{code:#x}");
        // Connected anew, it is signed with at once.
        proxy.set(Mode::Forward);
        signs(&key);
        say(code);
        let refused = Signer::sign(&key, SignInput::Message(b"message")).unwrap_err();
        assert_eq!(refused.code(), signer, "{code:#x}");
        proxy.set(Mode::Forward);
        signs(&key);
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
