//! Who sent a request.

#[cfg(feature = "oauth")]
use aims_credential::WIT_FIELD;
use aims_httpsig::HttpRequest;
use aims_keys::UnixTime;
#[cfg(feature = "mtls")]
use aims_proof::ForwardedError;
use aims_proof::{Authenticated, MessageSignatureError, SignedRequest};
use http::request::Parts;

use super::accept::Shown;
use super::panics::caught;
use super::request::Asked;
use super::{Inner, Refusal};

/// A caller, as far as the head of its request tells.
pub(super) enum Sender {
    /// `None`: by nothing but its access token, which is not verified yet, and by a `DPoP` proof where its scheme is that.
    Known(Option<Authenticated>),
    /// By a signature, which has a say about the content.
    Signed(SignedRequest),
}

impl Inner {
    /// Who sent the request: by its proofs, all of which have to be good, or, where that is accepted and it has none, by its connection.
    pub(super) fn authenticate(
        &self,
        head: &Parts,
        asked: &mut Asked<'_>,
        now: UnixTime,
    ) -> Result<Sender, Refusal> {
        let accept = &self.accept;
        let signed = self.signature(head, now)?;
        let mut shown = if signed.is_some() { Shown::SIGNATURE } else { Shown::NONE };
        let offered = self.wpt.is_offered(&head.headers);
        if offered {
            shown = shown.and(Shown::WPT);
        }
        #[cfg(feature = "mtls")]
        let is_proxy = asked.transport.as_ref().is_some_and(|peer| self.is_proxy(peer));
        // What a proxy has at its own other end is not known where it names nobody.
        #[cfg(feature = "mtls")]
        if asked.transport.is_some() && !is_proxy {
            shown = shown.and(Shown::CONNECTION);
        }
        #[cfg(feature = "oauth")]
        let is_bound = self.tokens.as_ref().is_some_and(|tokens| tokens.offers_dpop(head));
        // What proves more is not made less by it.
        #[cfg(feature = "oauth")]
        if is_bound {
            shown = shown.and(Shown::DPOP);
            let is_alone = signed.is_none() && !offered && !head.headers.contains_key(WIT_FIELD);
            if is_alone && accept.takes_by(shown, Shown::DPOP) {
                // WPT-12, WPT-15: `DPoP` binds no field.
                return if super::tokens::has_context(head, &self.context_fields) {
                    Err(Refusal::context_not_covered())
                } else {
                    Ok(Sender::Known(None))
                };
            }
        }
        #[cfg(feature = "mtls")]
        if signed.is_none()
            && accept.takes(Shown::CONNECTION)
            && !super::transport::offers_proof(head, &self.context_fields)
            && let Some(peer) = asked.transport.take()
        {
            if is_proxy {
                asked.transport = Some(peer);
                return Err(Refusal::unforwarded(&ForwardedError::Missing));
            }
            return Ok(Sender::Known(Some(peer)));
        }
        #[cfg(not(feature = "mtls"))]
        let _ = asked;
        // Behind everything that proves more.
        #[cfg(feature = "oauth")]
        if signed.is_none() && !offered && !is_bound && self.is_bearer_alone(head) {
            let shown = shown.and(Shown::BEARER);
            if accept.takes_by(shown, Shown::BEARER) {
                return if super::tokens::has_context(head, &self.context_fields) {
                    Err(Refusal::context_not_covered())
                } else {
                    Ok(Sender::Known(None))
                };
            }
        }
        // What is not taken here is not verified either, and takes no room in the memory.
        #[cfg(not(feature = "oauth"))]
        let is_bound = false;
        if (offered || signed.is_some() || is_bound) && !accept.takes(shown) {
            return Err(Refusal::not_accepted());
        }
        #[cfg(feature = "oauth")]
        if let Some(tokens) = &self.tokens
            && !offered
            && signed.is_none()
            && !head.headers.contains_key(WIT_FIELD)
        {
            return Err(Refusal::unauthorized(
                &tokens.server,
                &super::tokens::nothing_shown(head),
                Some(now),
            ));
        }
        // Where there is no proof at all, this says so.
        let by_wpt = if offered || signed.is_none() { Some(self.proof(head, now)?) } else { None };
        match (signed, by_wpt) {
            // The signature covers more.
            (Some(signed), _) => Ok(Sender::Signed(signed)),
            (None, Some(proof)) if offered => Ok(Sender::Known(Some(proof))),
            (None, _) => Err(Refusal::not_accepted()),
        }
    }

    /// Whether there is a token that whoever has it can use, where tokens are wanted, and no credential of a workload.
    #[cfg(feature = "oauth")]
    fn is_bearer_alone(&self, head: &Parts) -> bool {
        self.tokens.is_some() && super::tokens::offers_bearer(head) && !head.headers.contains_key(WIT_FIELD)
    }

    /// By a message signature, if there is one of a workload.
    fn signature(&self, head: &Parts, now: UnixTime) -> Result<Option<SignedRequest>, Refusal> {
        if !head.headers.contains_key("signature-input") {
            return Ok(None);
        }
        let message = HttpRequest::received_head(head, self.scheme);
        // Marks, bundles and replay memory are what the service brought.
        match caught(|| self.signatures.verify_request(&self.wits, &message, now)) {
            Some(Ok(signed)) => Ok(Some(signed)),
            Some(Err(MessageSignatureError::NoSignature)) => Ok(None),
            Some(Err(error)) => Err(Refusal::badly_signed(&error)),
            None => Err(Refusal::unavailable("verifier_failed", "ARCH-3")),
        }
    }

    fn proof(&self, head: &Parts, now: UnixTime) -> Result<Authenticated, Refusal> {
        match caught(|| self.wpt.verify_http(&self.wits, &head.headers, head.uri.path(), now)) {
            Some(Ok(proof)) => Ok(Authenticated::by_wpt(&proof)),
            Some(Err(error)) => Err(Refusal::unauthenticated(&error)),
            None => Err(Refusal::unavailable("verifier_failed", "ARCH-3")),
        }
    }
}
