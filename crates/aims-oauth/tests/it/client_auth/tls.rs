//! Clients that their certificate speaks for.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{CertificateDer, Role, SvidVerifier, VerifiedSvid, X509Authority};
use aims_credential::{BundleSet, Mark, MarkKey, MarkTable, TrustBundle};
use aims_jose::{Jwk, JwkSet, base64url};
use aims_keys::{Algorithm, PublicKey, PublicNumbers, UnixTime, backend};
use aims_oauth::{
    AuthenticatedClient, ClientAuthError, ClientAuthenticator, ClientProof, ErrorCode, PeerCertificate,
    PresentedClient, RegisteredClient, RegisteredMethod, SpiffeProof, SubjectDn, TlsClientName, TokenBinding,
};
use aims_testkit::assert_refused;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, DnValue, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::support::{Registry, authenticator, form, key};
use crate::world::*;

/// An authority of `acme.example`, and a certificate of an agent with names of every form.
struct World {
    authority: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    certificate: Certificate,
}

impl World {
    fn new() -> Self {
        Self::with_uri(AGENT)
    }

    fn with_uri(uri: &str) -> Self {
        let country = DnValue::PrintableString("AT".try_into().unwrap());
        let names = [(DnType::OrganizationName, "Acme, Inc.".into()), (DnType::CommonName, "travel".into())];
        Self::with_names(uri, &[&[(DnType::CountryName, country)][..], &names].concat())
    }

    fn with_names(uri: &str, names: &[(DnType, DnValue)]) -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut leaf = CertificateParams::default();
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.subject_alt_names = vec![
            SanType::URI(uri.try_into().unwrap()),
            SanType::DnsName("Travel.acme.example".try_into().unwrap()),
            SanType::DnsName("*.acme.example".try_into().unwrap()),
            SanType::Rfc822Name("travel@acme.example".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
        ];
        leaf.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            leaf.distinguished_name.push(kind.clone(), value.clone());
        }
        let key = KeyPair::generate().unwrap();
        let certificate = leaf.signed_by(&key, &authority).unwrap();
        Self { authority, key, certificate }
    }

    fn verified(&self) -> VerifiedSvid {
        let authority = X509Authority::from_der(self.authority.der()).unwrap();
        let origins = ["spiffe://acme.example", "wimse://acme.example"];
        let bundles: BundleSet = origins
            .iter()
            .map(|origin| TrustBundle::for_x509(origin.parse().unwrap(), vec![authority.clone()]))
            .collect();
        let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
        let leaf = CertificateDer::from(self.certificate.der().to_vec());
        verifier.verify(&leaf, &[], Role::Client, NOW).unwrap()
    }

    /// The key in the certificate, as clients register keys.
    fn keys(&self) -> Arc<JwkSet> {
        let numbers =
            PublicNumbers::from_spki(&rcgen::PublicKeyData::subject_public_key_info(&self.key)).unwrap();
        let key = PublicKey::load(numbers, Algorithm::Es256, backend::ring()).unwrap();
        Arc::new(JwkSet::new(vec![Jwk::new(key)]).unwrap())
    }
}

fn judge(
    registry: &Registry,
    client_id: &str,
    certificate: Option<PeerCertificate<'_>>,
) -> Result<AuthenticatedClient, ClientAuthError> {
    judge_over(&authenticator().build(), registry, client_id, certificate, NOW)
}

fn judge_over(
    server: &ClientAuthenticator,
    registry: &Registry,
    client_id: &str,
    certificate: Option<PeerCertificate<'_>>,
    now: UnixTime,
) -> Result<AuthenticatedClient, ClientAuthError> {
    let form = form(&[("client_id", client_id)]);
    let mut presented = PresentedClient::read(&form, [])?;
    if let Some(certificate) = certificate {
        presented = presented.with_certificate(certificate);
    }
    let registered = registry.find(presented.lookup());
    server.authenticate(presented, registered, now)
}

fn registered(method: RegisteredMethod) -> Registry {
    Registry::default().client(RegisteredClient::new("app-1", method))
}

#[test]
fn exc_9_what_is_bound_to_a_certificate_is_exchanged_over_it_alone() {
    let world = World::new();
    let svid = world.verified();
    let registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::X509Svid);
    let client = judge(&registry, AGENT, Some(PeerCertificate::verified(&svid))).unwrap();
    let server = Server::new();
    let check = |binding: TokenBinding| {
        let request = aims_oauth::AccessTokenRequest::new(USER, AGENT, tool()).bound_to(binding);
        let subject = server.verifier().build().verify(&server.issue(&request), NOW).unwrap();
        aims_oauth::ExchangeParties::new(&client, &subject).check(NOW).map(|_| ())
    };
    check(TokenBinding::Certificate(svid.fingerprint())).unwrap();
    let mut other = svid.fingerprint();
    other[31] ^= 1;
    assert_refused!(check(TokenBinding::Certificate(other)), "subject_not_shown", "EXC-9");
    let key = aims_jose::Thumbprint::of(key().public_key());
    assert_refused!(check(TokenBinding::Key(key)), "subject_not_shown", "EXC-9");
}

#[test]
fn osc_4_osc_10_spc_4_an_agent_is_a_client_by_the_certificate_of_its_connection() {
    let world = World::new();
    let svid = world.verified();
    let registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::X509Svid);
    let over = || Some(PeerCertificate::verified(&svid));
    let client = judge(&registry, AGENT, over()).unwrap();
    assert_eq!((client.client_id(), client.proof()), (AGENT, ClientProof::X509Svid));
    assert_eq!(client.agent().unwrap().as_str(), AGENT);
    assert_eq!(client.not_after(), Some(svid.not_after()));
    let fingerprint = svid.fingerprint();
    assert_eq!(client.binding(), Some(&TokenBinding::Certificate(fingerprint)));
    assert!(client.proof().shows_possession());
    // The parameter is the identifier in the certificate.
    let other = "spiffe://acme.example/agents/other";
    assert_refused!(judge(&registry, other, over()), "client_id_mismatch", "OSC-4");
    assert_refused!(judge(&registry, AGENT, None), "credentials_missing", "CJA-6");
    let named = aims_oauth::SpiffeRegistration::new(AGENT.parse().unwrap(), SpiffeProof::X509Svid);
    let named = registered(RegisteredMethod::Spiffe(named));
    assert_refused!(judge(&named, "app-1", over()), "client_id_mismatch", "OSC-4");
    // Another way was registered.
    let other = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::JwtSvid);
    assert_refused!(judge(&other, AGENT, over()), "unknown_client", "SPC-3");
    assert_refused!(judge(&Registry::default(), AGENT, over()), "unknown_client", "CJA-6");
    // Who says that another is found.
    let form = form(&[("client_id", AGENT)]);
    let tools = Registry::default().workloads("spiffe://acme.example/tools/*", SpiffeProof::X509Svid);
    let tools =
        tools.find(aims_oauth::ClientLookup::Workload(&"spiffe://acme.example/tools/x".parse().unwrap()));
    let presented = PresentedClient::read(&form, []).unwrap().with_certificate(over().unwrap());
    assert_refused!(authenticator().build().authenticate(presented, tools, NOW), "unknown_client", "SPC-3");
    // Nobody vouches for it.
    let unverified = PeerCertificate::unverified(world.certificate.der(), backend::ring());
    assert_refused!(judge(&registry, AGENT, Some(unverified)), "method_not_registered", "CJA-6");
    // It has ended since.
    let late = svid.not_after() + Duration::from_secs(1);
    let judged = judge_over(&authenticator().build(), &registry, AGENT, over(), late);
    assert_eq!(judged.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient);
    assert_refused!(judged, "expired", "AIMS-8");
    assert!(judge_over(&authenticator().build(), &registry, AGENT, over(), svid.not_after()).is_ok());
}

#[test]
fn osc_4_a_workload_of_another_scheme_has_no_x509_svid() {
    let world = World::with_uri("wimse://acme.example/agents/travel");
    let svid = world.verified();
    let agents = aims_oauth::SpiffeRegistration::new(AGENT.parse().unwrap(), SpiffeProof::X509Svid);
    let registry = registered(RegisteredMethod::Spiffe(agents));
    assert_refused!(
        judge(&registry, "app-1", Some(PeerCertificate::verified(&svid))),
        "bad_subject",
        "OSC-4"
    );
}

#[test]
fn mtl_1_a_client_is_known_by_one_name_in_its_certificate() {
    let world = World::new();
    let svid = world.verified();
    let by = |name: TlsClientName| {
        let registry = registered(RegisteredMethod::Tls(name));
        judge(&registry, "app-1", Some(PeerCertificate::verified(&svid)))
    };
    let dn = |text: &str| TlsClientName::SubjectDn(text.parse().unwrap());
    for name in [
        TlsClientName::Uri(AGENT.into()),
        TlsClientName::Dns("travel.ACME.example".into()),
        TlsClientName::Email("travel@acme.example".into()),
        TlsClientName::Ip("192.0.2.7".parse().unwrap()),
        TlsClientName::Ip("2001:db8::7".parse().unwrap()),
        dn(r"CN=travel,O=Acme\, Inc.,C=AT"),
        dn(r"2.5.4.3=travel, o=Acme\2C Inc., c=AT"),
    ] {
        let client = by(name.clone()).unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
        assert_eq!((client.client_id(), client.proof()), ("app-1", ClientProof::Certificate));
        assert_eq!((client.agent().unwrap().as_str(), client.not_after()), (AGENT, Some(svid.not_after())));
    }
    for name in [
        TlsClientName::Uri("spiffe://acme.example/agents".into()),
        TlsClientName::Uri("travel@acme.example".into()),
        TlsClientName::Dns("acme.example".into()),
        TlsClientName::Dns("search.acme.example".into()),
        TlsClientName::Dns("".into()),
        TlsClientName::Email("Travel@acme.example".into()),
        TlsClientName::Ip("192.0.2.8".parse().unwrap()),
        TlsClientName::Ip("::ffff:192.0.2.7".parse().unwrap()),
        dn("CN=travel"),
        dn(r"C=AT,O=Acme\, Inc.,CN=travel"),
        dn(r"CN=Travel,O=Acme\, Inc.,C=AT"),
        dn(r"CN=travel,O=Acme\, Inc.,C=AT,C=AT"),
        dn(r"CN=travel,OU=Acme\, Inc.,C=AT"),
    ] {
        assert_refused!(by(name.clone()), "certificate_name_mismatch", "MTL-1", "{name:?}");
    }
    let uri = registered(RegisteredMethod::Tls(TlsClientName::Uri(AGENT.into())));
    let unverified = PeerCertificate::unverified(world.certificate.der(), backend::ring());
    assert_refused!(judge(&uri, "app-1", Some(unverified)), "certificate_unverified", "MTL-1");
    assert_refused!(judge(&uri, "app-1", None), "credentials_missing", "CJA-6");
    let over = PeerCertificate::verified(&svid);
    let late = svid.not_after() + Duration::from_secs(1);
    assert_refused!(
        judge_over(&authenticator().build(), &uri, "app-1", Some(over), late),
        "expired",
        "MTL-1"
    );
    // A certificate beside another way is about something else.
    let key = key();
    let keys = Registry::with_key("app-1", &key);
    assert_refused!(judge(&keys, "app-1", Some(over)), "method_not_registered", "CJA-6");
    let public = Registry::default().client(RegisteredClient::public("app-1"));
    assert_eq!(judge(&public, "app-1", Some(over)).unwrap().proof(), ClientProof::None);
    // Of several ways, the one that fits counts.
    let both = RegisteredClient::new("app-1", RegisteredMethod::Tls(TlsClientName::Dns("x".into())))
        .or(RegisteredMethod::Tls(TlsClientName::Uri(AGENT.into())));
    let both = Registry::default().client(both);
    assert!(judge(&both, "app-1", Some(over)).is_ok());
    assert!(format!("{over:?}").contains(AGENT) && !format!("{unverified:?}").contains('['));
}

#[test]
fn mtl_1_the_parts_of_a_subject_are_known_by_number_and_hold_any_text() {
    // `emailAddress`, the largest number that is read, and one with a zero in the middle.
    let numbers: [&[u64]; 3] =
        [&[1, 2, 840, 113_549, 1, 9, 1], &[2, 5, 4_294_967_295], &[1, 3, 16384, 0, 127, 128]];
    let texts = ["a#b", " # +\"", "x  y "];
    let names = numbers
        .iter()
        .zip(texts)
        .map(|(number, text)| (DnType::CustomDnType(number.to_vec()), DnValue::Utf8String(text.into())));
    let world = World::with_names(AGENT, &names.collect::<Vec<_>>());
    let svid = world.verified();
    let by = |text: &str| {
        let registry = registered(RegisteredMethod::Tls(TlsClientName::SubjectDn(text.parse().unwrap())));
        judge(&registry, "app-1", Some(PeerCertificate::verified(&svid)))
    };
    let (last, middle, first) =
        (r"1.3.16384.0.127.128=  x  y\ ", r"2.5.4294967295=\ # \+\22", "1.2.840.113549.1.9.1=a#b  ");
    assert!(by(&format!("{last},{middle},{first}")).is_ok());
    for (last, middle, first) in [
        (r"1.3.16384.0.127.128=x  y", middle, first),
        (r"1.3.16384.0.127.128=x y\ ", middle, first),
        (r"1.3.16384.0.127.129=x  y\ ", middle, first),
        (last, r"2.5.4294967294=\ # \+\22", first),
        (last, r"2.5.4294967295=\#\ \+\22", first),
        (last, middle, "1.2.840.113549.1.9.2=a#b"),
    ] {
        let refused = by(&format!("{last},{middle},{first}"));
        assert_refused!(refused, "certificate_name_mismatch", "MTL-1", "{last} {middle} {first}");
    }
    let long = |len: usize| format!("CN={}", "a".repeat(len - 3)).parse::<SubjectDn>();
    assert!(long(2048).is_ok());
    assert_refused!(long(2049), "subject_dn", "MTL-1");
}

#[test]
fn mtl_1_a_self_signed_certificate_stands_for_its_key() {
    let world = World::new();
    let own = CertificateParams::default().self_signed(&world.key).unwrap();
    let registry = registered(RegisteredMethod::SelfSignedTls(world.keys()));
    let of = |der| Some(PeerCertificate::unverified(der, backend::ring()));
    let client = judge(&registry, "app-1", of(own.der())).unwrap();
    assert_eq!((client.client_id(), client.proof()), ("app-1", ClientProof::SelfSignedCertificate));
    assert_eq!((client.agent(), client.not_after()), (None, None));
    let fingerprint = backend::ring().sha256(own.der());
    assert_eq!(client.binding(), Some(&TokenBinding::Certificate(fingerprint)));
    // One that somebody vouches for holds the same key, and names nobody here.
    let svid = world.verified();
    let client = judge(&registry, "app-1", Some(PeerCertificate::verified(&svid))).unwrap();
    assert_eq!((client.proof(), client.agent()), (ClientProof::SelfSignedCertificate, None));
    assert_eq!(client.not_after(), Some(svid.not_after()));
    let other = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_refused!(judge(&registry, "app-1", of(other.der())), "certificate_key_mismatch", "MTL-1");
    let none = registered(RegisteredMethod::SelfSignedTls(Arc::new(JwkSet::default())));
    assert_refused!(judge(&none, "app-1", of(own.der())), "certificate_key_mismatch", "MTL-1");
    let longer = [own.der(), &b"0"[..]].concat();
    for der in [&b""[..], b"0", &own.der()[..100], &longer] {
        let refused = judge(&registry, "app-1", of(der));
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient);
        assert_refused!(refused, "malformed_certificate", "MTL-1");
    }
    // Under another name.
    let other = RegisteredClient::new("app-2", RegisteredMethod::SelfSignedTls(world.keys()));
    let form = form(&[("client_id", "app-1")]);
    let presented = PresentedClient::read(&form, []).unwrap().with_certificate(of(own.der()).unwrap());
    let judged = authenticator().build().authenticate(presented, Some(&other), NOW);
    assert_refused!(judged, "method_not_registered", "CJA-6");
}

#[test]
fn mtl_1_the_certificate_of_the_rfc_stands_for_its_key() {
    let Some(file) = aims_testkit::vectors::json("oauth/mtls-rfc8705.json") else { return };
    let der = aims_credential::x509::from_pem(file["certificate_pem"].as_str().unwrap()).unwrap();
    let der = der.first().unwrap();
    // It is of version 1, which no SVID is.
    let at = der.windows(4).position(|four| four == [0x30, 0x59, 0x30, 0x13]).unwrap();
    let numbers = PublicNumbers::from_spki(&der[at..at + 91]).unwrap();
    let key = PublicKey::load(numbers, Algorithm::Es256, backend::ring()).unwrap();
    let keys = Arc::new(JwkSet::new(vec![Jwk::new(key)]).unwrap());
    let registry = registered(RegisteredMethod::SelfSignedTls(keys));
    let over = Some(PeerCertificate::unverified(der, backend::ring()));
    let client = judge(&registry, "app-1", over).unwrap();
    let fingerprint = base64url::decode(file["x5t#S256"].as_str().unwrap()).unwrap().try_into().unwrap();
    assert_eq!(client.binding(), Some(&TokenBinding::Certificate(fingerprint)));
}

#[test]
fn mtl_1_names_are_written_in_one_way() {
    for text in [
        "",
        "travel",
        "CN",
        "CN=",
        "=travel",
        "CN=travel,",
        ",CN=travel",
        "CN=a+OU=b",
        "CN=a;O=b",
        "CN=\"a\"",
        "CN=#0401ff",
        r"CN=a\",
        r"CN=a\z",
        r"CN=\ff",
        r"CN=\f",
        "X=a",
        "3.1=a",
        "2.+5.4=a",
        "2.05.4=a",
        "2.5.4294967296=a",
        "2.5.4.=a",
        "2.5.-4=a",
        "1=a",
        "CN=   ",
    ] {
        assert_refused!(text.parse::<SubjectDn>(), "subject_dn", "MTL-1", "{text}");
    }
    assert_refused!(format!("CN={}", "a".repeat(2048)).parse::<SubjectDn>(), "subject_dn", "MTL-1");
    let dn: SubjectDn = r"CN=\ a b\ ,DC=example , 1.2.840.113549.1.9.1=x".parse().unwrap();
    assert_eq!(format!("{dn:?}"), format!("{:?}", dn.as_str()));
    assert_eq!(dn.as_str(), r"CN=\ a b\ ,DC=example , 1.2.840.113549.1.9.1=x");
}

#[test]
fn azr_10_an_agent_that_was_cut_off_is_no_client() {
    let world = World::new();
    let svid = world.verified();
    let registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::X509Svid);
    let marks = Arc::new(MarkTable::with_capacity(10));
    let server = authenticator().marks(Arc::clone(&marks)).build();
    let by = || judge_over(&server, &registry, AGENT, Some(PeerCertificate::verified(&svid)), NOW);
    by().unwrap();
    marks.add(&MarkKey::Agent(svid.subject()), Mark::suspended()).unwrap();
    assert_refused!(by(), "suspended", "AIMS-55");
}

proptest! {
    #[test]
    fn mtl_1_any_bytes_are_read_as_a_certificate_and_as_a_name(
        der in proptest::collection::vec(any::<u8>(), 0..100),
        text in ".{0,40}",
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let world = World::new();
        let registry = registered(RegisteredMethod::SelfSignedTls(Arc::new(JwkSet::default())));
        let mut changed = world.certificate.der().to_vec();
        for (at, byte) in flips {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        for der in [&der, &changed] {
            let over = PeerCertificate::unverified(der, backend::ring());
            prop_assert!(judge(&registry, "app-1", Some(over)).is_err());
        }
        if let Ok(dn) = text.parse::<SubjectDn>() {
            prop_assert_eq!(dn.to_string(), text);
        }
    }
}
