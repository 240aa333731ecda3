//! `aims attest`.

mod credential;
mod enrol;
pub(crate) mod verify;

use aims::jose::base64url;
use clap::Subcommand;

use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Checks who made a TPM, and makes a credential that this TPM alone activates: the first half of its enrolment.
    ///
    /// It prints the credential, for `aims tpm activate`, and keeps what is to come out of it in a file, for `aims attest enrol`.
    Credential(credential::Credential),
    /// Enrols a TPM that has activated its credential, and prints what evidence from it is verified with.
    ///
    /// The file of the enrolment is removed, whatever comes of it: who gives a wrong secret begins anew.
    Enrol(enrol::Enrol),
    /// Verifies evidence: who vouches for a key, and for what runs beside it.
    ///
    /// It knows evidence of TPMs, `tpm2-quote`, for an answer to a challenge (audience and nonce) about a key. No earlier run is
    /// remembered: whether a nonce was answered before, and whether a machine was started since, is for its issuer to know.
    Verify(verify::Verify),
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Credential(credential) => credential.run(inputs),
            Self::Enrol(enrol) => enrol.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
        }
    }
}

/// Who asks for evidence, and what they asked (ATT-21).
#[derive(clap::Args, Debug)]
pub(crate) struct Challenge {
    /// Who asks for the evidence, such as `spiffe://acme.example`.
    #[arg(long, value_parser = audience)]
    pub(crate) audience: String,
    /// The challenge, 32 random bytes in base64url.
    #[arg(long, value_parser = nonce, allow_hyphen_values = true)]
    pub(crate) nonce: [u8; 32],
}

fn audience(text: &str) -> Result<String, String> {
    if (1..=MAX_AUDIENCE).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("an audience has 1 to {MAX_AUDIENCE} bytes"))
}

fn nonce(text: &str) -> Result<[u8; 32], String> {
    let mut nonce = [0; 32];
    match base64url::decode_into(text, &mut nonce) {
        Ok(32) => Ok(nonce),
        _ => Err("a nonce is 32 bytes in base64url, 43 characters".into()),
    }
}

/// As issuers have them.
const MAX_AUDIENCE: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn att_21_a_nonce_has_32_bytes_in_one_spelling() {
        let good = base64url::encode([0xfb; 32]);
        assert_eq!(nonce(&good), Ok([0xfb; 32]));
        let short = base64url::encode([0xfb; 31]);
        for bad in ["", &short, &format!("{good}A"), &format!("{good}="), &good.replace('-', "+")] {
            assert!(nonce(bad).is_err(), "{bad}");
        }
    }
}
