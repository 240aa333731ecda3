//! `--trust ORIGIN=FILE`: whom a verifier trusts, and with what.

use std::collections::HashSet;
use std::path::PathBuf;

use aims::credential::PeerError;
use aims::credential::x509::RevocationList;
use aims::id::{IdPattern, Origin, WorkloadId};
use aims::keys::{BeforeEpoch, UnixTime};
use aims::{BundleSet, TrustBundle, backend};

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::time;

/// An origin, and where its bundle is.
pub(super) type Anchor = (String, PathBuf);

/// Whom a verifier of SVIDs trusts, whom it expects, and at which time.
#[derive(clap::Args, Debug)]
pub(crate) struct Bundles {
    /// Trusts this SPIFFE bundle document (- is standard input) for workloads of this origin, such as
    /// `spiffe://acme.example=acme.bundle`; may be repeated.
    #[arg(long = "trust", value_name = "ORIGIN=FILE", required = true, value_parser = parse)]
    anchors: Vec<Anchor>,
    /// Refuses every other workload; a pattern such as `spiffe://acme.example/agents/*`, too (see `aims id match`).
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Verifies as of this time, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,
}

/// What a verifier was given.
pub(super) struct Given {
    pub(super) bundles: BundleSet,
    pub(super) now: UnixTime,
    expected: Option<IdPattern>,
}

impl Bundles {
    /// Reads the bundles. The lists go into each of them: whose a list is, its signature says.
    pub(super) fn read(&self, inputs: &mut Inputs, lists: &[RevocationList]) -> Result<Given, Failure> {
        let expected = self.subject.as_deref().map(str::parse).transpose().about_option("--subject")?;
        let bundles = read(&self.anchors, inputs, |origin, document| {
            let bundle = TrustBundle::from_spiffe(origin, document, backend::ring())?;
            Ok(bundle.with_revocation_lists(lists.to_vec()))
        })?;
        Ok(Given { bundles, now: at(self.at)?, expected })
    }
}

impl Given {
    /// Whether the workload is the one that was asked for.
    pub(super) fn check_subject(&self, subject: &WorkloadId) -> Result<(), PeerError> {
        match &self.expected {
            Some(pattern) if !pattern.matches(subject) => Err(PeerError::Unexpected),
            _ => Ok(()),
        }
    }
}

/// Reads the argument.
pub(super) fn parse(text: &str) -> Result<Anchor, String> {
    let (origin, file) =
        text.split_once('=').ok_or("an origin and a file, such as spiffe://acme.example=acme.jwks")?;
    Ok((origin.into(), file.into()))
}

/// Reads the bundle of every origin.
pub(super) fn read(
    anchors: &[Anchor],
    inputs: &mut Inputs,
    bundle: impl Fn(Origin, &str) -> Result<TrustBundle, Failure>,
) -> Result<BundleSet, Failure> {
    let origins: HashSet<_> = anchors.iter().map(|(origin, _)| origin).collect();
    if origins.len() < anchors.len() {
        return Err(Failure::Unusable("--trust: one origin has one set of keys".into()));
    }
    let bundles = BundleSet::new();
    for (origin, path) in anchors {
        let file = inputs.file(path)?;
        bundles.insert(bundle(origin.parse().about_option("--trust")?, &file.text).about(&file)?);
    }
    Ok(bundles)
}

/// The time to verify at.
pub(super) fn at(seconds: Option<u64>) -> Result<UnixTime, BeforeEpoch> {
    seconds.map(UnixTime::from_secs).map_or_else(time::now, Ok)
}
