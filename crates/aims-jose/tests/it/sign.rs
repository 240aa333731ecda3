//! Making tokens (JO-SIGN).

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_jose::{Claims, Jwk, NewClaims, NewHeader, base64url, json};
use aims_keys::{
    AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, Signer, SoftwareKey,
    UnixTime,
};
use aims_testkit::assert_refused;

use crate::support::*;

/// A key in a device that signs as it pleases.
#[derive(Debug)]
struct Device {
    key: &'static SoftwareKey,
    protection: Protection,
    fault: Fault,
    asked: Mutex<Vec<Vec<u8>>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Something else is signed.
    OtherMessage,
    /// One bit is wrong.
    Flipped,
    Empty,
    Busy,
}

impl Device {
    fn new(protection: Protection, fault: Fault) -> Self {
        Self { key: &KEYS.es256, protection, fault, asked: Mutex::default() }
    }

    fn answer(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        let SignInput::Message(message) = input else { return Err(SignError::UnsupportedInput) };
        self.asked.lock().unwrap().push(message.to_vec());
        let mut signature = Signer::sign(self.key, input)?.as_bytes().to_vec();
        match self.fault {
            Fault::None => {}
            Fault::OtherMessage => {
                signature = Signer::sign(self.key, SignInput::Message(b"other"))?.as_bytes().to_vec();
            }
            Fault::Flipped => signature[40] ^= 1,
            Fault::Empty => signature.clear(),
            Fault::Busy => return Err(SignError::Busy { retry_after: None }),
        }
        Ok(signature.into())
    }
}

impl Signer for Device {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(self.key)
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        self.answer(input)
    }
}

impl AsyncSigner for Device {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(self.key)
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        let mut waited = false;
        let answer = self.answer(input);
        Box::pin(std::future::poll_fn(move |context| {
            if waited {
                return Poll::Ready(answer.clone());
            }
            waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn new_header() -> NewHeader {
    NewHeader::for_jwk("at+jwt", &jwk(&KEYS.es256)).unwrap()
}

#[test]
fn jo_sign_01_a_key_is_embedded_with_its_public_half_alone() {
    let key = Signer::public_key(&KEYS.es256);
    let header = NewHeader::with_embedded_key("dpop+jwt", key).unwrap();
    let token = header.unsigned("{}").sign(&KEYS.es256).unwrap();
    let encoded = token.split('.').next().unwrap();
    let header: serde_json::Value = serde_json::from_slice(&base64url::decode(encoded).unwrap()).unwrap();
    let jwk: serde_json::Value = serde_json::from_str(&Jwk::new(key.clone()).to_json()).unwrap();
    assert_eq!(header, serde_json::json!({"alg": "ES256", "jwk": jwk, "typ": "dpop+jwt"}));
}

#[test]
fn jo_sign_01_the_header_has_what_the_key_says_and_nothing_else() {
    for key in KEYS.all() {
        let token = NewHeader::for_jwk("at+jwt", &jwk(key)).unwrap().unsigned(claims("")).sign(key).unwrap();
        let (written, _) = token.split_once('.').unwrap();
        assert_eq!(base64url::decode(written).unwrap(), header(key).as_bytes());
        builder().build().verify(&token, NOW).unwrap();
        assert_eq!(NewHeader::for_jwk("at+jwt", &jwk(key)).unwrap().key(), &public(key));
    }
    let key = public(&KEYS.es256);
    let text = |header: NewHeader| {
        let unsigned = header.unsigned("");
        let encoded = str::from_utf8(unsigned.signing_input()).unwrap().strip_suffix('.').unwrap().to_owned();
        String::from_utf8(base64url::decode(encoded).unwrap()).unwrap()
    };
    assert_eq!(text(NewHeader::new("wit+jwt", &key).unwrap()), r#"{"alg":"ES256","typ":"wit+jwt"}"#);
    let nameless = NewHeader::for_jwk("wit+jwt", &Jwk::new(key.clone())).unwrap();
    assert_eq!(text(nameless), r#"{"alg":"ES256","typ":"wit+jwt"}"#);
    let odd = NewHeader::with_key_id("JWT", &key, r#"a","crit":["x"],"b":""#).unwrap();
    assert_eq!(text(odd), r#"{"alg":"ES256","kid":"a\",\"crit\":[\"x\"],\"b\":\"","typ":"JWT"}"#);
}

#[test]
fn jo_sign_01_a_type_is_a_media_subtype_and_a_kid_has_its_form() {
    let key = public(&KEYS.es256);
    for typ in [
        "",
        "application/at+jwt",
        "at jwt",
        " at+jwt",
        "at+jwt ",
        "\"",
        "at+jwt\n",
        "é",
        "+jwt",
        ".a",
        "a\0",
        &"a".repeat(128),
    ] {
        assert_refused!(NewHeader::new(typ, &key), "wrong_type", "JO-HDR-02", "{typ:?}");
        assert_refused!(NewHeader::with_key_id(typ, &key, "a"), "wrong_type", "JO-HDR-02", "{typ:?}");
        assert_refused!(
            NewHeader::for_jwk(typ, &Jwk::new(key.clone())),
            "wrong_type",
            "JO-HDR-02",
            "{typ:?}"
        );
    }
    for typ in ["JWT", "wit+jwt", "vnd.example-x_1.b+jwt", "1", "a!#$&-^_.+", &"a".repeat(127)] {
        NewHeader::new(typ, &key).unwrap();
    }
    for kid in ["", "a\n", "\u{7f}", &"a".repeat(257)] {
        assert_refused!(NewHeader::with_key_id("JWT", &key, kid), "malformed_key_id", "JO-HDR-05", "{kid:?}");
    }
}

#[test]
fn jo_sign_02_a_token_is_made_in_two_steps_by_whoever_holds_the_key() {
    for key in KEYS.all() {
        let header = NewHeader::for_jwk("at+jwt", &jwk(key)).unwrap();
        let unsigned = header.unsigned(claims(""));
        let input = String::from_utf8(unsigned.signing_input().to_vec()).unwrap();
        let signature = Signer::sign(key, SignInput::Message(input.as_bytes())).unwrap();
        let token = unsigned.attach(signature.as_bytes()).unwrap();
        assert_eq!(token, format!("{input}.{}", base64url::encode(signature.as_bytes())));
        builder().build().verify(&token, NOW).unwrap();

        for wrong in [vec![], signature.as_bytes()[1..].to_vec(), vec![0; signature.as_bytes().len()]] {
            assert_refused!(header.unsigned(claims("")).attach(&wrong), "bad_signature", "JO-B64-03");
        }
        assert_refused!(header.unsigned("other").attach(signature.as_bytes()), "bad_signature", "JO-B64-03");
    }
}

#[test]
fn jo_sign_02_signers_complete_a_token_in_one_step_sync_and_async() {
    let device = Device::new(Protection::Tpm, Fault::None);
    let verifier = builder().build();
    let token = new_header().unsigned(claims("")).sign(&device).unwrap();
    verifier.verify(&token, NOW).unwrap();
    let token = block_on(new_header().unsigned(claims("")).sign_async(&device)).unwrap();
    verifier.verify(&token, NOW).unwrap();
    let token = block_on(new_header().unsigned(claims("")).sign_async(&KEYS.es256)).unwrap();
    verifier.verify(&token, NOW).unwrap();
    // As trait objects, too.
    let (sync, asynchronous): (&dyn Signer, &dyn AsyncSigner) = (&device, &device);
    verifier.verify(&new_header().unsigned(claims("")).sign(sync).unwrap(), NOW).unwrap();
    verifier
        .verify(&block_on(new_header().unsigned(claims("")).sign_async(asynchronous)).unwrap(), NOW)
        .unwrap();
    let input = new_header().unsigned(claims("")).signing_input().to_vec();
    assert_eq!(*device.asked.lock().unwrap(), vec![input; 4]);
}

#[test]
fn jo_sign_01_a_signer_with_another_key_is_refused_before_it_signs() {
    let device = Device::new(Protection::Tpm, Fault::None);
    let header = NewHeader::for_jwk("at+jwt", &jwk(&KEYS.ed25519)).unwrap();
    assert_refused!(header.unsigned("x").sign(&device), "wrong_use", "TPM-44");
    assert_refused!(block_on(header.unsigned("x").sign_async(&device)), "wrong_use", "TPM-44");
    assert!(device.asked.lock().unwrap().is_empty());
    // The same numbers under another algorithm are another key.
    let header = NewHeader::new("at+jwt", &public(&KEYS.ps256)).unwrap();
    assert_refused!(header.unsigned("x").sign(&KEYS.rs256), "wrong_use", "TPM-44");
}

#[test]
fn jo_sign_04_what_a_device_signs_is_verified_before_it_is_used() {
    let devices = [Protection::Tpm, Protection::Hsm, Protection::CloudKms, Protection::SecureElement];
    for protection in devices {
        for fault in [Fault::OtherMessage, Fault::Flipped, Fault::Empty] {
            let device = Device::new(protection, fault);
            let context = format!("{protection:?} {fault:?}");
            let unsigned = || new_header().unsigned(claims(""));
            assert_refused!(unsigned().sign(&device), "signing_backend", "TPM-44", "{context}");
            assert_refused!(
                block_on(unsigned().sign_async(&device)),
                "signing_backend",
                "TPM-44",
                "{context}"
            );
        }
        let device = Device::new(protection, Fault::Busy);
        assert_refused!(new_header().unsigned("x").sign(&device), "key_busy", "TPM-44");
        assert_refused!(block_on(new_header().unsigned("x").sign_async(&device)), "key_busy", "TPM-44");
        new_header().unsigned("x").sign(&Device::new(protection, Fault::None)).unwrap();
    }
    // A key in this process is not checked again (design section 2): it would double the cost of each token.
    let device = Device::new(Protection::Software, Fault::Flipped);
    let token = new_header().unsigned(claims("")).sign(&device).unwrap();
    assert_refused!(builder().build().verify(&token, NOW), "bad_signature", "JO-B64-03");
}

#[test]
fn jo_sign_03_claims_have_one_order_whatever_the_order_of_the_calls() {
    let expected =
        r#"{"iss":"i","sub":"s","aud":["a","b"],"exp":3,"nbf":1,"iat":2,"jti":"j","z":1,"a":{"b":[2]}}"#;
    let mut forward = NewClaims::new();
    forward.issuer("i").subject("s").audience("a").audience("b").expires(UnixTime::from_secs(3));
    forward.not_before(UnixTime::from_secs(1)).issued_at(UnixTime::from_secs(2)).token_id("j");
    forward.extensions().u64("z", 1).object("a", |a| {
        a.array("b", |b| {
            b.u64(2);
        });
    });
    assert_eq!(forward.finish().unwrap(), expected);

    let mut backward = NewClaims::new();
    backward.extensions().u64("z", 1);
    backward.token_id("j").issued_at(UnixTime::from_secs(2)).not_before(UnixTime::from_secs(1));
    backward.extensions().object("a", |a| {
        a.array("b", |b| {
            b.u64(2);
        });
    });
    backward.expires(UnixTime::from_secs(3)).audience("a").audience("b").subject("s").issuer("i");
    assert_eq!(backward.finish().unwrap(), expected);
    // Nothing is left of them.
    assert_eq!(backward.finish().unwrap(), "{}");

    let mut one = NewClaims::new();
    one.audience("a");
    assert_eq!(one.finish().unwrap(), r#"{"aud":"a"}"#);
    let mut none = NewClaims::new();
    none.extensions().null("x");
    assert_eq!(none.finish().unwrap(), r#"{"x":null}"#);
    assert_eq!(NewClaims::default().finish().unwrap(), "{}");
}

#[test]
fn jo_sign_03_no_extension_takes_the_name_of_a_registered_claim() {
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        // Set or not, and behind others.
        for set in [false, true] {
            let mut claims = NewClaims::new();
            if set {
                claims
                    .issuer("i")
                    .subject("s")
                    .audience("a")
                    .expires(NOW)
                    .not_before(NOW)
                    .issued_at(NOW)
                    .token_id("j");
            }
            claims.extensions().u64("own", 1).u64(name, 1);
            assert_refused!(claims.finish(), "registered_claim", "JO-SIGN-03", "{name}");
        }
        // Inside a claim the name is free.
        let mut claims = NewClaims::new();
        claims.extensions().object("act", |act| {
            act.str(name, "x");
        });
        claims.finish().unwrap();
    }
    let mut twice = NewClaims::new();
    twice.extensions().u64("own", 1).u64("own", 1);
    assert_refused!(twice.finish(), "json_duplicate_name", "JO-JSON-02");
}

#[test]
fn jo_sign_03_claims_that_no_verifier_would_read_are_not_written() {
    type Set = for<'a, 'b> fn(&'a mut NewClaims<'b>) -> &'a mut NewClaims<'b>;
    let cases: [(Set, &str, &str); 9] = [
        (|claims| claims.issuer(""), "claim_empty", "JO-CLM-04"),
        (|claims| claims.subject(""), "claim_empty", "JO-CLM-06"),
        (|claims| claims.audience(""), "claim_empty", "JO-CLM-05"),
        (|claims| claims.audience("a").audience(""), "claim_empty", "JO-CLM-05"),
        (|claims| claims.token_id(""), "malformed_token_id", "JO-CLM-07"),
        (|claims| claims.expires(UnixTime::from_secs(253_402_300_800)), "date_range", "JO-CLM-02"),
        (|claims| claims.not_before(UnixTime::MAX), "date_range", "JO-CLM-02"),
        (|claims| claims.issued_at(UnixTime::MAX), "date_range", "JO-CLM-02"),
        (|claims| claims.token_id(LONG), "malformed_token_id", "JO-CLM-07"),
    ];
    for (set, code, rule) in cases {
        let mut claims = NewClaims::new();
        assert_refused!(set(&mut claims).finish(), code, rule);
    }
    let mut claims = NewClaims::new();
    claims.expires(UnixTime::from_secs(253_402_300_799)).token_id(LONG.split_at(1).1);
    claims.finish().unwrap();
}

#[test]
fn jo_sign_03_claims_of_any_size_are_written_and_read_back() {
    let mut claims = NewClaims::new();
    claims.issuer(ISSUER).subject("a\"\\\u{1}é").audience(AUDIENCE).expires(NOW + Duration::from_secs(1));
    claims.extensions().str("long", &"x".repeat(100_000));
    for at in 0..300 {
        claims.extensions().u64(&format!("m{at}"), at);
    }
    let text = claims.finish().unwrap();
    let limits = json::Limits::new().bytes(1 << 20).string(1 << 20).members(1000);
    let read = Claims::read(text.into_bytes(), &limits).unwrap();
    assert_eq!(read.subject().as_deref(), Some("a\"\\\u{1}é"));
    assert_eq!(read.as_object().iter().count(), 305);
}

#[test]
fn jo_sign_03_claims_nested_deeper_than_any_verifier_reads_are_not_written() {
    fn nest(writer: &mut json::ObjectWriter, levels: usize) {
        if levels > 0 {
            writer.object("a", |inner| nest(inner, levels - 1));
        }
    }
    let nested = |levels| {
        let mut claims = NewClaims::new();
        nest(claims.issuer(ISSUER).extensions(), levels);
        claims.finish()
    };
    let deepest = nested(127).unwrap();
    Claims::read(deepest.into_bytes(), &json::Limits::new().depth(128)).unwrap();
    assert_refused!(nested(128), "json_depth_limit", "JO-JSON-03");
}

/// One byte longer than a `jti` may be.
const LONG: &str = match str::from_utf8(&[b'j'; 257]) {
    Ok(text) => text,
    Err(_) => panic!(),
};
