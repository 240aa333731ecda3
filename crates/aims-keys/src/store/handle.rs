//! What a store gives out in place of a key.

use std::sync::Arc;

use super::KeyId;
use crate::algorithm::Algorithm;
use crate::public::PublicKey;
use crate::signer::{Protection, Signer};

/// An open key: what it is, where it is kept, and how to sign with it. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct KeyHandle {
    id: KeyId,
    signer: Arc<dyn Signer>,
    exportable: bool,
    evidence: Option<Arc<KeyEvidence>>,
}

impl KeyHandle {
    /// For stores: a key that counts as exportable, unless [`exportable`](Self::exportable) says otherwise.
    #[must_use]
    pub fn new(id: KeyId, signer: Arc<dyn Signer>) -> Self {
        Self { id, signer, exportable: true, evidence: None }
    }

    /// For stores: sets whether the private key can leave what guards it.
    #[must_use]
    pub fn exportable(mut self, exportable: bool) -> Self {
        self.exportable = exportable;
        self
    }

    /// For stores: adds what the device said about the key when it was made.
    #[must_use]
    pub fn with_evidence(mut self, evidence: KeyEvidence) -> Self {
        self.evidence = Some(Arc::new(evidence));
        self
    }

    /// The name of the key in its store.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The algorithm the key is bound to.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.signer.algorithm()
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    /// What guards the private half.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.signer.protection()
    }

    /// Whether the private key can leave what guards it: by whoever controls the process, the disk or the device, not
    /// through any function of these crates. True of every software key.
    #[must_use]
    pub fn is_exportable(&self) -> bool {
        self.exportable
    }

    /// What the device said about the key, for an issuer to appraise.
    #[must_use]
    pub fn evidence(&self) -> Option<&KeyEvidence> {
        self.evidence.as_deref()
    }

    /// The key as a signer.
    #[must_use]
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }
}

/// A statement of a device about one of its keys; opaque here, appraised by `aims-attest`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyEvidence {
    format: String,
    statement: Vec<u8>,
    chain: Vec<Vec<u8>>,
}

impl KeyEvidence {
    /// A statement in a named format (`tpm2-certify`, for instance), and the DER certificates of the key that signed it,
    /// its own first.
    #[must_use]
    pub fn new(format: impl Into<String>, statement: Vec<u8>, chain: Vec<Vec<u8>>) -> Self {
        Self { format: format.into(), statement, chain }
    }

    /// The name of the statement's format.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The statement.
    #[must_use]
    pub fn statement(&self) -> &[u8] {
        &self.statement
    }

    /// DER certificates, that of the attesting key first.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}
