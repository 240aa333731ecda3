//! `authorization_details`: what a token is good for, where words of a scope are too few (RFC 9396).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use aims_jose::json::{self, Elements, JsonError, Kind, Object, Value};

use crate::Action;

/// What a client asks for, or was granted: a list of objects, each of a type of its own (RAR-1).
///
/// ```
/// use aims_oauth::{AuthorizationDetails, CommonMembers};
///
/// let granted = r#"[{"type":"booking","actions":["read","book"],"locations":["https://tools.example"]}]"#;
/// let granted = AuthorizationDetails::parse(granted)?;
/// let asked = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["read"],"locations":["https://tools.example"]}]"#)?;
/// assert!(asked.is_within(&granted, &CommonMembers));
///
/// let refused = AuthorizationDetails::parse(r#"[{"actions":["read"]}]"#).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("details_type", "RAR-1"));
/// # Ok::<(), aims_oauth::DetailsError>(())
/// ```
#[derive(Clone)]
pub struct AuthorizationDetails {
    /// INVARIANT: one member, a list of which each is a [`Detail`].
    object: Object,
    len: usize,
}

/// One of them.
#[derive(Clone, Copy)]
pub struct Detail<'d>(Value<'d>);

impl AuthorizationDetails {
    /// Reads a parameter, a member of a response, or a claim: a JSON array.
    ///
    /// # Errors
    ///
    /// [`DetailsError`].
    pub fn parse(text: &str) -> Result<Self, DetailsError> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        let object = Object::parse([WRAP, text, "}"].concat(), &LIMITS).map_err(DetailsError::Json)?;
        let value = object.get(MEMBER).ok_or(DetailsError::NotAnArray)?;
        // What closes the list by itself could bring members of its own.
        if value.raw().len() != text.len() {
            return Err(DetailsError::NotAnArray);
        }
        let mut len = 0_usize;
        for detail in value.as_array().ok_or(DetailsError::NotAnArray)? {
            check(detail)?;
            len += 1;
        }
        match len {
            0 => Err(DetailsError::Empty),
            1..=MAX_DETAILS => Ok(Self { object, len }),
            _ => Err(DetailsError::TooMany),
        }
    }

    /// The same of a value that was read with something else.
    ///
    /// # Errors
    ///
    /// [`DetailsError`].
    pub fn from_value(value: Value<'_>) -> Result<Self, DetailsError> {
        Self::parse(value.raw())
    }

    /// The JSON array, as it was read.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.as_value().raw()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Detail<'_>> {
        self.elements().into_iter().flatten().map(Detail)
    }

    /// How many there are: one at least.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether each of these is within one of those that were granted, as `rule` sees it (RAR-4), and no two within the same one: two payments are more than one. Of a
    /// confirmation of an [`Action`] the rule is not asked: it is the same, or another (HIL-41).
    #[must_use]
    pub fn is_within(&self, granted: &Self, rule: &dyn DetailRule) -> bool {
        if self.len > granted.len {
            return false;
        }
        let granted: Vec<_> = granted.iter().map(|granted| (granted.kind(), granted)).collect();
        let fitting = self.iter().map(|asked| {
            let kind = asked.kind();
            let is_action = kind == Action::DETAIL;
            let is_within = |granted: &Detail<'_>| {
                if is_action { same(asked.0, granted.0) } else { rule.is_within(&asked, granted) }
            };
            let fits = |(of, granted): &(Cow<'_, str>, Detail<'_>)| kind == *of && is_within(granted);
            granted.iter().enumerate().filter(|(_, granted)| fits(granted)).map(|(at, _)| at).collect()
        });
        has_each_its_own(&fitting.collect::<Vec<_>>(), granted.len())
    }

    /// The JSON array.
    pub(crate) fn as_value(&self) -> Value<'_> {
        // INVARIANT: it is there.
        self.object.get(MEMBER).unwrap_or_else(|| self.object.as_value())
    }

    fn elements(&self) -> Option<Elements<'_>> {
        self.as_value().as_array()
    }
}

impl<'d> Detail<'d> {
    /// `type`: whose rules the other members follow.
    #[must_use]
    pub fn kind(&self) -> Cow<'d, str> {
        self.text("type").unwrap_or_default()
    }

    /// `locations`: the resource servers that it is for.
    pub fn locations(&self) -> impl Iterator<Item = Cow<'d, str>> + use<'d> {
        self.texts("locations")
    }

    /// `actions`: what may be done there.
    pub fn actions(&self) -> impl Iterator<Item = Cow<'d, str>> + use<'d> {
        self.texts("actions")
    }

    /// `datatypes`: with which kinds of data.
    pub fn datatypes(&self) -> impl Iterator<Item = Cow<'d, str>> + use<'d> {
        self.texts("datatypes")
    }

    /// `privileges`: with what standing.
    pub fn privileges(&self) -> impl Iterator<Item = Cow<'d, str>> + use<'d> {
        self.texts("privileges")
    }

    /// `identifier`: one thing there.
    #[must_use]
    pub fn identifier(&self) -> Option<Cow<'d, str>> {
        self.text("identifier")
    }

    /// Any member by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'d>> {
        self.0.get(name)
    }

    /// The object, as it was read.
    #[must_use]
    pub fn as_value(&self) -> Value<'d> {
        self.0
    }

    fn text(&self, name: &str) -> Option<Cow<'d, str>> {
        self.0.get(name)?.as_str()
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = Cow<'d, str>> + use<'d> {
        self.0.get(name).into_iter().flat_map(texts)
    }
}

/// The same text: what two texts mean, the rules of their types say.
impl PartialEq for AuthorizationDetails {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for AuthorizationDetails {}

impl fmt::Debug for AuthorizationDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Shows its type alone: what is asked for may be about somebody.
impl fmt::Debug for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detail").field("type", &self.kind()).finish_non_exhaustive()
    }
}

/// When one detail is within another of the same type. Each type has rules of its own: implement this for those you know.
pub trait DetailRule {
    /// Whether what is asked for is no more than what was granted. Both are of one type.
    fn is_within(&self, asked: &Detail<'_>, granted: &Detail<'_>) -> bool;
}

/// The rule for types of which nothing is known: the five common members may be narrower, and all others are the same (RAR-4).
///
/// A common member that the grant has, and the request has not, is not narrower: it would be without bounds. Nor is a list with nothing in it, which many take for one
/// that is not there.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is a rule, and has no parts")]
pub struct CommonMembers;

impl DetailRule for CommonMembers {
    fn is_within(&self, asked: &Detail<'_>, granted: &Detail<'_>) -> bool {
        let names = |detail: &Detail<'_>| detail.0.as_object().map_or(0, Iterator::count);
        let is_narrower = |(name, asked): (json::Name<'_>, Value<'_>)| {
            let name = name.as_str();
            let Some(granted) = granted.get(&name) else { return false };
            if LISTS.contains(&&*name) {
                let granted: HashSet<Cow<'_, str>> = texts(granted).collect();
                let is_bound = granted.is_empty() || texts(asked).next().is_some();
                return is_bound && texts(asked).all(|asked| granted.contains(&asked));
            }
            same(asked, granted)
        };
        names(asked) == names(granted) && asked.0.as_object().is_some_and(|mut all| all.all(is_narrower))
    }
}

/// Why a text is no list of authorization details.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DetailsError {
    /// One says that a user confirmed it, where nobody can have been asked yet.
    #[error("an authorization detail brings a confirmation of its own")]
    Confirmed,
    /// There is none in it.
    #[error("there are no authorization details")]
    Empty,
    /// It is not JSON within the limits.
    #[error("the authorization details are not well-formed")]
    Json(#[source] JsonError),
    /// A common member is of the wrong type.
    #[error("the member {0} of an authorization detail is of the wrong type")]
    Member(&'static str),
    /// It is not one array.
    #[error("the authorization details are not an array")]
    NotAnArray,
    /// There are more than anybody decides on.
    #[error("there are too many authorization details")]
    TooMany,
    /// One is no object with a `type`.
    #[error("an authorization detail has no type")]
    Type,
}

impl DetailsError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Confirmed => "already_confirmed",
            Self::Empty => "details_empty",
            Self::Json(error) => error.code(),
            Self::Member(_) => "details_member",
            Self::NotAnArray => "details_not_an_array",
            Self::TooMany => "too_many_details",
            Self::Type => "details_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Confirmed => "HIL-41",
            Self::Json(error) => error.rule(),
            Self::Empty | Self::NotAnArray | Self::Type => "RAR-1",
            Self::Member(_) => "RAR-2",
            Self::TooMany => "WIR-9",
        }
    }
}

fn check(detail: Value<'_>) -> Result<(), DetailsError> {
    let kind = detail.get("type").and_then(|kind| kind.as_str());
    if kind.is_none_or(|kind| kind.is_empty()) {
        return Err(DetailsError::Type);
    }
    for name in LISTS {
        let is_list = |value: Value<'_>| {
            value.as_array().is_some_and(|mut all| all.all(|one| one.kind() == Kind::String))
        };
        if detail.get(name).is_some_and(|value| !is_list(value)) {
            return Err(DetailsError::Member(name));
        }
    }
    if detail.get("identifier").is_some_and(|value| value.kind() != Kind::String) {
        return Err(DetailsError::Member("identifier"));
    }
    Ok(())
}

/// Whether each can have one of `count` things for itself alone, given which of them fit each.
fn has_each_its_own(fitting: &[Vec<usize>], count: usize) -> bool {
    let mut holders = vec![None; count];
    (0..fitting.len()).all(|one| finds_its_own(one, fitting, &mut holders, &mut vec![false; count]))
}

/// Takes one that is free, or whose holder finds another. It goes no deeper than there are things, each of which is tried once.
fn finds_its_own(
    one: usize,
    fitting: &[Vec<usize>],
    holders: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for &at in fitting.get(one).into_iter().flatten() {
        if tried.get_mut(at).is_none_or(|tried| std::mem::replace(tried, true)) {
            continue;
        }
        let holder = holders.get(at).copied().flatten();
        if holder.is_none_or(|holder| finds_its_own(holder, fitting, holders, tried)) {
            if let Some(place) = holders.get_mut(at) {
                *place = Some(one);
            }
            return true;
        }
    }
    false
}

/// INVARIANT: the common lists hold texts alone.
fn texts(list: Value<'_>) -> impl Iterator<Item = Cow<'_, str>> {
    list.as_array().into_iter().flatten().filter_map(|one| one.as_str())
}

/// Whether two values are the same, however they are written: members in any order, texts escaped or not, numbers as `1e1` or as `10`. Numbers of which readers may
/// make one, since they have more digits than a double keeps, are the same in the same text alone.
fn same(one: Value<'_>, other: Value<'_>) -> bool {
    let is_spelt_alike = || Some(one.to_canonical().ok()? == other.to_canonical().ok()?);
    one.raw() == other.raw() || is_spelt_alike().unwrap_or(false)
}

const LISTS: [&str; 4] = ["actions", "datatypes", "locations", "privileges"];

const MEMBER: &str = "details";

const WRAP: &str = "{\"details\":";

/// One deeper than what stands inside (WIR-9).
const LIMITS: json::Limits = json::Limits::new().depth(33);

const MAX_DETAILS: usize = 64;
