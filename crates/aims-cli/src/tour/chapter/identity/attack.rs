//! What somebody tries who has a copy of a request that was just accepted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::credential::WitIssuer;
use aims::id::WorkloadId;
use aims::jose::{Jwk, Limits, UnverifiedJws, base64url};
use aims::keys::{Algorithm, BeforeEpoch, SignInput, SoftwareKey, UnixTime};
use aims::{Wit, backend, proof};
use serde_json::{Value, json};

use super::world::{AGENT, World};
use crate::tour::account::Fault;
use crate::tour::issuer::text;
use crate::tour::wire::Request;

/// One change to an accepted request, and how it must be refused.
pub(super) struct Attack {
    pub(super) step: &'static str,
    pub(super) told: &'static str,
    pub(super) change: Change,
    /// What the caller is told.
    pub(super) public: &'static str,
    /// What the record says.
    pub(super) code: &'static str,
    pub(super) rule: &'static str,
}

/// The one thing that is changed. Where the credential is another one, a proof is made for it with the agent's own key, so that
/// nothing but the credential is wrong.
#[derive(Clone, Copy)]
pub(super) enum Change {
    AlgorithmNone,
    AlgorithmNoneSigned,
    ExpiredProof,
    ExpiredWit,
    ForeignTrustDomain,
    ForgedWit,
    OtherKey,
    OtherPath,
    OtherScheme,
    OtherTool,
    OtherWit,
    ProofAsWit,
    Replay,
    WitAsProof,
}

impl Change {
    /// Makes the change to a request that was accepted.
    pub(super) async fn apply(self, world: &mut World, request: Request) -> Result<Request, Fault> {
        match self {
            Self::Replay => Ok(request),
            Self::OtherPath => Ok(Request { url: request.url.replace("/v1/search", "/v1/book"), ..request }),
            Self::OtherTool => {
                let url = request.url.replace(&world.travel.url, &world.bank.url);
                Ok(Request { url, ..request })
            }

            Self::AlgorithmNone => {
                let (input, _) = parts(request.proof())?;
                let proof = format!("{}.", with_algorithm_none(input)?);
                Ok(request.with_proof(&proof))
            }
            Self::AlgorithmNoneSigned => {
                let (input, signature) = parts(request.proof())?;
                let proof = format!("{}.{signature}", with_algorithm_none(input)?);
                Ok(request.with_proof(&proof))
            }
            Self::OtherKey => {
                let (input, _) = parts(request.proof())?;
                let signature = new_key()?.sign(SignInput::Message(input.as_bytes()))?;
                let proof = format!("{input}.{}", base64url::encode(signature.as_bytes()));
                Ok(request.with_proof(&proof))
            }
            Self::ExpiredProof => {
                let proof = prove(world, &request, now()? - Duration::from_secs(120)).await?;
                Ok(request.with_proof(&proof))
            }

            Self::ProofAsWit => Ok(Request { wit: request.proof().to_owned(), ..request }),
            Self::WitAsProof => {
                let wit = request.wit.clone();
                Ok(request.with_proof(&wit))
            }

            Self::ExpiredWit => {
                let wit = issued(world, &request, AGENT, 2 * 60 * 60).await?;
                with_wit(world, request, wit).await
            }
            Self::OtherScheme => {
                let wit = issued(world, &request, "wimse://acme.example/agents/travel", 0).await?;
                with_wit(world, request, wit).await
            }
            Self::ForeignTrustDomain => {
                let wit = self_issued(&request, "spiffe://evil.example/agents/travel")?;
                with_wit(world, request, wit).await
            }
            Self::ForgedWit => {
                let wit = self_issued(&request, AGENT)?;
                with_wit(world, request, wit).await
            }
            Self::OtherWit => Ok(Request { wit: issued(world, &request, AGENT, 0).await?, ..request }),
        }
    }
}

/// A token that the issuer's own key signed, for the agent's key, as it would have been some seconds ago.
async fn issued(world: &mut World, request: &Request, subject: &str, ago: u64) -> Result<String, Fault> {
    let key = Jwk::new(Wit::from_issuer(&request.wit, backend::ring())?.confirmation_key().clone());
    let key: Value = serde_json::from_str(&key.to_json())?;
    let message = json!({ "do": "wit", "subject": subject, "key": key, "ago": ago });
    let answer = world.issuer.process.ask(&message).await?;
    text(&answer, "wit")
}

/// A token for the agent's key that the attacker issued, under the name of the real issuer's key.
fn self_issued(request: &Request, subject: &str) -> Result<String, Fault> {
    let subject: WorkloadId = subject.parse()?;
    let held = Wit::from_issuer(&request.wit, backend::ring())?;
    let token = UnverifiedJws::parse(&request.wit, &Limits::new())?;
    let key_id = token.header().key_id().unwrap_or_default();
    let issuer = WitIssuer::new(subject.origin(), Arc::new(new_key()?), key_id)?;
    Ok(issuer.issue(&subject, held.confirmation_key(), now()?)?)
}

/// The request with another credential, and a proof for it by the agent's key.
async fn with_wit(world: &mut World, request: Request, wit: String) -> Result<Request, Fault> {
    let request = Request { wit, ..request };
    let proof = prove(world, &request, now()? + Duration::from_secs(60)).await?;
    Ok(request.with_proof(&proof))
}

/// A proof for the request as it stands, by the agent's own key: somebody has its process under control.
async fn prove(world: &mut World, request: &Request, expires: UnixTime) -> Result<String, Fault> {
    let audience = proof::http_audience(&request.url);
    let message = json!({ "do": "prove", "wit": request.wit, "aud": audience, "exp": expires.as_secs() });
    text(&world.agent.ask(&message).await?, "proof")
}

/// What of a token is signed, and the signature.
fn parts(token: &str) -> Result<(&str, &str), Fault> {
    token.rsplit_once('.').ok_or_else(|| Fault::new("not a token"))
}

/// Header and payload of a token, with the header's `alg` set to `none`.
fn with_algorithm_none(input: &str) -> Result<String, Fault> {
    let (header, payload) = input.split_once('.').ok_or_else(|| Fault::new("not a token"))?;
    let mut header: Value = serde_json::from_slice(&base64url::decode(header)?)?;
    let algorithm = header.get_mut("alg").ok_or_else(|| Fault::new("a header without `alg`"))?;
    *algorithm = json!("none");
    Ok(format!("{}.{payload}", base64url::encode(header.to_string())))
}

fn new_key() -> Result<SoftwareKey, Fault> {
    Ok(SoftwareKey::generate(Algorithm::Es256, backend::ring())?)
}

fn now() -> Result<UnixTime, BeforeEpoch> {
    UnixTime::try_from(SystemTime::now())
}

/// In the order in which they are told.
pub(super) const ATTACKS: [Attack; 14] = [
    Attack {
        step: "replay",
        told: "The very same request is sent a second time.",
        change: Change::Replay,
        public: "replay",
        code: "replay",
        rule: "WPT-11",
    },
    Attack {
        step: "other_tool",
        told: "The request is sent to another tool of the same company.",
        change: Change::OtherTool,
        public: "audience_mismatch",
        code: "audience_mismatch",
        rule: "WPT-6",
    },
    Attack {
        step: "other_path",
        told: "The request is sent to another path of the same tool: to book, where the agent searched.",
        change: Change::OtherPath,
        public: "audience_mismatch",
        code: "audience_mismatch",
        rule: "WPT-6",
    },
    Attack {
        step: "other_key",
        told: "The proof is signed with another key: the credential was stolen, the key was not.",
        change: Change::OtherKey,
        public: "invalid_proof",
        code: "bad_signature",
        rule: "WPT-4",
    },
    Attack {
        step: "expired_wit",
        told: "The credential is the one the agent had two hours ago.",
        change: Change::ExpiredWit,
        public: "credential_expired",
        code: "expired",
        rule: "WIT-8",
    },
    Attack {
        step: "expired_proof",
        told: "The proof is one that the agent's key made, and that ended two minutes ago.",
        change: Change::ExpiredProof,
        public: "proof_expired",
        code: "expired",
        rule: "WPT-8",
    },
    Attack {
        step: "other_wit",
        told: "The credential is another good one of the same agent; the proof was made for the first.",
        change: Change::OtherWit,
        public: "invalid_proof",
        code: "wit_binding_mismatch",
        rule: "WPT-10",
    },
    Attack {
        step: "alg_none",
        told: "The proof says that it needs no signature (`alg` is `none`), and has none.",
        change: Change::AlgorithmNone,
        public: "malformed_proof",
        code: "malformed",
        rule: "WPT-2",
    },
    Attack {
        step: "alg_none_signed",
        told: "The proof says that it needs no signature, and keeps the one it had.",
        change: Change::AlgorithmNoneSigned,
        public: "malformed_proof",
        code: "alg_mismatch",
        rule: "WPT-3",
    },
    Attack {
        step: "wit_as_proof",
        told: "The credential is sent in place of the proof.",
        change: Change::WitAsProof,
        public: "malformed_proof",
        code: "wrong_type",
        rule: "WPT-5",
    },
    Attack {
        step: "proof_as_wit",
        told: "The proof is sent in place of the credential.",
        change: Change::ProofAsWit,
        public: "malformed_credential",
        code: "wrong_type",
        rule: "WIT-2",
    },
    Attack {
        step: "foreign_trust_domain",
        told: "The credential is for spiffe://evil.example/agents/travel, by the issuer of that trust domain.",
        change: Change::ForeignTrustDomain,
        public: "untrusted_credential",
        code: "unknown_trust_domain",
        rule: "WIT-5",
    },
    Attack {
        step: "other_scheme",
        told: "The credential is for wimse://acme.example/agents/travel, by the trusted key: not the same name.",
        change: Change::OtherScheme,
        public: "untrusted_credential",
        code: "unknown_trust_domain",
        rule: "WIT-5",
    },
    Attack {
        step: "forged_wit",
        told: "The credential is for the agent, but signed by somebody who is not its issuer.",
        change: Change::ForgedWit,
        public: "untrusted_credential",
        code: "bad_signature",
        rule: "WIT-7",
    },
];
