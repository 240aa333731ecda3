//! The X.509-SVID of the connection (OSC-4).

use aims_credential::Lapsed;
use aims_credential::x509::VerifiedSvid;
use aims_id::Scheme;
use aims_keys::UnixTime;

use super::SpiffeClientError;

/// Checks that the certificate is an SVID, and that of the client that the parameter names.
pub(in crate::client_auth) fn check(
    svid: &VerifiedSvid,
    client_id: &str,
    now: UnixTime,
) -> Result<(), SpiffeClientError> {
    if svid.subject().scheme() != Scheme::Spiffe {
        return Err(SpiffeClientError::Scheme);
    }
    // The connection may be older than this request.
    if now > svid.not_after() {
        return Err(SpiffeClientError::Lapsed(Lapsed::Expired));
    }
    if client_id == svid.subject().as_str() { Ok(()) } else { Err(SpiffeClientError::CertificateMismatch) }
}
