//! Lists and dictionaries.

use std::borrow::Cow;

use super::names::Named;
use super::{Member, WriteError, check_key};

/// Members in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct List<'a> {
    pub(super) members: Vec<Member<'a>>,
}

/// Members by name, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dictionary<'a> {
    pub(super) named: Named<'a, Member<'a>>,
}

impl<'a> List<'a> {
    /// These members.
    #[must_use]
    pub fn new(members: Vec<Member<'a>>) -> Self {
        Self { members }
    }

    /// The members.
    #[must_use]
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }
}

impl<'a> Dictionary<'a> {
    /// No members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more, or with another value for one that is there.
    ///
    /// # Errors
    ///
    /// [`WriteError::Key`] when the name is not one.
    pub fn with(mut self, key: impl Into<Cow<'a, str>>, member: Member<'a>) -> Result<Self, WriteError> {
        let key = key.into();
        check_key(&key)?;
        self.named.push(key, member);
        Ok(self)
    }

    /// The member with this name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Member<'a>> {
        self.named.get(key)
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Member<'a>)> + Clone {
        self.named.iter()
    }

    /// Takes a member out; the order of the others may change.
    pub(crate) fn take(&mut self, key: &str) -> Option<Member<'a>> {
        self.named.take(key)
    }

    /// All members, by value.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (Cow<'a, str>, Member<'a>)> {
        self.named.into_entries()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A name that was there more than once, if any was: the last value counts, at the place of the first.
    #[must_use]
    pub fn duplicate(&self) -> Option<&str> {
        self.named.duplicate()
    }
}
