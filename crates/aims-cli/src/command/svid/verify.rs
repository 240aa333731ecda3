//! `aims svid verify`.

use std::path::PathBuf;

use aims::backend;
use aims::credential::x509::{RevocationList, Role, SvidError, SvidVerifier, VerifiedSvid, X509Profile};
use aims::jose::Thumbprint;
use clap::ValueEnum;

use crate::command::anchors::Bundles;
use crate::command::certificate::fingerprint;
use crate::command::public_key;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Facts, Report};
use crate::pem;

/// What to verify.
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    /// The chain as it was presented, the workload's certificate first, in PEM or DER; - is standard input.
    file: PathBuf,
    #[command(flatten)]
    bundles: Bundles,
    /// What the authorities have revoked, in PEM or DER; - is standard input. May be repeated.
    #[arg(long = "revocation-list", value_name = "FILE")]
    lists: Vec<PathBuf>,
    /// Refuses what no revocation list says anything about.
    #[arg(long)]
    require_revocation_lists: bool,
    /// The side of TLS on which the certificate was presented.
    #[arg(long, value_enum)]
    role: Side,
    /// The profile that the certificate follows.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

/// The side of TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Side {
    Client,
    Server,
}

/// The profile of a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Profile {
    /// X.509-SVID of SPIFFE: SPIFFE IDs only.
    #[default]
    X509Svid,
    /// Workload Identity Certificate of WIMSE: identifiers of either scheme.
    Wic,
}

impl Verify {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let chain = pem::certificates(&self.file, inputs)?;
        let mut lists = Vec::new();
        for path in &self.lists {
            let file = pem::lists(path, inputs)?;
            for der in &file.items {
                lists.push(RevocationList::from_der(der).about_option(&file.name)?);
            }
        }
        let given = self.bundles.read(inputs, &lists)?;
        let mut verifier =
            SvidVerifier::builder(given.bundles.clone(), backend::ring()).profile(self.profile.into());
        if self.require_revocation_lists {
            verifier = verifier.require_revocation_lists();
        }
        let verifier = verifier.build();
        let svid = match chain.items.split_first() {
            Some((leaf, rest)) => verifier.verify(leaf, rest, self.role.into(), given.now),
            None => Err(SvidError::Malformed),
        };
        let svid = svid.about_option(&chain.name)?;
        given.check_subject(svid.subject()).about_option(&chain.name)?;
        Ok(Report::Facts(facts(&svid, self.role)))
    }
}

/// What a verified certificate says.
fn facts(svid: &VerifiedSvid, role: Side) -> Facts {
    Facts::new()
        .note("verified; who presents it has yet to prove, in a TLS handshake, that it holds the key")
        .with("verified", true)
        .with("subject", svid.subject().as_str())
        .with("role", if role == Side::Client { "client" } else { "server" })
        .with("type", public_key::kind(svid.public_key()))
        .with("thumbprint", Thumbprint::of(svid.public_key()).to_string())
        .with("serial", svid.serial())
        .with("fingerprint", fingerprint(svid.certificate()))
        .with("not_before", svid.begun())
        .with("not_after", svid.not_after())
}

impl From<Side> for Role {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

impl From<Profile> for X509Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::X509Svid => Self::X509Svid,
            Profile::Wic => Self::Wic,
        }
    }
}
