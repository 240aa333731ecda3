/// Why a text is not the JSON object that was asked for, or cannot be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text begins with a byte order mark.
    #[error("the json text begins with a byte order mark")]
    ByteOrderMark,
    /// A comment stands where a token was expected.
    #[error("json has no comments")]
    Comment,
    /// A control character below U+0020 stands unescaped in a string.
    #[error("a control character in a json string is not escaped")]
    ControlCharacter,
    /// Arrays and objects are nested deeper than [`Limits::depth`](super::Limits::depth).
    #[error("the json text is nested too deeply")]
    DepthLimit,
    /// Two members of one object have the same name, after unescaping.
    #[error("a json object has two members of the same name")]
    DuplicateName,
    /// A backslash is followed by something other than RFC 8259 §7 lists.
    #[error("a json string holds an unknown escape")]
    Escape,
    /// The text has more bytes than [`Limits::bytes`](super::Limits::bytes).
    #[error("the json text is too long")]
    InputLimit,
    /// An escaped UTF-16 surrogate without its other half.
    #[error("a json string holds half a surrogate pair")]
    LoneSurrogate,
    /// Open objects have more members than [`Limits::members`](super::Limits::members).
    #[error("the json text has too many members")]
    MemberLimit,
    /// Names were chosen so that comparing them costs much; chance does not do this.
    #[error("the names of a json object collide")]
    NameCollisions,
    /// The document is not an object.
    #[error("the json text is not an object")]
    NotAnObject,
    /// A number with a leading zero, a plus sign, a bare point, in hexadecimal, or that is none (`NaN`, `Infinity`).
    #[error("a json number is malformed")]
    NumberForm,
    /// A number has more characters than [`Limits::number`](super::Limits::number).
    #[error("a json number is too long")]
    NumberLimit,
    /// A number beyond the range of an IEEE 754 double.
    #[error("a json number is too large")]
    NumberOverflow,
    /// A string has more bytes than [`Limits::string`](super::Limits::string).
    #[error("a json string is too long")]
    StringLimit,
    /// The text breaks the grammar of RFC 8259 in a way no other variant names.
    #[error("the json text is malformed")]
    Syntax,
    /// A comma before a closing bracket.
    #[error("a json comma has no value after it")]
    TrailingComma,
    /// Something other than white space follows the object.
    #[error("something follows the json object")]
    TrailingData,
    /// The text ends within the object.
    #[error("the json text ends too early")]
    Truncated,
    /// The text is not UTF-8; overlong forms and UTF-16 with a byte order mark among them.
    #[error("the json text is not utf-8")]
    Utf8,
}

impl JsonError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ByteOrderMark => "json_byte_order_mark",
            Self::Comment => "json_comment",
            Self::ControlCharacter => "json_control_character",
            Self::DepthLimit => "json_depth_limit",
            Self::DuplicateName => "json_duplicate_name",
            Self::Escape => "json_escape",
            Self::InputLimit => "json_input_limit",
            Self::LoneSurrogate => "json_lone_surrogate",
            Self::MemberLimit => "json_member_limit",
            Self::NameCollisions => "json_name_collisions",
            Self::NotAnObject => "json_not_an_object",
            Self::NumberForm => "json_number_form",
            Self::NumberLimit => "json_number_limit",
            Self::NumberOverflow => "json_number_overflow",
            Self::StringLimit => "json_string_limit",
            Self::Syntax => "json_syntax",
            Self::TrailingComma => "json_trailing_comma",
            Self::TrailingData => "json_trailing_data",
            Self::Truncated => "json_truncated",
            Self::Utf8 => "json_utf8",
        }
    }

    /// The requirement in `docs/spec/jose.md` that the text broke.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::ByteOrderMark
            | Self::Escape
            | Self::NotAnObject
            | Self::Syntax
            | Self::TrailingData
            | Self::Truncated
            | Self::Utf8 => "JO-JSON-01",
            Self::DuplicateName => "JO-JSON-02",
            Self::DepthLimit
            | Self::InputLimit
            | Self::MemberLimit
            | Self::NameCollisions
            | Self::NumberLimit
            | Self::StringLimit => "JO-JSON-03",
            Self::Comment
            | Self::ControlCharacter
            | Self::LoneSurrogate
            | Self::NumberForm
            | Self::NumberOverflow
            | Self::TrailingComma => "JO-JSON-04",
        }
    }
}
