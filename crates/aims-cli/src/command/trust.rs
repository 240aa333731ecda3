//! Whom a verifier trusts, and at which time.

use std::collections::HashSet;
use std::path::PathBuf;

use aims::backend;
use aims::credential::{VerifiedWit, WitProfile, WitVerifier};
use aims::keys::{BeforeEpoch, UnixTime};
use aims::{BundleSet, TrustBundle};
use clap::ValueEnum;

use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};
use crate::time;

/// Whom a verifier trusts, and at which time.
#[derive(clap::Args, Debug)]
pub(crate) struct Trust {
    /// Trusts these keys (a JWK Set; - is standard input) for workloads of this origin, such as
    /// `spiffe://acme.example=acme.jwks`; may be repeated.
    #[arg(long = "trust", value_name = "ORIGIN=FILE", required = true, value_parser = anchor)]
    anchors: Vec<(String, PathBuf)>,
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
        self.at.map(UnixTime::from_secs).map_or_else(time::now, Ok)
    }

    /// Verifies a WIT.
    pub(super) fn verify(&self, wit: &Input, inputs: &mut Inputs) -> Result<VerifiedWit, Failure> {
        let bundles = BundleSet::new();
        let origins: HashSet<_> = self.anchors.iter().map(|(origin, _)| origin).collect();
        if origins.len() < self.anchors.len() {
            return Err(Failure::Unusable("--trust: one origin has one set of keys".into()));
        }
        for (origin, path) in &self.anchors {
            let file = inputs.file(path)?;
            let bundle =
                TrustBundle::from_jwks(origin.parse().about_option("--trust")?, &file.text, backend::ring());
            let bundle = bundle.about(&file)?.with_profile(self.profile.into());
            bundles.insert(if self.issuers.is_empty() { bundle } else { bundle.with_issuers(&self.issuers) });
        }
        let verified = WitVerifier::builder(bundles, backend::ring()).build().verify(&wit.text, self.now()?);
        verified.about(wit)
    }
}

impl From<Profile> for WitProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Wit => Self::Wit,
            Profile::WitSvid => Self::WitSvid,
        }
    }
}

fn anchor(text: &str) -> Result<(String, PathBuf), String> {
    let (origin, file) =
        text.split_once('=').ok_or("an origin and a file, such as spiffe://acme.example=acme.jwks")?;
    Ok((origin.into(), file.into()))
}
