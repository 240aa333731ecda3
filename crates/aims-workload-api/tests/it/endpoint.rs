//! Where a Workload API is (WE-4, WE-5).

use aims_testkit::assert_refused;
use aims_workload_api::{ENDPOINT_VARIABLE, Endpoint, EndpointError};

#[test]
fn we_5_an_endpoint_is_a_socket_or_an_address_and_nothing_else() {
    for (text, written) in [
        ("unix:///run/a.sock", "unix:///run/a.sock"),
        ("unix:/run/a.sock", "unix:///run/a.sock"),
        ("unix:///run/a%20b%3f.sock", "unix:///run/a%20b%3F.sock"),
        ("tcp://127.0.0.1:8081", "tcp://127.0.0.1:8081"),
        ("tcp://[::1]:8081", "tcp://[::1]:8081"),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), written);
        assert_eq!(written.parse::<Endpoint>().unwrap(), endpoint);
    }
    for (text, code) in [
        ("", "endpoint_scheme"),
        ("/run/a.sock", "endpoint_scheme"),
        ("http://127.0.0.1:1", "endpoint_scheme"),
        ("UNIX:///run/a.sock", "endpoint_scheme"),
        ("unix:run/a.sock", "endpoint_relative_path"),
        ("unix:", "endpoint_relative_path"),
        ("unix://run/a.sock", "endpoint_authority"),
        ("unix://", "endpoint_authority"),
        ("unix://user@/run/a.sock", "endpoint_authority"),
        ("unix:///run/a.sock?x=1", "endpoint_extra"),
        ("unix:///run/a.sock#x", "endpoint_extra"),
        ("unix:///", "endpoint_not_a_uri"),
        ("unix:///run/a%0", "endpoint_not_a_uri"),
        ("unix:///run/a%zz", "endpoint_not_a_uri"),
        ("unix:///run/a%00b", "endpoint_not_a_uri"),
        ("unix:///run/a b", "endpoint_not_a_uri"),
        ("unix:///run/ä", "endpoint_not_a_uri"),
        ("tcp://localhost:8081", "endpoint_not_an_address"),
        ("tcp://127.0.0.1", "endpoint_not_an_address"),
        ("tcp://127.0.0.1:0", "endpoint_not_an_address"),
        ("tcp://127.0.0.1:8081/", "endpoint_not_an_address"),
        ("tcp://127.0.0.1:8081/x", "endpoint_not_an_address"),
        ("tcp://127.0.0.1:8081?x", "endpoint_not_an_address"),
        ("tcp://a@127.0.0.1:8081", "endpoint_not_an_address"),
        ("tcp://::1:8081", "endpoint_not_an_address"),
        ("tcp://127.0.0.1:65536", "endpoint_not_an_address"),
    ] {
        assert_refused!(text.parse::<Endpoint>(), code, "WE-5");
    }
    assert_refused!(
        format!("unix:///{}", "a".repeat(1024)).parse::<Endpoint>(),
        "endpoint_not_a_uri",
        "WE-5"
    );
}

#[test]
fn we_4_what_is_not_configured_the_environment_says() {
    assert_eq!(ENDPOINT_VARIABLE, "SPIFFE_ENDPOINT_SOCKET");
    // Nothing sets it for tests; that it is read where it is set, a process of its own shows in the tests of the program.
    assert_eq!(Endpoint::from_env(), Err(EndpointError::NotSet));
    assert_refused!(Endpoint::from_env(), "endpoint_not_set", "WE-4");
}
