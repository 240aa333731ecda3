//! `aims tpm`.

mod activate;
mod info;
mod key;
mod provision;
mod quote;

use std::env::{self, VarError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aims::keys::store::KeyId;
use aims_tpm::{AttestationKey, EndorsementKind, Tcti, Tpm, TpmKeyStore, TpmSettings, TpmSigner};
use clap::Subcommand;

use super::attest::verify::Verify;
use crate::document::Kind;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Facts, Report};
use crate::private_file;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Activates the credential that an issuer made for this TPM, and prints what comes out of it: the second half of enrolment.
    Activate(activate::Activate),
    /// Shows what the TPM says of itself. Nobody vouches for it.
    Info(info::Info),
    /// Keys in the TPM, which never leave it.
    #[command(subcommand)]
    Key(key::Command),
    /// Makes an attestation key, and prints what an issuer needs to enrol this TPM: its endorsement keys, their certificates, and the attestation key.
    ///
    /// An attestation key that is in the directory stays.
    Provision(provision::Provision),
    /// Collects evidence: how this machine was started, and that a key is in its TPM, as an answer to a challenge.
    Quote(quote::Quote),
    /// Verifies such evidence, without a TPM: the same as `aims attest verify`.
    Verify(Verify),
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Activate(activate) => activate.run(inputs),
            Self::Info(info) => info.run(),
            Self::Key(key) => key.run(),
            Self::Provision(provision) => provision.run(),
            Self::Quote(quote) => quote.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
        }
    }
}

/// Which TPM.
#[derive(clap::Args, Debug)]
pub(crate) struct Device {
    /// Where the TPM is: `device:/dev/tpmrm0`, `tabrmd:bus_name=...,bus_type=...`, or, for tests, `swtpm:host=127.0.0.1,port=2321`.
    /// Default: what `AIMS_TCTI` says, else `device:/dev/tpmrm0`.
    #[arg(long)]
    tcti: Option<String>,
    /// How long to wait for an answer of it, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT)]
    timeout: u64,
}

impl Device {
    /// Works with the TPM, and leaves nothing in it: there may be no resource manager.
    fn with<T>(&self, work: impl FnOnce(&Tpm) -> Result<T, Failure>) -> Result<T, Failure> {
        let tpm = connect(self.tcti.as_deref(), self.timeout)?;
        let done = work(&tpm);
        // What was done counts, and what failed before says more.
        let closed = tpm.close();
        done.and_then(|done| Ok(closed.map(|()| done)?))
    }
}

/// Which TPM, and where what it wrapped is kept.
#[derive(clap::Args, Debug)]
pub(crate) struct Store {
    #[command(flatten)]
    device: Device,
    /// The directory of keys and of the attestation key, which this user alone can enter; made when there is none.
    ///
    /// What is in it is wrapped by the TPM, and of use with this TPM alone.
    #[arg(long)]
    dir: PathBuf,
}

impl Store {
    /// Works with the keys in the directory.
    fn with<T>(&self, work: impl FnOnce(&Tpm, &TpmKeyStore) -> Result<T, Failure>) -> Result<T, Failure> {
        self.device.with(|tpm| work(tpm, &TpmKeyStore::open(tpm, &self.dir)?))
    }

    /// The same, where an attestation key has to be there: one that is made now was never enrolled.
    fn with_attestation_key<T>(
        &self,
        work: impl FnOnce(&Tpm, &TpmKeyStore, &AttestationKey) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let file = self.dir.join(ATTESTATION_KEY);
        if !file.exists() {
            let missing = "there is no attestation key: `aims tpm provision` makes it";
            return Err(Failure::refused("key_not_found", "TPM-44", missing))
                .about_option(&file.display().to_string());
        }
        self.with(|tpm, store| work(tpm, store, &store.attestation_key()?))
    }
}

/// Opens the key of `DIR/NAME` in the TPM of `AIMS_TCTI`, or in that of this machine.
pub(crate) fn open_key(place: &str, inputs: &mut Inputs) -> Result<TpmSigner, Failure> {
    let form = || Failure::Unusable("a key in the TPM is tpm:DIR/NAME".into());
    let (dir, name) = place.rsplit_once('/').filter(|(dir, _)| !dir.is_empty()).ok_or_else(form)?;
    let id: KeyId = name.parse()?;
    // Opening a store makes its directory, and a key that is to be used is in one.
    if !Path::new(dir).is_dir() {
        return Err(Failure::Unusable(format!("{dir}: there is no such directory")));
    }
    let tpm = connect(None, TIMEOUT)?;
    inputs.keep(tpm.clone());
    Ok(TpmKeyStore::open(&tpm, dir)?.signer(&id)?)
}

fn connect(tcti: Option<&str>, seconds: u64) -> Result<Tpm, Failure> {
    let tcti: Tcti = match tcti {
        Some(tcti) => tcti.parse().about_option("--tcti")?,
        None => match env::var("AIMS_TCTI") {
            Ok(tcti) => tcti.parse().about_option("AIMS_TCTI")?,
            Err(VarError::NotPresent) => Tcti::default(),
            Err(VarError::NotUnicode(_)) => {
                return Err(Failure::Unusable("AIMS_TCTI: not UTF-8 text".into()));
            }
        },
    };
    let (address, timeout) = (tcti.to_string(), Duration::from_secs(seconds));
    let settings = TpmSettings::new(tcti).timeout(timeout).connect_timeout(timeout);
    Tpm::connect(settings).about_option(&address)
}

impl From<Kind> for EndorsementKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::EccP256 => Self::EccP256,
            Kind::EccP384 => Self::EccP384,
            Kind::Rsa2048 => Self::Rsa2048,
        }
    }
}

/// Prints a document, or writes it into a new file.
fn deliver(document: String, out: Option<&Path>, force: bool) -> Result<Report, Failure> {
    let Some(out) = out else { return Ok(Report::Document(document)) };
    private_file::write(out, &format!("{document}\n"), force)?;
    Ok(Report::Facts(Facts::new().with("file", out.display().to_string())))
}

/// As a [`TpmKeyStore`] names it.
const ATTESTATION_KEY: &str = "attestation.ak";

/// In seconds. Making an RSA key takes some TPMs as long.
const TIMEOUT: u64 = 60;
