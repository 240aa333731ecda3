//! Somebody who is on the bus for as long as he likes, hears all of it, and alters what he likes; and a TPM that changes under our hands.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use aims_keys::store::{GenerateKeys, KeyStore};
use aims_keys::{Algorithm, AsyncSigner, SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{AuthValue, EndorsementKind, Sealed, Tpm, TpmError, TpmKeyStore, TpmSigner};
use ring::digest::{SHA256, digest};

use crate::proxy::{Proxy, code};
use crate::support::{Dir, begin, block_on, connect, id, key, pcrs, settings, signs};
use crate::tools;

/// `TPM_CC`.
const CREATE_PRIMARY: u32 = 0x131;
const SIGN: u32 = 0x15d;
const UNSEAL: u32 = 0x15e;
const POLICY_AUTH_VALUE: u32 = 0x16b;
const START_AUTH_SESSION: u32 = 0x176;
const GET_RANDOM: u32 = 0x17b;
const PCR_READ: u32 = 0x17e;
const POLICY_PCR: u32 = 0x17f;

const RH_OWNER: [u8; 4] = [0x40, 0, 0, 1];
const RH_NULL: [u8; 4] = [0x40, 0, 0, 7];

fn auth(value: &str) -> AuthValue {
    AuthValue::new(value.as_bytes().to_vec()).unwrap()
}

fn answer(code: u32) -> Vec<u8> {
    [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat()
}

/// PCR 10 becomes PCR 16, which anybody can reset: the selection is at the end, three bytes of it.
fn about_another_pcr(command: &mut [u8]) {
    if code(command) == POLICY_PCR {
        let at = command.len() - 3;
        assert_eq!(command[at..], [0, 4, 0]);
        command[at..].copy_from_slice(&[0, 0, 1]);
    }
}

/// A file of ours, rewritten by somebody who knows how it is made: the hash at its end is no secret.
fn rewritten(bytes: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = bytes[..bytes.len() - 32].to_vec();
    change(&mut bytes);
    let hash = digest(&SHA256, &bytes);
    [&bytes, hash.as_ref()].concat()
}

/// A policy is over what the registers have, not over what somebody says of them: the TPM proves it when it makes the object.
#[test]
fn tpm_44_an_object_whose_registers_were_lied_about_is_not_kept() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    proxy.alter_answers(|command, answer| {
        if code(command) == PCR_READ {
            *answer.last_mut().unwrap() ^= 1;
        }
    });
    assert_refused!(tpm.seal(b"secret", pcrs(&[10])), "tpm_busy", "TPM-44");
    assert_refused!(store.generate(&id("a"), Algorithm::Es256), "store_busy", "TPM-44");
    proxy.alter_answers(|_, _| {});
    assert_eq!(*tpm.unseal(&tpm.seal(b"secret", pcrs(&[10])).unwrap()).unwrap(), b"secret");
    signs(&key(&store, "a"));
}

/// Whoever is there while it is sealed, and rewrites what the policy is over, gets nothing by it: then or later.
#[test]
fn tpm_44_what_a_policy_is_over_is_not_told_by_the_bus() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    proxy.alter_commands(|command| about_another_pcr(command));
    let sealed = tpm.seal(b"secret", pcrs(&[10])).unwrap();
    let guarded = key(&store, "a");
    assert_refused!(tpm.unseal(&sealed), "device_policy", "TPM-44");
    assert_refused!(Signer::sign(&guarded, SignInput::Message(b"message")), "device_policy", "TPM-44");
    proxy.alter_commands(|_| {});
    assert_eq!(*tpm.unseal(&sealed).unwrap(), b"secret");
    tpm.close().unwrap();

    // He takes the file along, has changed the machine, and writes into it that it hangs on PCR 16.
    soft.extend_pcr(10, &[1; 32]);
    let stolen = rewritten(&sealed.to_bytes().unwrap(), |bytes| {
        assert_eq!(bytes[13..17], (1_u32 << 10).to_be_bytes());
        bytes[13..17].copy_from_slice(&(1_u32 << 16).to_be_bytes());
    });
    let stolen = Sealed::from_bytes(&stolen).unwrap();
    let tpm = connect(&soft);
    for sealed in [&stolen, &sealed] {
        assert_refused!(tpm.unseal(sealed), "device_policy", "TPM-44");
    }
}

/// The same for the authorization value that a policy asks for: who swallows that command gets a key that asks for it all the same.
#[test]
fn tpm_44_an_authorization_value_is_not_bypassed_by_who_is_there_when_the_key_is_made() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    // In its place random bytes are asked for, and what comes is called a success.
    proxy.alter_commands(|command| {
        if code(command) == POLICY_AUTH_VALUE {
            *command = vec![0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 1];
        }
    });
    proxy.alter_answers(|command, given| {
        if code(command) == GET_RANDOM {
            *given = answer(0);
        }
    });
    let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).auth(auth("of the store"));
    store.open().unwrap().generate(&id("a"), Algorithm::Es256).unwrap();
    tpm.close().unwrap();

    let file = dir.store().join("a.tpm");
    let says_none = rewritten(&fs::read(&file).unwrap(), |bytes| {
        assert_eq!(bytes[10], 1);
        bytes[10] = 0;
    });
    fs::write(&file, says_none).unwrap();
    let thief = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap().signer(&id("a")).unwrap();
    assert_refused!(Signer::sign(&thief, SignInput::Message(b"message")), "device_policy", "TPM-44");
}

/// It is one TPM for life: another that answers in its place, in mid-life, is given neither keys nor values nor data.
#[test]
fn tpm_17_another_tpm_in_the_place_of_the_first_is_given_nothing() {
    let Some(soft) = SoftTpm::start() else { return };
    let Some(thief) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let store = TpmKeyStore::builder(&tpm, dir.store()).auth(auth("of the store")).open().unwrap();
    let key = key(&store, "a");
    signs(&key);
    proxy.lead_to(&thief);
    for _ in 0..2 {
        assert_refused!(tpm.seal(b"secret", pcrs(&[10])), "tpm_replaced", "TPM-44");
        assert_refused!(store.generate(&id("b"), Algorithm::Es256), "key_of_other_device", "TPM-44");
        assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "key_not_found", "TPM-44");
        assert_refused!(tpm.info(), "tpm_replaced", "TPM-44");
    }
    proxy.lead_to(&soft);
    signs(&key);
}

/// The same for one that was there from the start: a store with an attestation key is of the TPM of that.
#[test]
fn tpm_44_a_store_gives_no_other_tpm_the_value_of_its_keys() {
    let Some(soft) = SoftTpm::start() else { return };
    let Some(thief) = SoftTpm::start() else { return };
    let dir = Dir::new();
    {
        let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
        store.attestation_key().unwrap();
        store.generate(&id("a"), Algorithm::Es256).unwrap();
    }
    let store = TpmKeyStore::open(&connect(&thief), dir.store()).unwrap();
    assert_refused!(store.generate(&id("b"), Algorithm::Es256), "key_of_other_device", "TPM-44");
    assert_refused!(store.open(&id("a")), "key_of_other_device", "TPM-44");
    assert!(!dir.store().join("b.tpm").exists());
}

/// The password of a hierarchy is proven in a session whose key a listener does not have: else he could try passwords at home.
#[test]
fn tpm_15_a_listener_has_nothing_to_guess_the_password_of_the_owner_by() {
    if !tools::have("tpm2_changeauth") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    tools::run(dir.path(), Some(&soft), "tpm2_changeauth", &["-c", "owner", "hunter2"]).unwrap();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings().owner_auth(auth("hunter2"))).unwrap();
    let dir = Dir::new();
    signs(&key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a"));

    let heard = proxy.heard();
    let proven = heard.iter().position(|[c, _]| code(c) == CREATE_PRIMARY && c[10..14] == RH_OWNER).unwrap();
    // Behind the size of the authorizations is the handle of its session, which an answer to a start began with.
    let session = &heard[proven][0][18..22];
    assert_ne!(session, [0x40, 0, 0, 9], "a password in clear");
    let begun = heard[..proven]
        .iter()
        .rev()
        .find(|[c, a]| code(c) == START_AUTH_SESSION && a.get(10..14) == Some(session));
    let [command, _] = begun.unwrap();
    assert_ne!(command[10..14], RH_NULL, "not salted");
    assert!(heard.iter().flatten().all(|bytes| !bytes.windows(7).any(|part| part == b"hunter2")));
}

/// What listens sees neither values, nor data, nor what is sealed.
#[test]
fn tpm_44_nothing_secret_is_on_the_bus() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let store = TpmKeyStore::builder(&tpm, dir.store()).auth(auth("VALUE OF THE STORE")).open().unwrap();
    signs(&key(&store, "a"));
    let guarded =
        TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).auth(auth("VALUE OF THE GUARDED"));
    signs(&key(&guarded.open().unwrap(), "b"));
    let sealed = tpm.seal(b"WHAT IS SEALED", pcrs(&[10])).unwrap();
    assert_eq!(*tpm.unseal(&sealed).unwrap(), b"WHAT IS SEALED");
    let heard = proxy.heard();
    assert!(proxy.count(SIGN) >= 2 && proxy.count(UNSEAL) >= 1);
    for secret in [&b"VALUE OF THE"[..], b"WHAT IS SEALED"] {
        let in_clear =
            heard.iter().flatten().any(|bytes| bytes.windows(secret.len()).any(|part| part == secret));
        assert!(!in_clear, "{}", String::from_utf8_lossy(secret));
    }
}

/// Each byte of a signature's command altered: no wrong signature comes out, and the next call works.
#[test]
fn tpm_17_altered_commands_yield_no_wrong_signature() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings().timeout(Duration::from_secs(5))).unwrap();
    let plain = key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a");
    let guarded = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    let guarded = key(&guarded, "b");
    for key in [&plain, &guarded] {
        for place in (6..160).step_by(7) {
            let mut done = false;
            proxy.alter_commands(move |command| {
                if code(command) == SIGN && !done {
                    done = true;
                    if let Some(byte) = command.get_mut(place) {
                        *byte ^= 1;
                    }
                }
            });
            if let Ok(signature) = Signer::sign(key, SignInput::Message(b"message")) {
                key.public_key().verify(b"message", signature.as_bytes()).unwrap();
            }
            proxy.alter_commands(|_| {});
            signs(key);
        }
    }
}

/// A register that nobody selected, extended between the policy and its use, ends the session, and not the call.
#[test]
fn tpm_17_a_register_that_changes_meanwhile_is_not_seen() {
    let Some(soft) = SoftTpm::start() else { return };
    let soft = Arc::new(soft);
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[7])).open().unwrap();
    let key = key(&store, "a");
    let sealed = tpm.seal(b"secret", pcrs(&[7])).unwrap();
    let changes = |times: usize| {
        let (soft, mut done) = (Arc::clone(&soft), 0);
        proxy.alter_answers(move |command, _| {
            if code(command) == POLICY_PCR && done < times {
                done += 1;
                soft.extend_pcr(10, &[1; 32]);
            }
        });
    };
    for times in [1, 2] {
        changes(times);
        signs(&key);
        changes(times);
        assert_eq!(*tpm.unseal(&sealed).unwrap(), b"secret");
    }
    // One that never stops is not waited for.
    changes(usize::MAX);
    assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "key_busy", "TPM-44");
    assert_refused!(tpm.unseal(&sealed), "tpm_busy", "TPM-44");
    // What the proxy holds lives until the program ends: not the TPM.
    proxy.alter_answers(|_, _| {});
    signs(&key);
}

/// The TPM is reset and started by somebody else, a kernel for instance: it does not say that it was, only that it knows nothing.
#[test]
fn tpm_17_a_tpm_that_was_reset_and_started_by_another_is_used_as_if_nothing_was() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let [not_loaded, loaded, last] = ["a", "b", "c"].map(|name| key(&store, name));
    let guarded = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[7])).open().unwrap();
    let guarded = key(&guarded, "g");
    let ak = tpm.create_attestation_key().unwrap();
    let sealed = tpm.seal(b"secret", pcrs(&[7])).unwrap();
    let sign = |key: &TpmSigner| {
        signs(key);
        Ok(())
    };
    let calls: [(&str, Call<'_>); 8] = [
        ("not loaded", &|| sign(&not_loaded)),
        ("loaded", &|| sign(&loaded)),
        ("guarded", &|| sign(&guarded)),
        ("create", &|| tpm.create_attestation_key().map(drop)),
        ("quote", &|| tpm.quote(&ak, &[7; 32], pcrs(&[0])).map(drop)),
        ("certify", &|| tpm.certify(&not_loaded, &ak, &[7; 32]).map(drop)),
        ("unseal", &|| tpm.unseal(&sealed).map(drop)),
        ("endorsement", &|| tpm.endorsement(EndorsementKind::EccP256).map(drop)),
    ];
    for (name, call) in calls {
        signs(&last);
        signs(&loaded);
        soft.power_cycle();
        start_up(soft.port());
        call().unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

type Call<'a> = &'a dyn Fn() -> Result<(), TpmError>;

/// `TPM2_Startup(TPM_SU_CLEAR)`.
fn start_up(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0]).unwrap();
    let mut given = [0; 10];
    stream.read_exact(&mut given).unwrap();
    assert_eq!(given[6..], [0; 4]);
}

/// Whatever goes wrong, and however often, the TPM signs once more and never a third time.
#[test]
fn tpm_17_a_call_is_made_twice_at_most() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    let key = key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a");
    signs(&key);
    // Wrong value, not started, lost the object, full, no answer.
    let codes = [0x98e, 0x100, 0x910, 0x902, 0x101];
    for first in codes {
        for second in codes {
            let made = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&made);
            proxy.alter_answers(move |command, given| {
                if code(command) == SIGN {
                    match seen.fetch_add(1, Ordering::SeqCst) {
                        0 => *given = answer(first),
                        1 => *given = answer(second),
                        _ => {}
                    }
                }
            });
            Signer::sign(&key, SignInput::Message(b"message")).unwrap_err();
            assert!(made.load(Ordering::SeqCst) <= 2, "{first:#x}, {second:#x}");
            proxy.alter_answers(|_, _| {});
            signs(&key);
        }
    }
}

/// A worker that was given up comes back while another works: it uses nothing of that one's, and flushes nothing of it.
#[test]
fn tpm_5_a_worker_that_was_given_up_leaves_the_next_one_alone() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = Tpm::connect(settings(&soft).timeout(Duration::from_secs(1))).unwrap();
    let plain = key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a");
    let guarded = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    let guarded = key(&guarded, "g");
    for key in [&plain, &guarded, &plain, &guarded] {
        signs(&plain);
        signs(&guarded);
        soft.pause();
        assert_refused!(Signer::sign(key, SignInput::Message(b"message")), "key_busy", "TPM-44");
        thread::sleep(Duration::from_millis(100));
        // The one in its place waits already when the TPM goes on.
        let begun: Vec<_> = (0..8).map(|_| begin(key).0).collect();
        soft.resume();
        for future in begun {
            let signature = block_on(future).unwrap();
            key.public_key().verify(b"message", signature.as_bytes()).unwrap();
        }
    }
}

/// A waker belongs to a stranger: its panic is not the end of the thread that keeps the time of all.
#[test]
fn tpm_43_a_waker_that_panics_harms_nobody_else() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("the executor is gone, as it should be in this test");
        }
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = Tpm::connect(settings(&soft).timeout(Duration::from_millis(300))).unwrap();
    let key = key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a");
    soft.pause();
    let mut future = AsyncSigner::sign(&key, SignInput::Message(b"message"));
    let waker = Waker::from(Arc::new(Bad));
    assert!(matches!(future.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
    thread::sleep(Duration::from_millis(600));
    let begun = Instant::now();
    assert_refused!(tpm.info(), "tpm_timeout", "TPM-17");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    soft.resume();
}

/// An owner can make a key of his own from the template of endorsement keys, and keep it where that is looked for. It is not taken for it.
#[test]
fn tpm_18_a_key_of_the_owner_is_not_taken_for_the_endorsement_key() {
    if !tools::have("tpm2_createprimary") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let endorsed = connect(&soft).endorsement(EndorsementKind::EccP256).unwrap().public;
    // `TPM2_PolicySecret(TPM_RH_ENDORSEMENT)`, as in the template.
    let policy = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
    fs::write(dir.path().join("policy"), tools::unhex(policy)).unwrap();
    let attributes = "fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt";
    let make = [
        "-C",
        "o",
        "-g",
        "sha256",
        "-G",
        "ecc256:aes128cfb",
        "-a",
        attributes,
        "-L",
        "policy",
        "-c",
        "key.ctx",
    ];
    let run = |tool: &str, args: &[&str]| tools::run(dir.path(), Some(&soft), tool, args).unwrap();
    run("tpm2_createprimary", &make);
    run("tpm2_evictcontrol", &["-C", "o", "-c", "key.ctx", "0x81010002"]);
    run("tpm2_flushcontext", &["-t"]);
    let kept = run("tpm2_getcap", &["handles-persistent"]);
    assert!(kept.contains("0x81010002"), "{kept}");
    assert_eq!(connect(&soft).endorsement(EndorsementKind::EccP256).unwrap().public, endorsed);

    // The true one is taken from there.
    run("tpm2_evictcontrol", &["-C", "o", "-c", "0x81010002"]);
    run("tpm2_createek", &["-c", "0x81010002", "-G", "ecc"]);
    run("tpm2_flushcontext", &["-t"]);
    let proxy = Proxy::start(&soft);
    let tpm = Tpm::connect(proxy.settings()).unwrap();
    assert_eq!(tpm.endorsement(EndorsementKind::EccP256).unwrap().public, endorsed);
    assert_eq!(proxy.count(CREATE_PRIMARY), 1, "that of the storage key");
}
