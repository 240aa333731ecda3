//! `aims tpm quote`.

use std::path::PathBuf;

use aims::backend;
use aims::jose::{Jwk, Thumbprint};
use aims::keys::store::KeyId;
use aims_attest::KeyBinding;
use aims_attest::tpm::TpmEvidence;
use aims_tpm::{AttestationKey, PcrBank, PcrSelection, Tpm, TpmError, TpmSigner};

use super::Store;
use super::info::bank_name;
use crate::command::attest::Challenge;
use crate::command::public_key;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;
use crate::{private_file, time};

/// What is asked, about which key.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("about").required(true).args(["key", "holder"])))]
pub(crate) struct Quote {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    challenge: Challenge,
    /// The key in the TPM for which a credential is wanted: the TPM certifies it, too.
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// The public key for which a credential is wanted, where it is not in the TPM: a JWK; - is standard input. Nothing says then where it is.
    #[arg(long = "for", value_name = "FILE", id = "holder")]
    holder: Option<PathBuf>,
    /// The PCRs to quote: a bank of the TPM (sha256, sha384, sha512), and numbers up to 23.
    #[arg(long, default_value = "sha256:0-7", value_name = "BANK:NUMBERS", value_parser = selection)]
    pcrs: PcrSelection,
    /// Adds the log of the firmware, such as `/sys/kernel/security/tpm0/binary_bios_measurements`.
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
    /// The file to write, in place of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces the file if there is one.
    #[arg(long)]
    force: bool,
}

impl Quote {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        if let Some(out) = &self.out {
            private_file::check(out, self.force)?;
        }
        let id: Option<KeyId> = self.key.as_deref().map(str::parse).transpose().about_option("--key")?;
        let holder = self.holder.as_deref().map(|path| public_key::read(&inputs.file(path)?, None));
        let holder = holder.transpose()?;
        let log = self.event_log.as_deref().map(|path| inputs.binary(path)).transpose()?;

        let evidence = self.store.with_attestation_key(|tpm, store, ak| {
            let signer =
                id.map(|id| store.signer(&id).map_err(|error| self.store.refused(error, id.as_str())));
            let signer: Option<TpmSigner> = signer.transpose()?;
            let mut evidence = self.collect(tpm, ak, (signer.as_ref(), holder.as_ref()))?;
            if let Some(log) = &log {
                evidence = evidence.event_log(log.bytes.to_vec());
            }
            Ok(evidence)
        })?;
        let evidence = evidence.to_evidence(time::now()?)?;
        super::deliver(evidence.to_json()?, self.out.as_deref(), self.force)
    }

    /// A quote, and the certification of a key that is in the TPM.
    fn collect(
        &self,
        tpm: &Tpm,
        ak: &AttestationKey,
        about: (Option<&TpmSigner>, Option<&Jwk>),
    ) -> Result<TpmEvidence, Failure> {
        let thumbprint = match about {
            (Some(signer), _) => Thumbprint::of(signer.public_key()),
            (None, Some(holder)) => holder.thumbprint(),
            // What is read from the command line has one of them.
            (None, None) => return Err(Failure::Unusable("--key or --for is needed".into())),
        };
        let Challenge { audience, nonce } = &self.challenge;
        let binding = KeyBinding::of(audience, nonce, &thumbprint, backend::ring());

        let quote = tpm.quote(ak, binding.as_bytes(), self.pcrs).map_err(|error| self.refused(tpm, error))?;
        let pcrs = quote.pcrs.iter().map(|pcr| (pcr.bank.algorithm_id(), pcr.index, &pcr.digest));
        let evidence = TpmEvidence::of_quote(&ak.name(), (&quote.attest, &quote.signature), pcrs)?;
        let Some(signer) = about.0 else { return Ok(evidence) };
        let key = self.key.as_deref().map(|key| self.store.dir.join(key).display().to_string());
        let certified = tpm
            .certify(signer, ak, binding.as_bytes())
            .map_err(|error| Failure::from(error).about(key.as_deref()))?;
        Ok(evidence.certify(&certified.public, (&certified.attest, &certified.signature)))
    }

    /// What the TPM says of the PCRs that it was asked for.
    fn refused(&self, tpm: &Tpm, error: TpmError) -> Failure {
        let failure = Failure::from(error);
        if error != TpmError::PcrAbsent {
            return failure;
        }
        let asked = bank_name(self.pcrs.bank()).unwrap_or_default();
        let active: Vec<&str> =
            tpm.info().map(|info| info.banks.into_iter().filter_map(bank_name).collect()).unwrap_or_default();
        failure
            .adding(&format!("{asked} was asked for, and its banks are {}", active.join(", ")))
            .about(Some("--pcrs"))
    }
}

/// Reads `sha256:0-4,7`.
fn selection(text: &str) -> Result<PcrSelection, String> {
    let form = || "PCRs are a bank and numbers, each once, such as sha256:0,7 or sha256:0-4,7".to_owned();
    let (bank, indices) = text.split_once(':').ok_or_else(form)?;
    let bank = match bank {
        "sha256" => PcrBank::Sha256,
        "sha384" => PcrBank::Sha384,
        "sha512" => PcrBank::Sha512,
        _ => return Err("the bank is sha256, sha384 or sha512".into()),
    };
    let mut read = Vec::new();
    for part in indices.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (pcr(first).ok_or_else(form)?, pcr(last).ok_or_else(form)?);
        if first > last || (first..=last).any(|index| read.contains(&index)) {
            return Err(form());
        }
        read.extend(first..=last);
    }
    PcrSelection::new(bank, &read).map_err(|error| error.to_string())
}

/// In its one spelling.
fn pcr(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number: &u8| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pcrs_are_a_bank_and_numbers_each_once() {
        assert_eq!(selection("sha384:7,0"), Ok(PcrSelection::new(PcrBank::Sha384, &[0, 7]).unwrap()));
        assert_eq!(selection("sha256:0-2,7"), Ok(PcrSelection::new(PcrBank::Sha256, &[0, 1, 2, 7]).unwrap()));
        assert_eq!(selection("sha256:23,4-4"), Ok(PcrSelection::new(PcrBank::Sha256, &[4, 23]).unwrap()));
        let all: Vec<u8> = (0..24).collect();
        assert_eq!(selection("sha512:0-23"), Ok(PcrSelection::new(PcrBank::Sha512, &all).unwrap()));
        for bad in [
            "",
            "sha256",
            "sha256:",
            "sha256:0,",
            "sha256:07",
            "sha256:24",
            "sha256:0,0",
            "sha1:0",
            "0,7",
            "sha256:0-24",
            "sha256:0-255",
            "sha256:7-0",
            "sha256:0-7,7",
            "sha256:0-3,2-5",
            "sha256:-7",
            "sha256:0-",
            "sha256:0-3-5",
            "sha256:0 - 7",
            "sha256:00-7",
        ] {
            assert!(selection(bad).is_err(), "{bad}");
        }
    }
}
