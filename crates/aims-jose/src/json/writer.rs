use std::fmt::{self, Display, Write};

use super::names::Names;
use super::text::write_string;
use super::{JsonError, Value};

/// Writes one compact JSON object: members in the order of the calls, no white space, one spelling per value.
///
/// A name that an object already has is an error of [`ObjectWriter::finish`] (JO-SIGN-03), so that claims of the caller
/// cannot replace those of a profile.
///
/// ```
/// use aims_jose::json::{JsonError, ObjectWriter};
///
/// let mut claims = ObjectWriter::new();
/// claims.str("sub", "agent").u64("exp", 1_800_000_000).strs("aud", ["a", "b"]);
/// claims.object("cnf", |cnf| {
///     cnf.str("jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
/// });
/// assert_eq!(
///     claims.finish()?,
///     r#"{"sub":"agent","exp":1800000000,"aud":["a","b"],"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#,
/// );
///
/// let twice = ObjectWriter::new().u64("exp", 1).u64("exp", 2).finish();
/// assert_eq!(twice, Err(JsonError::DuplicateName));
/// # Ok::<(), JsonError>(())
/// ```
#[must_use = "a writer does nothing until `finish` is called"]
pub struct ObjectWriter {
    /// What is written so far; empty before the first member, and without the brackets that close open objects.
    out: String,
    names: Names,
    /// Where in `names` those of the innermost open object begin.
    base: usize,
    error: Option<JsonError>,
}

impl ObjectWriter {
    /// Starts an object.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// Starts an object whose text is expected to be `bytes` long.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: String::with_capacity(bytes), names: Names::new(), base: 0, error: None }
    }

    /// Adds a string.
    pub fn str(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        write_string(&mut self.out, value);
        self
    }

    /// Adds an integer.
    pub fn u64(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        write_integer(&mut self.out, value);
        self
    }

    /// Adds an integer that may be negative.
    pub fn i64(&mut self, name: &str, value: i64) -> &mut Self {
        self.name(name);
        write_integer(&mut self.out, value);
        self
    }

    /// Adds `true` or `false`.
    pub fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
        self
    }

    /// Adds `null`.
    pub fn null(&mut self, name: &str) -> &mut Self {
        self.name(name);
        self.out.push_str("null");
        self
    }

    /// Adds a value of a document that was read, as written there.
    pub fn value(&mut self, name: &str, value: Value<'_>) -> &mut Self {
        self.name(name);
        self.out.push_str(value.raw());
        self
    }

    /// Adds an array of strings.
    pub fn strs(&mut self, name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> &mut Self {
        self.array(name, |array| {
            for value in values {
                array.str(value.as_ref());
            }
        })
    }

    /// Adds an object with the members that `write` adds.
    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.name(name);
        self.nested(write);
        self
    }

    /// Adds an array with the items that `write` adds.
    pub fn array(&mut self, name: &str, write: impl FnOnce(&mut ArrayWriter<'_>)) -> &mut Self {
        self.name(name);
        self.items(write);
        self
    }

    /// The text; the writer is then empty again.
    ///
    /// # Errors
    ///
    /// [`JsonError::DuplicateName`] if a name was added twice to one object; [`JsonError::NameCollisions`] as for the
    /// reader.
    pub fn finish(&mut self) -> Result<String, JsonError> {
        let mut out = std::mem::take(&mut self.out);
        self.names.clear();
        self.base = 0;
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if out.is_empty() {
            out.push('{');
        }
        out.push('}');
        Ok(out)
    }

    /// As many bytes as the text is expected to have.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.out.reserve_exact(bytes);
    }

    fn name(&mut self, name: &str) {
        if self.out.is_empty() {
            self.out.push('{');
        } else if !self.out.ends_with('{') {
            self.out.push(',');
        }
        let start = self.out.len() + 1;
        write_string(&mut self.out, name);
        // Equal names are written alike, so they need no unescaping to compare.
        if let Err(error) = self.names.push(&self.out, self.base, (start, self.out.len() - 1), false) {
            self.error = Some(error);
        }
        self.out.push(':');
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push('{');
        let (outer, start) = (self.base, self.out.len());
        self.base = self.names.len();
        write(self);
        // `finish` in the middle took away what was written so far.
        if self.out.len() < start || self.names.len() < self.base {
            self.error.get_or_insert(JsonError::Syntax);
        }
        self.names.truncate(self.base);
        self.base = outer;
        self.out.push('}');
    }

    fn items(&mut self, write: impl FnOnce(&mut ArrayWriter<'_>)) {
        self.out.push('[');
        write(&mut ArrayWriter { writer: self });
        self.out.push(']');
    }
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWriter").field("len", &self.out.len()).finish_non_exhaustive()
    }
}

/// Writes the items of an array: see [`ObjectWriter::array`].
#[derive(Debug)]
pub struct ArrayWriter<'w> {
    writer: &'w mut ObjectWriter,
}

impl ArrayWriter<'_> {
    /// Adds a string.
    pub fn str(&mut self, value: &str) -> &mut Self {
        write_string(self.item(), value);
        self
    }

    /// Adds an integer.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        write_integer(self.item(), value);
        self
    }

    /// Adds a value of a document that was read, as written there.
    pub fn value(&mut self, value: Value<'_>) -> &mut Self {
        self.item().push_str(value.raw());
        self
    }

    /// Adds an object with the members that `write` adds.
    pub fn object(&mut self, write: impl FnOnce(&mut ObjectWriter)) -> &mut Self {
        self.item();
        self.writer.nested(write);
        self
    }

    /// Adds an array with the items that `write` adds.
    pub fn array(&mut self, write: impl FnOnce(&mut ArrayWriter<'_>)) -> &mut Self {
        self.item();
        self.writer.items(write);
        self
    }

    fn item(&mut self) -> &mut String {
        if !self.writer.out.ends_with('[') {
            self.writer.out.push(',');
        }
        &mut self.writer.out
    }
}

fn write_integer(out: &mut String, value: impl Display) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{value}");
}
