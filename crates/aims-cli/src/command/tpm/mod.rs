//! `aims tpm`.

mod activate;
mod advice;
mod info;
mod key;
mod provision;
mod quote;

use std::env::{self, VarError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aims::keys::store::{KeyId, StoreError};
use aims_tpm::{AttestationKey, EndorsementKind, Tcti, Tpm, TpmKeyStore, TpmSettings, TpmSigner};
use clap::Subcommand;

use super::attest::verify::Verify;
use crate::document::Kind;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Facts, Report};
use crate::{private_file, time};

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
    /// Default: what `AIMS_TCTI` says, which is not empty, else `device:/dev/tpmrm0`.
    #[arg(long)]
    tcti: Option<String>,
    /// Nobody else uses this TPM, and it has no resource manager, as at `device:/dev/tpm0`: what is loaded in it was left behind by a program that was
    /// killed, and is removed first. Where there is a resource manager it changes nothing.
    #[arg(long)]
    exclusive: bool,
    /// How long to wait for an answer of it, from 1s to 10m.
    #[arg(long, default_value = TIMEOUT, value_parser = timeout)]
    timeout: Duration,
}

impl Device {
    /// Works with the TPM, and leaves nothing in it: there may be no resource manager.
    fn with<T>(&self, work: impl FnOnce(&Tpm) -> Result<T, Failure>) -> Result<T, Failure> {
        let tpm = connect(self.tcti.as_deref(), |settings| {
            let settings = settings.timeout(self.timeout).connect_timeout(self.timeout);
            if self.exclusive { settings.exclusive() } else { settings }
        })?;
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
    /// The directory of keys and of the attestation key, which this user alone can enter; `provision` and `key create` make it when there is none.
    ///
    /// What is in it is wrapped by the TPM, and of use with this TPM alone, until that is cleared.
    #[arg(long)]
    dir: PathBuf,
}

impl Store {
    /// Works with the keys in the directory, which is there.
    fn with<T>(&self, work: impl FnOnce(&Tpm, &TpmKeyStore) -> Result<T, Failure>) -> Result<T, Failure> {
        check_directory(&self.dir)?;
        self.with_new(work)
    }

    /// The same, where the directory is made when there is none.
    fn with_new<T>(&self, work: impl FnOnce(&Tpm, &TpmKeyStore) -> Result<T, Failure>) -> Result<T, Failure> {
        self.device.with(|tpm| {
            let store = TpmKeyStore::open(tpm, &self.dir).map_err(|error| advice::store(error, &self.dir))?;
            work(tpm, &store)
        })
    }

    /// What the store says of a key.
    fn refused(&self, error: StoreError, key: &str) -> Failure {
        let place = self.dir.join(key).display().to_string();
        advice::store(error, &self.dir).about(Some(&place))
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
        self.with(|tpm, store| {
            let ak = store.attestation_key().map_err(|error| advice::store(error, &self.dir))?;
            work(tpm, store, &ak)
        })
    }
}

/// Opens the key of `DIR/NAME` in the TPM of `AIMS_TCTI`, or in that of this machine.
pub(crate) fn open_key(place: &str, inputs: &mut Inputs) -> Result<TpmSigner, Failure> {
    let form = || Failure::Unusable("a key in the TPM is tpm:DIR/NAME".into());
    let (dir, name) = place.rsplit_once('/').filter(|(dir, _)| !dir.is_empty()).ok_or_else(form)?;
    let id: KeyId = name.parse()?;
    let dir = Path::new(dir);
    check_directory(dir)?;
    let timeout = timeout(TIMEOUT).map_err(Failure::Unusable)?;
    let tpm = connect(None, |settings| settings.timeout(timeout).connect_timeout(timeout))?;
    inputs.keep(tpm.clone(), format!("tpm:{place}"));
    let store = TpmKeyStore::open(&tpm, dir).map_err(|error| advice::store(error, dir))?;
    store.signer(&id).map_err(|error| advice::store(error, dir))
}

/// Opening a store makes its directory; a key that is to be used is in one that is there.
fn check_directory(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(Failure::Unusable(format!("{}: there is no such directory", dir.display())))
}

fn connect(tcti: Option<&str>, set: impl FnOnce(TpmSettings) -> TpmSettings) -> Result<Tpm, Failure> {
    let read = |text: &str| text.parse().map_err(|error| advice::tcti(error, text));
    let tcti: Tcti = match tcti {
        Some(tcti) => read(tcti).about_option("--tcti")?,
        None => match env::var("AIMS_TCTI") {
            Ok(tcti) => read(&tcti).about_option("AIMS_TCTI")?,
            Err(VarError::NotPresent) => Tcti::default(),
            Err(VarError::NotUnicode(_)) => {
                return Err(Failure::Unusable("AIMS_TCTI: not UTF-8 text".into()));
            }
        },
    };
    let address = tcti.to_string();
    Tpm::connect(set(TpmSettings::new(tcti))).map_err(advice::tpm).about_option(&address)
}

/// Reads how long a TPM may take, within what [`TpmSettings`] takes.
fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = time::duration(text)?;
    if (SHORTEST..=LONGEST).contains(&timeout) { Ok(timeout) } else { Err("a TPM is given 1s to 10m".into()) }
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

/// Making an RSA key takes some TPMs as long.
const TIMEOUT: &str = "60s";

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tpm_17_a_tpm_is_given_a_second_to_ten_minutes() {
        for (text, seconds) in [(TIMEOUT, 60), ("1", 1), ("90s", 90), ("10m", 600)] {
            assert_eq!(timeout(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["0", "0s", "601", "11m", "1h", "", "-1", "1.5", "500ms"] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
    }
}
