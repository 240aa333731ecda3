//! Why nothing can be said about a process.

use aims_attest::Reason;

/// Why nothing can be said about the process at the other end of a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Not now: its user has started too many new programs for all of them to be hashed, the file of its program was touched meanwhile, or this process has
    /// too many files open.
    #[error("there is too much to do to look at the process")]
    Busy,
    /// It is not the process, the program or the user that it was.
    #[error("the process has changed")]
    Changed,
    /// It has ended.
    #[error("the process is gone")]
    Gone,
    /// It is not a socket of this machine.
    #[error("it is not a Unix socket")]
    NotAUnixSocket,
    /// It is in a name space that this process does not see.
    #[error("the process is in another name space")]
    OtherNamespace,
    /// Too much is known about it.
    #[error("the description of the process is too large")]
    TooLarge,
    /// `/proc` says something that cannot be read.
    #[error("the process cannot be looked at")]
    Unreadable,
}

impl PeerError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Busy => "too_busy",
            Self::Changed => "process_changed",
            Self::Gone => "process_gone",
            Self::NotAUnixSocket => "not_a_unix_socket",
            Self::OtherNamespace => "other_namespace",
            Self::TooLarge => "too_large",
            Self::Unreadable => "process_unreadable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Changed | Self::Gone | Self::Unreadable => "ATT-42",
            Self::Busy => "ATT-124",
            Self::NotAUnixSocket => "ATT-41",
            Self::OtherNamespace => "ATT-45",
            Self::TooLarge => "ATT-5",
        }
    }

    /// Whether it is nothing about the process, and may be otherwise a moment later (ATT-121).
    #[must_use]
    pub fn may_pass(self) -> bool {
        self == Self::Busy
    }

    /// As a verifier would say it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::TooLarge => Reason::TooLarge,
            Self::NotAUnixSocket => Reason::UnsupportedType,
            _ => Reason::ProcessChanged,
        }
    }
}
