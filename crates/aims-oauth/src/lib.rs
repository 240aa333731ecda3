#![doc = include_str!("../README.md")]

mod access_token;
mod challenge;
mod error_code;
mod form;
mod issuer;
mod lineage;
mod resource;
mod scope;
mod secret;

pub use crate::access_token::{
    AccessTokenError, AccessTokenVerifier, AccessTokenVerifierBuilder, Actor, ActorChain, TokenBinding,
    TrustedIssuer, VerifiedAccessToken,
};
pub use crate::challenge::{Challenge, ChallengeError, Challenges};
pub use crate::error_code::ErrorCode;
pub use crate::form::{FormError, NewParameters, Parameters};
pub use crate::issuer::{Issuer, IssuerError};
pub use crate::lineage::{Lineage, LineageError};
pub use crate::resource::{Resource, ResourceError};
pub use crate::scope::{Scope, ScopeError};
pub use crate::secret::{AccessToken, AuthorizationCode, Fingerprint, RefreshToken, SecretError};
