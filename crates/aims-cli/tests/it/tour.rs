//! `aims tour`: what it says, and that it fails when it should.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn tour(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aims"));
    command.arg("tour").args(args).stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    tour(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn arch_3_arch_4_the_tour_does_what_it_says() {
    let began = Instant::now();
    let told = output(&["--json"]);
    let took = began.elapsed();
    let text = stdout(&told);
    assert!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
    assert!(took < Duration::from_secs(90), "{took:?}");

    let mut steps = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for line in text.lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        let step = step.as_object().unwrap();
        let mut names: Vec<_> = step.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["chapter", "expect", "got", "ok", "step"], "{line}");
        assert!(CHAPTERS.contains(&step["chapter"].as_str().unwrap()), "{line}");
        assert_eq!(step["ok"], true, "{line}");
        assert_eq!(step["got"], step["expect"], "{line}");
        let name = step["step"].as_str().unwrap().to_owned();
        if let Some(code) = step["got"].as_str().unwrap().strip_prefix("refused: ") {
            refused.insert((name.clone(), code.to_owned()));
        }
        assert!(steps.insert(name), "twice: {line}");
    }
    for (step, code) in ATTACKS {
        assert!(refused.contains(&(step.to_owned(), code.to_owned())), "{step}: {refused:?}");
    }
    for step in ["call", "call_again", "one_record_each", "no_secret_logged"]
        .into_iter()
        .chain(MTLS)
        .chain(PROVISIONING)
        .chain(SIGNATURES)
        .chain(DELEGATION)
    {
        assert!(steps.contains(step), "{step}: {steps:?}");
    }
}

#[test]
fn a_chapter_is_told_alone_and_in_words() {
    let told = output(&["--chapter", "identity"]);
    let text = stdout(&told);
    assert!(told.status.success(), "{text}");
    assert!(text.starts_with("Chapter identity\n"), "{text}");
    // What came over the wire, and beside it what the tool wrote down.
    assert!(
        text.contains("-> refused: invalid_proof · status 401 · record: deny bad_signature (WPT-4)"),
        "{text}"
    );
    assert!(text.contains("-> 200 spiffe://acme.example/agents/travel · record: permit callers"), "{text}");
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.trim_end().ends_with(" s"), "{text}");
    // No colour where there is no terminal, and no token anywhere.
    assert!(!text.contains('\x1b') && !text.contains("eyJ"), "{text}");
}

#[test]
fn arch_1_arch_2_mtls_8_the_chapter_about_mutual_tls_tells_whose_word_it_is() {
    let told = output(&["--chapter", "mtls"]);
    let text = stdout(&told);
    assert!(told.status.success(), "{text}");
    let (agent, proxy) = ("spiffe://acme.example/agents/travel", "spiffe://acme.example/proxies/edge");
    for words in [
        format!("caller: {agent} by mtls\n"),
        format!("caller: {agent} by wpt; connection: {agent} by mtls\n"),
        format!("caller: {agent} by forwarded of {proxy}\n"),
        "caller: spiffe://acme.example/batch/reports by mtls\n".into(),
    ] {
        assert!(text.contains(&words), "{words}: {text}");
    }
    assert!(!text.contains("eyJ") && !text.contains("CERTIFICATE"), "{text}");
}

#[test]
fn arch_1_arch_2_the_chapter_about_signatures_tells_caller_and_connection_apart() {
    let told = output(&["--chapter", "signatures"]);
    let text = stdout(&told);
    assert!(told.status.success(), "{text}");
    let words = "caller: spiffe://acme.example/agents/travel by signature; connection: spiffe://acme.example/proxies/gateway by mtls\n";
    assert_eq!(text.matches(words).count(), 2, "{text}");
    assert!(!text.contains("eyJ"), "{text}");
}

#[test]
fn aims_19_aims_25_aims_30_aims_31_aims_43_hil_43_the_chapter_about_delegation_tells_who_acts_for_whom() {
    let began = Instant::now();
    let told = output(&["--chapter", "delegation"]);
    let took = began.elapsed();
    let text = stdout(&told);
    assert!(told.status.success(), "{text}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    let (agent, desk) = ("spiffe://acme.example/agents/travel", "spiffe://acme.example/tools/trips");
    for (words, times) in [
        (format!("caller: {agent} by signature; acts: {agent} for user-1 (trips:book)\n"), 3),
        (format!("caller: {agent} by signature; acts: {agent} for itself (trips:read)\n"), 1),
        (format!("caller: {agent} by signature; acts: {agent} for user-1 (trips:book trips:pay)\n"), 1),
        (format!("-> 200 {desk} for user-1, after {agent} · the office's record: permit callers"), 1),
        ("told: invalid_token · record: deny other_client (AIMS-25)".into(), 1),
        ("told: invalid_token · record: deny other_key (DPO-6)".into(), 1),
        ("-> refused: issuer_mismatch · the agent: ISS-2\n".into(), 1),
        ("AIMS-43; the office's record: deny no_token (CHA-1)".into(), 1),
    ] {
        assert_eq!(text.matches(&words).count(), times, "{words}: {text}");
    }
    assert!(!text.contains("eyJ"), "{text}");
}

#[cfg(feature = "tpm")]
#[test]
fn aims_6_aims_9_aims_10_aims_15_aims_16_crd_9_tpm_46_the_chapter_about_hardware_tells_where_keys_are() {
    if aims_testkit::SoftTpm::start().is_none() {
        return;
    }
    let told = output(&["--chapter", "hardware"]);
    let text = stdout(&told);
    assert!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
    let agent = "spiffe://acme.example/agents/travel";
    for (words, times) in [
        (format!("-> {agent}, level 4, key in hardware\n"), 1),
        (format!("-> 200 {agent} · record: permit callers"), 2),
        (format!("caller: {agent} by wpt; signed in the TPM by the token's key\n"), 1),
        (format!("caller: {agent} by mtls; signed in the TPM by the certificate's key\n"), 1),
        (
            format!(
                "caller: {agent} by signature; connection: {agent} by mtls; signed in the TPM by both keys\n"
            ),
            1,
        ),
        ("-> refused: bad_signature · during the handshake (X5V-3)\n".into(), 1),
        ("noted: subject_not_allowed\n".into(), 2),
        ("noted: key_mismatch\n".into(), 1),
        ("noted: nonce_mismatch\n".into(), 3),
        ("noted: evidence_insufficient\n".into(), 1),
        ("noted: measurement_mismatch\n".into(), 1),
    ] {
        assert_eq!(text.matches(&words).count(), times, "{words}: {text}");
    }
    assert!(!text.contains("eyJ"), "{text}");

    // With the others, where it is asked for.
    let told = output(&["--tpm", "--json", "--chapter", "hardware"]);
    assert_eq!(stdout(&told).lines().count(), 15);
}

#[cfg(not(feature = "tpm"))]
#[test]
fn tpm_1_a_program_without_tpm_says_so() {
    let refused = output(&["--tpm"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("`tpm`"));
}

#[test]
fn an_unknown_chapter_is_a_usage_error_that_names_the_chapters() {
    let refused = output(&["--chapter", "nowhere"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("nowhere") && message.contains("identity"), "{message}");
}

#[test]
fn a_tour_that_nobody_can_read_fails() {
    for args in [&["--json"][..], &[]] {
        let mut child = tour(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(1), "{args:?}");
    }
}

#[test]
fn att_22_att_96_fed_14_the_chapter_about_provisioning_tells_what_the_issuer_noted() {
    let told = output(&["--chapter", "provisioning"]);
    let text = stdout(&told);
    assert!(told.status.success(), "{text}");
    for words in [
        "-> refused: permission_denied · noted: no_entry\n",
        "-> refused: invalid_argument · noted: bad_signature\n",
        "-> refused: invalid_argument · noted: name_mismatch\n",
        "-> refused: invalid_argument · noted: unknown_challenge\n",
        "-> refused: permission_denied · noted: join_token_unknown\n",
        "-> refused: unexpected_peer · FED-4\n",
        "-> refused: address_not_allowed · FED-14\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("eyJ") && !text.contains("PRIVATE"), "{text}");
}

#[test]
fn a_program_of_the_story_ends_with_whoever_started_it() {
    let directory = std::env::temp_dir().join(format!("aims-tour-test-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let socket = directory.join("issuer.sock");
    let mut issuer =
        tour(&["--role", "issuer"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let own = std::fs::read_link(format!("/proc/{}/exe", issuer.id())).unwrap();
    let endpoint = "spiffe://acme.example/bundle-endpoint";
    let selector = format!("unix:path:{}", own.display());
    let config = serde_json::json!({
        "origin": "spiffe://acme.example",
        "socket": socket,
        "endpoint": endpoint,
        "register": format!("[[entry]]\nspiffe_id = {endpoint:?}\nselectors = [{selector:?}]\n"),
    });
    let mut input = issuer.stdin.take().unwrap();
    writeln!(input, "{config}").unwrap();
    let mut address = String::new();
    BufReader::new(issuer.stdout.take().unwrap()).read_line(&mut address).unwrap();
    assert!(address.starts_with(r#"{"url":"https://127.0.0.1:"#), "{address}");
    assert!(issuer.try_wait().unwrap().is_none(), "it listens");

    drop(input);
    assert!(issuer.wait().unwrap().success());
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn the_tour_leaves_nothing_behind() {
    let directory = std::env::temp_dir().join(format!("aims-tour-clean-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let told = tour(&["--chapter", "provisioning"]).env("TMPDIR", &directory).output().unwrap();
    assert!(told.status.success(), "{}", stdout(&told));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    std::fs::remove_dir(directory).unwrap();
}

#[test]
fn a_program_of_the_story_refuses_to_run_without_its_configuration() {
    for role in ["agent", "authority", "intruder", "issuer", "tool", "workload"] {
        let ended = output(&["--role", role]);
        assert_eq!(ended.status.code(), Some(1), "{role}");
        assert_eq!(stdout(&ended), "{\"error\":\"no configuration\"}\n", "{role}");
    }
}

const CHAPTERS: [&str; 5] = ["identity", "mtls", "provisioning", "signatures", "delegation"];

/// What the chapter about mutual TLS must tell besides.
const MTLS: [&str; 6] =
    ["mtls_call", "proof_over_mtls", "rotation", "through_proxy", "bundle_added", "bundle_withdrawn"];

/// What the chapter about provisioning must tell besides.
const PROVISIONING: [&str; 5] = ["own_key", "own_key_call", "join", "joined_call", "withdrawn"];

/// What the chapter about signatures must tell besides.
const SIGNATURES: [&str; 5] =
    ["signed_call", "answer_swapped", "answer_stripped", "other_answer", "signed_call_again"];

/// What the chapter about agents that act for users must tell besides.
const DELEGATION: [&str; 10] = [
    "granted",
    "booked_for_user",
    "search_for_itself",
    "exchanged",
    "over_limit",
    "agent_restarted",
    "booked_after_restart",
    "user_agrees_elsewhere",
    "booked_over_limit",
    "no_token_told",
];

/// The attacks that the chapters must hold, and what the attacker is told.
const ATTACKS: [(&str, &str); 55] = [
    ("token_kept_back", "other_resource"),
    ("token_for_another", "audience_mismatch"),
    ("token_overheard", "binding_not_shown"),
    ("token_of_another_agent", "other_client"),
    ("token_of_another_key", "other_key"),
    ("token_of_another_issuer", "issuer_mismatch"),
    ("token_forged", "bad_signature"),
    ("other_authority", "issuer_mismatch"),
    ("other_session", "state_mismatch"),
    ("code_twice", "invalid_grant"),
    ("token_passed_on", "no_token"),
    ("exchange_widened", "invalid_scope"),
    ("user_denies", "access_denied"),
    ("body_swapped", "digest_mismatch"),
    ("digest_swapped", "bad_signature"),
    ("method_changed", "bad_signature"),
    ("query_reordered", "bad_signature"),
    ("component_dropped", "field_absent"),
    ("label_twice", "duplicate_label"),
    ("second_signature", "ambiguous_signature"),
    ("request_replayed", "replay"),
    ("listeners_up", "no_certificate"),
    ("forged_xfcc", "forbidden"),
    ("forged_xfcc_through_proxy", "forbidden"),
    ("unknown_domain", "unknown_trust_domain"),
    ("withdrawn_domain", "unknown_trust_domain"),
    ("foreign_domain", "unknown_trust_domain"),
    ("forged_certificate", "unknown_issuer"),
    ("expired_certificate", "expired"),
    ("two_uris", "multiple_identities"),
    ("ca_as_leaf", "authority_as_leaf"),
    ("wrong_usage", "extended_key_usage"),
    ("replay", "replay"),
    ("other_tool", "audience_mismatch"),
    ("other_path", "audience_mismatch"),
    ("other_key", "invalid_proof"),
    ("expired_wit", "credential_expired"),
    ("expired_proof", "proof_expired"),
    ("other_wit", "invalid_proof"),
    ("alg_none", "malformed_proof"),
    ("wit_as_proof", "malformed_proof"),
    ("proof_as_wit", "malformed_credential"),
    ("foreign_trust_domain", "untrusted_credential"),
    ("other_scheme", "untrusted_credential"),
    ("forged_wit", "untrusted_credential"),
    ("caller_not_listed", "forbidden"),
    ("issuer_up", "permission_denied"),
    ("register_up", "permission_denied"),
    ("other_user", "permission_denied"),
    ("possession", "invalid_argument"),
    ("other_name", "invalid_argument"),
    ("challenge_reuse", "invalid_argument"),
    ("join_token_reuse", "permission_denied"),
    ("wrong_endpoint", "unexpected_peer"),
    ("private_address", "address_not_allowed"),
];
