//! Every kind of token in the place of every other.

use std::sync::Arc;

use aims_credential::{BundleSet, JwtSvid, JwtSvidIssuer, JwtSvidVerifier, TrustBundle, Wit, WitVerifier};
use aims_jose::Jwk;
use aims_keys::{SignInput, SoftwareKey, backend};
use aims_oauth::{
    AccessToken, AccessTokenRequest, AttestationVerifier, ClientAttesters, ClientAuthenticator, ClientKey,
    ClientKeys, DpopProver, DpopRequest, DpopTarget, DpopVerifier, ErrorCode, PresentedAttestation,
    RegisteredClient, RegisteredMethod, SpiffeProof, SpiffeRegistration, TrustedAttester,
};
use aims_proof::{NewWpt, ReplayMemory};
use aims_testkit::assert_refused;

use super::support::*;
use crate::world::*;

/// One key that everybody trusts for everything: nothing but their kinds keeps tokens apart.
struct World {
    key: Arc<SoftwareKey>,
    tokens: Vec<(&'static str, String)>,
}

impl World {
    async fn new() -> Self {
        let server = Server::new();
        let key = Arc::clone(&server.key);
        let jwk = Jwk::new(key.public_key().clone()).to_json();
        let usual = format!(r#"{{"sub":"{AGENT}","exp":1790000300,"iat":1790000000,"cnf":{{"jwk":{jwk}}}}}"#);
        let wit = sign(r#"{"alg":"ES256","kid":"as-1","typ":"wit+jwt"}"#, &usual, &key);
        let wpt =
            NewWpt::new(ISSUER).prepare(&Wit::from_issuer(&wit, backend::ring()).unwrap(), NOW).unwrap();
        let signature = key.sign(SignInput::Message(wpt.signing_input())).unwrap();
        let wpt = wpt.attach(signature.as_bytes()).unwrap();
        let svids = JwtSvidIssuer::new("acme.example".parse().unwrap(), key.clone(), "as-1").unwrap();
        let svid = svids.issue(&AGENT.parse().unwrap(), ISSUER, NOW).unwrap();
        let client = ClientKey::new(AGENT, key.clone(), Some("as-1")).unwrap();
        let assertion = client.assertion(&issuer()).sign(NOW).await.unwrap().expose().to_owned();
        let target: DpopTarget = "https://as.example/token".parse().unwrap();
        let dpop = DpopProver::new(key.clone()).unwrap().proof("POST", &target).sign(NOW).await.unwrap();
        let access = server.issue(&AccessTokenRequest::new(AGENT, AGENT, tool())).expose().to_owned();
        let attestation =
            sign(r#"{"alg":"ES256","kid":"as-1","typ":"oauth-client-attestation+jwt"}"#, &usual, &key);
        let pop = sign(
            r#"{"alg":"ES256","typ":"oauth-client-attestation-pop+jwt"}"#,
            r#"{"aud":"https://as.example","jti":"p","iat":1790000000}"#,
            &key,
        );
        // An ID token of the server itself, and one that it made about itself.
        let id_token = sign(
            r#"{"alg":"ES256","kid":"as-1","typ":"JWT"}"#,
            &format!(
                r#"{{"iss":"{ISSUER}","sub":"{AGENT}","aud":"{ISSUER}","jti":"i","iat":1790000000,"exp":1790000060}}"#
            ),
            &key,
        );
        let tokens = vec![
            ("access token", access),
            ("assertion", assertion),
            ("attestation", attestation),
            ("attestation proof", pop),
            ("DPoP proof", dpop),
            ("ID token", id_token),
            ("JWT-SVID", svid),
            ("WIT", wit),
            ("WPT", wpt),
        ];
        Self { key, tokens }
    }

    fn token(&self, kind: &str) -> &str {
        &self.tokens.iter().find(|(known, _)| *known == kind).unwrap().1
    }

    fn others<'w>(&'w self, kind: &'w str) -> impl Iterator<Item = (&'static str, &'w str)> {
        self.tokens.iter().filter(move |(other, _)| *other != kind).map(|(kind, token)| (*kind, &**token))
    }

    fn bundles(&self) -> BundleSet {
        let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), keys(&self.key, "as-1"));
        BundleSet::from(bundle.with_jwt_keys(keys(&self.key, "as-1")))
    }

    fn server(&self) -> ClientAuthenticator {
        let attester = TrustedAttester::new("attester", keys(&self.key, "as-1"));
        authenticator().bundles(self.bundles()).attester(attester).build()
    }

    /// A client that may do anything.
    fn registry(&self) -> Registry {
        let spiffe = SpiffeRegistration::new(AGENT.parse().unwrap(), SpiffeProof::JwtSvid)
            .or(SpiffeProof::WitSvid)
            .or(SpiffeProof::X509Svid);
        let client = RegisteredClient::new(
            AGENT,
            RegisteredMethod::PrivateKeyJwt(ClientKeys::new(keys(&self.key, "as-1"))),
        )
        .or(RegisteredMethod::Attestation(ClientAttesters::new("attester")))
        .or(RegisteredMethod::Spiffe(spiffe));
        Registry::default().client(client)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn typ_2_sec_7_cja_4_osc_11_jo_clm_10_no_other_token_is_an_assertion() {
    let world = World::new().await;
    let (server, registry) = (world.server(), world.registry());
    let judge = |kind: &str, token: &str| judge(&server, &registry, &assertion(kind, token), NOW);
    judge(JWT_BEARER, world.token("assertion")).unwrap();
    judge(JWT_SPIFFE, world.token("JWT-SVID")).unwrap();
    for (kind, token) in world.others("assertion") {
        let refused = judge(JWT_BEARER, token);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient, "{kind}");
        let (code, rule) = match kind {
            // Of no type of their own: their claims keep them apart.
            "JWT-SVID" => ("malformed", "CJA-2"),
            "ID token" => ("issuer_mismatch", "CJA-2"),
            _ => ("wrong_type", "CJA-4"),
        };
        assert_refused!(refused, code, rule, "{kind}");
    }
    for (kind, token) in world.others("JWT-SVID") {
        // JWT-SVIDs have no type of their own: whatever of no type that key signs, it vouches for. An issuer of SVIDs signs nothing else (OSC-9).
        if kind == "ID token" {
            continue;
        }
        let refused = judge(JWT_SPIFFE, token);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient, "{kind}");
        assert_refused!(refused, "wrong_type", "JS-5", "{kind}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn typ_2_sec_7_abc_1_abc_2_no_other_token_is_an_attestation_or_its_proof() {
    let world = World::new().await;
    let (server, registry) = (world.server(), world.registry());
    let judge = |attestation: &str, pop: &str| {
        let fields = [("OAuth-Client-Attestation", attestation), ("OAuth-Client-Attestation-PoP", pop)];
        judge_with(&server, &registry, &[], &fields, NOW)
    };
    let (attestation, pop) = (world.token("attestation"), world.token("attestation proof"));
    for (kind, token) in world.others("attestation") {
        let refused = judge(token, pop);
        // A WIT is one where it is a WIT-SVID.
        if kind == "WIT" && cfg!(feature = "wit-svid") {
            assert_refused!(refused, "wit_profile", "OSC-5");
            continue;
        }
        assert_refused!(refused, "wrong_type", "ABC-1", "{kind}");
    }
    for (kind, token) in world.others("attestation proof") {
        assert_refused!(judge(attestation, token), "pop_wrong_type", "ABC-2", "{kind}");
    }
    judge(attestation, pop).unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn typ_2_sec_7_what_authenticates_a_client_is_nothing_else() {
    let world = World::new().await;
    let trusted = aims_oauth::TrustedIssuer::new(issuer(), keys(&world.key, "as-1"));
    let tokens = aims_oauth::AccessTokenVerifier::builder(tool(), trusted, backend::ring()).build();
    let wits = WitVerifier::builder(world.bundles(), backend::ring()).build();
    let svids = JwtSvidVerifier::builder(world.bundles(), ISSUER).build();
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    let target: DpopTarget = "https://as.example/token".parse().unwrap();
    for kind in ["assertion", "attestation", "attestation proof"] {
        let token = world.token(kind);
        let access: AccessToken = token.parse().unwrap();
        assert_refused!(tokens.verify(&access, NOW), "wrong_type", "ACT-1", "{kind}");
        assert_refused!(wits.verify(token, NOW), "wrong_type", "WIT-2", "{kind}");
        assert_refused!(svids.verify(token, NOW), "wrong_type", "JS-5", "{kind}");
        assert!(JwtSvid::from_issuer(token).is_err());
        assert_refused!(
            dpop.verify([token], &DpopRequest::new("POST", &target), NOW),
            "wrong_type",
            "DPO-2",
            "{kind}"
        );
    }
    // The same at a resource server.
    let attester = TrustedAttester::new("attester", keys(&world.key, "as-1"));
    let replay = ReplayMemory::with_capacity(10);
    let verifier = AttestationVerifier::builder(tool().as_str(), attester, replay, backend::ring()).build();
    let fields = [
        ("OAuth-Client-Attestation", world.token("attestation")),
        ("OAuth-Client-Attestation-PoP", world.token("attestation proof")),
    ];
    let presented = PresentedAttestation::read(lines(&fields)).unwrap().unwrap();
    assert_refused!(verifier.verify(presented, None, NOW), "pop_audience_mismatch", "ABC-2");
}
