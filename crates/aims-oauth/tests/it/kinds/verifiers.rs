//! Everybody who verifies tokens, each with a good token of its own.

use std::sync::Arc;

use aims_credential::{BundleSet, JwtSvidIssuer, JwtSvidVerifier, TrustBundle, Wit, WitVerifier};
use aims_keys::{SignInput, SoftwareKey, backend};
use aims_oauth::{
    AccessTokenRequest, AttestationVerifier, AuthorizationRequest, ClientAttesters, ClientAuthenticator,
    ClientKey, ClientKeys, CodeVerifier, DpopProver, DpopRequest, DpopTarget, DpopVerifier, ExpectedIdToken,
    GrantIssuer, GrantProfile, GrantRequest, GrantVerifier, IdTokenIssuer, IdTokenRequest, IdTokenVerifier,
    Issuer, PresentedAttestation, PresentedRequestObject, RegisteredClient, RegisteredMethod,
    RequestObjectVerifier, SpiffeProof, SpiffeRegistration, TrustedAttester,
};
use aims_proof::{Audiences, NewWpt, ReplayMemory, Target, WptRequest, WptVerifier};
use serde_json::{Map, Value};

use crate::client_auth::support::{
    JWT_BEARER, JWT_SPIFFE, Registry, assertion, authenticator, form, judge, judge_with, keys, lines, sign,
};
use crate::world::*;

pub(super) const CLIENT: &str = "travel-app";
pub(super) const NONCE: &str = "n-0S6_WzA2Mj";

/// `code` and `rule` of a refusal.
pub(super) type Reason = (&'static str, &'static str);

type Judge<'w> = Box<dyn Fn(&str) -> Result<(), Reason> + 'w>;

/// One who verifies tokens.
pub(super) struct Verifier<'w> {
    pub(super) name: &'static str,
    /// The kind that it verifies.
    pub(super) like: &'static str,
    /// What it accepts.
    pub(super) takes: &'static [&'static str],
    /// A good token.
    pub(super) token: String,
    /// How it refuses another type.
    pub(super) wrong_type: Reason,
    pub(super) is_of_grants: bool,
    pub(super) judge: Judge<'w>,
}

/// One key that everybody trusts for everything.
pub(super) struct World {
    server: Server,
}

macro_rules! outcome {
    ($judged:expr) => {
        $judged.map(|_| ()).map_err(|error| (error.code(), error.rule()))
    };
}

fn memory() -> ReplayMemory {
    ReplayMemory::with_capacity(10)
}

fn here() -> Issuer {
    "https://as.b.example".parse().unwrap()
}

fn target() -> DpopTarget {
    "https://as.example/token".parse().unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        Self { server: Server::new() }
    }

    fn key(&self) -> &Arc<SoftwareKey> {
        &self.server.key
    }

    pub(super) fn sign(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        let text = |object: &Map<String, Value>| serde_json::to_string(object).unwrap();
        sign(&text(header), &text(claims), self.key())
    }

    pub(super) async fn verifiers(&self) -> Vec<Verifier<'_>> {
        let mut all = vec![self.access_tokens(), self.introspection(), self.id_tokens()];
        all.extend([self.assertions().await, self.svid_assertions(), self.attestations()]);
        all.extend([self.attestations_at_a_resource(), self.attestation_proofs(), self.dpop().await]);
        all.extend([self.chaining(), self.id_jag(), self.transaction_chains()]);
        all.extend([self.request_objects().await, self.svids(), self.wits(), self.wpts()]);
        #[cfg(feature = "wit-svid")]
        all.push(self.wit_svids());
        all
    }

    fn access_tokens(&self) -> Verifier<'_> {
        Verifier {
            name: "access token",
            like: "access token",
            takes: &["access token"],
            token: self.server.issue(&AccessTokenRequest::new(AGENT, AGENT, tool())).expose().to_owned(),
            wrong_type: ("wrong_type", "ACT-1"),
            is_of_grants: false,
            judge: Box::new(|token| {
                outcome!(self.server.verifier().build().verify(&token.parse().unwrap(), NOW))
            }),
        }
    }

    fn introspection(&self) -> Verifier<'_> {
        let said = format!(
            r#"{{"active":true,"sub":"{USER}","client_id":"{AGENT}","aud":"{}","exp":1790000300}}"#,
            tool()
        );
        let answer = format!(
            r#"{{"iss":"{ISSUER}","aud":"{}","iat":1790000000,"token_introspection":{said}}}"#,
            tool()
        );
        Verifier {
            name: "introspection answer",
            like: "introspection answer",
            takes: &["introspection answer"],
            token: self.server.sign("token-introspection+jwt", &answer).expose().to_owned(),
            wrong_type: ("wrong_type", "ACT-1"),
            is_of_grants: false,
            judge: Box::new(|token| {
                let verifier = self.server.verifier().build();
                outcome!(verifier.introspected_jwt(&"opaque".parse().unwrap(), &issuer(), token, NOW))
            }),
        }
    }

    fn id_tokens(&self) -> Verifier<'_> {
        let server = IdTokenIssuer::new(issuer(), self.key().clone(), "as-1").unwrap();
        let request = IdTokenRequest::new(USER, CLIENT).nonce(NONCE).authenticated(NOW, None);
        Verifier {
            name: "ID Token",
            like: "ID Token",
            takes: &["ID Token", "ID Token without type"],
            token: server.issue(&request, NOW).unwrap().token().expose().to_owned(),
            wrong_type: ("wrong_type", "IDT-6"),
            is_of_grants: false,
            judge: Box::new(|token| {
                let verifier =
                    IdTokenVerifier::builder(CLIENT, self.server.trusted(), backend::ring()).build();
                outcome!(verifier.verify(&token.parse().unwrap(), &ExpectedIdToken::with_nonce(NONCE), NOW))
            }),
        }
    }

    async fn assertions(&self) -> Verifier<'_> {
        let client = ClientKey::new(AGENT, self.key().clone(), Some("as-1")).unwrap();
        Verifier {
            name: "client assertion",
            like: "client assertion",
            takes: &["client assertion", "client assertion of old", "client assertion without type"],
            token: client.assertion(&issuer()).sign(NOW).await.unwrap().expose().to_owned(),
            wrong_type: ("wrong_type", "CJA-4"),
            is_of_grants: false,
            judge: Box::new(|token| {
                outcome!(judge(&self.authenticator(), &self.registry(), &assertion(JWT_BEARER, token), NOW))
            }),
        }
    }

    fn svid(&self) -> String {
        let issuer = JwtSvidIssuer::new("acme.example".parse().unwrap(), self.key().clone(), "as-1").unwrap();
        issuer.issue(&AGENT.parse().unwrap(), ISSUER, NOW).unwrap()
    }

    fn svid_assertions(&self) -> Verifier<'_> {
        Verifier {
            name: "JWT-SVID as client assertion",
            like: "JWT-SVID",
            takes: &["JWT-SVID", "JWT-SVID without type"],
            token: self.svid(),
            wrong_type: ("wrong_type", "JS-5"),
            is_of_grants: false,
            judge: Box::new(|token| {
                outcome!(judge(&self.authenticator(), &self.registry(), &assertion(JWT_SPIFFE, token), NOW))
            }),
        }
    }

    fn svids(&self) -> Verifier<'_> {
        Verifier {
            name: "JWT-SVID",
            judge: Box::new(|token| {
                outcome!(JwtSvidVerifier::builder(self.bundles(), ISSUER).build().verify(token, NOW))
            }),
            ..self.svid_assertions()
        }
    }

    fn attestation(&self) -> String {
        let jwk = self.server.jwk.to_json();
        let claims =
            format!(r#"{{"sub":"{AGENT}","exp":1790000300,"iat":1790000000,"cnf":{{"jwk":{jwk}}}}}"#);
        let header = r#"{"alg":"ES256","kid":"as-1","typ":"oauth-client-attestation+jwt"}"#;
        sign(header, &claims, self.key())
    }

    fn attestation_proof(&self, audience: &str) -> String {
        let header = r#"{"alg":"ES256","typ":"oauth-client-attestation-pop+jwt"}"#;
        sign(header, &format!(r#"{{"aud":"{audience}","jti":"p","iat":1790000000}}"#), self.key())
    }

    fn judge_fields(&self, attestation: &str, proof: &str) -> Result<(), Reason> {
        let fields = [("OAuth-Client-Attestation", attestation), ("OAuth-Client-Attestation-PoP", proof)];
        outcome!(judge_with(&self.authenticator(), &self.registry(), &[], &fields, NOW))
    }

    fn attestations(&self) -> Verifier<'_> {
        Verifier {
            name: "attestation",
            // Without the feature it is one more type that is none.
            like: if cfg!(feature = "wit-svid") { "attestation" } else { "attestation alone" },
            takes: &["attestation"],
            token: self.attestation(),
            wrong_type: ("wrong_type", "ABC-1"),
            is_of_grants: false,
            judge: Box::new(|token| self.judge_fields(token, &self.attestation_proof(ISSUER))),
        }
    }

    fn attestations_at_a_resource(&self) -> Verifier<'_> {
        Verifier {
            name: "attestation at a resource server",
            like: "attestation alone",
            takes: &["attestation"],
            token: self.attestation(),
            wrong_type: ("wrong_type", "ABC-1"),
            is_of_grants: false,
            judge: Box::new(|token| {
                let own = tool();
                let verifier =
                    AttestationVerifier::builder(own.as_str(), self.attester(), memory(), backend::ring());
                let proof = self.attestation_proof(own.as_str());
                let fields = [("OAuth-Client-Attestation", token), ("OAuth-Client-Attestation-PoP", &*proof)];
                let presented = match PresentedAttestation::read(lines(&fields)) {
                    Ok(presented) => presented.unwrap(),
                    Err(error) => return Err((error.code(), error.rule())),
                };
                outcome!(verifier.build().verify(presented, None, NOW))
            }),
        }
    }

    fn attestation_proofs(&self) -> Verifier<'_> {
        Verifier {
            name: "attestation proof",
            like: "attestation proof",
            takes: &["attestation proof"],
            token: self.attestation_proof(ISSUER),
            wrong_type: ("pop_wrong_type", "ABC-2"),
            is_of_grants: false,
            judge: Box::new(|token| self.judge_fields(&self.attestation(), token)),
        }
    }

    async fn dpop(&self) -> Verifier<'_> {
        let prover = DpopProver::new(self.key().clone()).unwrap();
        Verifier {
            name: "DPoP proof",
            like: "DPoP proof",
            takes: &["DPoP proof"],
            token: prover.proof("POST", &target()).sign(NOW).await.unwrap(),
            wrong_type: ("wrong_type", "DPO-2"),
            is_of_grants: false,
            judge: Box::new(|token| {
                let verifier = DpopVerifier::builder(memory(), backend::ring()).build();
                outcome!(verifier.verify([token], &DpopRequest::new("POST", &target()), NOW))
            }),
        }
    }

    fn grants(
        &self,
        name: &'static str,
        takes: &'static [&'static str],
        profile: GrantProfile,
        request: &GrantRequest<'_>,
    ) -> Verifier<'_> {
        let server = GrantIssuer::new(issuer(), self.key().clone(), "as-1").unwrap();
        Verifier {
            name,
            like: name,
            takes,
            token: server.issue(request, NOW).unwrap().grant().expose().to_owned(),
            wrong_type: ("wrong_type", "JBG-5"),
            is_of_grants: true,
            judge: Box::new(move |token| {
                let verifier = GrantVerifier::builder(here(), memory(), backend::ring())
                    .trust(self.server.trusted(), &[profile])
                    .build();
                outcome!(verifier.verify(&token.parse().unwrap(), CLIENT, None, NOW))
            }),
        }
    }

    fn chaining(&self) -> Verifier<'_> {
        let request = GrantRequest::chaining(USER, here()).for_client(CLIENT).scope("a".parse().unwrap());
        // JBG-7: what could be a JWT-SVID, too, is a grant about a workload.
        let takes = &["chaining grant", "chaining grant without type", "JWT-SVID", "JWT-SVID without type"];
        self.grants("chaining grant", takes, GrantProfile::Chaining, &request)
    }

    fn id_jag(&self) -> Verifier<'_> {
        let request = GrantRequest::id_jag(USER, here(), CLIENT);
        self.grants("ID-JAG", &["ID-JAG"], GrantProfile::IdJag, &request)
    }

    fn transaction_chains(&self) -> Verifier<'_> {
        let request = GrantRequest::transaction_chain(USER, here(), "txn-1");
        self.grants("transaction chain", &["transaction chain"], GrantProfile::TransactionChain, &request)
    }

    async fn request_objects(&self) -> Verifier<'_> {
        let client = ClientKey::new(CLIENT, self.key().clone(), Some("as-1")).unwrap();
        let challenge = CodeVerifier::generate(backend::ring()).unwrap().challenge(backend::ring());
        let request = AuthorizationRequest::new(CLIENT, "https://agent.example/cb", challenge);
        Verifier {
            name: "request object",
            like: "request object",
            takes: &["request object"],
            token: client.request_object(&issuer(), &request).sign(NOW).await.unwrap().expose().to_owned(),
            wrong_type: ("wrong_type", "JAR-2"),
            is_of_grants: false,
            judge: Box::new(|token| {
                let query = form(&[("client_id", CLIENT), ("request", token)]);
                let presented = PresentedRequestObject::read(&query).unwrap().unwrap();
                let keys = ClientKeys::new(keys(self.key(), "as-1"));
                outcome!(RequestObjectVerifier::builder(issuer()).build().verify(&presented, &keys, NOW))
            }),
        }
    }

    /// By hand: no issuer of ours would bind one to its own key.
    fn wit(&self) -> String {
        let jwk = self.server.jwk.to_json();
        let claims =
            format!(r#"{{"sub":"{AGENT}","exp":1790000300,"iat":1790000000,"cnf":{{"jwk":{jwk}}}}}"#);
        sign(r#"{"alg":"ES256","kid":"as-1","typ":"wit+jwt"}"#, &claims, self.key())
    }

    fn wits(&self) -> Verifier<'_> {
        Verifier {
            name: "WIT",
            like: "WIT",
            takes: &["WIT"],
            token: self.wit(),
            wrong_type: ("wrong_type", "WIT-2"),
            is_of_grants: false,
            judge: Box::new(|token| {
                outcome!(WitVerifier::builder(self.bundles(), backend::ring()).build().verify(token, NOW))
            }),
        }
    }

    /// At the field for attestations, where WITs are WIT-SVIDs and nobody attests clients.
    #[cfg(feature = "wit-svid")]
    fn wit_svids(&self) -> Verifier<'_> {
        Verifier {
            name: "WIT-SVID as attestation",
            like: "WIT-SVID",
            takes: &["WIT"],
            token: self.wit(),
            wrong_type: ("wrong_type", "ABC-1"),
            is_of_grants: false,
            judge: Box::new(|token| {
                let bundle = self.bundle().with_profile(aims_credential::WitProfile::WitSvid);
                let server = authenticator().bundles(BundleSet::from(bundle)).build();
                let proof = self.attestation_proof(ISSUER);
                let fields = [("OAuth-Client-Attestation", token), ("OAuth-Client-Attestation-PoP", &*proof)];
                outcome!(judge_with(&server, &self.registry(), &[], &fields, NOW))
            }),
        }
    }

    fn wpts(&self) -> Verifier<'_> {
        let wit = self.wit();
        let held = Wit::from_issuer(&wit, backend::ring()).unwrap();
        let unsigned = NewWpt::new(ISSUER).prepare(&held, NOW).unwrap();
        let signature = self.key().sign(SignInput::Message(unsigned.signing_input())).unwrap();
        Verifier {
            name: "WPT",
            like: "WPT",
            takes: &["WPT"],
            token: unsigned.attach(signature.as_bytes()).unwrap(),
            wrong_type: ("wrong_type", "WPT-5"),
            is_of_grants: false,
            judge: Box::new(move |token| {
                let wits = WitVerifier::builder(self.bundles(), backend::ring()).build();
                let wit = wits.verify(&wit, NOW).unwrap();
                let verifier = WptVerifier::builder(Audiences::exact(ISSUER).unwrap(), memory()).build();
                outcome!(verifier.verify(&wit, &WptRequest::new(token, Target::Exact), NOW))
            }),
        }
    }

    fn bundle(&self) -> TrustBundle {
        let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), keys(self.key(), "as-1"));
        bundle.with_jwt_keys(keys(self.key(), "as-1"))
    }

    fn bundles(&self) -> BundleSet {
        BundleSet::from(self.bundle())
    }

    fn attester(&self) -> TrustedAttester {
        TrustedAttester::new("attester", keys(self.key(), "as-1"))
    }

    fn authenticator(&self) -> ClientAuthenticator {
        authenticator().bundles(self.bundles()).attester(self.attester()).build()
    }

    /// A client that may do anything.
    fn registry(&self) -> Registry {
        let spiffe = SpiffeRegistration::new(AGENT.parse().unwrap(), SpiffeProof::JwtSvid)
            .or(SpiffeProof::WitSvid)
            .or(SpiffeProof::X509Svid);
        let keys = RegisteredMethod::PrivateKeyJwt(ClientKeys::new(keys(self.key(), "as-1")));
        let client = RegisteredClient::new(AGENT, keys)
            .or(RegisteredMethod::Attestation(ClientAttesters::new("attester")))
            .or(RegisteredMethod::Spiffe(spiffe));
        Registry::default().client(client)
    }
}
