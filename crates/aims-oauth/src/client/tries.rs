//! What is sent again because the server asks for another proof.

use super::ClientError;
use super::told::News;
use crate::ErrorCode;

/// What a server asked for before, in one flow: it gets that once (DPO-12).
#[derive(Debug, Default)]
pub(super) struct Tries(Vec<ErrorCode>);

impl Tries {
    /// Whether the same is sent once more, now that the server has said what it misses.
    ///
    /// # Errors
    ///
    /// [`ClientError::Looping`], or what the server refused with where it asks for nothing.
    pub(super) fn again(&mut self, refused: ClientError, news: News) -> Result<(), ClientError> {
        let (code, is_told) = match refused.error_code() {
            Some(code @ ErrorCode::UseDpopNonce) => (code, news.nonce),
            Some(code @ ErrorCode::UseAttestationChallenge) => (code, news.challenge),
            _ => return Err(refused),
        };
        if !is_told || self.0.contains(&code) {
            return Err(ClientError::Looping(code));
        }
        self.0.push(code);
        Ok(())
    }
}
