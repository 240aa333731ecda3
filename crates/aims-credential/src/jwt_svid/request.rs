//! What a JWT-SVID shall say.

use std::time::Duration;

use aims_id::SpiffeId;

/// What a token shall say: about whom, and for whom.
///
/// ```
/// use std::time::Duration;
/// use aims_credential::JwtSvidRequest;
///
/// let subject = "spiffe://acme.example/agents/travel".parse().unwrap();
/// let request = JwtSvidRequest::new(&subject, "https://tools.example").lifetime(Duration::from_secs(60));
/// # let _ = request;
/// ```
#[derive(Clone, Debug)]
pub struct JwtSvidRequest<'a> {
    pub(super) subject: &'a SpiffeId,
    pub(super) audiences: Vec<&'a str>,
    pub(super) lifetime: Option<Duration>,
}

impl<'a> JwtSvidRequest<'a> {
    /// A token about `subject`, for `audience` alone.
    #[must_use]
    pub fn new(subject: &'a SpiffeId, audience: &'a str) -> Self {
        Self { subject, audiences: vec![audience], lifetime: None }
    }

    /// For this audience, too. Each audience of a token can show it to the others in the name of the workload: one token for
    /// each is safer (JS-7), and some verifiers accept no others.
    #[must_use]
    pub fn and_audience(mut self, audience: &'a str) -> Self {
        self.audiences.push(audience);
        self
    }

    /// Valid for this long, in whole seconds, in place of the issuer's default.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}
