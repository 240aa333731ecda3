#![doc = include_str!("../README.md")]

mod audience;
mod authenticated;
mod fields;
#[cfg(feature = "mtls")]
mod forwarded;
mod replay;
mod revisions;
mod signature;
#[cfg(feature = "web-bot-auth")]
pub mod web_bot_auth;
mod wpt;

pub use crate::audience::{AudienceError, Audiences, Target, http_audience};
pub use crate::authenticated::{Authenticated, Layer, Method};
pub use crate::fields::Fields;
#[cfg(feature = "mtls")]
pub use crate::forwarded::{
    CLIENT_CERT_CHAIN_FIELD, CLIENT_CERT_FIELD, ForwardedError, ForwardedPeer, ForwardedVerifier, XFCC_FIELD,
};
pub use crate::replay::ReplayMemory;
pub use crate::revisions::SPEC_REVISIONS;
pub use crate::signature::{
    Answer, ExpectedResponse, GatheredContent, MakeSignatureError, MessageSignatureError,
    NewRequestSignature, NewResponseSignature, RequestSignature, SIGNATURE_INVALID, SIGNATURE_TAG,
    SIGNED_RESPONSE_UNAVAILABLE, SIGNED_RESPONSE_UNSUPPORTED, SignatureProfile, SignatureVerifier,
    SignatureVerifierBuilder, SignedContent, SignedRequest, SignedResponse, UnsignedMessage,
    VerifiedResponse, VerifiedSignature,
};
#[cfg(feature = "legacy-wpt-01")]
pub use crate::wpt::WPT_01_FIELD;
pub use crate::wpt::{
    CHALLENGE, MakeWptError, NewWpt, ProofError, TXN_TOKEN_FIELD, UnsignedWpt, VerifiedProof, WptError,
    WptProfile, WptRequest, WptVerifier, WptVerifierBuilder,
};
