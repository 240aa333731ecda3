use aims_credential::HttpsUrl;
use aims_jose::JwkSet;

/// Where a client's public keys are: in its metadata or elsewhere, never both.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientKeySource {
    /// `jwks`: these.
    Set(JwkSet),
    /// `jwks_uri`: there. Whoever fetches them keeps to what holds for documents of clients (CMD-3), with 256 KiB and 64 keys at most (ACT-6).
    Url(HttpsUrl),
}

impl ClientKeySource {
    /// Whether none can count.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Set(keys) if keys.is_empty())
    }
}
