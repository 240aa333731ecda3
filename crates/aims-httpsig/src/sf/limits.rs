//! How much is read.

/// Bounds on what is parsed (HS-SF-06). The defaults are what RFC 9651 asks every parser to support at least.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(super) bytes: usize,
    pub(super) members: usize,
    pub(super) items: usize,
    pub(super) parameters: usize,
}

impl Limits {
    /// 64 KiB, 1024 members of a list or dictionary, 256 items of an inner list, 256 parameters of one value.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: 64 * 1024, members: 1024, items: 256, parameters: 256 }
    }

    /// The whole field, in bytes.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Members of a list or a dictionary.
    #[must_use]
    pub const fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    /// Items of one inner list.
    #[must_use]
    pub const fn items(mut self, items: usize) -> Self {
        self.items = items;
        self
    }

    /// Parameters of one item or inner list.
    #[must_use]
    pub const fn parameters(mut self, parameters: usize) -> Self {
        self.parameters = parameters;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
