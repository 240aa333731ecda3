//! What an authorization server said that proofs must hold.

use std::sync::{Mutex, PoisonError};

use aims_credential::{HttpsUrl, Posted};

use super::nonces::{NonceJar, is_nonce};
use crate::{ATTESTATION_CHALLENGE_FIELD, DPOP_NONCE_FIELD};

/// Nonces, and the challenge for attestations.
#[derive(Debug)]
pub(super) struct Told {
    nonces: NonceJar,
    challenge: Mutex<Option<Box<str>>>,
}

/// What an answer brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    pub(super) nonce: bool,
    pub(super) challenge: bool,
}

impl Told {
    pub(super) fn nonce(&self, url: &HttpsUrl) -> Option<Box<str>> {
        self.nonces.nonce(url)
    }

    pub(super) fn challenge(&self) -> Option<Box<str>> {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_challenge(&self, challenge: &str) {
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge.into());
    }

    pub(super) fn forget_challenge(&self) {
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Learns from an answer of `url`.
    pub(super) fn learn(&self, url: &HttpsUrl, answer: &Posted) -> News {
        let nonce = self.nonces.learn(url, answer.lines(DPOP_NONCE_FIELD));
        let mut lines = answer.lines(ATTESTATION_CHALLENGE_FIELD);
        let line = if let (Some(line), None) = (lines.next(), lines.next()) { Some(line) } else { None };
        let challenge = line.and_then(|line| str::from_utf8(line).ok()).filter(|text| is_nonce(text));
        if let Some(challenge) = challenge {
            self.set_challenge(challenge);
        }
        News { nonce, challenge: challenge.is_some() }
    }
}

impl Default for Told {
    fn default() -> Self {
        Self { nonces: NonceJar::with_capacity(MAX_ORIGINS), challenge: Mutex::default() }
    }
}

/// An authorization server has its endpoints at one origin, or two.
const MAX_ORIGINS: usize = 8;
