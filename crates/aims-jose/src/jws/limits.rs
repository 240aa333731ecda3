use crate::json;

/// How much of a token is read before its signature is known to be good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(crate) token: usize,
    pub(crate) json: json::Limits,
}

impl Limits {
    /// A token of at most 16 KiB; JSON as [`json::Limits::new`] says.
    #[must_use]
    pub const fn new() -> Self {
        Self { token: 16 * 1024, json: json::Limits::new() }
    }

    /// The longest token, in bytes. Default: 16 KiB.
    #[must_use]
    pub const fn token(mut self, bytes: usize) -> Self {
        self.token = bytes;
        self
    }

    /// The limits of header and claims, each. Default: [`json::Limits::new`].
    #[must_use]
    pub const fn json(mut self, limits: json::Limits) -> Self {
        self.json = limits;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
