//! The chapters, in the order of the story.

mod delegation;
#[cfg(feature = "tpm")]
mod hardware;
mod identity;
mod mtls;
mod provisioning;
mod signatures;

use super::account::{Account, Broken};

/// A part of the story that can also be told alone.
#[derive(Clone, Copy)]
pub(super) enum Chapter {
    /// An agent gets its identity from nothing, and proves it.
    Identity,
    /// Workloads of two companies over mutual TLS.
    Mtls,
    /// Who gets an identity, who keeps its own key, and who gets nothing.
    Provisioning,
    /// Requests and answers that are signed as a whole, through a gateway that meddles.
    Signatures,
    /// An agent acts for a user, by what the user granted.
    Delegation,
    /// Keys in a TPM, and evidence that they are there. It needs a TPM in software, and is told where it is asked for.
    #[cfg(feature = "tpm")]
    Hardware,
}

impl Chapter {
    /// All of them.
    #[cfg(not(feature = "tpm"))]
    pub(super) const ALL: [Self; 5] =
        [Self::Identity, Self::Mtls, Self::Provisioning, Self::Signatures, Self::Delegation];

    /// All of them.
    #[cfg(feature = "tpm")]
    pub(super) const ALL: [Self; 6] =
        [Self::Identity, Self::Mtls, Self::Provisioning, Self::Signatures, Self::Delegation, Self::Hardware];

    /// Whether it needs more than this program.
    pub(super) fn needs_tpm(self) -> bool {
        self.name() == HARDWARE
    }

    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delegation => "delegation",
            #[cfg(feature = "tpm")]
            Self::Hardware => HARDWARE,
            Self::Identity => "identity",
            Self::Mtls => "mtls",
            Self::Provisioning => "provisioning",
            Self::Signatures => "signatures",
        }
    }

    /// Tells the chapter as far as it goes; what went wrong is in the account.
    pub(super) async fn tell(self, account: &mut Account) {
        // The step that broke it was told and counted.
        let _: Result<(), Broken> = match self {
            Self::Delegation => {
                account.chapter(self.name(), delegation::INTRO);
                delegation::tell(account).await
            }
            #[cfg(feature = "tpm")]
            Self::Hardware => {
                account.chapter(self.name(), hardware::INTRO);
                hardware::tell(account).await
            }
            Self::Identity => {
                account.chapter(self.name(), identity::INTRO);
                identity::tell(account).await
            }
            Self::Mtls => {
                account.chapter(self.name(), mtls::INTRO);
                mtls::tell(account).await
            }
            Self::Provisioning => {
                account.chapter(self.name(), provisioning::INTRO);
                provisioning::tell(account).await
            }
            Self::Signatures => {
                account.chapter(self.name(), signatures::INTRO);
                signatures::tell(account).await
            }
        };
    }
}

/// The chapter that needs a TPM.
const HARDWARE: &str = "hardware";
