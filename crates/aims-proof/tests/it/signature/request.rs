//! What is accepted, and what comes out of it.

use std::thread;

use aims_credential::{
    BundleSet, Lapsed, Mark, MarkKey, MarkTable, ReplayError, WitCache, WitError, WitVerifier,
};
use aims_httpsig::{Component, Digests};
use aims_keys::{Algorithm, AlgorithmSet, backend};
use aims_proof::{Audiences, Authenticated, Layer, MessageSignatureError, Method, SignatureVerifier};
use aims_testkit::assert_refused;

use super::{BODY, Draft, int, text, verifier};
use crate::support::{Broken, NOW, TXN, World, secs};

#[test]
fn hsig_1_to_hsig_10_a_signed_request_is_that_of_its_workload() {
    let world = World::new();
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::Es384] {
        let agent = world.agent_with(algorithm, secs(3600));
        let request = Draft::new(&agent).send();
        let verified = request.verify(&world, &verifier().0.build()).unwrap();
        assert_eq!(verified.wit().subject().as_str(), "spiffe://acme.example/agents/travel");
        assert_eq!(verified.nonce(), "q83vEjRWeJASNFZ4kBI0Vg");
        assert_eq!(verified.audience(), "https://tools.example/v1/search");
        assert!(verified.covers_access_token("an-access-token"));
        assert!(!verified.covers_access_token("another") && !verified.covers_access_token(""));
        let hash = |token: &str| backend::ring().sha256(token.as_bytes());
        assert!(verified.covers_access_token_hash(&hash("an-access-token")));
        assert!(!verified.covers_access_token_hash(&hash("another")));
        assert_eq!(verified.txn_token(), Some(TXN));
        assert_eq!(verified.value(&Component::query()), Some("?lang=en"));
        assert_eq!(verified.value(&Component::authority()), None);
        assert_eq!(verified.covered().next(), Some((r#""@method""#, "POST")));
        // Without `Authorization`, and without the credential.
        assert_eq!(verified.covered().count(), 6);
        assert!(!verified.demands_signed_response());
        assert_eq!(verified.proof_not_after(), NOW + secs(90));

        let caller = Authenticated::by_signature(&verified);
        assert_eq!((caller.method(), caller.layer()), (Method::Signature, Layer::Application));
        assert_eq!(caller.method().name(), "signature");
        assert_eq!(caller.subject(), verified.wit().subject());
        assert_eq!(caller.not_after(), verified.wit().not_after());
        assert!(caller.wpt().is_none() && caller.signature().is_some() && caller.wit().is_some());
        assert!(caller.mark_keys().count() > 1);
    }
}

#[test]
fn hsig_9_content_counts_when_it_is_what_was_signed() {
    let world = World::new();
    let agent = world.agent();
    let request = Draft::new(&agent).send();
    let verifier = verifier().0.build();
    let head = || {
        let mut draft = Draft::new(&agent);
        draft.set("nonce", text(&format!("{:?}", std::time::Instant::now())));
        draft.send().verify_head(&world, &verifier).unwrap()
    };
    assert!(head().has_content());
    assert_refused!(head().with_content(b"", NOW), "digest_mismatch", "HSIG-9");
    assert_refused!(head().with_content(&[BODY, b" "].concat(), NOW), "digest_mismatch", "HSIG-9");
    request.verify(&world, &verifier).unwrap();

    // In pieces.
    let streamed = |pieces: &[&[u8]], max| {
        let (signed, mut content) = head().with_streamed_content(max, NOW).unwrap();
        for piece in pieces {
            content.update(piece)?;
        }
        content.finish().map(|()| signed)
    };
    let all = BODY.len() as u64;
    assert!(streamed(&[&BODY[..5], b"", &BODY[5..]], all).is_ok());
    assert_refused!(streamed(&[&BODY[..5]], all), "digest_mismatch", "HSIG-9");
    assert_refused!(streamed(&[], all), "digest_mismatch", "HSIG-9");
    assert_refused!(streamed(&[BODY, b"x"], all), "content_too_large", "HS-DIG-05");

    // In pieces that are used when all of them are there.
    let gathered = |pieces: &[&[u8]], max| {
        let mut content = head().gather_content(max);
        for piece in pieces {
            content.update(piece)?;
        }
        content.finish(NOW)
    };
    assert!(gathered(&[&BODY[..5], b"", &BODY[5..]], all).is_ok());
    assert_refused!(gathered(&[&BODY[..5]], all), "digest_mismatch", "HSIG-9");
    assert_refused!(gathered(&[], all), "digest_mismatch", "HSIG-9");
    assert_refused!(gathered(&[BODY, b"x"], all), "content_too_large", "HS-DIG-05");

    // Both digests count, and neither may be wrong (HS-DIG-03).
    let with_digest = |field: &str| {
        let mut draft = Draft::new(&agent);
        *draft.request.field("content-digest") = field.to_owned();
        draft.set("nonce", text(field.split_at(30).1.split_at(20).0));
        draft.send().verify(&world, &verifier)
    };
    let sha512 =
        "sha-512=:mGdDxTZ/zP9D0BqBQt/kYv0vYfXGgIqf1cXs8fHq1mEEBgsKaEGOeAqz2lXIkKQHtNo9PTnLf0jRxLB5vh4zFQ==:";
    let both = format!("{}, {sha512}", Digests::field(BODY, backend::ring()));
    assert_refused!(with_digest(&both), "digest_mismatch", "HSIG-9");
    assert_refused!(
        with_digest("md5=:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx==:"),
        "digest_unsupported",
        "HSIG-9"
    );
}

#[test]
fn hsig_5_a_request_without_query_or_fields_covers_little() {
    let world = World::new();
    let mut draft = Draft::plain(&world.agent());
    draft.request.target = "/v1/search".into();
    let request = draft.send();
    let verifier = verifier().0.build();
    let head = request.verify_head(&world, &verifier).unwrap();
    assert!(!head.has_content());
    // HSIG-9: content that nothing was said about.
    assert_refused!(head.with_content(b"x", NOW), "no_digest", "HSIG-9");
    let (_, mut content) =
        request.verify_head(&world, &verifier).unwrap().with_streamed_content(10, NOW).unwrap();
    content.update(b"").unwrap();
    assert_refused!(content.update(b"x"), "no_digest", "HSIG-9");
}

#[test]
fn hsig_5_a_tunnel_is_asked_for_by_its_authority() {
    let world = World::new();
    let agent = world.agent();
    let connect = |change: fn(&mut Draft)| {
        let mut draft = Draft::plain(&agent);
        draft.request.method = "CONNECT".into();
        draft.request.target = "db.example:5432".into();
        draft.request.authority = "db.example:5432".into();
        draft.covered =
            [r#""@method""#, r#""@authority""#, r#""workload-identity-token""#].map(Into::into).into();
        draft.set("wimse-aud", text("https://tools.example"));
        change(&mut draft);
        draft.send().verify(&world, &verifier().0.build())
    };
    let verified = connect(|_| {}).unwrap();
    assert_eq!(verified.value(&Component::authority()), Some("db.example:5432"));
    let uncovered = connect(|draft| draft.covered.retain(|component| component != r#""@authority""#));
    assert_refused!(uncovered, "missing_coverage", "HSIG-5");
    // What a request for a tunnel does not have.
    let target = connect(|draft| draft.covered.push(r#""@target-uri""#.into()));
    assert_refused!(target, "forbidden_coverage", "HSIG-5");
    // Of protocols that begin so, over HTTP/2: their path would not be signed.
    let with_path = connect(|draft| draft.request.target = "/chat".into());
    assert_refused!(with_path, "connect_with_path", "HSIG-5");
    let audience = connect(|draft| draft.set("wimse-aud", text("https://tools.example/")));
    assert_refused!(audience, "audience_mismatch", "HSIG-10");
}

#[test]
fn hsig_2_other_signatures_and_other_labels_change_nothing() {
    let world = World::new();
    let agent = world.agent();
    let mut draft = Draft::new(&agent);
    draft.label = "anything";
    let mut request = draft.send();
    // A proxy's own, that nobody here knows: its algorithm, key and coverage are nobody's business.
    request.add("signature-input", r#"proxy=("@authority");created=1;keyid="x";tag="proxy""#);
    request.add("signature", "proxy=:AAAA:");
    request.verify(&world, &verifier().0.build()).unwrap();
}

#[test]
fn hsig_10_the_recipient_has_the_names_it_was_given() {
    let world = World::new();
    let agent = world.agent();
    let named = |audience: &str, target: &str| {
        let mut draft = Draft::new(&agent);
        draft.request.target = target.into();
        draft.set("wimse-aud", text(audience));
        draft.send().verify(&world, &verifier().0.build())
    };
    named("tools-alias", "/v1/anything").unwrap();
    named("https://tools.example/v1/search", "/v1/search?a=b").unwrap();
    let refused = named("https://tools.example/v1/search", "/v1/book").unwrap_err();
    assert_eq!((refused.code(), refused.rule()), ("audience_mismatch", "HSIG-10"));
    assert_eq!(
        refused.to_string(),
        "the signature is for another audience: it names \"https://tools.example/v1/search\", \
         expected is \"https://tools.example/v1/book\" or \"tools-alias\""
    );
}

#[test]
fn hsig_11_hs_wimse_10_a_nonce_counts_once_whoever_sends_it() {
    let world = World::new();
    let (agent, other) = (world.agent(), world.agent());
    let (builder, memory) = verifier();
    let verifier = builder.build();
    let request = Draft::new(&agent).send();
    request.verify(&world, &verifier).unwrap();
    assert_refused!(request.verify(&world, &verifier), "replay", "HSIG-11");
    assert_refused!(Draft::new(&other).send().verify(&world, &verifier), "replay", "HSIG-11");
    assert_eq!(memory.len(), 1);
    // It counts again when nobody would take the first one any more.
    let mut later = Draft::new(&agent);
    later.request.now = NOW + secs(90);
    later.set("created", int(NOW.as_secs() + 90));
    later.set("expires", int(NOW.as_secs() + 120));
    later.send().verify(&world, &verifier).unwrap();
}

#[test]
fn crd_12_hsig_8_hsig_11_content_that_comes_late_does_not_outlive_the_signature() {
    let world = World::new();
    let request = Draft::new(&world.agent()).send();
    let verifier = verifier().0.build();
    let head = || request.verify_head(&world, &verifier).unwrap();
    let (again, once_more, streamed) = (head(), head(), head());
    let first = head().with_content(&request.body, NOW).unwrap();
    // The heads were verified in time. Their content comes when nobody remembers the nonce any more.
    let until = first.proof_not_after();
    assert_refused!(again.with_content(&request.body, until), "expired", "HSIG-8");
    assert_refused!(once_more.with_content(b"other", until), "digest_mismatch", "HSIG-9");
    assert_refused!(streamed.with_streamed_content(100, until), "expired", "HSIG-8");
    let mut gathered = head().gather_content(100);
    gathered.update(&request.body).unwrap();
    assert_refused!(gathered.finish(until), "expired", "HSIG-8");
    let last = until - secs(1);
    assert_refused!(head().with_content(&request.body, last), "replay", "HSIG-11");
}

#[test]
fn hsig_11_of_many_at_once_one_is_the_first() {
    let world = World::new();
    let (builder, _) = verifier();
    let (verifier, request) = (builder.build(), Draft::new(&world.agent()).send());
    let accepted: usize = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| usize::from(request.verify(&world, &verifier).is_ok()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn hsig_11_a_memory_that_cannot_tell_refuses() {
    let world = World::new();
    let request = Draft::new(&world.agent()).send();
    for (error, code) in
        [(ReplayError::Full, "replay_store_full"), (ReplayError::Unavailable, "replay_store_unavailable")]
    {
        let own = Audiences::http("https://tools.example").unwrap();
        let verifier = SignatureVerifier::builder(own, Broken(error)).build();
        let refused = request.verify(&world, &verifier).unwrap_err();
        assert_eq!((refused.code(), refused.rule(), refused.status()), (code, "HSIG-11", 503));
    }
}

#[test]
fn hsig_6_local_policy_has_the_last_word_on_algorithms() {
    let world = World::new();
    let request = Draft::new(&world.agent()).send();
    let only = |algorithm| verifier().0.algorithms(AlgorithmSet::of(&[algorithm])).build();
    assert_refused!(request.verify(&world, &only(Algorithm::Ed25519)), "algorithm_not_allowed", "HSIG-6");
    request.verify(&world, &only(Algorithm::Es256)).unwrap();
}

#[test]
fn hsig_8_leeway_and_lifetime_can_be_less_and_not_more() {
    let world = World::new();
    let agent = world.agent();
    let at = |created: u64, expires: u64, leeway: u64, max: u64| {
        let mut draft = Draft::new(&agent);
        draft.set("created", int(created));
        draft.set("expires", int(expires));
        let builder = verifier().0.leeway(secs(leeway)).max_lifetime(secs(max));
        draft.send().verify(&world, &builder.build())
    };
    let now = NOW.as_secs();
    at(now + 30, now + 60, 1000, 1000).unwrap();
    assert_refused!(at(now + 31, now + 60, 1000, 1000), "not_yet_valid", "HSIG-8");
    assert_refused!(at(now + 1, now + 60, 0, 1000), "not_yet_valid", "HSIG-8");
    at(now - 60, now - 29, 1000, 1000).unwrap();
    assert_refused!(at(now - 60, now - 30, 1000, 1000), "expired", "HSIG-8");
    assert_refused!(at(now - 60, now, 0, 1000), "expired", "HSIG-8");
    at(now, now + 300, 30, 1000).unwrap();
    assert_refused!(at(now, now + 301, 30, 1000), "lifetime_too_long", "HSIG-8");
    assert_refused!(at(now, now + 61, 30, 60), "lifetime_too_long", "HSIG-8");
    assert_refused!(at(now + 10, now + 5, 30, 60), "bad_times", "HSIG-8");
}

#[test]
fn hsig_1_the_key_of_a_wit_counts_no_longer_than_the_wit() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(100));
    let mut draft = Draft::new(&agent);
    draft.set("created", int(NOW.as_secs() + 130));
    draft.set("expires", int(NOW.as_secs() + 190));
    draft.request.now = NOW + secs(130);
    let request = draft.send();
    assert_refused!(request.verify(&world, &verifier().0.build()), "expired", "WIT-8");
}

#[test]
fn aims_43_what_a_request_authenticates_with_does_not_come_out_again() {
    let world = World::new();
    let agent = world.agent();
    let mut draft = Draft::new(&agent);
    for (name, value) in [
        ("dpop", "a.dpop.proof"),
        ("proxy-authorization", "Basic cHJveHk6c2VjcmV0"),
        ("workload-proof-token", "an.old.proof"),
        ("x-kept", "kept"),
    ] {
        draft.request.add(name, value);
        draft.covered.push(format!("{name:?}"));
    }
    // The same fields once more, in base64, and between others.
    draft.covered.insert(1, r#""authorization";bs"#.into());
    draft.covered.push(r#""dpop";bs"#.into());
    draft.covered.push(r#""workload-identity-token";bs"#.into());
    let verified = draft.send().verify(&world, &verifier().0.build()).unwrap();
    let said: Vec<_> = verified.covered().map(|(component, value)| format!("{component} {value}")).collect();
    let components =
        [r#""@method""#, r#""@path""#, r#""@query""#, r#""content-type""#, r#""content-digest""#];
    let named = |at: usize| said[at].split(' ').next().unwrap();
    for (at, component) in components.iter().enumerate() {
        assert_eq!(named(at), *component, "{said:?}");
    }
    assert_eq!(said[5..], [format!(r#""txn-token" {TXN}"#), r#""x-kept" kept"#.to_owned()], "{said:?}");
    assert!(verified.covers_access_token("an-access-token"));
    let field = |name| Component::field(name).unwrap();
    for component in
        ["authorization", "dpop", "proxy-authorization", "workload-identity-token", "workload-proof-token"]
    {
        assert_eq!(verified.value(&field(component)), None, "{component}");
        assert_eq!(verified.value(&field(component).binary().unwrap()), None, "{component}");
    }
    assert_eq!((verified.value(&field("x-kept")), verified.txn_token()), (Some("kept"), Some(TXN)));
    assert_eq!(verified.value(&Component::path()), Some("/v1/search"));
}

#[test]
fn hs_val_06_hsig_7_what_was_signed_in_one_line_is_not_split_into_several() {
    let world = World::new();
    let agent = world.agent();
    let verifier = || verifier().0.context_field("X-Context").build();
    for (name, whole) in [
        ("content-type", r#"multipart/mixed; boundary="a, b""#),
        ("authorization", "Digest username=a, realm=b"),
        ("txn-token", "one, other"),
        ("x-context", "read, write"),
    ] {
        let mut draft = Draft::new(&agent);
        draft.request.drop_field(name);
        draft.request.add(name, whole);
        draft.covered.retain(|covered| *covered != format!("{name:?}"));
        draft.covered.push(format!("{name:?}"));
        let request = draft.send();
        request.verify(&world, &verifier()).unwrap();
        // Joined they are what was signed; who reads the first line reads something else.
        let mut split = request.clone();
        let (first, rest) = whole.split_once(", ").unwrap();
        *split.field(name) = first.to_owned();
        split.add(name, rest);
        let refused = split.verify(&world, &verifier()).unwrap_err();
        assert_eq!((refused.code(), refused.rule(), refused.status()), ("field_repeated", "HS-VAL-06", 400));
    }
    // A field that is a list, and that nobody relies on, may be split.
    let mut draft = Draft::new(&agent);
    draft.request.add("accept", "a, b");
    draft.covered.push("\"accept\"".to_owned());
    let mut split = draft.send();
    *split.field("accept") = "a".to_owned();
    split.add("accept", "b");
    split.verify(&world, &verifier()).unwrap();
}

#[test]
fn hsig_5_wpt_15_a_field_that_the_recipient_relies_on_is_covered_or_the_request_refused() {
    let world = World::new();
    let agent = world.agent();
    let verifier = || verifier().0.context_field("X-Context").context_field("no field").build();
    Draft::new(&agent).send().verify(&world, &verifier()).unwrap();
    let mut draft = Draft::new(&agent);
    draft.request.add("x-context", "a value");
    assert_refused!(draft.send().verify(&world, &verifier()), "missing_coverage", "HSIG-5");
    draft.covered.push(r#""x-context""#.into());
    let signed = draft.send().verify(&world, &verifier()).unwrap();
    assert_eq!(signed.value(&Component::field("x-context").unwrap()), Some("a value"));
}

#[test]
fn hsig_9_what_the_client_is_answered_is_its_own_fault_or_not() {
    for (error, status) in [
        (MessageSignatureError::ContentTooLarge, 413),
        (MessageSignatureError::NoDigest, 400),
        (MessageSignatureError::Wit(WitError::Lapsed(Lapsed::MarksUnavailable)), 503),
        (MessageSignatureError::Wit(WitError::Expired), 400),
        (MessageSignatureError::Replay(ReplayError::Replayed), 400),
    ] {
        assert_eq!(error.status(), status, "{error:?}");
    }
}

/// The verifier of WITs may be more patient: the key of a request is not.
#[test]
fn hsig_1_a_signature_by_the_key_of_a_wit_that_has_expired_counts_for_half_a_minute() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(100));
    let patient =
        WitVerifier::builder(BundleSet::from(world.bundle.clone()), backend::ring()).leeway(secs(120));
    let wits = WitCache::new(patient.build(), 10);
    let at = |seconds: u64| {
        let mut draft = Draft::new(&agent);
        draft.set("created", int(NOW.as_secs() + seconds));
        draft.set("expires", int(NOW.as_secs() + seconds + 60));
        verifier().0.build().verify_request(&wits, &draft.send().message(), NOW + secs(seconds))
    };
    at(129).unwrap().with_content(BODY, NOW + secs(129)).unwrap();
    assert_refused!(at(130), "credential_expired", "HSIG-1");
}

#[cfg(feature = "legacy-httpsig-06")]
#[test]
fn hsig_2_of_draft_06_the_label_counts_too() {
    let world = World::new();
    let agent = world.agent();
    let verify = |label, target: bool| {
        let mut draft = Draft::plain(&agent);
        draft.label = label;
        if target {
            draft.uncover("@path");
            draft.uncover("@query");
            draft.covered.push(r#""@request-target""#.into());
        }
        let verifier = verifier().0.profile(aims_proof::SignatureProfile::Draft06).build();
        assert_eq!(verifier.profile(), aims_proof::SignatureProfile::Draft06);
        draft.send().verify(&world, &verifier)
    };
    verify("wimse", true).unwrap();
    assert_refused!(verify("sig1", true), "no_proof", "HSIG-2");
    assert_refused!(verify("wimse", false), "missing_coverage", "HSIG-5");
}

#[test]
fn aims_8_aims_55_a_caller_by_signature_ends_with_its_credential_or_a_mark() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(600));
    let verified = Draft::new(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    let caller = Authenticated::by_signature(&verified);
    let marks = MarkTable::with_capacity(10);
    let last = NOW + secs(629);
    caller.still_valid(last, &marks).unwrap();
    assert_refused!(caller.still_valid(last + secs(1), &marks), "expired", "AIMS-8");
    let credential = caller.mark_keys().find(|key| matches!(key, MarkKey::Credential { .. })).unwrap();
    marks.set(&credential, Mark::dead()).unwrap();
    assert_refused!(caller.still_valid(NOW, &marks), "revoked", "AIMS-55");
    assert_refused!(verified.still_valid(NOW, &marks), "revoked", "AIMS-55");
}
