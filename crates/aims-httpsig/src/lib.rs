#![doc = include_str!("../README.md")]

mod accept;
mod base;
mod component;
mod difference;
mod digest;
#[cfg(feature = "http")]
mod http;
mod key;
mod message;
mod nonce;
mod parameters;
mod raw;
pub mod sf;
mod sign;
mod value;
mod verify;

pub use crate::accept::{AcceptError, AcceptSignature};
pub use crate::base::BaseError;
pub use crate::component::{Component, ComponentError};
pub use crate::difference::{Difference, differences};
pub use crate::digest::{DigestCheck, DigestError, Digests};
#[cfg(feature = "http")]
pub use crate::http::{HttpRequest, HttpResponse};
pub use crate::key::{SecretTooShort, SharedSecret, VerifyingKey, registered_algorithm, registered_name};
pub use crate::message::{Context, FieldType, Message, Part};
pub use crate::nonce::{NonceError, NonceStore};
pub use crate::parameters::{ParameterError, SignatureParameters};
pub use crate::raw::RawMessage;
pub use crate::sign::{NewSignature, SignatureError, SignedFields, UnsignedSignature};
pub use crate::verify::{
    Candidate, ContentCheck, Covered, Headers, MAX_SIGNATURES, Policy, SignatureFields, SignatureOutline,
    Streamed, Tag, Verified, VerifyError, WithContent, WithRepresentation,
};
