/// Bounds on a document, checked while it is read (JO-JSON-03).
///
/// ```
/// use aims_jose::json::Limits;
///
/// let jwks = Limits::new().bytes(256 * 1024).depth(4);
/// # let _ = jwks;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(super) bytes: usize,
    pub(super) depth: usize,
    pub(super) members: usize,
    pub(super) number: usize,
    pub(super) string: usize,
}

impl Limits {
    /// The defaults: those of JO-JSON-03, for a header or claims of a token of at most 16 KiB.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: 16 * 1024, depth: 16, members: 256, number: 32, string: 8 * 1024 }
    }

    /// The length of the whole text in bytes. Default: 16 KiB.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How deep arrays and objects may nest; the document itself counts as 1. Default: 16, at most 128.
    #[must_use]
    pub const fn depth(mut self, depth: usize) -> Self {
        self.depth = if depth < MAX_DEPTH { depth } else { MAX_DEPTH };
        self
    }

    /// Members of an object together with those read so far of the objects around it. Default: 256.
    ///
    /// Finding duplicates takes time quadratic in the members of one object, so this bounds the work too. The items
    /// of an array do not add up: a set of 1000 keys needs no more than one key does.
    #[must_use]
    pub const fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    /// Characters of a number as written. Default: 32.
    #[must_use]
    pub const fn number(mut self, characters: usize) -> Self {
        self.number = characters;
        self
    }

    /// Bytes of a string or name as written between its quotes. Default: 8 KiB.
    #[must_use]
    pub const fn string(mut self, bytes: usize) -> Self {
        self.string = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// The reader recurses once per level; this many fit any stack.
const MAX_DEPTH: usize = 128;
