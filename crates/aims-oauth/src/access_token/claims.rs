//! The claims of an access token, read once (RFC 9068 §2.2).

use std::borrow::Cow;

use aims_id::WorkloadId;
use aims_jose::json::{Object, Span, Value};
use aims_jose::jwt::claim;
use aims_jose::{ClaimsError, Confirmation, Thumbprint, json};
use aims_keys::{Backend, UnixTime};

use super::{AccessTokenError, ActorChain, actors};
use crate::{AuthorizationDetails, Lineage, Resource, Scope, lineage};

/// The claims as they stand in the token.
///
/// They are read before the signature is checked, because `iss` chooses the key (ACT-4). Nothing but that choice may look at them until then.
pub(super) struct AccessTokenClaims {
    pub(super) object: Object,
    pub(super) audience: Span,
    /// Of a JWT always.
    pub(super) issuer: Option<Span>,
    pub(super) subject: Span,
    pub(super) client_id: Span,
    /// Of a JWT always.
    pub(super) token_id: Option<Span>,
    /// Of a JWT always.
    pub(super) issued_at: Option<UnixTime>,
    pub(super) not_before: Option<UnixTime>,
    pub(super) expires: UnixTime,
    pub(super) auth_time: Option<UnixTime>,
    /// Of an answer: whether the token counts.
    pub(super) active: Option<bool>,
    pub(super) others: Others,
}

/// Where the claims are that need not be there.
#[derive(Clone, Copy, Default)]
pub(super) struct Others {
    pub(super) acr: Option<Span>,
    pub(super) act: Option<Span>,
    pub(super) amr: Option<Span>,
    pub(super) confirmation: Option<Span>,
    pub(super) details: Option<Span>,
    pub(super) lineage: Option<Span>,
    pub(super) may_act: Option<Span>,
    pub(super) scope: Option<Span>,
    pub(super) transaction: Option<Span>,
    has_events: bool,
}

/// Which key the holder of a token has to show, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenBinding {
    /// `x5t#S256`: the certificate of the connection, by the SHA-256 of its DER (RFC 8705 §3.1).
    Certificate([u8; 32]),
    /// `jkt`: a key, shown by a `DPoP` proof (RFC 9449 §6.1) or, where the resource says so, by a message signature (design D8).
    Key(Thumbprint),
}

impl AccessTokenClaims {
    /// Of a JWT.
    pub(super) fn read(payload: Vec<u8>, limits: &json::Limits) -> Result<Self, ClaimsError> {
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload);
        }
        let claims = Self::read_any(payload, limits)?;
        if claims.issuer.is_none() {
            return Err(ClaimsError::Missing("iss"));
        }
        if claims.token_id.is_none() {
            return Err(ClaimsError::Missing("jti"));
        }
        if claims.issued_at.is_none() {
            return Err(ClaimsError::Missing("iat"));
        }
        Ok(claims)
    }

    /// Of what a server says of a token: some of it may be left out there (INT-2), and nothing that decisions rest on.
    pub(super) fn read_any(payload: Vec<u8>, limits: &json::Limits) -> Result<Self, ClaimsError> {
        let (mut issuer, mut subject, mut audience, mut client_id, mut token_id) =
            (None, None, None, None, None);
        let (mut expires, mut issued_at, mut not_before, mut auth_time) = (None, None, None, None);
        let (mut active, mut others) = (None, Others::default());
        let object = Object::read(payload, limits, |name, value| {
            match &*name.as_str() {
                "iss" => issuer = Some(claim::text("iss", value).map(|_| value.span())?),
                "sub" => subject = Some(claim::non_empty("sub", value).map(|_| value.span())?),
                "aud" => audience = Some(claim::audience_is_one_of(value, NONE).map(|_| value.span())?),
                "client_id" => client_id = Some(claim::non_empty("client_id", value).map(|_| value.span())?),
                "jti" => token_id = Some(claim::token_id(value).map(|_| value.span())?),
                "exp" => expires = Some(claim::date("exp", value)?),
                "iat" => issued_at = Some(claim::date("iat", value)?),
                "nbf" => not_before = Some(claim::date("nbf", value)?),
                "auth_time" => auth_time = Some(claim::date("auth_time", value)?),
                "active" => active = value.as_bool(),
                "acr" => others.acr = Some(claim::text("acr", value).map(|_| value.span())?),
                "act" => others.act = Some(value.span()),
                lineage::CLAIM => others.lineage = Some(value.span()),
                "amr" => others.amr = Some(value.span()),
                "authorization_details" => others.details = Some(value.span()),
                "cnf" => others.confirmation = Some(value.span()),
                "events" => others.has_events = true,
                "may_act" => others.may_act = Some(value.span()),
                "scope" => others.scope = Some(value.span()),
                "txn" => others.transaction = Some(claim::non_empty("txn", value).map(|_| value.span())?),
                _ => {}
            }
            Ok::<_, ClaimsError>(())
        })?;
        Ok(Self {
            object,
            issuer,
            subject: subject.ok_or(ClaimsError::Missing("sub"))?,
            audience: audience.ok_or(ClaimsError::Missing("aud"))?,
            client_id: client_id.ok_or(ClaimsError::Missing("client_id"))?,
            token_id,
            expires: expires.ok_or(ClaimsError::Missing("exp"))?,
            issued_at,
            not_before,
            auth_time,
            active,
            others,
        })
    }

    pub(super) fn at(&self, span: Span) -> Option<Value<'_>> {
        self.object.at(span)
    }

    /// `iss`.
    pub(super) fn issuer(&self) -> Option<Cow<'_, str>> {
        self.other(self.issuer)?.as_str()
    }

    /// `jti`.
    pub(super) fn token_id(&self) -> Option<Cow<'_, str>> {
        self.other(self.token_id)?.as_str()
    }

    fn other(&self, span: Option<Span>) -> Option<Value<'_>> {
        self.object.at(span?)
    }

    /// The one of these that the token is for.
    pub(super) fn audience<'r>(&self, own: &'r [Resource]) -> Option<&'r Resource> {
        let audience = self.at(self.audience)?;
        own.iter().find(|own| claim::audience_is_one_of(audience, &[own.as_str()]) == Ok(true))
    }

    /// WIR-7.
    pub(super) fn scope(&self) -> Result<Scope, AccessTokenError> {
        let Some(scope) = self.other(self.others.scope) else { return Ok(Scope::none()) };
        let text = scope.as_str().ok_or(AccessTokenError::ScopeType)?;
        text.parse().map_err(AccessTokenError::Scope)
    }

    /// RAR-1, RAR-2.
    pub(super) fn details(&self) -> Result<Option<AuthorizationDetails>, AccessTokenError> {
        let details = self.other(self.others.details);
        details.map(AuthorizationDetails::from_value).transpose().map_err(AccessTokenError::Details)
    }

    /// JO-KEY-10: one way to show one key, and one of those that are verified here.
    pub(super) fn binding(&self, backend: Backend) -> Result<Option<TokenBinding>, AccessTokenError> {
        let Some(cnf) = self.other(self.others.confirmation) else { return Ok(None) };
        match Confirmation::read(cnf, backend) {
            Ok(Confirmation::Thumbprint(key)) => Ok(Some(TokenBinding::Key(key))),
            Ok(Confirmation::Certificate(certificate)) => {
                Ok(Some(TokenBinding::Certificate(*certificate.as_bytes())))
            }
            Ok(_) => Err(AccessTokenError::Confirmation),
            Err(error) => Err(error.into()),
        }
    }

    /// EXC-4, EXC-5, SSF-14.
    pub(super) fn check_parties(&self) -> Result<(), AccessTokenError> {
        if let Some(act) = self.other(self.others.act) {
            actors::check(act)?;
        }
        if let Some(may_act) = self.other(self.others.may_act) {
            actors::check_party(may_act)?;
        }
        if self.others.has_events { Err(AccessTokenError::Events) } else { Ok(()) }
    }

    pub(super) fn lineage(&self) -> Result<Lineage, AccessTokenError> {
        match self.other(self.others.lineage) {
            None => Ok(Lineage::none()),
            Some(value) => Lineage::read(value).map_err(AccessTokenError::Lineage),
        }
    }

    /// `amr`: how the user was authenticated.
    pub(super) fn check_methods(&self) -> Result<(), AccessTokenError> {
        let Some(amr) = self.other(self.others.amr) else { return Ok(()) };
        let is_list = amr.as_array().is_some_and(|mut all| all.all(|one| one.as_str().is_some()));
        if is_list { Ok(()) } else { Err(ClaimsError::WrongType("amr").into()) }
    }

    /// The client, where it goes by the identifier of a workload.
    pub(super) fn agent(&self) -> Option<WorkloadId> {
        self.at(self.client_id)?.as_str()?.parse().ok()
    }

    /// Who else goes by the identifier of a workload: its subject, and those that act or acted, of which there are few.
    pub(super) fn others_involved(&self) -> Box<[WorkloadId]> {
        let text = |span| self.at(span).and_then(|value| value.as_str());
        let client = text(self.client_id);
        let subject = text(self.subject).filter(|subject| client.as_ref() != Some(subject));
        let actors = ActorChain::new(&self.object, self.others.act);
        let actors = actors.iter().map(|actor| actor.subject());
        subject.into_iter().chain(actors).filter_map(|name| name.parse().ok()).collect()
    }
}

/// Asks for the types alone.
const NONE: &[&str] = &[];
