//! Why a component has no value, or is none.

use crate::sf::ParseError;

/// Why a component identifier is none, or its component has no value in this message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The message has no such field.
    #[error("the field is not in the message")]
    Absent,
    /// The host of an absolute target is not the one that `Host` names.
    #[error("the target and the field Host name different authorities")]
    AuthorityMismatch,
    /// The authority is not a host and a port.
    #[error("the authority is malformed")]
    BadAuthority,
    /// A derived value has characters that it cannot have, or spaces at an end.
    #[error("the value is not printable ASCII")]
    BadValue,
    /// A field has a line break, or another control character, that is not part of an obsolete line fold.
    #[error("the field has a control character")]
    ControlCharacter,
    /// The name is no name of a field in lower case.
    #[error("the name is not that of a field, in lower case")]
    FieldName,
    /// The field is not what its type says.
    #[error("the structured field is malformed")]
    FieldMalformed(#[source] ParseError),
    /// Nobody said of what type this structured field is.
    #[error("the type of the structured field is not known")]
    FieldTypeUnknown,
    /// The identifier is not an item of structured fields.
    #[error("the component identifier is malformed: its name stands in quotes")]
    Malformed(#[source] ParseError),
    /// The dictionary has no such member.
    #[error("the dictionary has no such member")]
    MemberAbsent,
    /// A query parameter is asked for without its name.
    #[error("the query parameter has no name")]
    NameMissing,
    /// A field has bytes beyond ASCII.
    #[error("the field is not ASCII")]
    NonAscii,
    /// The identifier is not a string.
    #[error("the component identifier is not a string: its name stands in quotes")]
    NotAString,
    /// `key` asks for a member of what is not a dictionary.
    #[error("the structured field is not a dictionary")]
    NotADictionary,
    /// The component is one of another kind of message.
    #[error("a message of this kind has no such component")]
    NotInThisMessage,
    /// There is no request to take it from.
    #[error("the request that was answered is not known")]
    NoRequest,
    /// These parameters exclude each other.
    #[error("the parameters exclude each other")]
    ParameterCombination,
    /// A parameter is there twice.
    #[error("a parameter is there twice")]
    ParameterDuplicate,
    /// The parameter is not for components of this kind.
    #[error("the parameter does not apply to this component")]
    ParameterNotApplicable,
    /// The value of a parameter is of another type, or a flag is false.
    #[error("the value of a parameter is of another type")]
    ParameterType,
    /// The query has no parameter of this name.
    #[error("the query has no such parameter")]
    QueryParamAbsent,
    /// The query has several parameters of this name.
    #[error("the query has several parameters of this name")]
    QueryParamRepeated,
    /// Lines of this field cannot be joined; cover it with `bs`.
    #[error("the lines of the field cannot be joined")]
    SeveralLines,
    /// The parameters of the signature are always covered, and never listed.
    #[error("`@signature-params` is never listed")]
    SignatureParams,
    /// The message does not say: the scheme, the authority or the target is not known.
    #[error("the message does not have what the component is derived from")]
    Unavailable,
    /// No component is derived under this name.
    #[error("the derived component is not known")]
    UnknownDerived,
    /// No parameter has this name.
    #[error("the parameter is not known")]
    UnknownParameter,
}

impl ComponentError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "field_absent",
            Self::AuthorityMismatch => "authority_mismatch",
            Self::BadAuthority => "bad_authority",
            Self::BadValue => "bad_value",
            Self::ControlCharacter => "control_character",
            Self::FieldMalformed(_) => "field_malformed",
            Self::FieldName => "field_name",
            Self::FieldTypeUnknown => "field_type_unknown",
            Self::Malformed(_) => "component_malformed",
            Self::MemberAbsent => "member_absent",
            Self::NameMissing => "name_missing",
            Self::NoRequest => "no_request",
            Self::NonAscii => "field_not_ascii",
            Self::NotADictionary => "not_a_dictionary",
            Self::NotAString => "component_not_a_string",
            Self::NotInThisMessage => "not_in_this_message",
            Self::ParameterCombination => "parameter_combination",
            Self::ParameterDuplicate => "component_parameter_duplicate",
            Self::ParameterNotApplicable => "parameter_not_applicable",
            Self::ParameterType => "component_parameter_type",
            Self::QueryParamAbsent => "query_param_absent",
            Self::QueryParamRepeated => "query_param_repeated",
            Self::SeveralLines => "several_lines",
            Self::SignatureParams => "signature_params_listed",
            Self::Unavailable => "component_unavailable",
            Self::UnknownDerived => "unknown_derived_component",
            Self::UnknownParameter => "unknown_component_parameter",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Absent => "HS-VAL-04",
            Self::AuthorityMismatch => "HS-VAL-10",
            Self::BadAuthority => "HS-VAL-11",
            Self::BadValue => "HS-VAL-15",
            Self::ControlCharacter => "HS-VAL-02",
            Self::FieldMalformed(_) | Self::MemberAbsent | Self::NotADictionary => "HS-ID-11",
            Self::FieldName => "HS-ID-02",
            Self::FieldTypeUnknown => "HS-ID-10",
            Self::Malformed(error) => error.rule(),
            Self::NonAscii => "HS-VAL-03",
            Self::NotAString => "HS-ID-01",
            Self::NameMissing | Self::QueryParamAbsent | Self::QueryParamRepeated => "HS-VAL-14",
            Self::ParameterCombination
            | Self::ParameterNotApplicable
            | Self::NoRequest
            | Self::NotInThisMessage
            | Self::UnknownParameter => "HS-ID-05",
            Self::ParameterDuplicate => "HS-SF-03",
            Self::ParameterType => "HS-ID-06",
            Self::SeveralLines => "HS-VAL-06",
            Self::SignatureParams | Self::UnknownDerived => "HS-ID-08",
            Self::Unavailable => "HS-BASE-05",
        }
    }
}
