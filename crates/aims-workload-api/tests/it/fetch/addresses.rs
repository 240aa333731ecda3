//! Which addresses, hosts and ports are dialled.

use std::net::IpAddr;

use aims_credential::HttpsUrl;
use aims_testkit::assert_refused;
use aims_workload_api::fetch::{GuardedFetch, GuardedFetchBuilder, IpNetwork};

use super::support::{Names, Server, WebAuthority, get, guarded, ok, provider};

fn url(text: &str) -> HttpsUrl {
    text.parse().unwrap()
}

fn builder() -> GuardedFetchBuilder {
    GuardedFetch::builder(WebAuthority::new().trust(), provider())
}

/// Those that no URL and no name leads to.
const REFUSED: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:1::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
];

#[tokio::test]
async fn fed_14_a_name_that_resolves_to_a_special_address_is_refused() {
    for text in REFUSED {
        let address: IpAddr = text.parse().unwrap();
        let fetch = builder().resolver(Names::default().with("a.test", &[address])).build().unwrap();
        assert_refused!(
            get(&fetch, &url("https://a.test/")).await,
            "address_not_allowed",
            "FED-14",
            "{text}"
        );
    }
}

#[tokio::test]
async fn fed_14_a_special_address_in_the_url_is_refused_and_nobody_is_asked_for_it() {
    for text in REFUSED {
        let address: IpAddr = text.parse().unwrap();
        let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        let names = Names::default();
        let fetch = builder().resolver(names.clone()).build().unwrap();
        assert_refused!(
            get(&fetch, &url(&format!("https://{host}/"))).await,
            "address_not_allowed",
            "FED-14",
            "{text}"
        );
        assert!(names.asked().is_empty());
    }
}

#[tokio::test]
async fn fed_14_one_private_address_refuses_a_name_whatever_the_others_are() {
    let both = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    let fetch = builder().resolver(Names::default().with("a.test", &both)).build().unwrap();
    assert_refused!(get(&fetch, &url("https://a.test/")).await, "address_not_allowed", "FED-14");
}

#[tokio::test]
async fn fed_14_a_host_is_allowed_by_name_and_no_other_with_it() {
    let authority = WebAuthority::new();
    let server =
        Server::start(authority.server(&["a.test", "private.test", "127.0.0.1"]), |_| ok("{}")).await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    assert_eq!(get(&fetch, &server.url("a.test", "/")).await.unwrap().body(), b"{}");
    for host in ["private.test", "127.0.0.1"] {
        assert_refused!(get(&fetch, &server.url(host, "/")).await, "address_not_allowed", "FED-14", "{host}");
    }
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn fed_14_allowing_a_host_does_not_allow_it_every_address() {
    for text in [
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "192.0.0.192",
    ] {
        let names = Names::default().with("a.test", &[text.parse().unwrap()]);
        let fetch = builder().resolver(names).allow_private_host("a.test").build().unwrap();
        assert_refused!(
            get(&fetch, &url("https://a.test/")).await,
            "address_not_allowed",
            "FED-14",
            "{text}"
        );
    }
}

#[tokio::test]
async fn fed_14_a_network_is_allowed_for_every_host_and_no_address_beside_it() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["private.test", "127.0.0.1"]), |_| ok("{}")).await;
    let fetch = GuardedFetch::builder(authority.trust(), provider())
        .resolver(Names::loopback(&["private.test"]).with("other.test", &["127.0.1.1".parse().unwrap()]))
        .allow_network("127.0.0.0/24".parse().unwrap())
        .allow_port(server.port())
        .build()
        .unwrap();
    for host in ["private.test", "127.0.0.1"] {
        get(&fetch, &server.url(host, "/")).await.unwrap();
    }
    assert_refused!(get(&fetch, &server.url("other.test", "/")).await, "address_not_allowed", "FED-14");
    let everything = builder()
        .resolver(Names::default())
        .allow_network("0.0.0.0/0".parse().unwrap())
        .allow_network("::/0".parse().unwrap())
        .build()
        .unwrap();
    for host in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "[::]", "[ff02::1]"] {
        let refused = get(&everything, &url(&format!("https://{host}/"))).await;
        assert_refused!(refused, "address_not_allowed", "FED-14", "{host}");
    }
}

#[tokio::test]
async fn fed_14_ports_are_refused_before_anything_is_asked() {
    let names = Names::loopback(&["a.test"]);
    let fetch = builder().resolver(names.clone()).allow_private_host("a.test").build().unwrap();
    for port in [22, 80, 8443] {
        let refused = get(&fetch, &url(&format!("https://a.test:{port}/"))).await;
        assert_refused!(refused, "port_not_allowed", "FED-14", "{port}");
    }
    assert!(names.asked().is_empty());
}

#[tokio::test]
async fn fed_14_what_was_checked_is_dialled_and_the_name_is_asked_for_once() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), |_| ok("{}")).await;
    // In another spelling of the same address.
    let names = Names::default().with("a.test", &["::ffff:127.0.0.1".parse().unwrap()]);
    let fetch = GuardedFetch::builder(authority.trust(), provider())
        .resolver(names.clone())
        .allow_private_host("a.test")
        .allow_port(server.port())
        .build()
        .unwrap();
    get(&fetch, &server.url("a.test", "/")).await.unwrap();
    assert_eq!(names.asked(), ["a.test"]);
}

#[tokio::test]
async fn an_unknown_or_unreachable_host_is_said_to_be_so() {
    let fetch = builder()
        .resolver(Names::default().with("none.test", &[]).with("a.test", &["127.0.0.1".parse().unwrap()]))
        .allow_private_host("a.test")
        .build()
        .unwrap();
    for host in ["none.test", "unknown.test"] {
        assert_refused!(
            get(&fetch, &url(&format!("https://{host}/"))).await,
            "unknown_host",
            "FED-14",
            "{host}"
        );
    }
    let port = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let fetch =
        builder().resolver(Names::loopback(&["a.test"])).allow_private_host("a.test").allow_port(port);
    let gone = get(&fetch.build().unwrap(), &url(&format!("https://a.test:{port}/"))).await;
    assert_refused!(gone, "unreachable", "FED-14");
}

#[tokio::test]
async fn the_resolver_of_the_system_knows_this_host() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["localhost"]), |_| ok("{}")).await;
    let fetch = GuardedFetch::builder(authority.trust(), provider())
        .allow_private_host("localhost")
        .allow_port(server.port())
        .build()
        .unwrap();
    get(&fetch, &server.url("localhost", "/")).await.unwrap();
}

#[test]
fn networks_are_read_strictly() {
    for text in ["10.0.0.0/8", "0.0.0.0/0", "127.0.0.1/32", "fd00::/8", "::/0", "2001:db8::1/128"] {
        assert_eq!(text.parse::<IpNetwork>().unwrap().to_string(), text);
    }
    for text in [
        "10.0.0.1/8",
        "10.0.0.0",
        "10.0.0.0/33",
        "fd00::/129",
        "::ffff:10.0.0.0/104",
        "10/8",
        "x/8",
        "/8",
        "10.0.0.0/-1",
        "",
    ] {
        assert_refused!(text.parse::<IpNetwork>(), "malformed_network", "FED-14", "{text}");
    }
    let network: IpNetwork = "fd00::/8".parse().unwrap();
    assert!(network.contains("fd12::1".parse().unwrap()) && !network.contains("fe80::1".parse().unwrap()));
    let one: IpNetwork = "::1/128".parse().unwrap();
    assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
    let network: IpNetwork = "10.0.0.0/8".parse().unwrap();
    assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
    assert!(!network.contains("11.0.0.0".parse().unwrap()) && !network.contains("::1".parse().unwrap()));
}
