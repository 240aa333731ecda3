//! Software TPMs that start, stop and do not meet.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use aims_testkit::SoftTpm;

/// `TPM2_GetRandom` of eight bytes: the response code.
fn get_random(tpm: &SoftTpm) -> std::io::Result<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", tpm.port()))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(&[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8])?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer)?;
    Ok(u32::from_be_bytes(answer[6..].try_into().unwrap()))
}

/// Read from what `Debug` shows, so that nobody uses it.
fn state(tpm: &SoftTpm) -> PathBuf {
    let text = format!("{tpm:?}");
    text.split('"').nth(1).unwrap().into()
}

/// TPM-4, TPM-6, TPM-10.
#[test]
fn tpm_4_tpm_6_tpm_10_each_has_its_ports_and_its_directory_which_goes_with_it() {
    let Some(first) = SoftTpm::start() else { return };
    let Some(second) = SoftTpm::start() else { return };
    assert_ne!(first.port(), second.port());
    assert_ne!(state(&first), state(&second));
    assert_eq!((get_random(&first).unwrap(), get_random(&second).unwrap()), (0, 0));
    assert_eq!(first.tcti(), format!("swtpm:host=127.0.0.1,port={}", first.port()));

    let left = state(&first);
    assert!(left.is_absolute() && left.is_dir());
    drop(first);
    assert!(!left.exists(), "{}", left.display());
    assert_eq!(get_random(&second).unwrap(), 0, "the other one is untouched");
}

#[test]
fn one_that_was_killed_answers_again_after_a_restart_at_the_same_port() {
    let Some(mut tpm) = SoftTpm::start() else { return };
    let port = tpm.port();
    tpm.kill();
    get_random(&tpm).unwrap_err();
    tpm.restart();
    assert_eq!((get_random(&tpm).unwrap(), tpm.port()), (0, port));
}

#[test]
fn one_that_is_paused_answers_when_it_goes_on() {
    let Some(tpm) = SoftTpm::start() else { return };
    tpm.pause();
    get_random(&tpm).unwrap_err();
    tpm.resume();
    assert_eq!(get_random(&tpm).unwrap(), 0);
}

#[test]
fn a_power_cycle_leaves_it_working() {
    let Some(tpm) = SoftTpm::start() else { return };
    tpm.power_cycle();
    // Started or to be started (`TPM_RC_INITIALIZE`): it answers.
    assert!(matches!(get_random(&tpm).unwrap(), 0 | 0x100));
}

#[test]
fn a_pcr_is_extended() {
    let Some(tpm) = SoftTpm::start() else { return };
    tpm.extend_pcr(10, &[7; 32]);
    assert_eq!(get_random(&tpm).unwrap(), 0);
}

#[test]
fn those_of_one_factory_have_one_authority_and_directories_of_their_own() {
    let Some((first, ca)) = SoftTpm::with_endorsement() else { return };
    let Some((second, same)) = SoftTpm::with_endorsement() else { return };
    assert_eq!(ca.root(), same.root());
    assert_ne!(ca.root(), ca.issuer());
    // DER of a certificate: a long sequence.
    assert!(ca.chain().iter().all(|der| der.starts_with(&[0x30, 0x82])));
    assert_ne!(state(&first), state(&second));
    assert_eq!((get_random(&first).unwrap(), get_random(&second).unwrap()), (0, 0));
}

/// TPM-9: what is missing is said, by the program's name.
#[test]
fn tpm_9_what_is_missing_has_a_name() {
    assert_eq!(SoftTpm::missing().is_none(), SoftTpm::with_endorsement().is_some());
}
