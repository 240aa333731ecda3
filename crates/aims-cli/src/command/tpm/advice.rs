//! What a TPM, its address and its files refuse, with what can be done about it: the libraries say what is wrong, and know neither options nor commands.

use std::io;
use std::path::Path;

use aims::keys::store::StoreError;
use aims_tpm::{TctiError, TpmError};

use crate::failure::Failure;

/// Of the address of a TPM, as it was given.
pub(super) fn tcti(error: TctiError, text: &str) -> Failure {
    if text.is_empty() {
        // Whoever set it means a TPM, and that of this machine may be another one.
        let empty = "it is empty: name a TPM, or leave it out for device:/dev/tpmrm0";
        return Failure::refused(error.code(), error.rule(), empty);
    }
    let failure = Failure::from(error);
    let kind = |text: &str| text.split(':').next().map(str::to_owned);
    let form = FORMS.into_iter().find(|form| kind(form) == kind(text));
    let form = form.map_or_else(|| format!("one of {}", FORMS.join(", ")), str::to_owned);
    match error {
        TctiError::TooLong => failure.adding(&format!("what is asked for is {form}")),
        _ => failure.adding(&format!("{text:?}; what is asked for is {form}")),
    }
}

/// Of a TPM at its address.
pub(super) fn tpm(error: TpmError) -> Failure {
    let failure = Failure::from(error);
    match error {
        TpmError::NoPermission => failure.adding("on most systems members of the group tss have it"),
        TpmError::SlotsFull => failure.adding(FULL),
        _ => failure,
    }
}

/// Of the keys in a directory.
pub(super) fn store(error: StoreError, dir: &Path) -> Failure {
    let shown = dir.display();
    let advice = match &error {
        StoreError::Io { file, kind: io::ErrorKind::NotFound } if file == dir => missing_parent(dir),
        StoreError::DeviceFull => Some(FULL.to_owned()),
        StoreError::NotFound { .. } => Some(format!("`aims tpm key list --dir {shown}` shows those there are")),
        StoreError::OtherDevice { .. } => Some(
            "another TPM made it, or this one before it was cleared, and nothing opens it here any more; with a new --dir, or when this one is \
             removed, `aims tpm provision` makes another attestation key, to be enrolled, and `aims tpm key create` other keys"
                .to_owned(),
        ),
        StoreError::Policy => {
            Some("it can be used while certain PCRs are as they were when it was made".to_owned())
        }
        StoreError::UnsupportedAlgorithm => Some("`aims tpm info` shows those of this TPM".to_owned()),
        _ => None,
    };
    let failure = Failure::from(error);
    match advice {
        Some(advice) => failure.adding(&advice),
        None => failure,
    }
}

/// A directory is made in one that is there.
fn missing_parent(dir: &Path) -> Option<String> {
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty() && !above.is_dir())?;
    Some(format!("{}, where it would be made, is not there", above.display()))
}

const FULL: &str = "others have filled it, or programs that were killed; a resource manager (device:/dev/tpmrm0) makes room, and where there is none and \
                    nobody else uses the TPM, --exclusive does";

const FORMS: [&str; 4] = [
    "device:/dev/tpmrm0",
    "tabrmd:bus_name=NAME,bus_type=system",
    "swtpm:host=HOST,port=PORT",
    "mssim:host=HOST,port=PORT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tpm_7_an_address_that_is_none_is_shown_beside_what_is_one() {
        for (text, expected) in [
            (
                "swtpm:path=/x",
                r#"a key is not known: "swtpm:path=/x"; what is asked for is swtpm:host=HOST,port=PORT"#,
            ),
            ("mssim", r#""mssim"; what is asked for is mssim:host=HOST,port=PORT"#),
            ("device:tpm0", r#""device:tpm0"; what is asked for is device:/dev/tpmrm0"#),
            ("pcap:x", r#""pcap:x"; what is asked for is one of device:/dev/tpmrm0, tabrmd:"#),
        ] {
            let error = text.parse::<aims_tpm::Tcti>().unwrap_err();
            let said = tcti(error, text).to_text();
            assert!(said.contains(expected), "{said}");
        }
        let long = "x".repeat(257);
        assert!(!tcti(TctiError::TooLong, &long).to_text().contains(&long));
        let said = tcti(TctiError::NoAddress, "").to_text();
        assert_eq!(
            said,
            "refused: tcti_no_address (TPM-7): it is empty: name a TPM, or leave it out for device:/dev/tpmrm0"
        );
    }

    #[test]
    fn tpm_44_what_a_policy_refuses_is_a_key_and_what_has_no_place_a_directory() {
        let said = |error| store(error, Path::new("no/such/keys")).to_text();
        let policy = said(StoreError::Policy);
        assert!(
            policy.starts_with("refused: device_policy (TPM-44): ") && policy.contains("PCRs"),
            "{policy}"
        );
        assert!(said(StoreError::DeviceFull).contains("--exclusive"));
        let io = |file: &str, kind| said(StoreError::Io { file: file.into(), kind });
        let missing = io("no/such/keys", io::ErrorKind::NotFound);
        assert!(missing.ends_with(": no/such, where it would be made, is not there"), "{missing}");
        for (file, kind) in [
            ("no/such/keys", io::ErrorKind::PermissionDenied),
            ("no/such/keys/a.tpm", io::ErrorKind::NotFound),
        ] {
            assert!(!io(file, kind).contains("would be made"));
        }
        assert_eq!((missing_parent(Path::new("keys")), missing_parent(Path::new("/keys"))), (None, None));
    }
}
