//! Makes a signed token, and reads it as its recipient would: `jose SUBJECT`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aims_jose::{Jwk, JwkSet, JwtVerifier, NewClaims, NewHeader};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};

fn main() -> Result<(), Box<dyn Error>> {
    let subject = std::env::args().nth(1).ok_or("usage: jose SUBJECT")?;
    let now = UnixTime::try_from(SystemTime::now())?;

    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
    let jwk = Jwk::new(key.public_key().clone()).with_key_id("1")?;
    let mut claims = NewClaims::new();
    claims.issuer("https://as.example").subject(&subject).audience("https://api.example");
    claims.expires(now + Duration::from_secs(300));
    let token = NewHeader::for_jwk("at+jwt", &jwk)?.unsigned(claims.finish()?).sign(&key)?;

    let keys = JwkSet::new(vec![jwk])?;
    let verifier =
        JwtVerifier::builder(keys, "at+jwt", "https://as.example").audience("https://api.example").build();
    let read = verifier.verify(&token, now)?;
    println!("subject: {}", read.claims().subject().unwrap_or_default());

    let Err(refusal) = verifier.verify(&token, now + Duration::from_secs(3600)) else {
        return Err("an expired token was accepted".into());
    };
    println!("an hour later: {} ({})", refusal.code(), refusal.rule());
    Ok(())
}
