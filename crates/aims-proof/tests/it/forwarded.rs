//! What a proxy says of whom it had at the other end.

use std::fmt::Write;
use std::time::Duration;

use aims_credential::x509::{CertificateDer, SvidVerifier};
use aims_credential::{BundleSet, Credential, Lapsed, Mark, MarkKey, MarkTable};
use aims_jose::base64;
use aims_keys::{UnixTime, backend};
use aims_proof::{Authenticated, ForwardedError, ForwardedPeer, ForwardedVerifier, Layer, Method};
use aims_testkit::{TestCertificates, assert_refused};
use aims_tls::VerifiedPeer;

use crate::mtls::peer_of;
use crate::support::NOW;

const AGENT: &str = "spiffe://acme.example/agents/travel";
const PROXY: &str = "spiffe://acme.example/proxies/edge";

/// A proxy with a connection to the service, and the certificate of a client that it has seen.
struct World {
    acme: TestCertificates,
    bundles: BundleSet,
    proxy: VerifiedPeer,
    chain: Vec<CertificateDer<'static>>,
}

impl World {
    fn new() -> Self {
        let acme = TestCertificates::new("spiffe://acme.example", NOW);
        let proxy = peer_of(&acme, "/proxies/edge");
        let chain = chain_of(&acme, "/agents/travel");
        Self { bundles: BundleSet::from(acme.trust()), acme, proxy, chain }
    }

    fn svids(&self) -> SvidVerifier {
        SvidVerifier::builder(self.bundles.clone(), backend::ring()).build()
    }

    fn client_cert(&self) -> ForwardedVerifier {
        ForwardedVerifier::client_cert(id(PROXY), self.svids())
    }

    fn xfcc(&self) -> ForwardedVerifier {
        ForwardedVerifier::xfcc(id(PROXY), self.svids())
    }

    fn leaf(&self) -> &[u8] {
        &self.chain[0]
    }

    fn hash(&self) -> String {
        backend::ring().sha256(self.leaf()).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    fn read_xfcc(&self, value: &str) -> Result<ForwardedPeer, ForwardedError> {
        self.xfcc().verify(&self.proxy, &[("X-Forwarded-Client-Cert", value)][..], NOW)
    }
}

fn id(text: &str) -> aims_id::WorkloadId {
    text.parse().unwrap()
}

fn chain_of(authority: &TestCertificates, path: &str) -> Vec<CertificateDer<'static>> {
    let holder = authority.holder(path, NOW);
    let Credential::Svid(svid) = holder.credential() else { panic!("no certificate") };
    svid.chain().to_vec()
}

fn sequence(der: &[u8]) -> String {
    format!(":{}:", base64::encode(der))
}

fn pem(der: &[u8]) -> String {
    let text = base64::encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    pem.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(byte.into());
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

fn known(found: Result<ForwardedPeer, ForwardedError>) {
    let found = found.unwrap();
    assert_eq!((found.subject().as_str(), found.proxy().subject().as_str()), (AGENT, PROXY));
}

#[test]
fn aims_21_arch_1_a_client_behind_a_proxy_is_known_on_the_word_of_the_proxy() {
    let world = World::new();
    let fields = [("Client-Cert", &*sequence(world.leaf()))];
    let peer = world.client_cert().verify(&world.proxy, &fields[..], NOW).unwrap();
    assert_eq!(peer.svid().unwrap().certificate(), world.leaf());
    let caller = Authenticated::by_forwarded(&peer);
    assert_eq!(caller.subject().as_str(), AGENT);
    assert_eq!((caller.layer(), caller.method()), (Layer::Transport, Method::Forwarded));
    assert_eq!(caller.method().name(), "forwarded");
    assert_eq!(caller.via().unwrap().as_str(), PROXY);
    assert_eq!(caller.not_after(), peer.not_after());
    assert_eq!(caller.svid().unwrap().serial(), peer.svid().unwrap().serial());
    // Neither the client's own connection, nor a proof of its own.
    assert!(caller.peer().is_none() && caller.wpt().is_none());
}

#[test]
fn mtls_8_client_cert_in_its_forms() {
    let world = World::new();
    let leaf = sequence(world.leaf());
    let root = sequence(world.acme.issuer().authority().unwrap().der());
    let other = sequence(&chain_of(&world.acme, "/agents/other")[0]);
    let read = |fields: &[(&str, &str)]| world.client_cert().verify(&world.proxy, fields, NOW);
    known(read(&[("client-cert", &leaf), ("client-cert-chain", &root)]));
    // A list may stand in several lines.
    known(read(&[("client-cert", &leaf), ("client-cert-chain", &root), ("client-cert-chain", &other)]));
    known(read(&[("client-cert", &leaf), ("client-cert-chain", &format!("{root}, {other}"))]));
    assert_refused!(read(&[]), "forwarded_missing", "MTLS-8");
    assert_refused!(read(&[("client-cert", &leaf), ("client-cert", &leaf)]), "forwarded_ambiguous", "MTLS-8");
    for (what, fields) in [
        ("a chain of nobody", &[("client-cert-chain", &*root)][..]),
        ("nothing", &[("client-cert", "")]),
        ("no colons", &[("client-cert", leaf.trim_matches(':'))]),
        ("half", &[("client-cert", leaf.strip_suffix(':').unwrap())]),
        ("one colon", &[("client-cert", ":")]),
        ("a string", &[("client-cert", &*format!("\"{}\"", leaf.trim_matches(':')))]),
        ("a parameter", &[("client-cert", &*format!("{leaf};a=1"))]),
        ("a list", &[("client-cert", &*format!("{leaf}, {leaf}"))]),
        ("another alphabet", &[("client-cert", ":-_-_:")]),
        ("an empty item", &[("client-cert", &*leaf), ("client-cert-chain", &*format!("{root},"))]),
    ] {
        assert_refused!(read(fields), "forwarded_malformed", "MTLS-8", "{what}");
    }
    let empty = [("client-cert", "::")];
    assert_refused!(read(&empty), "malformed_certificate", "X5V-1");
    let long = format!(":{}:", "A".repeat(64 * 1024));
    assert_refused!(read(&[("client-cert", &long)]), "forwarded_too_large", "MTLS-8");
    let many: Vec<_> = std::iter::once(("client-cert", &*leaf))
        .chain(std::iter::repeat_n(("client-cert-chain", &*root), 200))
        .collect();
    assert_refused!(read(&many), "forwarded_too_large", "MTLS-8");
}

#[test]
fn mtls_8_xfcc_in_its_forms() {
    let world = World::new();
    let (hash, cert) = (world.hash(), pem(world.leaf()));
    let root = pem(world.acme.issuer().authority().unwrap().der());
    for value in [
        format!("Cert=\"{cert}\""),
        format!("cert={cert}"),
        format!("By={PROXY};Hash={hash};Cert=\"{cert}\";Subject=\"\";URI={AGENT}"),
        format!(
            "Hash={hash};Subject=\"CN=a\\\",b;c=d\";DNS=a.example;DNS=b.example;URI=\"{AGENT}\";Chain={cert}"
        ),
        format!("Chain=\"{cert}{root}\";URI={AGENT}"),
        format!("Cert={cert};Chain=\"{cert}{root}\""),
    ] {
        known(world.read_xfcc(&value));
    }
}

#[test]
fn mtls_8_xfcc_that_says_more_than_one_thing() {
    let world = World::new();
    let cert = pem(world.leaf());
    let other = chain_of(&world.acme, "/agents/other");
    for (what, value) in [
        (
            "what the client sent, and what the proxy appended",
            format!("URI={AGENT};Cert={cert},URI={AGENT};Cert={cert}"),
        ),
        ("two certificates", format!("Cert={cert};cert={cert}")),
        ("two URIs", format!("URI={AGENT};URI={AGENT};Cert={cert}")),
        ("two proxies", format!("By={PROXY};By={PROXY};Cert={cert}")),
    ] {
        assert_refused!(world.read_xfcc(&value), "forwarded_ambiguous", "MTLS-8", "{what}");
    }
    for (what, value) in [
        ("another proxy", format!("By=spiffe://acme.example/proxies/other;Cert={cert}")),
        ("no proxy", format!("By=;Cert={cert}")),
        ("another hash", format!("Hash={};Cert={cert}", "00".repeat(32))),
        ("another name", format!("URI=spiffe://acme.example/agents/admin;Cert={cert}")),
        ("another certificate", format!("Cert={cert};Chain={}", pem(&other[0]))),
        ("two leaves in one", format!("Cert={cert}{cert}")),
    ] {
        assert_refused!(world.read_xfcc(&value), "forwarded_contradiction", "MTLS-8", "{what}");
    }
    let twice = format!("Cert={cert}");
    let fields = [("x-forwarded-client-cert", &*twice), ("x-forwarded-client-cert", &*twice)];
    let read = world.xfcc().verify(&world.proxy, &fields[..], NOW);
    assert_refused!(read, "forwarded_ambiguous", "MTLS-8");
}

#[test]
fn mtls_8_xfcc_that_says_nothing() {
    let world = World::new();
    let cert = pem(world.leaf());
    for value in [
        String::new(),
        "nobody".into(),
        ";".into(),
        format!("Cert={cert};"),
        format!("Cert=\"{cert}"),
        format!("Cert=\"{cert}\"x"),
        format!("Cert={cert}\""),
        format!("Cert=\"{cert}\\"),
        format!("Cert={cert};Unknown=1"),
        format!(" Cert={cert}"),
        format!("Cert={cert};URI=not a uri"),
        format!("Cert={cert};Hash=00"),
        format!("Cert={cert};Hash={}", "zz".repeat(32)),
        format!("Cert={cert};Hash=é"),
        "Cert=".into(),
        "Cert=%".into(),
        "Cert=%2".into(),
        "Cert=%zz".into(),
        "Chain=".into(),
        "Cert=-----BEGIN%20CERTIFICATE-----".into(),
    ] {
        assert_refused!(world.read_xfcc(&value), "forwarded_malformed", "MTLS-8", "{value}");
    }
    assert_refused!(world.read_xfcc("Subject=\"CN=a\""), "forwarded_missing", "MTLS-8");
    assert_refused!(world.read_xfcc("URI="), "forwarded_missing", "MTLS-8");
    let long = format!("Subject=\"{}\"", "a".repeat(64 * 1024));
    assert_refused!(world.read_xfcc(&long), "forwarded_too_large", "MTLS-8");
}

#[test]
fn mtls_8_arch_1_nobody_but_a_proxy_speaks_for_others() {
    let world = World::new();
    let fields = [("client-cert", &*sequence(world.leaf()))];
    for path in ["/agents/evil", "/proxies/edge/2", "/agents/travel"] {
        let other = peer_of(&world.acme, path);
        assert!(!world.client_cert().is_proxy(&other));
        let read = world.client_cert().verify(&other, &fields[..], NOW);
        assert_refused!(read, "not_a_proxy", "MTLS-8", "{path}");
    }
    assert!(world.client_cert().is_proxy(&world.proxy));
}

#[test]
fn mtls_8_x5v_2_x5v_3_the_clients_certificate_is_verified_here_too() {
    let world = World::new();
    let read = |chain: &[CertificateDer<'_>], now: UnixTime| {
        world.client_cert().verify(&world.proxy, &[("client-cert", &*sequence(&chain[0]))][..], now)
    };
    let elsewhere = TestCertificates::new("spiffe://bank.example", NOW);
    assert_refused!(read(&chain_of(&elsewhere, "/agents/travel"), NOW), "unknown_trust_domain", "X5V-2");
    let namesake = TestCertificates::new("spiffe://acme.example", NOW);
    assert_refused!(read(&chain_of(&namesake, "/agents/travel"), NOW), "unknown_issuer", "X5V-3");
    let later = NOW + Duration::from_secs(3601);
    assert_refused!(read(&world.chain, later), "expired", "X5V-3");
    let root = world.acme.issuer().authority().unwrap();
    let authority = CertificateDer::from(root.der());
    assert!(read(&[authority], NOW).is_err());
}

#[test]
fn mtls_8_a_name_alone_counts_only_where_that_is_said() {
    let world = World::new();
    let value = format!("By={PROXY};Hash={};Subject=\"\";URI={AGENT}", world.hash());
    assert_refused!(world.read_xfcc(&value), "forwarded_without_certificate", "MTLS-8");

    let names = world.xfcc().accept_names();
    let read = |value: &str| names.verify(&world.proxy, &[("x-forwarded-client-cert", value)][..], NOW);
    let head = format!("By={PROXY};Hash={};", world.hash());
    let peer = read(&value).unwrap();
    assert_eq!((peer.subject().as_str(), peer.svid().is_none()), (AGENT, true));
    assert_eq!(peer.not_after(), world.proxy.not_after());
    assert_refused!(read(&format!("{head}URI=spiffe://acme.example")), "bad_subject", "X5-3");
    assert_refused!(read(&format!("{head}URI=spiffe://bank.example/a")), "unknown_trust_domain", "X5V-2");

    for less in [
        format!("URI={AGENT}"),
        format!("By={PROXY};URI={AGENT}"),
        format!("Hash={};URI={AGENT}", world.hash()),
        // A host name of the client that looks like more of the field.
        format!("{head}DNS=x;URI={AGENT}"),
    ] {
        assert_refused!(read(&less), "forwarded_malformed", "MTLS-8", "{less}");
    }

    names.verify_again(&peer, NOW).unwrap();
    assert_refused!(world.xfcc().verify_again(&peer, NOW), "unknown_trust_domain", "X5V-2");
    world.bundles.remove(world.acme.issuer().origin());
    assert_refused!(names.verify_again(&peer, NOW), "unknown_trust_domain", "X5V-2");
}

#[test]
fn aims_55_mtls_10_a_forwarded_client_ends_with_what_either_rests_on() {
    let world = World::new();
    let verifier = world.client_cert();
    let fields = [("client-cert", &*sequence(world.leaf()))];
    let peer = verifier.verify(&world.proxy, &fields[..], NOW).unwrap();
    let (marks, later) = (MarkTable::with_capacity(8), NOW + Duration::from_secs(3601));
    let caller = Authenticated::by_forwarded(&peer);
    caller.still_valid(NOW, &marks).unwrap();
    assert_eq!(caller.still_valid(later, &marks), Err(Lapsed::Expired));
    assert!(caller.mark_keys().any(|key| key == MarkKey::Agent(&id(AGENT))));

    marks.add(&MarkKey::Agent(&id(PROXY)), Mark::suspended()).unwrap();
    assert_eq!(caller.still_valid(NOW, &marks), Err(Lapsed::Suspended), "the proxy");
    let marks = MarkTable::with_capacity(8);
    marks.add(&MarkKey::Agent(&id(AGENT)), Mark::dead()).unwrap();
    assert_eq!(caller.still_valid(NOW, &marks), Err(Lapsed::Dead), "the client");

    verifier.verify_again(&peer, NOW).unwrap();
    let others = ForwardedVerifier::client_cert(id("spiffe://acme.example/proxies/other"), world.svids());
    assert_refused!(others.verify_again(&peer, NOW), "not_a_proxy", "MTLS-8");
    world.bundles.remove(world.acme.issuer().origin());
    assert_refused!(verifier.verify_again(&peer, NOW), "unknown_trust_domain", "X5V-2");
}

#[test]
fn aims_55_a_name_without_a_certificate_does_not_outlive_a_cut() {
    let world = World::new();
    let names = world.xfcc().accept_names();
    let value = format!("By={PROXY};Hash={};URI={AGENT}", world.hash());
    let peer = names.verify(&world.proxy, &[("x-forwarded-client-cert", &*value)][..], NOW).unwrap();
    let marks = MarkTable::with_capacity(8);
    peer.still_valid(NOW, &marks).unwrap();
    assert_eq!(peer.mark_keys().collect::<Vec<_>>(), [MarkKey::Agent(&id(AGENT))]);
    // Whether its certificate began before the cut or later, nobody said.
    marks.add(&MarkKey::Agent(&id(AGENT)), Mark::not_before(UnixTime::from_secs(1))).unwrap();
    assert_eq!(peer.still_valid(NOW, &marks), Err(Lapsed::Superseded));
}
