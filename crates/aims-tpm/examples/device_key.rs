//! An agent's key in the TPM of its machine: made once, used ever after, with evidence for whoever issues credentials.
//!
//! ```text
//! cargo run -p aims-tpm --example device_key -- device:/dev/tpmrm0 /var/lib/agent/keys
//! ```

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use aims_keys::store::{GenerateKeys, KeyStore, StoreError};
use aims_keys::{Algorithm, SignInput};
use aims_tpm::{EndorsementKind, PcrBank, PcrSelection, Tpm, TpmKeyStore, TpmSettings};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [tcti, dir] = args.as_slice() else {
        eprintln!("device_key <TCTI> <DIRECTORY>, for instance: device_key device:/dev/tpmrm0 keys");
        return ExitCode::from(2);
    };
    match run(tcti, Path::new(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("device_key: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the program does; run again with the same directory it uses the key that is there.
pub(crate) fn run(tcti: &str, dir: &Path) -> Result<(), Box<dyn Error>> {
    let tpm = Tpm::connect(TpmSettings::new(tcti.parse()?))?;
    let info = tpm.info()?;
    println!("TPM: {} {}, firmware {:#x}", info.manufacturer, info.model, info.firmware);

    let store = TpmKeyStore::open(&tpm, dir)?;
    let id = "agent".parse()?;
    let key = match store.open(&id) {
        Err(StoreError::NotFound { .. }) => store.generate(&id, Algorithm::Es256)?,
        opened => opened?,
    };
    println!("key: {} {}, exportable: {}", key.algorithm(), key.protection().name(), key.is_exportable());
    print!("{}", key.public_key().numbers().to_pem());

    let signature = key.signer().sign(SignInput::Message(b"hello"))?;
    key.public_key().verify(b"hello", signature.as_bytes())?;
    println!("signed and verified: {} bytes", signature.as_bytes().len());

    // The issuer sends this. It is bound to the exchange, and never used twice.
    let challenge = [0x5a; 32];
    let ak = store.attestation_key()?;
    let certification = tpm.certify(&store.signer(&id)?, &ak, &challenge)?;
    let quote = tpm.quote(&ak, &challenge, PcrSelection::new(PcrBank::Sha256, &[0, 2, 4, 7])?)?;
    println!("certification: {} bytes, quote: {} bytes", certification.attest.len(), quote.attest.len());
    for kind in [EndorsementKind::EccP384, EndorsementKind::EccP256, EndorsementKind::Rsa2048] {
        if let Some(certificate) = tpm.endorsement(kind)?.certificate {
            println!("endorsed by its maker: {kind:?}, certificate of {} bytes", certificate.len());
        }
    }
    // Nothing of ours is left in it, resource manager or not.
    tpm.close()?;
    Ok(())
}
