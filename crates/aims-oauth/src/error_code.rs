//! Error codes: what a server tells its client, and no more.

use std::fmt;

macro_rules! codes {
    ($($(#[$docs:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// The codes of the endpoints and of resource servers (`docs/spec/oauth.md` section 2).
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$docs])* $name,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is sent.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The status it is sent with from an endpoint, or by a resource server where only those send it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }

            /// The code of this text, if it is one of them.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The user, or the server, said no.
    AccessDenied = "access_denied", 400;
    /// The user has not decided yet (CIBA).
    AuthorizationPending = "authorization_pending", 400;
    /// The request ran out (CIBA).
    ExpiredToken = "expired_token", 400;
    /// `login_hint_token` has expired (CIBA).
    ExpiredLoginHintToken = "expired_login_hint_token", 400;
    /// The token is good for less than this needs.
    InsufficientScope = "insufficient_scope", 403;
    /// The user was authenticated too weakly, or too long ago (RFC 9470).
    InsufficientUserAuthentication = "insufficient_user_authentication", 401;
    /// `authorization_details` are refused (RFC 9396).
    InvalidAuthorizationDetails = "invalid_authorization_details", 400;
    /// `binding_message` is refused (CIBA).
    InvalidBindingMessage = "invalid_binding_message", 400;
    /// The client is unknown, or did not authenticate.
    InvalidClient = "invalid_client", 401;
    /// The client's attestation is refused.
    InvalidClientAttestation = "invalid_client_attestation", 400;
    /// Metadata of the client is refused (RFC 7591).
    InvalidClientMetadata = "invalid_client_metadata", 400;
    /// The `DPoP` proof is refused.
    InvalidDpopProof = "invalid_dpop_proof", 400;
    /// The grant does not count: it has expired, was used, is another client's.
    InvalidGrant = "invalid_grant", 400;
    /// A redirect URI is refused (RFC 7591).
    InvalidRedirectUri = "invalid_redirect_uri", 400;
    /// The request is malformed.
    InvalidRequest = "invalid_request", 400;
    /// The request object is refused (RFC 9101).
    InvalidRequestObject = "invalid_request_object", 400;
    /// `request_uri` is refused (RFC 9101, RFC 9126).
    InvalidRequestUri = "invalid_request_uri", 400;
    /// The scope is unknown, malformed, or more than there is.
    InvalidScope = "invalid_scope", 400;
    /// The software statement is refused (RFC 7591).
    InvalidSoftwareStatement = "invalid_software_statement", 400;
    /// The resource or audience is unknown, or not allowed (RFC 8707).
    InvalidTarget = "invalid_target", 400;
    /// The access token does not count.
    InvalidToken = "invalid_token", 401;
    /// `user_code` is wrong (CIBA).
    InvalidUserCode = "invalid_user_code", 400;
    /// `user_code` is missing (CIBA).
    MissingUserCode = "missing_user_code", 400;
    /// Request objects are not taken here.
    RequestNotSupported = "request_not_supported", 400;
    /// `request_uri` is not taken here.
    RequestUriNotSupported = "request_uri_not_supported", 400;
    /// The server failed.
    ServerError = "server_error", 500;
    /// The client asks too often (CIBA).
    SlowDown = "slow_down", 400;
    /// The server has too much to do.
    TemporarilyUnavailable = "temporarily_unavailable", 503;
    /// The client may not do this.
    UnauthorizedClient = "unauthorized_client", 400;
    /// The software statement is not approved (RFC 7591).
    UnapprovedSoftwareStatement = "unapproved_software_statement", 400;
    /// The hint means nobody (CIBA).
    UnknownUserId = "unknown_user_id", 400;
    /// The grant type is not known.
    UnsupportedGrantType = "unsupported_grant_type", 400;
    /// The response type is not known.
    UnsupportedResponseType = "unsupported_response_type", 400;
    /// Tokens of this kind are not revoked here (RFC 7009).
    UnsupportedTokenType = "unsupported_token_type", 400;
    /// The client's attestation must hold the challenge of the server.
    UseAttestationChallenge = "use_attestation_challenge", 400;
    /// The `DPoP` proof must hold the nonce of the server.
    UseDpopNonce = "use_dpop_nonce", 400;
    /// The client's attestation is too old.
    UseFreshAttestation = "use_fresh_attestation", 400;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
