//! Signing responses (HSIG-20, HSIG-21).

use aims_credential::{Credential, WIT_FIELD};
use aims_httpsig::{Digests, HttpResponse};
use aims_keys::UnixTime;
use aims_proof::{
    NewResponseSignature, SIGNED_RESPONSE_UNAVAILABLE, SIGNED_RESPONSE_UNSUPPORTED, VerifiedSignature,
};
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderValue, Response};
use http_body::Body;

use super::panics::caught;
use super::{Inner, Refusal};
use crate::body::{Whole, read};

impl Inner {
    /// Whether an answer could be signed, if it has to be. What could not is not done either.
    pub(super) fn check_signs(&self, request: &VerifiedSignature, now: UnixTime) -> Result<(), Refusal> {
        if !self.has_to_sign(request) {
            return Ok(());
        }
        let Some(signs) = &self.signs else {
            return Err(Refusal::cannot_sign(501, SIGNED_RESPONSE_UNSUPPORTED));
        };
        let is_ready = caught(|| signs.source.holder().is_ok_and(|holder| holder.signer(now).is_ok()));
        if is_ready == Some(true) { Ok(()) } else { Err(unavailable()) }
    }

    pub(super) fn has_to_sign(&self, request: &VerifiedSignature) -> bool {
        request.demands_signed_response() || self.signs.as_ref().is_some_and(|signs| signs.always)
    }

    /// Signs a response: whole, or not at all.
    pub(super) async fn sign<B: Body<Data = Bytes>>(
        &self,
        request: &VerifiedSignature,
        response: Response<B>,
    ) -> Result<Response<Whole>, Refusal> {
        let (mut head, body) = response.into_parts();
        let whole = read(body, self.max_content).await.map_err(|_| unavailable())?;
        self.sign_head(request, &mut head, &whole.content).await.ok_or_else(unavailable)?;
        Ok(Response::from_parts(head, whole))
    }

    /// `None` when it cannot be signed.
    async fn sign_head(&self, request: &VerifiedSignature, head: &mut Parts, content: &[u8]) -> Option<()> {
        let signs = self.signs.as_ref()?;
        // One pair for the whole response, whatever is renewed meanwhile.
        let holder = caught(|| signs.source.holder())?.ok()?;
        let Credential::Wit(wit) = holder.credential() else { return None };
        let now = UnixTime::try_from(caught(|| self.clock.now())?).ok()?;
        head.headers.insert(WIT_FIELD, HeaderValue::try_from(wit.token()).ok()?);
        // HSIG-9: of content, if there is any.
        if content.is_empty() {
            head.headers.remove("content-digest");
        } else {
            let digest = Digests::field(content, wit.confirmation_key().backend());
            head.headers.insert("content-digest", HeaderValue::try_from(digest).ok()?);
        }
        let fields = {
            let message = HttpResponse::head(head);
            NewResponseSignature::to(request).sign(&holder, &message, now).await.ok()?
        };
        fields.append_to(&mut head.headers).ok()
    }
}

pub(super) fn unavailable() -> Refusal {
    Refusal::cannot_sign(400, SIGNED_RESPONSE_UNAVAILABLE)
}
