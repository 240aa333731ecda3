//! Protected resources.

use aims_keys::{Algorithm, AlgorithmSet};
use aims_oauth::{BearerMethod, Resource, ResourceMetadata, ResourceMetadataError, Scope};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::{cases, padded, text};

const TOOL: &str = "https://tools.example/mcp";

fn resource(text: &str) -> Resource {
    text.parse().unwrap()
}

fn parse(members: &str) -> Result<ResourceMetadata, ResourceMetadataError> {
    let document = format!(r#"{{"resource":"{TOOL}"{members}}}"#);
    ResourceMetadata::parse(document.as_bytes(), &resource(TOOL))
}

#[test]
fn prm_1_the_well_known_path_stands_before_path_and_query() {
    for (identifier, url) in [
        ("https://rs.example?a=1", "https://rs.example/.well-known/oauth-protected-resource?a=1"),
        ("https://rs.example/?a=1", "https://rs.example/.well-known/oauth-protected-resource?a=1"),
        ("https://rs.example/a/", "https://rs.example/.well-known/oauth-protected-resource/a/"),
        ("https://rs.example:8443/a/b", "https://rs.example:8443/.well-known/oauth-protected-resource/a/b"),
    ] {
        assert_eq!(ResourceMetadata::url(&resource(identifier)).unwrap().as_str(), url);
    }
    for identifier in ["urn:tool:1", "http://rs.example", "https://u@rs.example", "https://rs.example/a/../b"]
    {
        assert!(ResourceMetadata::url(&resource(identifier)).is_err(), "{identifier}");
    }
    let Some(cases) = cases("protected-resource-metadata-url") else { return };
    for case in &cases {
        let url = ResourceMetadata::url(&resource(text(case, "resource"))).unwrap();
        assert_eq!(url.as_str(), text(case, "url"));
    }
    assert_eq!(cases.len(), 4);
}

#[test]
fn mcp_7_the_root_is_looked_at_last() {
    let urls = |identifier| {
        let urls = ResourceMetadata::urls(&resource(identifier)).unwrap();
        urls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        urls(TOOL),
        [
            "https://tools.example/.well-known/oauth-protected-resource/mcp",
            "https://tools.example/.well-known/oauth-protected-resource",
        ]
    );
    assert_eq!(
        urls("https://tools.example/"),
        ["https://tools.example/.well-known/oauth-protected-resource"]
    );
}

#[test]
fn prm_2_the_document_is_of_the_resource_that_was_asked_for() {
    let document = |stated: &str| format!(r#"{{"resource":"{stated}"}}"#);
    for stated in [
        "https://tools.example",
        "https://tools.example/mcp/",
        "https://tools.example/mcp?a",
        "https://TOOLS.example/mcp",
        "https://evil.example/mcp",
        "http://tools.example/mcp",
    ] {
        let refused = ResourceMetadata::parse(document(stated).as_bytes(), &resource(TOOL));
        assert_refused!(refused, "resource_mismatch", "PRM-2", "{stated}");
    }
    assert_eq!(parse("").unwrap().resource(), &resource(TOOL));
    // Found by a challenge, it is of the URL that was requested, query and all.
    let requested = resource("https://tools.example/mcp?tenant=1");
    let found =
        ResourceMetadata::parse(document("https://tools.example/mcp?tenant=1").as_bytes(), &requested);
    assert_eq!(found.unwrap().resource(), &requested);
    assert_refused!(
        ResourceMetadata::parse(document(TOOL).as_bytes(), &requested),
        "resource_mismatch",
        "PRM-2"
    );
}

#[test]
fn mcp_9_a_resource_above_counts_at_the_same_origin_in_whole_segments() {
    let read = |stated: &str, requested: &str| {
        let document = format!(r#"{{"resource":"{stated}"}}"#);
        ResourceMetadata::parse_above(document.as_bytes(), &resource(requested))
    };
    for (stated, requested) in [
        (TOOL, TOOL),
        ("https://tools.example", TOOL),
        ("https://tools.example/", TOOL),
        ("https://tools.example/mcp", "https://tools.example/mcp/v1?x=1"),
        ("https://tools.example/mcp/", "https://tools.example/mcp/v1"),
        ("https://tools.example/mcp?a=1", "https://tools.example/mcp?a=1"),
    ] {
        assert_eq!(read(stated, requested).unwrap().resource().as_str(), stated);
    }
    for (stated, requested) in [
        ("https://tools.example/mc", TOOL),
        ("https://tools.example/mcp/v1", TOOL),
        ("https://tools.example/mcp", "https://tools.example/mcp-of-others"),
        ("https://tools.example/mcp?a=1", "https://tools.example/mcp/v1"),
        ("https://tools.example:8443", TOOL),
        ("http://tools.example", TOOL),
        ("https://tools.example.evil.example/mcp", TOOL),
        ("https://evil.example", TOOL),
        ("https://tools.example/mcp", "https://tools.example/mcp%2Fv1"),
        ("https://tools.example/mcp", "https://tools.example/mcp/../v1"),
        ("urn:tool", "urn:tool:mcp"),
    ] {
        assert_refused!(read(stated, requested), "resource_not_above", "MCP-9", "{stated} {requested}");
    }
}

#[test]
fn prm_1_members_have_their_types() {
    for (name, values) in [
        (
            "authorization_servers",
            &["1", "\"https://as.example\"", "[1]", r#"["http://as.example"]"#, "null"][..],
        ),
        ("scopes_supported", &["\"a\"", "[1]", r#"["a b"]"#]),
        ("bearer_methods_supported", &["\"header\"", "[1]"]),
        ("resource_signing_alg_values_supported", &["\"ES256\"", "[1]"]),
        ("dpop_signing_alg_values_supported", &["\"ES256\"", "{}"]),
        ("authorization_details_types_supported", &["{}", "[{}]"]),
        ("dpop_bound_access_tokens_required", &["\"true\"", "1", "null"]),
        ("tls_client_certificate_bound_access_tokens", &["\"true\"", "0"]),
        ("resource_name", &["1", "[]"]),
        ("resource_documentation", &["1"]),
        ("resource_policy_uri", &["{}"]),
        ("resource_tos_uri", &["null"]),
        ("jwks_uri", &["1"]),
    ] {
        for value in values {
            let refused = parse(&format!(r#","{name}":{value}"#));
            assert_refused!(refused, "metadata_member", "PRM-1", "{name} {value}");
        }
    }
    let missing = ResourceMetadata::parse(b"{}", &resource(TOOL));
    assert_refused!(missing, "no_resource", "PRM-1");
    for stated in ["1", "\"tools\"", "\"https://tools.example#f\"", "\"\""] {
        let document = format!(r#"{{"resource":{stated}}}"#);
        let refused = ResourceMetadata::parse(document.as_bytes(), &resource(TOOL));
        assert_refused!(refused, "metadata_member", "PRM-1", "{stated}");
    }
    assert_refused!(parse(r#","jwks_uri":"http://tools.example/keys""#), "metadata_url", "MET-4");
    // A page that nobody should open is none.
    let page = parse(r#","resource_documentation":"javascript:alert(1)","resource_tos_uri":"http://a""#);
    let page = page.unwrap();
    assert_eq!((page.documentation(), page.terms()), (None, None));
}

/// PRM-3: it is read over, whatever is in it.
#[test]
fn prm_3_signed_metadata_override_nothing() {
    let plain = parse(r#","authorization_servers":["https://as.example"]"#).unwrap();
    for signed in ["\"eyJhbGciOiJub25lIn0.e30.\"", "{}", "null"] {
        let members =
            format!(r#","authorization_servers":["https://as.example"],"signed_metadata":{signed}"#);
        assert_eq!(parse(&members).unwrap(), plain);
    }
}

#[test]
fn prm_1_what_is_built_is_read_as_it_was() {
    let url = |path: &str| format!("https://tools.example/{path}").parse().unwrap();
    let metadata = ResourceMetadata::builder(resource(TOOL))
        .authorization_servers([
            "https://as.example/t".parse().unwrap(),
            "https://b.example".parse().unwrap(),
        ])
        .jwks_uri(url("jwks"))
        .scopes("trips:read trips:book".parse().unwrap())
        .bearer_methods(&[BearerMethod::Header])
        .signing_algorithms(AlgorithmSet::of(&[Algorithm::Es256]))
        .dpop_algorithms(AlgorithmSet::STANDARD)
        .details_types(["booking"])
        .name("Trips \"and\" more")
        .documentation(url("docs"))
        .policy(url("policy"))
        .terms(url("terms"))
        .require_dpop()
        .binds_to_certificates()
        .build()
        .unwrap();
    let read = ResourceMetadata::parse(metadata.to_json().as_bytes(), &resource(TOOL)).unwrap();
    assert_eq!(read, metadata);
    assert_eq!(read.authorization_servers().len(), 2);
    assert!(read.requires_dpop() && read.binds_to_certificates());
    assert_eq!(read.supports_bearer_method(BearerMethod::Header), Some(true));
    assert_eq!(read.supports_bearer_method(BearerMethod::Query), Some(false));
    assert_eq!(read.dpop_algorithms(), Some(AlgorithmSet::STANDARD));
    assert_eq!(read.signing_algorithms(), Some(AlgorithmSet::of(&[Algorithm::Es256])));
    assert_eq!(read.scopes().unwrap(), &"trips:book trips:read".parse::<Scope>().unwrap());
    assert_eq!(
        (read.name(), read.details_types()),
        (Some("Trips \"and\" more"), Some(&["booking".to_owned()][..]))
    );
    let pages = [read.jwks_uri(), read.documentation(), read.policy(), read.terms()];
    assert_eq!(pages.map(|url| url.unwrap().path()), ["/jwks", "/docs", "/policy", "/terms"]);

    let empty = ResourceMetadata::builder(resource(TOOL)).scopes(Scope::none()).bearer_methods(&[]);
    let empty = empty.details_types(Vec::<String>::new()).dpop_algorithms(AlgorithmSet::EMPTY);
    let empty = empty.signing_algorithms(AlgorithmSet::EMPTY).build().unwrap();
    assert_eq!(empty.to_json(), format!(r#"{{"resource":"{TOOL}"}}"#));
    assert_eq!(empty.supports_bearer_method(BearerMethod::Header), None);
    assert!(!empty.requires_dpop() && !empty.binds_to_certificates());
    let none = parse(r#","bearer_methods_supported":[]"#).unwrap();
    assert_eq!(none.supports_bearer_method(BearerMethod::Header), Some(false));
}

#[test]
fn sec_15_wir_9_documents_of_resources_are_bounded_and_say_things_once() {
    let twice = parse(&format!(r#","resource":"{TOOL}""#));
    assert_refused!(twice, "json_duplicate_name", "JO-JSON-02");
    let filled = |len: usize| padded(&format!(r#"{{"resource":"{TOOL}"}}"#), len);
    let read = |text: &str| ResourceMetadata::parse(text.as_bytes(), &resource(TOOL));
    read(&filled(256 * 1024)).unwrap();
    assert_refused!(read(&filled(256 * 1024 + 1)), "metadata_too_long", "WIR-9");
    let deep = format!(r#","x":{}{}"#, "[".repeat(32), "]".repeat(32));
    assert_refused!(parse(&deep), "json_depth_limit", "JO-JSON-03");
}

proptest! {
    #[test]
    fn mcp_9_what_is_above_has_the_origin_and_the_first_segments(
        path in "(/[a-c]{1,2}){0,3}/?",
        below in "(/[a-c]{1,2}){0,3}/?",
    ) {
        let stated = format!("https://tools.example{path}");
        let requested = format!("https://tools.example{below}");
        let document = format!(r#"{{"resource":"{stated}"}}"#);
        let segments = |path: &str| path.split('/').filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let is_above = segments(&below).starts_with(&segments(&path));
        let read = ResourceMetadata::parse_above(document.as_bytes(), &resource(&requested));
        prop_assert_eq!(read.is_ok(), is_above, "{} {}", stated, requested);
    }

    #[test]
    fn sec_15_nothing_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ResourceMetadata::parse_above(&text, &resource(TOOL));
    }
}
