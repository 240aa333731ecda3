//! `aims token`.

use std::sync::Arc;
use std::time::SystemTime;

use aims::backend;
use aims::keys::{Algorithm, AsyncSigner, SignInput, Signer, SoftwareKey, UnixTime};
use aims::oauth::DpopProver;
use aims_testkit::assert_refused;

use crate::support::{Folder, Output, SUBJECT};

const TRUST: &str = "https://as.example=as.jwks";
const TOOL: &str = "https://tools.example";
const URL: &str = "https://tools.example/v1/trips?to=LIS";

fn issue(folder: &Folder, options: &[&str]) -> Output {
    let by = ["token", "issue", "--key", "as.pem", "--kid", "as-1", "--issuer", "https://as.example"];
    let about = ["--resource", TOOL, "--client-id", SUBJECT, "--scope", "trips:book trips:read"];
    folder.aims(&[&by[..], &about, options].concat())
}

fn verify(folder: &Folder, token: &str, options: &[&str]) -> Output {
    folder.aims(&[&["token", "verify", token, "--trust", TRUST, "--resource", TOOL], options].concat())
}

fn prove(folder: &Folder, key: &str, options: &[&str]) -> Output {
    let args = ["token", "prove", "@bound.jwt", "--key", key, "--method", "POST", "--url", URL];
    folder.aims(&[&args[..], options].concat())
}

/// What the program makes for nobody: a proof about this token by a key that it is not bound to.
fn stolen(token: &str) -> String {
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let prover = DpopProver::new(key.clone() as Arc<dyn AsyncSigner>).unwrap();
    let (token, target) = (token.trim().parse().unwrap(), URL.parse().unwrap());
    let unsigned = prover.proof("POST", &target).with_token(&token);
    let unsigned = unsigned.prepare(UnixTime::try_from(SystemTime::now()).unwrap()).unwrap();
    let signature = Signer::sign(&*key, SignInput::Message(unsigned.signing_input())).unwrap();
    unsigned.attach(signature.as_bytes()).unwrap()
}

/// With a bearer token of the agent itself, and one for a user that is bound to the key of the agent.
fn with_tokens() -> Folder {
    let folder = Folder::new();
    for (name, kid) in [("as", "as-1"), ("travel", "t"), ("thief", "x")] {
        folder.key(name, "ES256", kid);
    }
    folder.aims(&["jwk", "set", "as.jwk"]).saved(&folder, "as.jwks");
    issue(&folder, &[]).saved(&folder, "own.jwt");
    issue(&folder, &["--subject", "user-1", "--for", "travel.jwk"]).saved(&folder, "bound.jwt");
    folder
}

#[test]
fn aims_25_arch_7_a_token_says_who_acts_and_for_whom() {
    let folder = with_tokens();
    let own = verify(&folder, "@own.jwt", &["--json"]).json();
    assert_eq!(
        (&own["verified"], &own["bearer"], &own["autonomous"]),
        (&true.into(), &true.into(), &true.into())
    );
    assert_eq!((&own["subject"], &own["client_id"]), (&SUBJECT.into(), &SUBJECT.into()));
    let text = verify(&folder, "@own.jwt", &[]).accepted();
    assert!(text.starts_with("verified, a BEARER token"), "{text}");

    let bound = verify(&folder, "@bound.jwt", &["--json"]).json();
    assert_eq!((&bound["bearer"], &bound["shown"]), (&false.into(), &false.into()));
    assert_eq!((&bound["subject"], &bound["autonomous"]), (&"user-1".into(), &false.into()));
    assert_eq!((&bound["scope"], &bound["resource"]), (&"trips:book trips:read".into(), &TOOL.into()));
    let text = verify(&folder, "@bound.jwt", &[]).accepted();
    assert!(text.starts_with("verified; who presents it has yet to prove"), "{text}");
    let actor = "spiffe://acme.example/agents/other";
    let acted = issue(&folder, &["--subject", "user-1", "--actor", actor, "--json"]).json();
    let acted = verify(&folder, acted["access_token"].as_str().unwrap(), &["--json"]).json();
    assert_eq!(acted["actors"][0], actor);
}

#[test]
fn dpo_6_act_4_a_bound_token_is_shown_by_the_key_that_it_names() {
    let folder = with_tokens();
    prove(&folder, "travel.pem", &[]).saved(&folder, "proof.jwt");
    assert_refused!(prove(&folder, "thief.pem", &[]).refusal().err(), "other_key", "DPO-6");
    folder.write("thief.jwt", stolen(&folder.read("bound.jwt")));
    let with = |proof, token, method, url| {
        verify(&folder, token, &["--dpop", proof, "--method", method, "--url", url, "--json"])
    };
    let shown = with("@proof.jwt", "@bound.jwt", "POST", URL).json();
    assert_eq!(shown["shown"], true);
    // Query and fragment are no part of what is proved (DPO-4).
    assert_eq!(
        with("@proof.jwt", "@bound.jwt", "POST", "https://tools.example/v1/trips").json()["shown"],
        true
    );
    for (proof, token, method, url, code, rule) in [
        ("@thief.jwt", "@bound.jwt", "POST", URL, "other_key", "DPO-6"),
        ("@proof.jwt", "@own.jwt", "POST", URL, "token_mismatch", "DPO-6"),
        ("@proof.jwt", "@bound.jwt", "GET", URL, "method_mismatch", "DPO-4"),
        ("@proof.jwt", "@bound.jwt", "POST", "https://evil.example/v1/trips", "target_mismatch", "DPO-4"),
    ] {
        let refused = with(proof, token, method, url);
        assert_refused!(refused.json_refusal().err(), code, rule, "{proof} {token} {method} {url}");
    }
    let nonce = prove(&folder, "travel.pem", &["--nonce", "n-1", "--json"]).json();
    let nonce = folder.aims(&["token", "inspect", nonce["dpop"].as_str().unwrap(), "--json"]).json();
    assert_eq!(nonce["claims"]["nonce"], "n-1");
}

#[test]
fn act_4_a_token_is_for_its_resource_by_its_issuer_in_its_time() {
    let folder = with_tokens();
    let elsewhere = folder.aims(&[
        "token",
        "verify",
        "@own.jwt",
        "--trust",
        TRUST,
        "--resource",
        "https://other.example",
    ]);
    assert_refused!(elsewhere.refusal().err(), "audience_mismatch", "ACT-4");
    let other =
        ["token", "verify", "@own.jwt", "--trust", "https://other.example=as.jwks", "--resource", TOOL];
    assert_refused!(folder.aims(&other).refusal().err(), "issuer_mismatch", "ACT-4");
    let exp =
        folder.aims(&["token", "inspect", "@own.jwt", "--json"]).json()["claims"]["exp"].as_u64().unwrap();
    let late = verify(&folder, "@own.jwt", &["--at", &(exp + 31).to_string()]);
    assert_refused!(late.refusal().err(), "expired", "ACT-4");
    folder.aims(&["jwk", "set", "thief.jwk"]).saved(&folder, "as.jwks");
    assert_refused!(verify(&folder, "@own.jwt", &[]).refusal().err(), "unknown_key", "ACT-6");
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let folder = with_tokens();
    for (options, name) in [
        (["--issuer", "http://as.example"], "--issuer"),
        (["--resource", "tools"], "--resource"),
        (["--scope", "a\"b"], "--scope"),
    ] {
        let mut args = vec!["token", "issue", "--key", "as.pem", "--kid", "as-1", "--client-id", SUBJECT];
        for (option, value) in [("--issuer", "https://as.example"), ("--resource", TOOL)] {
            if option != options[0] {
                args.extend([option, value]);
            }
        }
        args.extend(options);
        let refused = folder.aims(&args).refusal();
        assert!(refused.message.starts_with(&format!("{name}: ")), "{refused:?}");
    }
    // Opaque tokens say nothing of a key, and tokens that are bound to nothing are anybody's.
    for token in ["opaque", "@own.jwt"] {
        folder
            .aims(&["token", "prove", token, "--key", "thief.pem", "--method", "GET", "--url", URL])
            .accepted();
    }
    let nobody = folder.aims(&["token", "verify", "@own.jwt", "--resource", TOOL]).unusable();
    assert!(nobody.contains("--trust") && nobody.contains("--issuer"), "{nobody}");
    let told = folder.aims(&["token", "inspect", "@own.jwt"]).accepted();
    assert!(told.starts_with("UNVERIFIED") && told.contains("--trust or --issuer"), "{told}");
    let half = verify(&folder, "@own.jwt", &["--dpop", "a.b.c"]).unusable();
    assert!(half.contains("--method"), "{half}");
    let long = issue(&folder, &["--lifetime", "2h"]).refusal();
    assert_refused!(long.err(), "bad_lifetime", "ACT-7");
}

#[test]
fn a_token_need_not_be_good_for_any_scope() {
    let folder = with_tokens();
    let by = ["token", "issue", "--key", "as.pem", "--kid", "as-1", "--issuer", "https://as.example"];
    let about = ["--resource", TOOL, "--client-id", SUBJECT];
    folder.aims(&[&by[..], &about].concat()).saved(&folder, "empty.jwt");
    let said = folder.aims(&["token", "inspect", "@empty.jwt", "--json"]).json();
    assert!(said["claims"].get("scope").is_none(), "{said}");
    let scope = ["--scope", ""];
    assert_refused!(folder.aims(&[&by[..], &about, &scope].concat()).refusal().err(), "scope_empty", "WIR-7");
}
