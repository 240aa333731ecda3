//! A strict, bounded JSON reader that copies nothing, and a writer with one spelling per object.
//!
//! [`read_object`] checks a whole document in one pass and hands each member of the object to a visitor as a piece
//! of the input text; nested values are checked in the same pass and read only when asked for. [`Object`] keeps such
//! a document, for claims that the caller may want later. [`ObjectWriter`] writes headers and claims.
//!
//! Stricter than RFC 8259: the document is one object, in UTF-8 without a byte order mark; duplicate names are
//! refused at every depth, compared after unescaping; lone surrogates and numbers beyond `f64` are refused; and
//! [`Limits`] bound the work before a signature was checked (`docs/spec/jose.md` section 3). White space around the
//! object is accepted, as RFC 8259 §2 has it. There is no tree of values, no serde, and no reader for other documents.
//!
//! ```
//! use aims_jose::json::{self, JsonError, Limits};
//!
//! let mut subject = None;
//! json::read_object(br#"{"iss":"https://a.example","sub":"agent"}"#, &Limits::new(), |name, value| {
//!     if name == "sub" {
//!         subject = value.as_str();
//!     }
//!     Ok::<(), JsonError>(())
//! })?;
//! assert_eq!(subject.as_deref(), Some("agent"));
//!
//! let twice = br#"{"alg":"ES256","\u0061lg":"none"}"#;
//! let err = json::read_object(twice, &Limits::new(), |_, _| Ok::<(), JsonError>(())).unwrap_err();
//! assert_eq!((err.code(), err.rule()), ("json_duplicate_name", "JO-JSON-02"));
//! # Ok::<(), JsonError>(())
//! ```

#[cfg(feature = "canonical")]
mod canonical;
mod error;
mod limits;
mod names;
mod number;
mod object;
mod scan;
mod text;
mod value;
mod writer;

#[cfg(feature = "canonical")]
pub use canonical::NotCanonical;
pub use error::JsonError;
pub use limits::Limits;
pub use number::Number;
pub use object::Object;
pub use scan::read_object;
pub use value::{Elements, Kind, Members, Name, Span, Value};
pub use writer::{ArrayWriter, ObjectWriter};
