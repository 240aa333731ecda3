//! Message signatures of workloads (draft-ietf-wimse-http-signature): the WIMSE profile of RFC 9421.

mod content;
mod error;
mod make;
mod profile;
mod response;
mod verify;

pub use self::content::SignedContent;
pub use self::error::{MakeSignatureError, MessageSignatureError};
pub use self::make::{NewRequestSignature, NewResponseSignature, RequestSignature, UnsignedMessage};
pub use self::profile::SignatureProfile;
pub use self::response::{Answer, ExpectedResponse, SignedResponse, VerifiedResponse};
pub use self::verify::{
    GatheredContent, SignatureVerifier, SignatureVerifierBuilder, SignedRequest, VerifiedSignature,
};

use aims_credential::{Holder, WIT_FIELD, Wit};
use aims_httpsig::{Message, Part};

/// The `tag` of the signatures that this profile is about; a signature with another tag is somebody else's (HSIG-2).
pub const SIGNATURE_TAG: &str = "wimse-workload-to-workload";

/// The type of the problem (RFC 9457) that a request is refused with when its credential or signature is: status 400. Which check failed is not told.
pub const SIGNATURE_INVALID: &str = "https://iana.org/assignments/http-problem-types#wimse-signature-invalid";

/// The type of the problem that a server answers with, status 501, when it signs no responses and one was demanded.
pub const SIGNED_RESPONSE_UNSUPPORTED: &str =
    "https://iana.org/assignments/http-problem-types#wimse-signed-response-unsupported";

/// The type of the problem that a server answers with, status 400, when it cannot sign the response that was demanded.
pub const SIGNED_RESPONSE_UNAVAILABLE: &str =
    "https://iana.org/assignments/http-problem-types#wimse-signed-response-unavailable";

/// Parameters of this profile.
mod parameter {
    pub(super) const AUDIENCE: &str = "wimse-aud";
    pub(super) const REQUEST_NONCE: &str = "wimse-req-nonce";
    pub(super) const SIGN_RESPONSE: &str = "wimse-sign-response";
}

/// The only value of a field, as text; `Err` for several, or what is not ASCII.
fn single<'m>(message: &'m dyn Message, name: &str) -> Result<Option<&'m str>, ()> {
    let (mut value, mut lines) = (None, 0_usize);
    message.lines(Part::Headers, name, &mut |line| {
        lines += 1;
        value = Some(line);
    });
    match (value, lines) {
        (None, _) => Ok(None),
        (Some(line), 1) if line.is_ascii() => str::from_utf8(line).map(Some).map_err(drop),
        _ => Err(()),
    }
}

/// The WIT of a holder, if its message has it.
fn own_wit<'h>(holder: &'h Holder, message: &dyn Message) -> Result<&'h Wit, MakeSignatureError> {
    let aims_credential::Credential::Wit(wit) = holder.credential() else {
        return Err(MakeSignatureError::NoWit);
    };
    check_wit(wit, message)?;
    Ok(wit)
}

/// A signature goes out with the credential that its key is bound to.
fn check_wit(wit: &Wit, message: &dyn Message) -> Result<(), MakeSignatureError> {
    match single(message, WIT_FIELD) {
        Ok(Some(token)) if token == wit.token() => Ok(()),
        _ => Err(MakeSignatureError::CredentialField),
    }
}
