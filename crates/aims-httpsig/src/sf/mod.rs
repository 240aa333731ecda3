//! Structured fields (RFC 9651): parsed strictly, written canonically.
//!
//! Values borrow from the text. Every member, item and parameter knows where in it it stands ([`Span`]), and a list of names knows which of them was
//! there twice: signatures are about texts, and need both.
//!
//! ```
//! use aims_httpsig::sf::{Dictionary, Limits};
//!
//! let text = b"sig1=(\"@method\" \"@path\");created=1790000000, other=?0";
//! let dictionary = Dictionary::parse(text, &Limits::default())?;
//! let sig1 = dictionary.get("sig1").and_then(|member| member.as_inner_list()).unwrap();
//! assert_eq!(sig1.items().len(), 2);
//! assert_eq!(sig1.parameters().get("created").and_then(|value| value.as_integer()), Some(1_790_000_000));
//! assert_eq!(sig1.to_string(), "(\"@method\" \"@path\");created=1790000000");
//!
//! let error = Dictionary::parse(b"a=1,", &Limits::default()).unwrap_err();
//! assert_eq!((error.code(), error.at()), ("trailing_comma", 4));
//! # Ok::<(), aims_httpsig::sf::ParseError>(())
//! ```

mod bare;
mod bytes;
mod decimal;
mod error;
mod limits;
mod list;
mod names;
mod parse;
mod value;
mod write;

pub use self::bare::BareItem;
pub use self::decimal::Decimal;
pub use self::error::{ParseError, Reason, WriteError};
pub use self::limits::Limits;
pub use self::list::{Dictionary, List};
pub use self::names::Parameters;
pub use self::value::{InnerList, Item, Member};

pub(crate) use self::bytes::encode_into as encode_bytes;
pub(crate) use self::write::check_key;

/// Where in the text something stands, in bytes.
pub type Span = core::ops::Range<usize>;
