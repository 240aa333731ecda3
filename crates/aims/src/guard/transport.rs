//! What a connection says about a request.

use aims_credential::WIT_FIELD;
use aims_credential::x509::SvidError;
use aims_keys::UnixTime;
use aims_proof::{Authenticated, ForwardedError, TXN_TOKEN_FIELD};
use aims_tls::PeerError;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::panics::caught;
use super::service::OLD_PROOF_FIELD;
use super::{Inner, Refusal};
use crate::connection::Connection;

impl Inner {
    /// Who is at the other end of the connection, if it is one that shows that; verified again, for trust may have ended since it
    /// was accepted. Where that is a proxy that is believed, whom it had at its own other end, or itself if it names nobody.
    pub(super) fn other_end(&self, head: &Parts, now: UnixTime) -> Result<Option<Authenticated>, Refusal> {
        let Some(connection) = Connection::of(&head.extensions) else { return Ok(None) };
        let found = caught(|| self.look_behind(connection, head, now));
        found.unwrap_or_else(|| Err(Refusal::unavailable("verifier_failed", "ARCH-3"))).map(Some)
    }

    fn look_behind(
        &self,
        connection: &Connection,
        head: &Parts,
        now: UnixTime,
    ) -> Result<Authenticated, Refusal> {
        let peer = connection.check(now).map_err(|error| Refusal::untrusted_connection(&error))?;
        // The marks of the guard, too: the verifier of the connection may know of none.
        let lapsed =
            |lapsed| Refusal::untrusted_connection(&PeerError::Certificate(SvidError::Lapsed(lapsed)));
        peer.still_valid(now, &*self.marks).map_err(lapsed)?;
        let Some(proxies) = self.proxies.as_ref().filter(|proxies| proxies.is_proxy(&peer)) else {
            return Ok(Authenticated::by_mtls(&peer));
        };
        match proxies.verify(&peer, &head.headers, now) {
            Ok(forwarded) => {
                forwarded.still_valid(now, &*self.marks).map_err(lapsed)?;
                Ok(Authenticated::by_forwarded(&forwarded))
            }
            Err(ForwardedError::Missing) => Ok(Authenticated::by_mtls(&peer)),
            Err(error) => Err(Refusal::unforwarded(&error)),
        }
    }

    /// Whether this is a proxy itself, here or behind another, and not somebody behind it.
    pub(super) fn is_proxy(&self, who: &Authenticated) -> bool {
        self.proxies.as_ref().is_some_and(|proxies| proxies.names(who.subject()))
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
