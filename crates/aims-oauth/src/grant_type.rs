//! Grant types: in exchange for what a token is given.

use crate::names::names;

names! {
    /// A grant type that is known here (`docs/spec/oauth.md` section 2).
    ///
    /// Grants that give a token for less, the implicit one and that for passwords, have no place in it (AUT-1): metadata may name them, and they are read over.
    ///
    /// ```
    /// use aims_oauth::GrantType;
    ///
    /// assert_eq!(GrantType::from_text("client_credentials"), Some(GrantType::ClientCredentials));
    /// assert_eq!(GrantType::from_text("password"), None);
    /// ```
    pub enum GrantType {
        /// A code that the user's consent yielded (RFC 6749 §4.1).
        AuthorizationCode = "authorization_code",
        /// What the user approved elsewhere (CIBA).
        Ciba = "urn:openid:params:grant-type:ciba",
        /// The client itself (RFC 6749 §4.4).
        ClientCredentials = "client_credentials",
        /// A code that the user typed on another device (RFC 8628).
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
        /// An assertion of an issuer that the server trusts (RFC 7523 §2.1).
        JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer",
        /// The same, and a proof of possession (individual draft).
        JwtDpop = "urn:ietf:params:oauth:grant-type:jwt-dpop",
        /// A refresh token (RFC 6749 §6).
        RefreshToken = "refresh_token",
        /// Another token (RFC 8693).
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
    }
}
