//! Values by name, in the order in which the names were first there.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{BareItem, Span, WriteError, check_key};

/// Names and values. A name that comes again replaces the value, and keeps its place (HS-SF-03).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named<'a, V> {
    entries: Vec<(Cow<'a, str>, V)>,
    /// Which of them was there before.
    duplicate: Option<usize>,
}

impl<V> Default for Named<'_, V> {
    fn default() -> Self {
        Self { entries: Vec::new(), duplicate: None }
    }
}

impl<'a, V> Named<'a, V> {
    pub(super) fn insert(&mut self, name: Cow<'a, str>, value: V, index: &mut Index<'a>) {
        if let Some(at) = index.find(&self.entries, &name) {
            self.duplicate.get_or_insert(at);
            if let Some(entry) = self.entries.get_mut(at) {
                entry.1 = value;
            }
        } else {
            index.add(self.entries.len(), name.clone());
            self.entries.push((name, value));
        }
    }

    pub(super) fn push(&mut self, name: Cow<'a, str>, value: V) {
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((name, value)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> + Clone {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = (Cow<'a, str>, V)> {
        self.entries.into_iter()
    }

    /// Takes one out; the order of the others may change.
    pub(super) fn take(&mut self, name: &str) -> Option<V> {
        let at = self.entries.iter().position(|(known, _)| known == name)?;
        Some(self.entries.swap_remove(at).1)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn duplicate(&self) -> Option<&str> {
        self.entries.get(self.duplicate?).map(|(name, _)| &**name)
    }

    pub(super) fn map<'b, W>(self, own: impl Fn(V) -> W) -> Named<'b, W> {
        let entry = |(name, value): (Cow<'_, str>, V)| (Cow::Owned(name.into_owned()), own(value));
        Named { entries: self.entries.into_iter().map(entry).collect(), duplicate: self.duplicate }
    }
}

/// Finds a name among many in constant time; among a few it looks at each.
#[derive(Default)]
pub(super) struct Index<'a>(HashMap<Cow<'a, str>, usize>);

impl<'a> Index<'a> {
    fn find<V>(&self, entries: &[(Cow<'a, str>, V)], name: &str) -> Option<usize> {
        let few = entries.iter().take(FEW).position(|(known, _)| known == name);
        few.or_else(|| self.0.get(name).copied())
    }

    fn add(&mut self, at: usize, name: Cow<'a, str>) {
        if at >= FEW {
            self.0.insert(name, at);
        }
    }
}

/// The parameters of an item or an inner list, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters<'a> {
    pub(super) named: Named<'a, BareItem<'a>>,
    pub(super) span: Span,
}

impl<'a> Parameters<'a> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more, or with another value for one that is there.
    ///
    /// # Errors
    ///
    /// [`WriteError::Key`] when the name is not one.
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: BareItem<'a>) -> Result<Self, WriteError> {
        self.set(name.into(), value)?;
        Ok(self)
    }

    pub(crate) fn set(&mut self, name: Cow<'a, str>, value: BareItem<'a>) -> Result<(), WriteError> {
        check_key(&name)?;
        self.named.push(name, value);
        Ok(())
    }

    /// The value of this one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BareItem<'a>> {
        self.named.get(name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BareItem<'a>)> + Clone {
        self.named.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A name that was there more than once, if any was.
    #[must_use]
    pub fn duplicate(&self) -> Option<&str> {
        self.named.duplicate()
    }

    /// Where they stand, from the first semicolon on; an empty range when built by hand.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Parameters<'static> {
        Parameters { named: self.named.map(BareItem::into_owned), span: self.span }
    }
}

const FEW: usize = 16;
