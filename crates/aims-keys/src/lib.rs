#![doc = include_str!("../README.md")]

mod algorithm;
pub mod backend;
mod blocking;
mod check;
mod clock;
pub mod der;
mod pem;
mod pkcs8;
mod private;
mod public;
mod sealing;
mod signer;
mod software;
mod spki;
pub mod store;
mod time;

pub use crate::algorithm::{Algorithm, AlgorithmSet, UnknownAlgorithm};
pub use crate::backend::Backend;
pub use crate::blocking::{Blocking, BlockingBuilder};
pub use crate::clock::{Clock, SystemClock};
pub use crate::private::{PrivateKey, PrivateNumbers, RsaSize};
pub use crate::public::{BadSignature, KeyError, PublicKey, PublicNumbers};
pub use crate::sealing::{SealError, SealingKey};
pub use crate::signer::{AsyncSigner, BoxFuture, Protection, SignError, SignInput, Signature, Signer};
pub use crate::software::SoftwareKey;
pub use crate::time::{BeforeEpoch, UnixTime};
