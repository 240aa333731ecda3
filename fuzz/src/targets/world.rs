//! An issuer, an agent and a tool, made once per run: good tokens to begin with, and verifiers that know the one that is good.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_credential::x509::{
    CertificateDer, NewCertificateRequest, NewRevocationList, RevocationList, SvidIssuer, SvidVerifier,
};
use aims_credential::{
    BundleSet, JwtSvidIssuer, JwtSvidVerifier, ReplayError, ReplayStore, TrustBundle, Wit, WitIssuer,
    WitVerifier,
};
use aims_id::{Origin, WorkloadId};
use aims_jose::{Jwk, JwkSet, NewHeader, Thumbprint};
use aims_keys::{Algorithm, PublicKey, SignInput, Signature, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessTokenIssuer, ClientAttestation, ClientAttesters, ClientKeys, Issuer, NewParameters,
    RegisteredClient, RegisteredMethod, TrustedAttester, TrustedIssuer,
};
use aims_proof::NewWpt;

/// Everything was made at this time.
pub(super) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(super) const AUDIENCE: &str = "https://tools.example";

/// An agent, as a workload and as a client.
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";

/// A client that is no workload.
pub(super) const APP: &str = "travel-app";

pub(super) const PATH: &str = "/v1/search";

pub(super) struct World {
    pub(super) wits: WitVerifier,
    pub(super) issuer_key: PublicKey,
    pub(super) wit: String,
    pub(super) wpt: String,
    pub(super) jwt_svids: JwtSvidVerifier,
    pub(super) jwt_svid: String,
    pub(super) svids: SvidVerifier,
    /// The agent's certificate, and the issuer's below the authority.
    pub(super) svid_chain: Vec<CertificateDer<'static>>,
    /// The same below an issuer with name constraints.
    pub(super) constrained_chain: Vec<CertificateDer<'static>>,
    /// Of the issuer, one with others' serial numbers and one without any.
    pub(super) lists: Vec<RevocationList>,
    /// Of the authority.
    upper_list: RevocationList,
    anchors: TrustBundle,
    /// Without names, and with all that one may say.
    pub(super) certificate_requests: Vec<Vec<u8>>,
    /// With a key of each use.
    pub(super) spiffe_bundle: String,
}

impl World {
    /// A verifier that demands lists, and has this one beside that of the authority.
    pub(super) fn demanding(&self, list: RevocationList) -> SvidVerifier {
        let bundle = self.anchors.clone().with_revocation_lists(vec![self.upper_list.clone(), list]);
        SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).require_revocation_lists().build()
    }
}

pub(super) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let (issuer_key, agent_key) = (new_key(), new_key());
    let origin: Origin = "spiffe://acme.example".parse().expect("an origin");
    let subject: WorkloadId = AGENT.parse().expect("an identifier");

    let issuer = WitIssuer::new(origin.clone(), issuer_key.clone(), "k").expect("an issuer");
    let wit = issuer.issue(&subject, agent_key.public_key(), NOW).expect("a WIT");
    let held = Wit::from_issuer(&wit, backend::ring()).expect("a WIT");
    let unsigned = NewWpt::new("https://tools.example/v1/search").prepare(&held, NOW).expect("a WPT");
    let signature = agent_key.sign(SignInput::Message(unsigned.signing_input())).expect("a signature");
    let wpt = unsigned.attach(signature.as_bytes()).expect("a WPT");

    let jwt_issuer = JwtSvidIssuer::new("acme.example".parse().expect("a name"), issuer_key.clone(), "k");
    let workload = subject.clone().try_into().expect("a SPIFFE ID");
    let jwt_svid = jwt_issuer.expect("an issuer").issue(&workload, AUDIENCE, NOW).expect("a JWT-SVID");

    let day = Duration::from_secs(86_400);
    let authority = SvidIssuer::root(origin.clone(), issuer_key.clone(), day, NOW).expect("an authority");
    let lower = authority.intermediate(new_key(), day, NOW).expect("an issuer");
    let svid_chain = lower.issue(&subject, agent_key.public_key(), NOW).expect("a certificate");
    let anchors = TrustBundle::for_x509(origin.clone(), vec![authority.authority().expect("its own")]);
    let constraining = authority.clone().with_name_constraints();
    let constrained = constraining.intermediate(new_key(), day, NOW).expect("an issuer");
    let constrained_chain = constrained.issue(&subject, agent_key.public_key(), NOW).expect("a certificate");
    let empty = NewRevocationList::new(1);
    let upper_list = authority.sign_list(&empty, NOW).expect("a list");
    let others = NewRevocationList::new(2).revoke("00ff", NOW).revoke("5512", NOW);
    let lists = [empty, others].map(|list| lower.sign_list(&list, NOW).expect("a list")).to_vec();
    let plain = NewCertificateRequest::new(agent_key.public_key());
    let full = plain.clone().subject(&subject).dns_name("tools.example").challenge("a_text");
    let certificate_requests = [plain, full]
        .map(|new| new.prepare().expect("a request").sign(&*agent_key).expect("a signature"))
        .to_vec();

    let jwt_key = Jwk::new(agent_key.public_key().clone()).with_key_id("j").expect("a kid");
    let jwk = Jwk::new(issuer_key.public_key().clone()).with_key_id("k").expect("a kid");
    let keys = JwkSet::new(vec![jwk]).expect("a set");
    let whole = TrustBundle::new(origin.clone(), keys.clone())
        .with_jwt_keys(JwkSet::new(vec![jwt_key]).expect("a set"))
        .with_x509_authorities(vec![authority.authority().expect("its own")])
        .with_sequence(7);
    let spiffe_bundle = whole.to_spiffe_json().expect("a document");
    // One key for both kinds: only their types keep them apart.
    let bundle = BundleSet::from(TrustBundle::new(origin, keys.clone()).with_jwt_keys(keys));
    World {
        wits: WitVerifier::builder(bundle.clone(), backend::ring()).build(),
        issuer_key: issuer_key.public_key().clone(),
        wit,
        wpt,
        jwt_svids: JwtSvidVerifier::builder(bundle, AUDIENCE).build(),
        jwt_svid,
        svids: SvidVerifier::builder(BundleSet::from(anchors.clone()), backend::ring()).build(),
        svid_chain,
        constrained_chain,
        lists,
        upper_list,
        anchors,
        certificate_requests,
        spiffe_bundle,
    }
});

/// Whoever has a key, by a name, and signs whatever it is given: so that mutations reach what is behind the signature.
pub(super) struct Party {
    pub(super) key: Arc<SoftwareKey>,
    pub(super) jwk: Jwk,
}

impl Party {
    pub(super) fn new(key_id: &str) -> Self {
        let key = new_key();
        let jwk = Jwk::new(key.public_key().clone()).with_key_id(key_id).expect("a kid");
        Self { key, jwk }
    }

    pub(super) fn keys(&self) -> JwkSet {
        JwkSet::new(vec![self.jwk.clone()]).expect("a set")
    }

    pub(super) fn sign(&self, input: &[u8]) -> Signature {
        self.key.sign(SignInput::Message(input)).expect("a signature")
    }

    /// A JWT of this type, with these claims or what looks like it.
    pub(super) fn signed(&self, typ: &str, claims: &[u8]) -> String {
        let header = NewHeader::for_jwk(typ, &self.jwk).expect("a header");
        header.unsigned(claims).sign(&*self.key).expect("a signature")
    }
}

/// An authorization server.
pub(super) struct Server {
    pub(super) issuer: Issuer,
    pub(super) party: Party,
}

impl Server {
    pub(super) const ISSUER: &str = "https://as.example";

    pub(super) const KEY_ID: &str = "as-1";

    fn new() -> Self {
        Self { issuer: Self::ISSUER.parse().expect("an issuer"), party: Party::new(Self::KEY_ID) }
    }

    pub(super) fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer::new(self.issuer.clone(), self.party.keys())
    }

    pub(super) fn access_tokens(&self) -> AccessTokenIssuer {
        let issuer = AccessTokenIssuer::new(self.issuer.clone(), self.party.key.clone(), Self::KEY_ID);
        issuer.expect("an issuer")
    }

    pub(super) fn signed(&self, typ: &str, claims: &[u8]) -> String {
        self.party.signed(typ, claims)
    }
}

pub(super) static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

/// The agent as a client of the server at `AUDIENCE`, by one key: its own, and that of who vouches for it.
pub(super) struct Client {
    pub(super) party: Party,
    pub(super) attestation: String,
    /// That the agent has the key of the attestation.
    pub(super) pop: String,
}

impl Client {
    pub(super) const KEY_ID: &str = "k";

    fn new() -> Self {
        let party = Party::new(Self::KEY_ID);
        let jwk = party.jwk.to_json();
        let claims = format!(r#"{{"sub":"{AGENT}","exp":1790003600,"cnf":{{"jwk":{jwk}}}}}"#);
        let attestation = party.signed("oauth-client-attestation+jwt", claims.as_bytes());
        let held = ClientAttestation::from_attester(&attestation, party.key.public_key());
        let unsigned = held.expect("an attestation").pop(AUDIENCE).prepare(NOW).expect("a proof");
        let signature = party.sign(unsigned.signing_input());
        let pop = unsigned.attach(signature.as_bytes()).expect("a proof");
        Self { party, attestation, pop }
    }

    pub(super) fn attester(&self) -> TrustedAttester {
        TrustedAttester::new("attester", self.party.keys())
    }

    /// It shows assertions, or attestations.
    pub(super) fn registered(&self) -> RegisteredClient {
        let keys = ClientKeys::new(self.party.keys());
        RegisteredClient::new(AGENT, RegisteredMethod::PrivateKeyJwt(keys))
            .or(RegisteredMethod::Attestation(ClientAttesters::new("attester")))
    }
}

pub(super) static CLIENT: LazyLock<Client> = LazyLock::new(Client::new);

/// Takes everything for new: the good tokens are shown again and again.
#[derive(Debug)]
pub(super) struct Forgetful;

impl ReplayStore for Forgetful {
    fn remember(&self, _: &Thumbprint, _: &str, _: UnixTime, _: UnixTime) -> Result<(), ReplayError> {
        Ok(())
    }

    fn remember_from_anyone(
        &self,
        _: &Thumbprint,
        _: &str,
        _: UnixTime,
        _: UnixTime,
    ) -> Result<(), ReplayError> {
        Ok(())
    }
}

pub(super) fn new_key() -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"))
}

/// A form, as a request writes it.
pub(super) fn form(write: impl FnOnce(&mut NewParameters)) -> String {
    let mut form = NewParameters::new();
    write(&mut form);
    form.as_str().to_owned()
}

/// Nothing here has to wait for anything.
pub(super) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
