//! `aims http`.

use aims_testkit::{assert_refused, vectors};
use serde_json::Value;

use crate::support::{Folder, Output};

const ORDER: &str = "POST /v1/orders?shop=3 HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n\r\n{\"order\": 7}";

const COVERED: &str = r#""@method" "@target-uri" "content-digest""#;

const CREATED: u64 = 1_790_000_000;

/// A folder with keys (`shop.pem`, `shop.jwk`, `other.jwk`), an order and the same signed (`signed.http`).
fn folder() -> Folder {
    let folder = Folder::new();
    folder.key("shop", "ES256", "k1");
    folder.key("other", "ES256", "k2");
    folder.write("order.http", ORDER);
    sign(&folder, "order.http", &["--content-digest"]).saved(&folder, "signed.http");
    folder
}

/// Signs; later options come on top.
fn sign(folder: &Folder, file: &str, options: &[&str]) -> Output {
    let args =
        ["http", "sign", file, "--key", "shop.pem", "--cover", COVERED, "--tag", "orders", "--keyid", "k1"];
    let created = CREATED.to_string();
    folder.aims(&[&args[..], &["--created", &created, "--expires", "60"], options].concat())
}

/// Verifies at that time; later options come on top.
fn verify(folder: &Folder, file: &str, options: &[&str]) -> Output {
    let key = if options.contains(&"--key") { &[][..] } else { &["--key", "shop.jwk"] };
    let tag = if options.contains(&"--tag") { &[][..] } else { &["--tag", "orders"] };
    let at = if options.contains(&"--at") { &[][..] } else { &["--at", "1790000030"] };
    let cover = if options.contains(&"--cover") { &[][..] } else { &["--cover", COVERED] };
    folder.aims(&[&["http", "verify", file], key, tag, at, cover, options].concat())
}

/// The signed order with something in it replaced.
fn changed(folder: &Folder, from: &str, to: &str) {
    let text = folder.read("signed.http");
    assert!(text.contains(from), "{from} is not in {text}");
    folder.write("changed.http", text.replacen(from, to, 1));
}

#[test]
fn what_is_signed_is_verified() {
    let folder = folder();
    let signed = folder.read("signed.http");
    let (head, content) = ORDER.split_once("\r\n\r\n").unwrap();
    assert!(signed.starts_with(head) && signed.ends_with(&format!("\r\n\r\n{content}")), "{signed}");
    assert!(signed.contains(&format!(
        "\r\nSignature-Input: sig1=({COVERED});created=1790000000;expires=1790000060;keyid=\"k1\";tag=\"orders\"\r\n"
    )));
    let text = verify(&folder, "signed.http", &[]).accepted();
    assert!(text.starts_with("verified; no earlier run is remembered"), "{text}");
    assert!(text.contains(
        "\ncovered.1.component: \"@target-uri\"\ncovered.1.value: https://shop.example/v1/orders?shop=3\n"
    ));

    let json = verify(&folder, "signed.http", &["--json"]).json();
    assert_eq!((&json["verified"], &json["content"]), (&true.into(), &"verified".into()));
    assert_eq!(
        (&json["label"], &json["keyid"], &json["tag"]),
        (&"sig1".into(), &"k1".into(), &"orders".into())
    );
    assert_eq!(json["expires"], CREATED + 60);
    assert_eq!(json["covered"][0], serde_json::json!({"component": "\"@method\"", "value": "POST"}));

    // From standard input, with LF, and with a label that somebody changed.
    let pasted = signed.replace("\r\n", "\n").replace("sig1=", "other=");
    let args = [
        "http",
        "verify",
        "-",
        "--key",
        "shop.jwk",
        "--tag",
        "orders",
        "--at",
        "1790000030",
        "--cover",
        COVERED,
    ];
    folder.aims_with_input(&args, pasted.as_bytes()).accepted();
}

#[test]
fn hs_raw_06_a_second_signature_stands_beside_the_first() {
    let folder = folder();
    let options = ["--param", "hop=2", "--param", "last", "--nonce", "n1", "--name-alg"];
    sign(&folder, "signed.http", &options).saved(&folder, "twice.http");
    let json = sign(&folder, "signed.http", &[&options[..], &["--json", "--label", "mine"]].concat()).json();
    assert_eq!(
        json["signature_input"],
        format!(
            "mine=({COVERED});created=1790000000;expires=1790000060;nonce=\"n1\";keyid=\"k1\";tag=\"orders\";alg=\"ecdsa-p256-sha256\";hop=2;last"
        )
    );
    let both = verify(&folder, "twice.http", &[]).refusal();
    assert_refused!(both.err(), "ambiguous_signature", "HS-FLD-04");
    let said = folder.aims(&["http", "base", "twice.http"]).unusable();
    assert!(said.contains("2 signatures") && said.contains("--label"), "{said}");
    let base = folder.aims(&["http", "base", "twice.http", "--label", "sig2"]).accepted();
    assert!(base.ends_with(";hop=2;last\n"), "{base}");
    let none = folder.aims(&["http", "base", "twice.http", "--label", "sig3"]).refusal();
    assert_refused!(none.err(), "no_candidate", "HS-FLD-04");
    assert_refused!(
        sign(&folder, "twice.http", &["--label", "sig1"]).refusal().err(),
        "label_in_use",
        "HS-SIGN-01"
    );
    let over = ["--cover", "\"signature\""];
    assert_refused!(sign(&folder, "signed.http", &over).refusal().err(), "over_signatures", "HS-SIGN-04");
    let part = ["--cover", "\"signature\";key=\"sig1\"", "--over-signatures"];
    let refused = sign(&folder, "signed.http", &part).refusal();
    assert_refused!(refused.err(), "over_part_of_signature", "HS-SIGN-04");
    let whole = [&part[..], &["--cover", "\"signature-input\";key=\"sig1\""]].concat();
    sign(&folder, "signed.http", &whole).accepted();
}

#[test]
fn hs_ver_04_the_base_is_printed_and_what_differs_is_marked() {
    let folder = folder();
    let base = folder.aims(&["http", "base", "signed.http"]).accepted();
    assert!(
        base.starts_with("\"@method\": POST\n\"@target-uri\": https://shop.example/v1/orders?shop=3\n"),
        "{base}"
    );
    assert_eq!(base.lines().count(), 4);
    folder.write("base.txt", &base);
    let same = folder.aims(&["http", "base", "signed.http", "--expected", "base.txt"]).accepted();
    assert!(same.starts_with("the same in all 4 lines\n  \"@method\": POST\n"), "{same}");
    assert_eq!(
        folder.aims(&["http", "base", "signed.http", "--expected", "base.txt", "--json"]).json()["same"],
        true
    );

    changed(&folder, "shop=3", "shop=4");
    let marked = folder.aims(&["http", "base", "changed.http", "--expected", "base.txt"]).different();
    let expected = "another in 1 line: < of this message, > expected\n  \"@method\": POST\n\
        < \"@target-uri\": https://shop.example/v1/orders?shop=4\n\
        > \"@target-uri\": https://shop.example/v1/orders?shop=3\n";
    assert!(marked.starts_with(expected), "{marked}");
    let (own, caret) = (marked.lines().nth(2).unwrap(), marked.lines().nth(4).unwrap());
    assert_eq!(own.find("=4").map(|at| at + 1), caret.find('^'), "{marked}");
    assert_eq!(marked.lines().count(), 7);
    let json = folder.aims(&["http", "base", "changed.http", "--expected", "base.txt", "--json"]).different();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["same"], &json["differences"][0]["line"]), (&false.into(), &2.into()));

    // What a terminal would obey is spelled out, and a line that is missing is shown.
    folder.write("base.txt", format!("{}more\u{1b}[2J", base.replace("POST", "POST\r")));
    let marked = folder.aims(&["http", "base", "signed.http", "--expected", "base.txt"]).different();
    assert!(
        marked.starts_with("another in 2 lines") && marked.contains("\n> \"@method\": POST\\u000d\n"),
        "{marked}"
    );
    assert!(marked.ends_with("\n> more\\u001b[2J\n"), "{marked}");
    // An expired signature has a base, too, and one that covers what is not there has none.
    changed(&folder, "Content-Digest", "X-Digest");
    let none = folder.aims(&["http", "base", "changed.http"]).refusal();
    assert!(none.message.contains("component \"content-digest\""), "{none:?}");
    assert_refused!(none.err(), "field_absent", "HS-VAL-04");
}

#[test]
fn hs_ver_03_a_refusal_says_what_is_wrong() {
    let folder = folder();
    let cover = |cover: &str| verify(&folder, "signed.http", &["--cover", cover]).refusal();
    let missing = cover(r#""@method" "@status";req"#);
    assert_eq!((missing.code(), missing.rule()), ("parameter_not_applicable", "HS-ID-05"));
    let missing = cover(r#"("@method" "x-tenant")"#);
    assert!(missing.message.contains("\"x-tenant\""), "{missing:?}");
    assert_refused!(missing.err(), "missing_coverage", "HS-VER-02");
    let missing =
        verify(&folder, "signed.http", &["--cover-if-present", r#""content-type" "x-not-there""#]).refusal();
    assert!(missing.message.contains("\"content-type\""), "{missing:?}");
    assert_refused!(missing.err(), "missing_coverage", "HS-VER-02");

    for (options, code, rule) in [
        (&["--at", "1790000100"][..], "expired", "HS-PAR-03"),
        (&["--at", "1789999900"], "not_yet_valid", "HS-PAR-03"),
        (&["--max-age", "10s", "--leeway", "0"], "too_old", "HS-PAR-03"),
        (&["--key", "other.jwk"], "bad_signature", "HS-BASE-06"),
        (&["--alg", "Ed25519"], "key_algorithm_mismatch", "JO-KEY-02"),
        (&["--key", "shop.pem"], "private_key", "JO-KEY-03"),
        (&["--keyid", "k2"], "no_candidate", "HS-FLD-04"),
        (&["--tag", "other"], "no_candidate", "HS-FLD-04"),
        (&["--require", "nonce"], "missing_parameter", "HS-PAR-04"),
        (&["--forbid", "keyid"], "forbidden_parameter", "HS-VER-03"),
    ] {
        let refused = verify(&folder, "signed.http", options).refusal();
        assert_refused!(refused.err(), code, rule, "{options:?}");
    }
    let said = folder.aims(&[
        "http",
        "verify",
        "signed.http",
        "--key",
        "shop.jwk",
        "--cover",
        COVERED,
        "--at",
        "1790000030",
    ]);
    let said = said.refusal();
    assert!(said.message.contains("sig1 has tag \"orders\" and keyid \"k1\""), "{said:?}");
    let late = verify(&folder, "signed.http", &["--at", "1790000100"]).refusal();
    assert!(
        late.message.ends_with(": sig1 has created 1790000000 and expires 1790000060, it is 1790000100"),
        "{late:?}"
    );
    sign(&folder, "signed.http", &["--label", "b"]).saved(&folder, "twice.http");
    let both = verify(&folder, "twice.http", &[]).refusal();
    assert!(both.message.contains(": sig1 has tag \"orders\" and keyid \"k1\", b has tag"), "{both:?}");
    assert_refused!(both.err(), "ambiguous_signature", "HS-FLD-04");
    let nothing = folder.aims(&["http", "verify", "signed.http", "--key", "shop.jwk", "--any-tag"]);
    assert!(nothing.unusable().contains("--cover"));
    assert!(verify(&folder, "signed.http", &["--cover", ""]).unusable().contains("no component"));
}

#[test]
fn hs_atk_09_hs_atk_10_a_changed_message_is_refused() {
    let folder = folder();
    folder.aims(&["http", "base", "signed.http"]).saved(&folder, "base.txt");
    for (from, to, code, rule) in [
        ("\"order\": 7", "\"order\": 8", "digest_mismatch", "HS-DIG-03"),
        ("POST", "PUT", "bad_signature", "HS-BASE-06"),
        ("shop.example", "shop.test", "bad_signature", "HS-BASE-06"),
        ("Content-Digest: sha-256=", "Content-Digest: md5=", "bad_signature", "HS-BASE-06"),
        ("Content-Digest", "X-Digest", "field_absent", "HS-VAL-04"),
        ("Signature: sig1=", "X-Signature: sig1=", "missing_signature", "HS-FLD-02"),
        ("Signature-Input: sig1=", "Signature-Input: sig2=", "label_mismatch", "HS-FLD-02"),
        ("Signature: sig1=", "Signature: sig1=:AA==:, sig1=", "duplicate_label", "HS-FLD-02"),
        ("Signature-Input: ", "Signature-Input: sig1=(),", "duplicate_label", "HS-FLD-02"),
        ("Signature-Input: sig1=(", "Signature-Input: sig1=((", "malformed_signature_field", "HS-SF-01"),
        ("Content-Type", "Content-Length: 12\r\nTransfer-Encoding: chunked\r\nX", "two_lengths", "HS-RAW-03"),
        ("json", "js\0on", "control_character", "HS-RAW-02"),
        ("\r\n\r\n", "\r\nContent-Length: 13\r\n\r\n", "truncated_message", "HS-RAW-04"),
        ("\r\n\r\n", "\r\nContent-Length: 11\r\n\r\n", "bytes_behind_message", "HS-RAW-04"),
    ] {
        changed(&folder, from, to);
        let refused = verify(&folder, "changed.http", &[]).refusal();
        assert_refused!(refused.err(), code, rule, "{from} {to}");
    }
    changed(&folder, "POST /v1/orders?shop=3", "PUT /v1/orders?shop=4");
    let named = verify(&folder, "changed.http", &["--expected", "base.txt"]).refusal();
    assert!(named.message.ends_with("\"@method\", \"@target-uri\""), "{named:?}");
    let named = verify(&folder, "signed.http", &["--expected", "base.txt", "--key", "other.jwk"]).refusal();
    assert!(named.message.contains("the key or the signature is another"), "{named:?}");

    folder.write("huge.http", format!("{ORDER}{}", "a".repeat(1024 * 1024)));
    assert!(verify(&folder, "huge.http", &[]).unusable().contains("more than 1048576 bytes"));
}

#[test]
fn hs_dig_04_content_that_is_not_covered_is_told() {
    let folder = folder();
    let method = [
        "http",
        "sign",
        "order.http",
        "--key",
        "shop.pem",
        "--cover",
        "\"@method\"",
        "--created",
        "1790000000",
    ];
    let options = ["--tag", "orders"];
    folder.aims(&[&method[..], &options].concat()).saved(&folder, "bare.http");
    let text = verify(&folder, "bare.http", &["--cover", "\"@method\""]).accepted();
    assert!(
        text.starts_with("verified, WITHOUT THE CONTENT") && text.contains("\ncontent: not covered\n"),
        "{text}"
    );
    // One algorithm of several is not the digest.
    let one = ["--content-digest", "--cover", "\"content-digest\";key=\"sha-256\""];
    folder.aims(&[&method[..], &options, &one].concat()).saved(&folder, "one.http");
    let refused = verify(&folder, "one.http", &["--cover", "\"@method\""]).refusal();
    assert_refused!(refused.err(), "digest_not_covered", "HS-DIG-04");

    // A digest of something else is not signed.
    let wrong = folder.read("signed.http").replace("\"order\": 7", "\"order\": 8");
    folder.write("wrong.http", wrong);
    assert_refused!(sign(&folder, "wrong.http", &[]).refusal().err(), "digest_mismatch", "HS-DIG-03");
    let absent = sign(&folder, "order.http", &[]).refusal();
    assert_refused!(absent.err(), "field_absent", "HS-VAL-04");
}

#[test]
fn hs_atk_14_a_response_is_signed_for_its_request() {
    let folder = folder();
    let answer = "HTTP/1.1 201 Created\nContent-Type: text/plain\nX-Meta: a=1,   b=2\n\ndone";
    folder.write("answer.http", answer);
    let covered = r#""@status" "@method";req "content-digest";req "content-digest" "x-meta";key="b""#;
    let to = ["--request", "signed.http", "--field-type", "X-Meta=dictionary"];
    let args = ["http", "sign", "answer.http", "--key", "shop.pem", "--cover", covered, "--content-digest"];
    folder
        .aims(&[&args[..], &to, &["--tag", "orders", "--created", "1790000000"]].concat())
        .saved(&folder, "answered.http");
    verify(&folder, "answered.http", &[&to[..], &["--cover", covered]].concat()).accepted();
    let base = folder.aims(&[&["http", "base", "answered.http"], &to[..]].concat()).accepted();
    assert!(
        base.contains("\n\"@method\";req: POST\n") && base.contains("\n\"x-meta\";key=\"b\": 2\n"),
        "{base}"
    );

    let alone = verify(&folder, "answered.http", &["--cover", covered, "--field-type", "x-meta=dictionary"]);
    assert_refused!(alone.refusal().err(), "no_request", "HS-ID-05");
    let untyped = verify(&folder, "answered.http", &["--cover", covered, "--request", "signed.http"]);
    assert_refused!(untyped.refusal().err(), "field_type_unknown", "HS-ID-10");
    changed(&folder, "POST", "PUT");
    let other = ["--request", "changed.http", "--field-type", "x-meta=dictionary"];
    let other = verify(&folder, "answered.http", &[&other[..], &["--cover", covered]].concat());
    assert_refused!(other.refusal().err(), "bad_signature", "HS-BASE-06");
    for args in [["signed.http", "--request", "order.http"], ["answer.http", "--request", "answer.http"]] {
        assert!(folder.aims(&[&["http", "base"], &args[..]].concat()).unusable().contains("--request"));
    }
}

#[test]
fn hs_val_10_the_name_that_clients_use_can_be_said() {
    let folder = folder();
    changed(&folder, "shop.example", "10.0.0.7:8443");
    verify(&folder, "changed.http", &["--authority", "shop.example"]).accepted();
    let plain = verify(&folder, "signed.http", &["--scheme", "http"]);
    assert_refused!(plain.refusal().err(), "bad_signature", "HS-BASE-06");
}

#[test]
fn hs_alg_02_a_shared_secret_has_options_of_its_own() {
    let folder = folder();
    let secret = "a secret of more than thirty-two bytes";
    folder.write("secret", format!("{secret}\n"));
    folder.write("secret64", aims::jose::base64::encode(secret.as_bytes()));
    folder.write("short", "0123456789");
    let sign = |option: &str, file: &str| {
        let args =
            ["http", "sign", "order.http", option, file, "--cover", "\"@method\"", "--created", "1790000000"];
        folder.aims(&[&args[..], &["--name-alg"]].concat())
    };
    let verify = |option: &str, file: &str| {
        let args =
            ["http", "verify", "shared.http", option, file, "--cover", "\"@method\"", "--at", "1790000030"];
        folder.aims(&args)
    };
    let by_text = sign("--secret", "secret").accepted();
    assert!(by_text.contains(";alg=\"hmac-sha256\"\r\n"), "{by_text}");
    assert_eq!(sign("--secret-base64", "secret64").accepted(), by_text);
    folder.write("shared.http", by_text);
    verify("--secret", "secret").accepted();
    verify("--secret-base64", "secret64").accepted();
    assert_refused!(verify("--secret", "secret64").refusal().err(), "bad_signature", "HS-BASE-06");
    assert_refused!(verify("--secret", "short").refusal().err(), "secret_too_short", "HS-ALG-02");
    // A public key is no secret for this, nor the other way round.
    assert_refused!(verify("--key", "shop.jwk").refusal().err(), "algorithm_mismatch", "HS-ALG-01");
    assert_eq!(verify("--key", "secret").code, 1);
    assert!(sign("--secret", "secret").accepted().contains("sig1=:"));
    let both = [
        "http",
        "verify",
        "shared.http",
        "--key",
        "shop.jwk",
        "--secret",
        "secret",
        "--cover",
        "\"@method\"",
    ];
    folder.aims(&both).unusable();
}

#[test]
fn hs_alg_01_a_set_has_the_key_that_is_named() {
    let folder = folder();
    folder.aims(&["jwk", "set", "shop.jwk", "other.jwk"]).saved(&folder, "both.jwks");
    folder.aims(&["jwk", "set", "other.jwk"]).saved(&folder, "other.jwks");
    verify(&folder, "signed.http", &["--key", "both.jwks"]).accepted();
    let unknown = verify(&folder, "signed.http", &["--key", "other.jwks"]);
    assert_refused!(unknown.refusal().err(), "unknown_key", "HS-ALG-01");
    changed(&folder, "keyid=\"k1\"", "keyid=\"k2\"");
    let confused = verify(&folder, "changed.http", &["--key", "both.jwks"]);
    assert_refused!(confused.refusal().err(), "bad_signature", "HS-BASE-06");
}

#[test]
fn a_command_line_that_is_no_signature_is_told() {
    let folder = folder();
    for (option, value) in [
        ("--param", "a=b c"),
        ("--param", "a=1;b"),
        ("--expires", "1d"),
        ("--cover", "(\"a\");tag=\"x\""),
        ("--field-type", "a=b"),
    ] {
        let said = sign(&folder, "signed.http", &[option, value]).unusable();
        assert!(said.contains("error:"), "{option} {value}: {said}");
    }
    for (value, code, rule) in [
        ("@method", "bad_date", "HS-SF-01"),
        ("(\"a\") (\"b\")", "trailing_characters", "HS-SF-01"),
        ("\"Content-Type\"", "field_name", "HS-ID-02"),
        ("\"@query-params\"", "unknown_derived_component", "HS-ID-08"),
        ("\"x\";sf;bs", "parameter_combination", "HS-ID-05"),
    ] {
        let refused = sign(&folder, "signed.http", &["--cover", value]).refusal();
        assert!(refused.message.starts_with("--cover: "), "{refused:?}");
        assert_refused!(refused.err(), code, rule, "{value}");
    }
    let twice = sign(&folder, "signed.http", &["--cover", "\"@method\""]).refusal();
    assert_refused!(twice.err(), "component_duplicate", "HS-ID-04");
    let twice = sign(&folder, "signed.http", &["--param", "tag=\"x\""]).refusal();
    assert_refused!(twice.err(), "parameter_duplicate", "HS-SF-03");
}

/// A message of the vectors as text; nothing in them is beyond ASCII where it is used.
fn text(message: &Value) -> Vec<u8> {
    let word = |name: &str| message[name].as_str().unwrap();
    let first = match message["status"].as_u64() {
        Some(status) => format!("HTTP/1.1 {status} \r\n"),
        None => format!("{} {} HTTP/1.1\r\n", word("method"), word("request_target")),
    };
    let mut text = first.into_bytes();
    for field in message["headers"].as_array().unwrap() {
        text.extend(format!("{}: {}\r\n", field[0].as_str().unwrap(), field[1].as_str().unwrap()).bytes());
    }
    text.extend(b"\r\n");
    text.extend(aims::jose::base64::decode(message["body_b64"].as_str().unwrap_or_default()).unwrap());
    text
}

#[test]
fn hs_base_02_hs_ver_01_messages_of_the_rfc_are_verified_and_their_bases_are_those_of_the_rfc() {
    let (Some(file), Some(keys)) =
        (vectors::json("httpsig/rfc9421-messages.json"), vectors::json("httpsig/rfc9421-keys.json"))
    else {
        return;
    };
    let folder = Folder::new();
    let mut verified = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let word = |name: &str| vector[name].as_str().unwrap();
        let (name, key) = (word("name"), &keys["keys"][word("keyid")]);
        let is_response = word("target") == "response";
        folder.write("message.http", text(&vector[word("target")]));
        let mut options = vec!["message.http"];
        if is_response && !vector["request"].is_null() {
            folder.write("request.http", text(&vector["request"]));
            options.extend(["--request", "request.http"]);
        }
        let base =
            folder.aims(&[&["http", "base", "--label", word("label")], &options[..]].concat()).accepted();
        let expected = vector.get("signature_base_of_received_message").unwrap_or(&vector["signature_base"]);
        assert_eq!(base.strip_suffix('\n'), expected.as_str(), "{name}");

        let mut args = vec!["http", "verify", "--dangerous-no-coverage", "--any-tag", "--at", "1618884500"];
        args.extend(["--max-age", "1h", "--keyid", word("keyid")]);
        match word("alg") {
            "hmac-sha256" => {
                folder.write("secret", key["secret_base64"].as_str().unwrap());
                args.extend(["--secret-base64", "secret"]);
            }
            alg => {
                let pem = key["public_pem"].as_str().unwrap();
                // One is of the older form, for RSA alone.
                let is_spki = pem.starts_with("-----BEGIN PUBLIC KEY-----");
                folder.write("key", if is_spki { pem.to_owned() } else { key["public_jwk"].to_string() });
                args.extend(["--key", "key"]);
                if alg == "rsa-pss-sha512" {
                    // What RSA keys are for that say nothing.
                    folder.write("key", key["public_jwk"].to_string());
                } else {
                    args.extend(["--alg", alg]);
                }
            }
        }
        let output = folder.aims(&[&args[..], &options].concat());
        if word("expect") == "valid" {
            assert!(output.accepted().starts_with("verified"), "{name}");
            verified += 1;
        } else {
            assert_refused!(output.refusal().err(), "bad_signature", "HS-BASE-06", "{name}");
        }
    }
    assert!(verified > 10, "the file lost its messages");
}

#[test]
fn hs_alg_01_rsa_keys_that_do_not_say_it_are_for_what_the_rfc_has_a_name_for() {
    let folder = folder();
    folder.write("rsa.pem", include_str!("../../../aims-keys/tests/it/keys/rsa2048.pem"));
    let covering = ["--cover", "\"@method\"", "--name-alg"];
    let signed = |bound: &[&str]| {
        let sign = ["http", "sign", "order.http", "--key", "rsa.pem"];
        folder.aims(&[&sign[..], &covering, bound].concat())
    };
    signed(&[]).saved(&folder, "rsa.http");
    assert!(folder.read("rsa.http").contains(";alg=\"rsa-pss-sha512\""));
    folder.aims(&["key", "public", "rsa.pem", "--alg", "PS512"]).saved(&folder, "ps512.jwk");
    // Without `alg`, a public key is for the same.
    let silent = folder.read("ps512.jwk").replace(r#""alg":"PS512","#, "");
    assert!(!silent.contains("alg"), "{silent}");
    folder.write("silent.jwk", silent);
    folder.aims(&["key", "public", "rsa.pem", "--alg", "PS256"]).saved(&folder, "ps256.jwk");
    let verify = |key: &str| {
        let verify = ["http", "verify", "rsa.http", "--cover", "\"@method\"", "--any-tag", "--key", key];
        folder.aims(&verify)
    };
    verify("ps512.jwk").accepted();
    verify("silent.jwk").accepted();
    assert_refused!(verify("ps256.jwk").refusal().err(), "algorithm_mismatch", "HS-ALG-01");
    assert_refused!(signed(&["--alg", "PS256"]).refusal().err(), "algorithm_without_name", "HS-ALG-03");
}

#[test]
fn hs_sign_01_the_signatures_of_the_rfc_that_have_no_chance_in_them_are_made_again() {
    let (Some(file), Some(keys)) =
        (vectors::json("httpsig/rfc9421-messages.json"), vectors::json("httpsig/rfc9421-keys.json"))
    else {
        return;
    };
    let folder = Folder::new();
    folder.write("key.pem", keys["keys"]["test-key-ed25519"]["private_pem"].as_str().unwrap());
    folder.write("secret", keys["keys"]["test-shared-secret"]["secret_base64"].as_str().unwrap());
    for (name, key) in
        [("rfc9421-b.2.5", ["--secret-base64", "secret"]), ("rfc9421-b.2.6", ["--key", "key.pem"])]
    {
        let all = file["vectors"].as_array().unwrap();
        let vector = all.iter().find(|vector| vector["name"] == name).unwrap();
        let mut message = vector["request"].clone();
        let is_signature = |field: &Value| field[0].as_str().unwrap().starts_with("Signature");
        message["headers"].as_array_mut().unwrap().retain(|field| !is_signature(field));
        folder.write("message.http", text(&message));
        let input = vector["signature_input"][0].as_str().unwrap();
        let covered = input.get(input.find('(').unwrap()..=input.find(')').unwrap()).unwrap();
        let args = ["http", "sign", "message.http", "--cover", covered, "--created", "1618884473", "--json"];
        let named =
            ["--keyid", vector["keyid"].as_str().unwrap(), "--label", vector["label"].as_str().unwrap()];
        let json = folder.aims(&[&args[..], &named, &key].concat()).json();
        assert_eq!(json["signature_input"], vector["signature_input"][0], "{name}");
        assert_eq!(json["signature"], vector["signature"][0], "{name}");
    }
}
