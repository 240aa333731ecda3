//! `aims oauth get`, but for users.

use aims_testkit::{TestAuthorizationServerBuilder, assert_refused};

use super::place::{CLIENT, Place, folder, run};
use crate::support::{Folder, Output};

fn own(folder: &Folder, place: &Place, options: &[&str]) -> Output {
    let resource = place.resource();
    let options = [&["--resource", &resource, "--scope", "trips:read"], options].concat();
    run(folder, &place.get("client-credentials", &options))
}

/// A token for the tool, in `access.jwt`, which is bound to `dpop.pem`.
fn with_token(folder: &Folder, place: &Place) {
    own(folder, place, &["--new-dpop-key", "dpop.pem", "--out", "access.jwt"]).accepted();
}

#[test]
fn azr_3_dpo_8_azr_9_a_token_in_the_agents_own_right_goes_to_a_file_and_nowhere_else() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let output = own(&folder, &place, &["--new-dpop-key", "dpop.pem", "--out", "access.jwt", "--json"]);
    place.told_no_token(&output);
    assert_eq!(place.given(), 1);
    let said = output.json();
    assert_eq!((&said["token_type"], &said["bearer"]), (&"DPoP".into(), &false.into()));
    assert_eq!((&said["scope"], &said["file"]), (&"trips:read".into(), &"access.jwt".into()));
    let key = folder.aims(&["key", "inspect", "dpop.pem", "--json"]).json();
    assert_eq!(said["thumbprint"], key["thumbprint"]);
    assert_eq!(said["dpop_key"], "dpop.pem");
    #[cfg(unix)]
    for name in ["access.jwt", "dpop.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    // What is there is not written over, and nobody is asked for what could not be kept.
    let before = place.asked().len();
    let again = own(&folder, &place, &["--dpop-key", "dpop.pem", "--out", "access.jwt"]).unusable();
    assert!(again.contains("--force"), "{again}");
    let lost = own(&folder, &place, &["--out", "other.jwt"]).unusable();
    assert!(lost.contains("--new-dpop-key"), "{lost}");
    assert_eq!(place.asked().len(), before);
    // As a name of a file it would be one of its own.
    own(&folder, &place, &["--dpop-key", "dpop.pem", "--out", "-"]).unusable();
    own(&folder, &place, &["--new-dpop-key", "-"]).unusable();
    folder.aims(&["key", "sealing", "--out", "-"]).unusable();
    let text = own(&folder, &place, &["--dpop-key", "dpop.pem", "--out", "access.jwt", "--force"]).accepted();
    assert!(text.starts_with("a token that is worth nothing without its key\n"), "{text}");

    // By default it is only told what came.
    let output = own(&folder, &place, &[]);
    place.told_no_token(&output);
    let text = output.accepted();
    assert!(text.starts_with("a token that is not kept, and whose key is gone with this run"), "{text}");
    let text = own(&folder, &place, &["--dpop-key", "dpop.pem"]).accepted();
    assert!(text.starts_with("a token that is not kept, for want of --out or --show-token\n"), "{text}");
    for help in ["client-credentials", "code"] {
        let help = folder.aims(&["oauth", "get", help, "--help"]).accepted();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("Without this or --show-token it is not kept"), "{help}");
    }
}

#[test]
fn rar_1_rar_3_a_token_is_good_for_details_that_are_asked_for() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let details = r#"[{"type":"booking","actions":["read"]}]"#;
    let kept = ["--new-dpop-key", "dpop.pem", "--out", "access.jwt"];
    let output = own(&folder, &place, &[&kept[..], &["--authorization-details", details, "--json"]].concat());
    assert_eq!(output.json()["authorization_details"], details);
    let read = folder.aims(&["token", "inspect", "@access.jwt", "--json"]).json();
    assert_eq!(read["claims"]["authorization_details"][0]["type"], "booking");
    // What is no such array is not asked for.
    let before = place.asked().len();
    for wrong in ["{}", r#"[{"actions":["read"]}]"#, "booking"] {
        let refused = own(&folder, &place, &["--authorization-details", wrong]).refusal();
        assert!(refused.message.starts_with("--authorization-details: "), "{wrong}");
    }
    assert_eq!(place.asked().len(), before);
}

#[test]
fn sec_4_a_bearer_token_and_a_token_on_a_terminal_are_asked_for_by_name() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let bearer = own(&folder, &place, &["--dangerous-bearer"]).accepted();
    assert!(bearer.starts_with("a BEARER token that is not kept"), "{bearer}");
    assert!(bearer.contains("token_type: Bearer\nbearer: true\n"), "{bearer}");
    let shown = own(&folder, &place, &["--dangerous-bearer", "--show-token", "--json"]).json();
    let token = shown["access_token"].as_str().unwrap();
    let inspected = folder.aims(&["token", "inspect", token, "--json"]).json();
    assert_eq!(inspected["claims"]["client_id"], CLIENT);
    let shown = own(&folder, &place, &["--dangerous-bearer", "--show-token"]).accepted();
    assert_eq!(shown.lines().count(), 1);
}

#[test]
fn dpo_12_a_nonce_that_is_asked_for_is_given() {
    let folder = folder();
    let place = Place::with(&folder, &[], TestAuthorizationServerBuilder::require_nonces);
    own(&folder, &place, &[]).accepted();
    let proofs = place.asked().iter().filter(|asked| asked.path() == "/token").count();
    assert_eq!(proofs, 2);
}

#[test]
fn exc_2_a_token_is_exchanged_for_another_and_for_a_grant() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    with_token(&folder, &place);
    let exchange = |options: &[&str]| {
        let subject = ["--subject-token-file", "access.jwt", "--dpop-key", "dpop.pem"];
        run(&folder, &place.get("exchange", &[&subject[..], options].concat()))
    };
    let output = exchange(&["--resource", "https://inner.example", "--scope", "trips:read", "--json"]);
    place.told_no_token(&output);
    let said = output.json();
    assert_eq!((&said["resource"], &said["scope"]), (&"https://inner.example".into(), &"trips:read".into()));

    let to_bank = ["--audience", "https://bank.example", "--requested-type", "jwt", "--out", "grant.jwt"];
    let output = exchange(&to_bank);
    place.told_no_token(&output);
    let said = output.accepted();
    assert!(said.contains("issued_token_type: urn:ietf:params:oauth:token-type:jwt\n"), "{said}");
    let grant = folder.aims(&["token", "inspect", "@grant.jwt", "--json"]).json();
    assert_eq!(grant["claims"]["aud"], "https://bank.example");

    // More than the token was good for is not given, and the refusal repeats no token.
    let output = exchange(&["--resource", "https://inner.example", "--scope", "trips:book"]);
    place.told_no_token(&output);
    assert_refused!(output.refusal().err(), "refused", "WIR-4");
    let output = exchange(&["--audience", "https://bank.example", "--requested-type", "nonsense"]);
    output.unusable();
}

#[test]
fn exc_2_what_is_sent_is_what_was_said() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    for name in ["subject", "actor"] {
        folder.write(&format!("{name}.token"), format!("the-{name}-token"));
    }
    let subject = ["--subject-token-file", "subject.token", "--subject-token-type", "id_token"];
    let actor = ["--actor-token-file", "actor.token", "--actor-token-type", "urn:example:actor"];
    let wanted = ["--audience", "inner", "--resource", "https://inner.example", "--scope", "a b"];
    let output = run(&folder, &place.get("exchange", &[&subject[..], &actor, &wanted].concat()));
    assert_eq!(output.code, 1);
    assert!(!output.stderr.contains("the-subject-token") && !output.stderr.contains("the-actor-token"));
    let asked = place.asked();
    let form = asked.iter().find(|asked| asked.path() == "/token").unwrap().form();
    for (name, value) in [
        ("subject_token", "the-subject-token"),
        ("subject_token_type", "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token"),
        ("actor_token", "the-actor-token"),
        ("actor_token_type", "urn%3Aexample%3Aactor"),
        ("requested_token_type", "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"),
        ("audience", "inner"),
        ("resource", "https%3A%2F%2Finner.example"),
        ("scope", "a+b"),
        ("client_id", CLIENT),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
}

#[test]
fn xd_1_jbg_1_a_grant_leads_into_another_domain() {
    let folder = folder();
    let home = Place::new(&folder, &[]);
    let trusted = home.server().trusted();
    let profiles = [aims::oauth::GrantProfile::Chaining, aims::oauth::GrantProfile::IdJag];
    let bank = Place::with(&folder, &[], |server| server.trust(trusted, &profiles));
    with_token(&folder, &home);

    let home_issuer = home.issuer();
    let resource = bank.resource();
    let port = home.port().to_string();
    let target = ["--resource", &resource, "--scope", "trips:read", "--dpop-key", "dpop.pem"];
    let across = ["--across-from", &home_issuer, "--subject-token-file", "access.jwt", "--allow-port", &port];
    for further in [&[][..], &["--id-jag"]] {
        let output =
            run(&folder, &bank.get("jwt-bearer", &[&target[..], &across, further, &["--json"]].concat()));
        home.told_no_token(&output);
        bank.told_no_token(&output);
        let said = output.json();
        assert_eq!((&said["issuer"], &said["resource"]), (&bank.issuer().into(), &resource.as_str().into()));
    }

    // The same in two steps.
    let issuer = bank.issuer();
    let grant = ["--subject-token-file", "access.jwt", "--audience", &issuer, "--requested-type", "jwt"];
    let kept = ["--dpop-key", "dpop.pem", "--scope", "trips:read", "--out", "grant.jwt"];
    run(&folder, &home.get("exchange", &[&grant[..], &kept].concat())).accepted();
    let given =
        run(&folder, &bank.get("jwt-bearer", &[&target[..], &["--assertion-file", "grant.jwt"]].concat()));
    assert!(given.accepted().contains("bearer: false\n"));
}

#[test]
fn osc_1_a_workload_shows_a_jwt_svid_that_is_for_the_server_alone() {
    let folder = Folder::with_authority();
    folder.key("web", "ES256", "web");
    folder.key("client", "ES256", "client");
    let by = ["svid", "issue", "--key", "root.pem", "--authority", "root.crt"];
    let by =
        [&by[..], &["--origin", crate::support::ORIGIN, "--subject", "spiffe://acme.example/as"]].concat();
    folder.aims(&[&by[..], &["--for", "web.jwk", "--dns", "localhost"]].concat()).saved(&folder, "web.crt");
    let origin = crate::support::ORIGIN.parse().unwrap();
    let bundle = folder.read("acme.bundle");
    let bundle = aims::TrustBundle::from_spiffe(origin, &bundle, aims::backend::ring()).unwrap();
    let place =
        Place::with(&folder, &[], |server| server.workloads("spiffe://acme.example/agents/*", bundle, &[]));

    let issuer = place.issuer();
    let svid = |audience: &[&str]| {
        let by =
            ["jwt-svid", "issue", "--key", "tokens.pem", "--kid", "tokens", "--trust-domain", "acme.example"];
        let about = ["--subject", crate::support::SUBJECT];
        folder.aims(&[&by[..], &about, audience].concat()).saved(&folder, "agent.svid");
    };
    let resource = place.resource();
    let get = |by: &[&str]| {
        let grant = ["oauth", "get", "client-credentials", "--issuer", &issuer, "--resource", &resource];
        let args: Vec<_> = grant.iter().chain(by).map(ToString::to_string).collect();
        run(&folder, &[args, place.reaching()].concat())
    };
    svid(&["--audience", &issuer]);
    let output = get(&["--client-jwt-svid", "agent.svid", "--json"]);
    assert!(!output.stdout.contains(folder.read("agent.svid").trim_end()));
    assert_eq!(output.json()["bearer"], false);

    // It would be good elsewhere, for whoever runs this server.
    let before = place.asked().len();
    svid(&["--audience", "https://other.example"]);
    assert_refused!(get(&["--client-jwt-svid", "agent.svid"]).refusal().err(), "audience_mismatch", "OSC-1");
    svid(&["--audience", &issuer, "--audience", "https://other.example"]);
    assert_refused!(get(&["--client-jwt-svid", "agent.svid"]).refusal().err(), "audience_mismatch", "OSC-1");
    assert_eq!(place.asked().len(), before);
}

#[cfg(target_os = "linux")]
#[test]
fn osc_1_a_workload_shows_what_its_workload_api_gives_for_this_server() {
    let folder = folder();
    let api = crate::workload_api::api(600);
    let bundle = api.bundle.clone();
    let place =
        Place::with(&folder, &[], |server| server.workloads("spiffe://acme.example/agents/*", bundle, &[]));
    let (issuer, resource) = (place.issuer(), place.resource());
    let get = |client: &str| {
        let grant = ["oauth", "get", "client-credentials", "--issuer", &issuer, "--resource", &resource];
        let by = ["--client-socket", &api.socket, "--client-id", client];
        let args: Vec<_> = grant.iter().chain(&by).map(ToString::to_string).collect();
        run(&folder, &[args, place.reaching()].concat())
    };
    assert!(get(crate::support::SUBJECT).accepted().contains("bearer: false\n"));
    let other = get("spiffe://acme.example/agents/other");
    assert_refused!(other.refusal().err(), "other_subject", "AIMS-2");
}

#[test]
fn osc_5_a_workload_shows_its_wit_svid_and_that_it_holds_its_key() {
    let folder = folder();
    for (name, kid) in [("issuer", "2026-11"), ("travel", "t"), ("thief", "x")] {
        folder.key(name, "ES256", kid);
    }
    folder.aims(&["jwk", "set", "issuer.jwk"]).saved(&folder, "acme.jwks");
    folder.issue(&[]).saved(&folder, "travel.wit");
    let origin = crate::support::ORIGIN.parse().unwrap();
    let keys = folder.read("acme.jwks");
    let bundle = aims::TrustBundle::from_jwks(origin, &keys, aims::backend::ring()).unwrap();
    let place =
        Place::with(&folder, &[], |server| server.workloads("spiffe://acme.example/agents/*", bundle, &[]));
    let (issuer, resource) = (place.issuer(), place.resource());
    let get = |key: &str| {
        let grant = ["oauth", "get", "client-credentials", "--issuer", &issuer, "--resource", &resource];
        let by = ["--client-wit", "travel.wit", "--client-key", key];
        let args: Vec<_> = grant.iter().chain(&by).map(ToString::to_string).collect();
        run(&folder, &[args, place.reaching()].concat())
    };
    let output = get("travel.pem");
    assert!(!output.stdout.contains(folder.read("travel.wit").trim_end()));
    assert!(output.accepted().contains("bearer: false\n"));
    let before = place.asked().len();
    assert_eq!(get("thief.pem").refusal().code(), "foreign_key");
    assert_eq!(place.asked().len(), before);
}

#[test]
fn sec_6_the_client_says_in_one_way_who_it_is() {
    let folder = folder();
    let base = [
        "oauth",
        "get",
        "client-credentials",
        "--issuer",
        "https://as.example",
        "--resource",
        "https://t.example",
    ];
    for options in [
        &[][..],
        &["--client-id", "a"],
        &["--client-key", "client.pem"],
        &["--public"],
        &["--client-id", "a", "--public", "--client-key", "client.pem"],
        &["--client-id", "a", "--public", "--dangerous-bearer", "--dpop-key", "client.pem"],
        &["--client-id", "a", "--public", "--show-token", "--out", "x"],
    ] {
        folder.aims(&[&base[..], options].concat()).unusable();
    }
}
