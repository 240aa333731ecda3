//! A user who was sent to the server, and is to come back.

use std::fmt;
use std::time::Duration;

use aims_keys::{SealError, SealingKey, UnixTime};
use zeroize::Zeroizing;

use super::held::CLOCK_STEPS;
use super::sealed::{number, open, seal};
use super::{ClientError, OAuthClient, TokenFlow};
use crate::wanted::Wanted;
use crate::{
    CodeGrant, CodeVerifier, DpopProver, Endpoint, ExpectedAuthorization, Grant, Issuer, NewParameters,
    Parameters, TokenRequest,
};

/// A request that a user is asked about: what the client remembers of it, to know the answer again (AUT-6). It counts for 10 minutes, and once.
///
/// The host keeps it with the session of the user's browser, in memory or [sealed](Self::seal): an answer that comes to another session is somebody else's.
pub struct PendingAuthorization {
    pub(super) url: Zeroizing<String>,
    pub(super) issuer: Issuer,
    pub(super) client_id: String,
    pub(super) is_issuer_sent: bool,
    pub(super) state: String,
    pub(super) verifier: CodeVerifier,
    pub(super) redirect_uri: String,
    /// The thumbprint of the key that the code is bound to.
    pub(super) key: Option<String>,
    /// That of the attestation that the code is bound to.
    pub(super) attested_key: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) acr_values: Vec<String>,
    pub(crate) max_age: Option<u64>,
    pub(super) wanted: Wanted,
    pub(super) session: String,
    pub(super) expires: UnixTime,
}

impl PendingAuthorization {
    /// How long a user may take.
    pub const LIFETIME: Duration = Duration::from_secs(600);

    /// Where the user's browser is sent; empty in one that was sealed meanwhile: the user is there already.
    ///
    /// It is for that browser alone: no model sees it, and no log.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The session that it was begun for.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The server that was asked.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// `state`: the host finds the request of an answer by it.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The nonce that the ID Token must have, where there is to be one: the scope held `openid`.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The user is back: takes the query of the redirect URI, and redeems the code in it. It is used up, whatever comes out.
    ///
    /// # Errors
    ///
    /// [`ClientError::Authorization`] when the answer is another server's, another request's, or says no (ISS-2); [`ClientError::OtherClient`] when `client` is not
    /// the one that asked; [`ClientError::Expired`].
    pub fn redeem(
        self,
        client: &OAuthClient,
        query: &Parameters,
        now: UnixTime,
    ) -> Result<TokenFlow, ClientError> {
        // The code goes to the server that was asked, with the keys that it was asked for with (DPO-11, AUT-4).
        let key = client.constraint().prover().map(|prover| DpopProver::thumbprint(prover).to_string());
        let attested = client.attested_key().map(|key| key.to_string());
        let has_keys = key == self.key && (self.attested_key.is_none() || attested == self.attested_key);
        if *client.issuer() != self.issuer || client.client_id() != self.client_id || !has_keys {
            return Err(ClientError::OtherClient);
        }
        // By a clock that was set back, no request counts that was made later.
        if now >= self.expires || self.expires > now + Self::LIFETIME + CLOCK_STEPS {
            return Err(ClientError::Expired);
        }
        let expected = ExpectedAuthorization::new(self.issuer, self.state, self.is_issuer_sent);
        let code = expected.code(query)?;
        let grant = CodeGrant::new(code, self.verifier).with_redirect_uri(self.redirect_uri);
        // What was granted is the server's to know: it is not asked for again, but for the resource (MCP-9).
        let wanted = Wanted { resources: self.wanted.resources.clone(), ..Wanted::default() };
        let request = TokenRequest::new(Grant::AuthorizationCode(grant)).wanting(wanted);
        Ok(client.token(request)?.assuming(self.wanted))
    }

    /// Seals it, so that the host can store it: as text of base64url.
    ///
    /// # Errors
    ///
    /// [`ClientError::Seal`].
    pub fn seal(&self, key: &SealingKey) -> Result<String, ClientError> {
        let mut form = NewParameters::new();
        form.add("issuer", self.issuer.as_str()).add("client_id", &self.client_id);
        form.add("iss", if self.is_issuer_sent { "1" } else { "0" });
        form.add("state", &self.state).add("code_verifier", self.verifier.expose());
        form.add("redirect_uri", &self.redirect_uri).add_some("key", self.key.as_deref());
        form.add_some("attested_key", self.attested_key.as_deref());
        form.add("session", &self.session).add("expires", &self.expires.as_secs().to_string());
        form.add_some("nonce", self.nonce.as_deref()).add("acr_values", &self.acr_values.join(" "));
        form.add_some("max_age", self.max_age.map(|age| age.to_string()).as_deref());
        self.wanted.write(&mut form);
        seal(key, PURPOSE, &form)
    }

    /// Opens one that was sealed.
    ///
    /// # Errors
    ///
    /// [`ClientError::Seal`].
    pub fn open(sealed: &str, key: &SealingKey) -> Result<Self, ClientError> {
        let form = open(key, PURPOSE, sealed)?;
        Ok(Self {
            url: Zeroizing::default(),
            issuer: form.require("issuer")?.parse().map_err(|_| SealError::Closed)?,
            client_id: form.require("client_id")?.to_owned(),
            is_issuer_sent: number(&form, "iss")? == 1,
            state: form.require("state")?.to_owned(),
            verifier: form.require("code_verifier")?.parse().map_err(|_| SealError::Closed)?,
            redirect_uri: form.require("redirect_uri")?.to_owned(),
            key: form.get("key")?.map(ToOwned::to_owned),
            attested_key: form.get("attested_key")?.map(ToOwned::to_owned),
            nonce: form.get("nonce")?.map(ToOwned::to_owned),
            acr_values: words(form.get("acr_values")?.unwrap_or_default()),
            max_age: form.get("max_age")?.map(|_| number(&form, "max_age")).transpose()?,
            wanted: Wanted::read(&form)?,
            session: form.get("session")?.unwrap_or_default().to_owned(),
            expires: UnixTime::from_secs(number(&form, "expires")?),
        })
    }

    /// With this query at the authorization endpoint, whose own query it follows.
    pub(super) fn at(mut self, client: &OAuthClient, query: &NewParameters) -> Result<Self, ClientError> {
        let endpoint = client.server().endpoint(Endpoint::Authorization);
        let endpoint = endpoint.ok_or(ClientError::NoEndpoint(Endpoint::Authorization))?;
        let separator = if endpoint.path_and_query().contains('?') { "&" } else { "?" };
        self.url = [endpoint.as_str(), separator, query.as_str()].concat().into();
        Ok(self)
    }
}

/// Shows whom was asked, and nothing that counts.
impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

const PURPOSE: &str = "aims-oauth, pending authorization, 1";
