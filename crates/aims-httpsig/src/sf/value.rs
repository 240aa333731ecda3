//! Items, inner lists, and what is a member of a list or a dictionary.

use super::{BareItem, Parameters, Span};

/// A value with parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item<'a> {
    pub(super) bare: BareItem<'a>,
    pub(super) parameters: Parameters<'a>,
    pub(super) span: Span,
}

/// Items in parentheses, with parameters for all of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InnerList<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) parameters: Parameters<'a>,
    pub(super) span: Span,
}

/// A member of a list or a dictionary.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the specification has two kinds of member")]
pub enum Member<'a> {
    /// Items in parentheses.
    InnerList(InnerList<'a>),
    /// One item.
    Item(Item<'a>),
}

impl<'a> Item<'a> {
    /// A value without parameters.
    #[must_use]
    pub fn new(bare: BareItem<'a>) -> Self {
        Self { bare, parameters: Parameters::new(), span: 0..0 }
    }

    /// With these parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters<'a>) -> Self {
        self.parameters = parameters;
        self
    }

    /// The value.
    #[must_use]
    pub fn bare(&self) -> &BareItem<'a> {
        &self.bare
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<'a> {
        &self.parameters
    }

    /// The value, and its parameters.
    #[must_use]
    pub fn into_parts(self) -> (BareItem<'a>, Parameters<'a>) {
        (self.bare, self.parameters)
    }

    /// Where it stands, its parameters included.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Item<'static> {
        Item { bare: self.bare.into_owned(), parameters: self.parameters.into_owned(), span: self.span }
    }
}

impl<'a> InnerList<'a> {
    /// These items.
    #[must_use]
    pub fn new(items: Vec<Item<'a>>) -> Self {
        Self { items, ..Self::default() }
    }

    /// With these parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters<'a>) -> Self {
        self.parameters = parameters;
        self
    }

    /// The items, in order.
    #[must_use]
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    pub(crate) fn into_parts(self) -> (Vec<Item<'a>>, Parameters<'a>) {
        (self.items, self.parameters)
    }

    /// The parameters of the list.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<'a> {
        &self.parameters
    }

    /// Where it stands, its parameters included.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> InnerList<'static> {
        InnerList {
            items: self.items.into_iter().map(Item::into_owned).collect(),
            parameters: self.parameters.into_owned(),
            span: self.span,
        }
    }
}

impl<'a> Member<'a> {
    /// The item, if it is one.
    #[must_use]
    pub fn as_item(&self) -> Option<&Item<'a>> {
        if let Self::Item(item) = self { Some(item) } else { None }
    }

    /// The inner list, if it is one.
    #[must_use]
    pub fn as_inner_list(&self) -> Option<&InnerList<'a>> {
        if let Self::InnerList(list) = self { Some(list) } else { None }
    }

    pub(crate) fn into_item(self) -> Option<Item<'a>> {
        if let Self::Item(item) = self { Some(item) } else { None }
    }

    pub(crate) fn into_inner_list(self) -> Option<InnerList<'a>> {
        if let Self::InnerList(list) = self { Some(list) } else { None }
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<'a> {
        match self {
            Self::InnerList(list) => list.parameters(),
            Self::Item(item) => item.parameters(),
        }
    }

    /// Where it stands: of a member of a dictionary the value alone. Of a bare key it is an empty range, or its parameters, behind the key.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::InnerList(list) => list.span(),
            Self::Item(item) => item.span(),
        }
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Member<'static> {
        match self {
            Self::InnerList(list) => Member::InnerList(list.into_owned()),
            Self::Item(item) => Member::Item(item.into_owned()),
        }
    }
}
