//! An issuer, an agent and a tool, made once per run: good tokens to begin with, and verifiers that know the one that is good.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aims_credential::x509::{
    CertificateDer, NewCertificateRequest, NewRevocationList, RevocationList, SvidIssuer, SvidVerifier,
};
use aims_credential::{BundleSet, JwtSvidIssuer, JwtSvidVerifier, TrustBundle, Wit, WitIssuer, WitVerifier};
use aims_id::{Origin, WorkloadId};
use aims_jose::{Jwk, JwkSet, NewHeader};
use aims_keys::{Algorithm, PublicKey, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{Issuer, TrustedIssuer};
use aims_proof::NewWpt;

/// Everything was made at this time.
pub(super) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(super) const AUDIENCE: &str = "https://tools.example";

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
    let issuer_key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
    let agent_key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key");
    let origin: Origin = "spiffe://acme.example".parse().expect("an origin");
    let subject: WorkloadId = "spiffe://acme.example/agents/travel".parse().expect("an identifier");

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
    let lower_key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
    let lower = authority.intermediate(lower_key, day, NOW).expect("an issuer");
    let svid_chain = lower.issue(&subject, agent_key.public_key(), NOW).expect("a certificate");
    let anchors = TrustBundle::for_x509(origin.clone(), vec![authority.authority().expect("its own")]);
    let constrained_key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
    let constraining = authority.clone().with_name_constraints();
    let constrained = constraining.intermediate(constrained_key, day, NOW).expect("an issuer");
    let constrained_chain = constrained.issue(&subject, agent_key.public_key(), NOW).expect("a certificate");
    let empty = NewRevocationList::new(1);
    let upper_list = authority.sign_list(&empty, NOW).expect("a list");
    let others = NewRevocationList::new(2).revoke("00ff", NOW).revoke("5512", NOW);
    let lists = [empty, others].map(|list| lower.sign_list(&list, NOW).expect("a list")).to_vec();
    let plain = NewCertificateRequest::new(agent_key.public_key());
    let full = plain.clone().subject(&subject).dns_name("tools.example").challenge("a_text");
    let certificate_requests = [plain, full]
        .map(|new| new.prepare().expect("a request").sign(&agent_key).expect("a signature"))
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

/// An authorization server, which signs whatever it is given: so that mutations reach what is behind the signature.
pub(super) struct Server {
    pub(super) issuer: Issuer,
    pub(super) key: Arc<SoftwareKey>,
    jwk: Jwk,
}

impl Server {
    pub(super) const KEY_ID: &str = "as-1";

    fn new() -> Self {
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
        let jwk = Jwk::new(key.public_key().clone()).with_key_id(Self::KEY_ID).expect("a kid");
        Self { issuer: "https://as.example".parse().expect("an issuer"), key, jwk }
    }

    pub(super) fn trusted(&self) -> TrustedIssuer {
        let keys = JwkSet::new(vec![self.jwk.clone()]).expect("a set");
        TrustedIssuer::new(self.issuer.clone(), keys)
    }

    /// A JWT of this type, with these claims or what looks like it.
    pub(super) fn signed(&self, typ: &str, claims: &[u8]) -> String {
        let header = NewHeader::for_jwk(typ, &self.jwk).expect("a header");
        header.unsigned(claims).sign(&*self.key).expect("a signature")
    }
}

pub(super) static SERVER: LazyLock<Server> = LazyLock::new(Server::new);
