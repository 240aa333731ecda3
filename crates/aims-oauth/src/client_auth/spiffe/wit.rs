//! A WIT-SVID in place of a client attestation, and its proof (OSC-5, SPC-6).

use std::fmt;
use std::sync::Arc;

use aims_credential::{BundleSource, VerifiedWit, WitError, WitProfile, WitVerifier};
use aims_id::{SpiffeId, WorkloadId};
use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{ClaimsError, UnverifiedJws, json};
use aims_keys::UnixTime;

use super::SpiffeClientError;
use crate::client_auth::attestation::{PopKey, PopVerifier};

/// `typ` of a WIT.
pub(in crate::client_auth) const WIT_TYPE: &str = "wit+jwt";

/// A WIT-SVID and its proof, neither of them verified.
pub(in crate::client_auth) struct PresentedWit<'r> {
    wit: &'r str,
    proof: Option<&'r str>,
    subject: SpiffeId,
}

impl<'r> PresentedWit<'r> {
    pub(in crate::client_auth) fn read(
        wit: &'r str,
        jws: UnverifiedJws<'r>,
        proof: Option<&'r str>,
    ) -> Result<Self, SpiffeClientError> {
        // Who it says that it is; whether that is true, and everything else, its verifier asks.
        let subject = subject_of(jws).map_err(SpiffeClientError::Wit)?;
        Ok(Self { wit, proof, subject })
    }

    /// `sub`: who the workload says that it is.
    pub(in crate::client_auth) fn subject(&self) -> &SpiffeId {
        &self.subject
    }
}

/// Shows whom it is about, and no token.
impl fmt::Debug for PresentedWit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedWit").field("subject", &self.subject).finish_non_exhaustive()
    }
}

fn subject_of(jws: UnverifiedJws<'_>) -> Result<SpiffeId, WitError> {
    let claims = Object::parse(jws.peek().untrusted_payload(), &json::Limits::new());
    let claims = claims.map_err(ClaimsError::Json)?;
    let subject = claims.get("sub").ok_or(ClaimsError::Missing("sub"))?;
    claim::text("sub", subject)?.parse().map_err(WitError::Subject)
}

/// Verifies WIT-SVIDs.
#[derive(Clone, Debug)]
pub(in crate::client_auth) struct WitClientVerifier {
    pub(in crate::client_auth) wits: WitVerifier,
    pub(in crate::client_auth) bundles: Arc<dyn BundleSource>,
}

impl WitClientVerifier {
    /// Checks the WIT-SVID and its proof. Whose it is, `admit` says, before the proof is remembered.
    pub(in crate::client_auth) fn verify<T>(
        &self,
        presented: &PresentedWit<'_>,
        proofs: &PopVerifier,
        admit: impl FnOnce(&WorkloadId) -> Result<T, SpiffeClientError>,
        now: UnixTime,
    ) -> Result<(VerifiedWit, T), SpiffeClientError> {
        let proof = presented.proof.ok_or(SpiffeClientError::ProofMissing)?;
        let wit = self.wits.verify(presented.wit, now).map_err(SpiffeClientError::Wit)?;
        // The rules of WIMSE alone would take what a SPIFFE issuer may not issue.
        let bundle = self.bundles.bundle(wit.subject().origin_str());
        if bundle.is_none_or(|bundle| bundle.profile() != WitProfile::WitSvid) {
            return Err(SpiffeClientError::WitProfile);
        }
        let proof = proofs
            .open(proof, PopKey::Exactly(wit.confirmation_key()), now)
            .map_err(SpiffeClientError::Proof)?;
        let admitted = admit(wit.subject())?;
        proofs.remember(&proof, now).map_err(SpiffeClientError::Proof)?;
        Ok((wit, admitted))
    }
}
