//! What a verifier demands.

use std::borrow::Cow;
use std::time::Duration;

use aims_keys::AlgorithmSet;

use crate::Component;

/// What a verifier demands of a signature: there is no default that takes anything.
///
/// ```
/// use aims_httpsig::{Component, Policy, Tag};
/// use aims_keys::AlgorithmSet;
///
/// let covered = [Component::method(), Component::authority(), Component::path(), Component::query()];
/// let policy = Policy::new(Tag::Is("orders".into()), covered, AlgorithmSet::STANDARD)
///     .covering_if_present(Component::field("content-digest")?);
/// # let _ = policy;
/// # Ok::<(), aims_httpsig::ComponentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) tag: Tag,
    pub(super) key_id: Option<String>,
    pub(super) covered: Vec<Component<'static>>,
    pub(super) if_present: Vec<Component<'static>>,
    pub(super) algorithms: AlgorithmSet,
    pub(super) allows_hmac: bool,
    pub(super) allows_nothing: bool,
    pub(super) leeway: Duration,
    pub(super) max_age: Duration,
    pub(super) required: Vec<Cow<'static, str>>,
    pub(super) forbidden: Vec<Cow<'static, str>>,
}

/// Which signatures are meant, by their `tag`. A label means nothing: whoever passes a message on may change it (HS-FLD-04).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Tag {
    /// Those without a tag.
    Absent,
    /// All, with any tag or none.
    Any,
    /// Those with this one.
    Is(Cow<'static, str>),
}

impl Policy {
    /// Signatures with this tag that cover all of these components, by one of these algorithms. They must say when they were made: at most 300 s ago, with 30 s for clocks that
    /// disagree.
    ///
    /// Algorithms are by their names in JOSE: `rsa-pss-sha512` is [`Algorithm::Ps512`](aims_keys::Algorithm::Ps512), which is in no set unless it is
    /// [put there](AlgorithmSet::with).
    #[must_use]
    pub fn new(
        tag: Tag,
        covered: impl IntoIterator<Item = Component<'static>>,
        algorithms: AlgorithmSet,
    ) -> Self {
        Self {
            tag,
            key_id: None,
            covered: covered.into_iter().collect(),
            if_present: Vec::new(),
            algorithms,
            allows_hmac: false,
            allows_nothing: false,
            leeway: Duration::from_secs(30),
            max_age: Duration::from_secs(300),
            required: vec!["created".into()],
            forbidden: Vec::new(),
        }
    }

    /// Signatures with this `keyid` alone.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// This component, too, where the message as received has it.
    #[must_use]
    pub fn covering_if_present(mut self, component: Component<'static>) -> Self {
        self.if_present.push(component);
        self
    }

    /// This parameter must be there.
    #[must_use]
    pub fn requiring(mut self, parameter: impl Into<Cow<'static, str>>) -> Self {
        self.required.push(parameter.into());
        self
    }

    /// This parameter must not be there.
    #[must_use]
    pub fn forbidding(mut self, parameter: impl Into<Cow<'static, str>>) -> Self {
        self.forbidden.push(parameter.into());
        self
    }

    /// How old a signature may be, by its `created`. Default: 300 s.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// By how much clocks may disagree. Default, and the most: 30 s.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(Duration::from_secs(30));
        self
    }

    /// `hmac-sha256`, too, with shared secrets.
    #[must_use]
    pub fn allowing_shared_secrets(mut self) -> Self {
        self.allows_hmac = true;
        self
    }

    /// Signatures without `created` count, and those that cover nothing of the message: such a signature is good for any message, at any time, until its `expires`.
    #[must_use]
    pub fn dangerous_allowing_no_coverage(mut self) -> Self {
        self.allows_nothing = true;
        self.required.retain(|name| name != "created");
        self
    }
}
