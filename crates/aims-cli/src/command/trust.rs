//! Whom a verifier trusts, and at which time.

use aims::credential::{VerifiedWit, WitProfile, WitVerifier};
use aims::id::Origin;
use aims::keys::{BeforeEpoch, UnixTime};
use aims::{TrustBundle, backend};
use clap::ValueEnum;

use super::anchors::{self, Anchor};
use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};

/// Whom a verifier trusts, and at which time.
#[derive(clap::Args, Debug)]
pub(crate) struct Trust {
    /// Trusts these keys (a JWK Set or a SPIFFE bundle document; - is standard input) for workloads of this origin, such as
    /// `spiffe://acme.example=acme.jwks`; may be repeated.
    #[arg(long = "trust", value_name = "ORIGIN=FILE", required = true, value_parser = anchors::parse)]
    anchors: Vec<Anchor>,
    /// The profile that tokens follow.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Requires `iss` in tokens, and this one; may be repeated.
    #[arg(long = "issuer", value_name = "URI")]
    issuers: Vec<String>,
    /// Verifies as of this time, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,
}

/// The profile of a WIT.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Profile {
    /// Workload Identity Token of WIMSE.
    #[default]
    Wit,
    /// WIT-SVID of SPIFFE.
    WitSvid,
}

impl Trust {
    /// The time to verify at.
    pub(super) fn now(&self) -> Result<UnixTime, BeforeEpoch> {
        anchors::at(self.at)
    }

    /// Verifies a WIT.
    pub(super) fn verify(&self, wit: &Input, inputs: &mut Inputs) -> Result<VerifiedWit, Failure> {
        let bundles = anchors::read(&self.anchors, inputs, |origin, jwks| {
            let bundle = keys(origin, jwks)?.with_profile(self.profile.into());
            Ok(if self.issuers.is_empty() { bundle } else { bundle.with_issuers(&self.issuers) })
        })?;
        let verified = WitVerifier::builder(bundles, backend::ring()).build().verify(&wit.text, self.now()?);
        verified.about(wit)
    }
}

/// Reads a JWK Set; where none of it is for WITs, a SPIFFE bundle document, whose elements say what they are for.
fn keys(origin: Origin, text: &str) -> Result<TrustBundle, Failure> {
    let bundle = TrustBundle::from_jwks(origin.clone(), text, backend::ring())?;
    if bundle.keys().is_empty() {
        return Ok(TrustBundle::from_spiffe(origin, text, backend::ring())?);
    }
    Ok(bundle)
}

impl From<Profile> for WitProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Wit => Self::Wit,
            Profile::WitSvid => Self::WitSvid,
        }
    }
}
