//! A request to an endpoint, ready to be sent.

use std::fmt;

use aims_credential::{HttpsUrl, PostRequest};
use zeroize::Zeroizing;

use crate::{ATTESTATION_CHALLENGE_FIELD, DPOP_NONCE_FIELD, NewParameters};

/// A request to an endpoint of an authorization server: a form that is posted, with the fields that go with it (WIR-1).
///
/// It is good for once, and for this server alone: what is in it proves who asks. Whoever sends it follows no redirect, and hands the answer over with the fields
/// [`KEPT`](Self::KEPT), whatever its status.
pub struct EndpointRequest {
    pub(super) url: HttpsUrl,
    pub(super) form: NewParameters,
    pub(super) fields: Vec<(&'static str, Zeroizing<String>)>,
}

impl EndpointRequest {
    /// The fields of an answer that a client reads.
    pub const KEPT: [&'static str; 2] = [DPOP_NONCE_FIELD, ATTESTATION_CHALLENGE_FIELD];

    /// Where to.
    #[must_use]
    pub fn url(&self) -> &HttpsUrl {
        &self.url
    }

    /// The body, `application/x-www-form-urlencoded`: a secret.
    #[must_use]
    pub fn body(&self) -> &str {
        self.form.as_str()
    }

    /// The fields besides, by their names in lower case: secrets, too.
    #[must_use]
    pub fn fields(&self) -> &[(&'static str, Zeroizing<String>)] {
        &self.fields
    }

    /// The same for a [`Post`](aims_credential::Post).
    pub fn as_post(&self) -> PostRequest<'_> {
        PostRequest::form(&self.url, self.body()).with_fields(&self.fields).keep(&Self::KEPT)
    }
}

/// Shows where to, and no secret.
impl fmt::Debug for EndpointRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("EndpointRequest")
            .field("url", &self.url)
            .field("fields", &names)
            .finish_non_exhaustive()
    }
}
