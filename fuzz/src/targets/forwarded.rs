//! What proxies say of their clients: the first byte chooses the form, a zero byte separates the lines. Whoever comes out is one of
//! those whom the authority certified.

use std::sync::LazyLock;

use aims_credential::x509::{SvidVerifier, to_pem};
use aims_credential::{BundleSet, Credential};
use aims_id::WorkloadId;
use aims_jose::base64;
use aims_keys::backend;
use aims_proof::{CLIENT_CERT_CHAIN_FIELD, CLIENT_CERT_FIELD, ForwardedVerifier, XFCC_FIELD};
use aims_testkit::{TestCertificates, TestClock, handshake};
use aims_tls::VerifiedPeer;

use super::world::{AGENT, NOW};

struct Proxy {
    peer: VerifiedPeer,
    client_cert: ForwardedVerifier,
    xfcc: ForwardedVerifier,
    leaf: Vec<u8>,
    pem: String,
}

static PROXY: LazyLock<Proxy> = LazyLock::new(|| {
    let acme = TestCertificates::new("spiffe://acme.example", NOW);
    let (bundles, clock) = (BundleSet::from(acme.trust()), TestClock::at(NOW));
    let tls = |path| acme.mutual_tls(acme.current(path, NOW), &bundles, "spiffe://acme.example/**", &clock);
    let server = tls("/tools/search").server().expect("a server");
    let client = tls("/proxies/edge").client().expect("a client");
    let done = handshake(client.config(), server.config()).expect("a connection");
    let peer = server.peer(&done.server, NOW).expect("the proxy");
    let holder = acme.holder("/agents/travel", NOW);
    let Credential::Svid(svid) = holder.credential() else { panic!("no certificate") };
    let svids = || SvidVerifier::builder(bundles.clone(), backend::ring()).build();
    let edge = || "spiffe://acme.example/proxies/edge".parse::<WorkloadId>().expect("an identifier");
    Proxy {
        peer,
        client_cert: ForwardedVerifier::client_cert(edge(), svids()),
        xfcc: ForwardedVerifier::xfcc(edge(), svids()),
        leaf: svid.chain()[0].to_vec(),
        pem: to_pem(svid.chain()).replace(' ', "%20").replace('\n', "%0A").replace('=', "%3D"),
    }
});

pub(super) fn run(input: &[u8]) {
    let Some((form, rest)) = input.split_first() else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    let lines = text.split('\0').take(4);
    let found = if form % 2 == 0 {
        let names = [CLIENT_CERT_FIELD, CLIENT_CERT_CHAIN_FIELD, CLIENT_CERT_CHAIN_FIELD, CLIENT_CERT_FIELD];
        let fields: Vec<_> = names.into_iter().zip(lines).collect();
        PROXY.client_cert.verify(&PROXY.peer, &fields[..], NOW)
    } else {
        let fields: Vec<_> = lines.map(|line| (XFCC_FIELD, line)).collect();
        PROXY.xfcc.verify(&PROXY.peer, &fields[..], NOW)
    };
    match found {
        Ok(peer) => {
            assert_eq!(peer.subject().as_str(), AGENT, "somebody whom nobody certified");
            assert_eq!(peer.svid().expect("a certificate").certificate(), PROXY.leaf);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let sequence = format!("\0:{}:", base64::encode(&PROXY.leaf));
    let pem = &PROXY.pem;
    vec![
        format!("{sequence}\0:AAAA:, :AAAA:").into_bytes(),
        sequence.into_bytes(),
        format!("\u{1}By=spiffe://acme.example/proxies/edge;Cert=\"{pem}\";Subject=\"CN=a\\\"\";URI={AGENT}")
            .into_bytes(),
        format!("\u{1}Chain={pem}").into_bytes(),
        format!("\u{1}Hash={};URI={AGENT}", "00".repeat(32)).into_bytes(),
    ]
}
