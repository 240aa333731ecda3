//! The chapters, in the order of the story.

mod identity;

use super::account::{Account, Broken};

/// A part of the story that can also be told alone.
#[derive(Clone, Copy)]
pub(super) enum Chapter {
    /// An agent gets its identity from nothing, and proves it.
    Identity,
}

impl Chapter {
    /// All of them.
    pub(super) const ALL: [Self; 1] = [Self::Identity];

    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
        }
    }

    /// Tells the chapter as far as it goes; what went wrong is in the account.
    pub(super) async fn tell(self, account: &mut Account) {
        // The step that broke it was told and counted.
        let _: Result<(), Broken> = match self {
            Self::Identity => {
                account.chapter(self.name(), identity::INTRO);
                identity::tell(account).await
            }
        };
    }
}
