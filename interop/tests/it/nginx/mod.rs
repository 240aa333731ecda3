//! nginx at the other end of mutual TLS, and between a client of ours and a server of ours.

mod process;
mod world;

use aims_testkit::assert_refused;

use self::world::{AGENT, PROXY, TOOL, issuer, world};
use crate::support::now;

/// MTLS-1, MTLS-4: nginx presents a certificate of ours and demands one of ours.
#[test]
fn nginx_serves_our_client() {
    let Some(world) = world() else { return };
    let mut client = world.client(&world.issuer, AGENT, PROXY);
    let answer = client.get("/own", "").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("nginx has seen SUCCESS"), "{answer}");
    assert_eq!(client.tls.peer(&client.stream.conn, now()).unwrap().subject().as_str(), PROXY);

    // MTLS-7: whom we do not expect, we do not talk to.
    let mut other = world.client(&world.issuer, AGENT, TOOL);
    other.get("/own", "").unwrap_err();
    assert_refused!(other.tls.peer(&other.stream.conn, now()), "handshaking", "MTLS-7");
}

/// WIC-3: a certificate of somebody else's authority, whatever it says, is nobody to nginx. It says so in HTTP, not in TLS.
#[test]
fn nginx_refuses_a_foreign_client() {
    let Some(world) = world() else { return };
    for origin in ["spiffe://other.example", "spiffe://acme.example"] {
        let foreign = issuer(origin);
        for path in ["/own", "/"] {
            let answer = world.client(&foreign, &format!("{origin}/agents/travel"), PROXY).get(path, "");
            let answer = answer.unwrap();
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
            assert!(answer.contains("The SSL certificate error"), "{answer}");
        }
    }
}

/// MTLS-3, MTLS-8: our server knows nginx by its certificate, and the client by what nginx forwards of its own, in both forms. What the
/// client itself writes into these fields does not arrive.
#[test]
fn nginx_forwards_a_client_that_our_server_knows() {
    let Some(world) = world() else { return };
    let forged = "X-Forwarded-Client-Cert: URI=spiffe://acme.example/agents/admin\r\nClient-Cert: :MIIB:\r\n\
        Client-Cert-Chain: :MIIB:\r\n";
    for fields in ["", forged] {
        let answer = world.client(&world.root, AGENT, PROXY).get("/", fields).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for expected in [
            format!("proxy: {PROXY}\n"),
            format!("xfcc: {AGENT}\n"),
            format!("client-cert: {AGENT}\n"),
            format!("xfcc with the issuer trusted: {AGENT}\n"),
        ] {
            assert!(answer.contains(&expected), "{expected}: {answer}");
        }
    }
}

/// nginx has a variable for the client's certificate and none for those above it. A client of an intermediate is unknown then (X5V-3),
/// unless the bundle behind nginx has the intermediate among its authorities.
#[test]
fn nginx_forwards_no_intermediates() {
    let Some(world) = world() else { return };
    let answer = world.client(&world.issuer, AGENT, PROXY).get("/", "").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for expected in [
        format!("proxy: {PROXY}\n"),
        "xfcc: unknown_issuer X5V-3\n".to_owned(),
        "client-cert: unknown_issuer X5V-3\n".to_owned(),
        format!("xfcc with the issuer trusted: {AGENT}\n"),
    ] {
        assert!(answer.contains(&expected), "{expected}: {answer}");
    }
}

/// MTLS-3: the DNS name in our server's certificate is one that nginx looks for.
#[test]
fn nginx_wants_the_host_name_in_our_certificate() {
    let Some(world) = world() else { return };
    let answer = world.client(&world.root, AGENT, PROXY).get("/wrong-name", "").unwrap();
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
}
