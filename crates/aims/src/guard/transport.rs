//! What a connection says about a request.

use aims_credential::x509::SvidError;
use aims_credential::{Marks, WIT_FIELD};
use aims_keys::UnixTime;
use aims_proof::{Authenticated, TXN_TOKEN_FIELD};
use aims_tls::PeerError;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Refusal;
use super::panics::caught;
use super::service::OLD_PROOF_FIELD;
use crate::connection::Connection;

/// Who is at the other end of the connection, if it is one that shows that; verified again, for trust may have ended since it was
/// accepted.
pub(super) fn verified(
    head: &Parts,
    marks: &dyn Marks,
    now: UnixTime,
) -> Result<Option<Authenticated>, Refusal> {
    let Some(connection) = Connection::of(&head.extensions) else { return Ok(None) };
    let peer = caught(|| {
        let peer = connection.check(now)?;
        // The marks of the guard, too: the verifier of the connection may know of none.
        peer.still_valid(now, marks).map_err(SvidError::Lapsed)?;
        Ok::<_, PeerError>(Authenticated::by_mtls(&peer))
    });
    match peer {
        Some(Ok(peer)) => Ok(Some(peer)),
        Some(Err(error)) => Err(Refusal::untrusted_connection(&error)),
        None => Err(Refusal::unavailable("verifier_failed", "ARCH-3")),
    }
}

/// Whether the request has anything that only a proof can bind: a token, a proof, a transaction token, or a field that the service
/// relies on. Then it is by a proof that its caller is known, or not at all.
pub(super) fn offers_proof(head: &Parts, context_fields: &[String]) -> bool {
    let is_wpt = |value: &HeaderValue| {
        value.as_bytes().get(..3).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"WPT"))
    };
    let bound = [WIT_FIELD, OLD_PROOF_FIELD, TXN_TOKEN_FIELD].into_iter();
    bound.chain(context_fields.iter().map(String::as_str)).any(|field| head.headers.contains_key(field))
        || head.headers.get_all(AUTHORIZATION).iter().any(is_wpt)
}
