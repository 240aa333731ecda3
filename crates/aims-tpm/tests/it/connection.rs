//! Connections that break, stall, or never come about.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

use aims_keys::{SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{Tcti, Tpm, TpmError, TpmKeyStore, TpmSettings};

use crate::support::{Dir, connect, key, pcrs, settings, signs};
use crate::tools;

/// The TPM forgets what was loaded; the caller sees nothing of it.
#[test]
fn tpm_17_a_power_cycle_between_two_signatures_is_not_seen() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let keys = [key(&store, "a"), key(&store, "b"), key(&store, "c")];
    for _ in 0..3 {
        keys.iter().for_each(signs);
        soft.power_cycle();
    }
    keys.iter().for_each(signs);
}

#[test]
fn tpm_17_one_that_was_killed_is_gone_and_used_again_when_it_is_back() {
    let Some(mut soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    signs(&key);
    for _ in 0..2 {
        soft.kill();
        for _ in 0..2 {
            assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "device_gone", "TPM-44");
            assert_refused!(tpm.info(), "device_gone", "TPM-44");
        }
        soft.restart();
        signs(&key);
    }
}

/// TPM-43: who waits is answered in time; the TPM is used again when it answers again.
#[test]
fn tpm_17_tpm_43_a_tpm_that_stalls_holds_nobody_longer_than_the_limit() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = Tpm::connect(settings(&soft).timeout(Duration::from_millis(1500))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    signs(&key);

    soft.pause();
    let begun = Instant::now();
    assert_refused!(tpm.info(), "tpm_timeout", "TPM-17");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "key_busy", "TPM-44");
    // Three workers are held by now, and no more are given to it.
    let begun = Instant::now();
    while tpm.info() == Err(TpmError::Timeout) {
        assert!(begun.elapsed() < Duration::from_secs(30), "workers without end");
    }
    assert_refused!(tpm.info(), "device_gone", "TPM-44");

    soft.resume();
    let begun = Instant::now();
    while Signer::sign(&key, SignInput::Message(b"message")).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come back");
    }
    signs(&key);
}

#[test]
fn tpm_5_tpm_17_a_connection_that_does_not_come_about_has_its_own_limit() {
    let Some(soft) = SoftTpm::start() else { return };
    soft.pause();
    let begun = Instant::now();
    let refused = Tpm::connect(settings(&soft).connect_timeout(Duration::from_millis(300)));
    assert_refused!(refused, "tpm_timeout", "TPM-17");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// TPM-5: a software TPM serves one connection, and who comes second waits for it; the limit is that of connecting.
#[test]
fn tpm_5_who_comes_second_is_served_when_the_first_is_gone() {
    let Some(soft) = SoftTpm::start() else { return };
    let first = TcpStream::connect(("127.0.0.1", soft.port())).unwrap();
    let begun = Instant::now();
    let second = Tpm::connect(settings(&soft).connect_timeout(Duration::from_millis(300)));
    assert_refused!(second, "tpm_timeout", "TPM-17");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(first);
    connect(&soft).info().unwrap();
}

/// TPM-5: one connection for all who use a TPM, however many clones and stores there are.
#[test]
fn tpm_5_clones_share_what_is_loaded() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpms: Vec<Tpm> = std::iter::repeat_n(connect(&soft), 8).collect();
    // Eight primaries would not fit.
    let keys = tpms.iter().enumerate().map(|(number, tpm)| {
        let store = TpmKeyStore::open(tpm, dir.store()).unwrap();
        key(&store, &format!("key-{number}"))
    });
    keys.for_each(|key| signs(&key));
}

#[test]
fn tpm_44_where_there_is_no_tpm_that_is_said() {
    let Some(mut soft) = SoftTpm::start() else { return };
    soft.kill();
    assert_refused!(Tpm::connect(settings(&soft)), "no_tpm", "TPM-44");
    for text in ["device:/dev/no-such-tpm", "device:/etc/hostname", "device:/dev/null"] {
        let tcti: Tcti = text.parse().unwrap();
        assert_refused!(Tpm::connect(TpmSettings::new(tcti)), "no_tpm", "TPM-44", "{text}");
    }
}

/// A device that is not ours, as somebody who may not open it: only root can become that one.
#[test]
fn tpm_44_a_device_that_may_not_be_opened_is_told_from_none() {
    let Some(device) = forbidden_device() else {
        println!("SKIPPED: no character device in /dev that is root's alone");
        return;
    };
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "connection::connects_as_nobody", "--nocapture"])
        .env("AIMS_TPM_TEST_DEVICE", device)
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    match child {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        // Another user cannot become somebody else, or nobody may not read where the tests are.
        Err(error) => println!("SKIPPED: the test cannot be run as nobody: {error}"),
    }
}

#[test]
#[ignore = "run by tpm_44_a_device_that_may_not_be_opened_is_told_from_none, as nobody"]
fn connects_as_nobody() {
    let device = std::env::var("AIMS_TPM_TEST_DEVICE").expect("run by another test");
    let tcti: Tcti = format!("device:{device}").parse().unwrap();
    assert_refused!(Tpm::connect(TpmSettings::new(tcti)), "tpm_no_permission", "TPM-44");
}

fn forbidden_device() -> Option<String> {
    let is_forbidden = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        let (mode, is_roots) = (found.permissions().mode(), found.uid() == 0 && found.gid() != NOBODY);
        (found.file_type().is_char_device() && mode & 0o066 == 0 && is_roots).then_some(())
    };
    let mut paths = std::fs::read_dir("/dev").ok()?.flatten().map(|entry| entry.path());
    let path = paths.find(|path| is_forbidden(path).is_some())?;
    path.to_str().map(str::to_owned)
}

const NOBODY: u32 = 65_534;

/// The library for it is a package of its own, and none of those that the tests install.
#[test]
fn tpm_44_an_address_whose_library_is_missing_says_so() {
    let tcti: Tcti = "tabrmd:bus_name=com.example.NoTabrmd,bus_type=session".parse().unwrap();
    let libraries = ["/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/local/lib"];
    if libraries.iter().any(|dir| Path::new(dir).join("libtss2-tcti-tabrmd.so.0").exists()) {
        println!("skipped: libtss2-tcti-tabrmd is installed");
        return;
    }
    assert_refused!(Tpm::connect(TpmSettings::new(tcti)), "tcti_missing", "TPM-44");
}

/// TPM-8: who fills the slots of a TPM without a resource manager keeps us out, and hears why.
#[test]
fn tpm_8_slots_that_others_fill_are_an_error_of_their_own() {
    if !tools::have("tpm2_createprimary") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    for _ in 0..3 {
        tools::run(dir.path(), Some(&soft), "tpm2_createprimary", &["-c", "primary.ctx"]).unwrap();
    }
    assert_refused!(Tpm::connect(settings(&soft)), "tpm_slots_full", "TPM-8");
    // But for who is alone with it: then it is what was left behind.
    Tpm::connect(settings(&soft).exclusive()).unwrap().info().unwrap();
    for _ in 0..3 {
        tools::run(dir.path(), Some(&soft), "tpm2_createprimary", &["-c", "primary.ctx"]).unwrap();
    }
    assert_refused!(Tpm::connect(settings(&soft)), "tpm_slots_full", "TPM-8");
    tools::run(dir.path(), Some(&soft), "tpm2_flushcontext", &["-t"]).unwrap();
    connect(&soft).info().unwrap();
    // A hash that somebody began and never ended cannot be flushed by the library: it is in nobody's way where there is room beside it.
    begin_hash(soft.port());
    Tpm::connect(settings(&soft).exclusive()).unwrap().info().unwrap();
}

/// `TPM2_HashSequenceStart`, with an empty value and SHA-256.
fn begin_hash(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&[0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x86, 0, 0, 0, 0x0b]).unwrap();
    let mut given = [0; 14];
    stream.read_exact(&mut given).unwrap();
    assert_eq!(given[6..10], [0; 4]);
}

/// TPM-8: what was left behind in mid-life, by a worker that was given up for instance, is in the way once and not for ever.
#[test]
fn tpm_8_slots_that_fill_up_in_mid_life_are_cleared() {
    if !tools::have("tpm2_createprimary") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let ak = store.attestation_key().unwrap();
    drop((store, tpm));
    let tpm = connect(&soft);
    for _ in 0..2 {
        tools::run(dir.path(), Some(&soft), "tpm2_createprimary", &["-c", "primary.ctx"]).unwrap();
    }
    assert_refused!(tpm.quote(&ak, &[7; 32], pcrs(&[0])), "tpm_slots_full", "TPM-8");
    tpm.quote(&ak, &[7; 32], pcrs(&[0])).unwrap();
}

/// TPM-16: whatever was refused, its sessions and objects are gone: there would be no room for those of the next.
#[test]
fn tpm_16_what_is_refused_leaves_nothing_behind() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    let key = key(&store, "a");
    let sealed = tpm.seal(b"secret", pcrs(&[10])).unwrap();
    let ak = tpm.create_attestation_key().unwrap();
    signs(&key);
    drop((store, tpm));
    drop(key);

    soft.extend_pcr(10, &[1; 32]);
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = store.signer(&crate::support::id("a")).unwrap();
    for _ in 0..10 {
        assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "device_policy", "TPM-44");
        assert_refused!(tpm.unseal(&sealed), "device_policy", "TPM-44");
        let kind = aims_tpm::EndorsementKind::EccP384;
        let refused = tpm.activate(&ak, kind, &[0; 84], &[0; 100]);
        assert_refused!(refused, "tpm_credential_refused", "TPM-44");
    }
    signs(&crate::support::key(&store, "b"));
    tpm.quote(&ak, &[7; 32], pcrs(&[10])).unwrap();
}

/// TPM-16: a program that ends leaves nothing in the TPM, where there is nobody to clean up behind it.
#[test]
fn tpm_16_what_was_loaded_is_out_of_the_tpm_when_it_is_closed() {
    if !tools::have("tpm2_getcap") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    signs(&key);
    tpm.quote(&store.attestation_key().unwrap(), &[7; 32], pcrs(&[0])).unwrap();
    let other = tpm.clone();
    tpm.close().unwrap();
    for handles in ["handles-transient", "handles-loaded-session", "handles-saved-session"] {
        let left = tools::run(dir.path(), Some(&soft), "tpm2_getcap", &[handles]).unwrap();
        assert_eq!(left.trim(), "", "{handles}");
    }
    // It is closed for all, and can be closed twice.
    assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "device_gone", "TPM-44");
    assert_refused!(other.info(), "device_gone", "TPM-44");
    other.close().unwrap();
}

/// TPM-17: who closes waits no longer than for anything else.
#[test]
fn tpm_17_closing_a_tpm_that_stalls_ends_in_time() {
    let Some(soft) = SoftTpm::start() else { return };
    let tpm = Tpm::connect(settings(&soft).timeout(Duration::from_millis(200))).unwrap();
    soft.pause();
    let begun = Instant::now();
    assert_refused!(tpm.close(), "tpm_timeout", "TPM-17");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    soft.resume();
}
