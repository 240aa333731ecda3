//! Why what a TPM is said to have written cannot be read.

/// Why bytes are not the structure of a TPM that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmReadError {
    /// The same bank of PCRs is selected twice.
    #[error("a bank of PCRs is selected twice")]
    BankTwice,
    /// They do not begin with `ff544347`: a TPM did not make them up by itself.
    #[error("the structure does not begin with TPM_GENERATED_VALUE")]
    Magic,
    /// They end too early, or a length in them is none.
    #[error("the structure is malformed")]
    Malformed,
    /// A selection of PCRs is longer than four bytes.
    #[error("a selection of PCRs is longer than 4 bytes")]
    SelectSize,
    /// The signature is by a hash function that is not accepted, SHA-1 among them.
    #[error("the hash function of the signature is not accepted")]
    SignatureHash,
    /// The signature is none of ECDSA, RSASSA and RSAPSS.
    #[error("the scheme of the signature is not accepted")]
    SignatureScheme,
    /// They are longer than any structure of this kind.
    #[error("the structure is too large")]
    TooLarge,
    /// There are more than 16 selections of PCRs.
    #[error("there are more than 16 selections of PCRs")]
    TooManySelections,
    /// Something follows.
    #[error("bytes follow the structure")]
    TrailingBytes,
    /// What is attested is not what was asked for.
    #[error("the TPM attests something else")]
    Type,
}

impl TpmReadError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BankTwice => "tpm_bank_twice",
            Self::Magic => "tpm_magic",
            Self::Malformed => "tpm_malformed",
            Self::SelectSize => "tpm_select_size",
            Self::SignatureHash => "tpm_signature_hash",
            Self::SignatureScheme => "tpm_signature_scheme",
            Self::TooLarge => "too_large",
            Self::TooManySelections => "tpm_too_many_selections",
            Self::TrailingBytes => "tpm_trailing_bytes",
            Self::Type => "tpm_attest_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::BankTwice
            | Self::Malformed
            | Self::SelectSize
            | Self::TooManySelections
            | Self::TrailingBytes => "TPM-20",
            Self::Magic | Self::Type => "TPM-21",
            Self::SignatureHash | Self::SignatureScheme => "TPM-22",
            Self::TooLarge => "ATT-5",
        }
    }
}
