//! Trust bundles in the format of SPIFFE (SPIFFE Trust Domain and Bundle §4): one JWK Set for three kinds of credentials.

mod error;
mod token_keys;
mod usage;
mod write;
#[cfg(feature = "x509")]
mod x509;

pub use self::error::SpiffeBundleError;

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use aims_id::Origin;
use aims_jose::json::{Number, Object, Value};
use aims_jose::{Jwk, JwkError, JwkSet};
use aims_keys::{Algorithm, Backend};

use self::usage::Usage;
use crate::bundle::{BUNDLE_LIMITS, MAX_BUNDLE_TEXT, MAX_KEYS, algorithm_by_type};
use crate::{SkipReason, SkippedKey, TrustBundle};

impl TrustBundle {
    /// Reads the SPIFFE bundle document of an origin, which the document itself does not name (BND-1).
    ///
    /// Elements with the `use` `x509-svid` become the authorities of certificates, `jwt-svid` the keys of JWT-SVIDs, and
    /// `wit-svid` those of WITs; a key counts for its own kind only. An element that cannot be used is
    /// [skipped](Self::skipped). Where nothing is left, nothing is trusted: that is how everything is revoked (BND-9).
    ///
    /// Without the crate feature `x509` the elements `x509-svid` are skipped, too.
    ///
    /// ```
    /// use aims_credential::TrustBundle;
    /// use aims_keys::backend;
    ///
    /// let document = r#"{"keys":[],"spiffe_sequence":7,"spiffe_refresh_hint":60}"#;
    /// let bundle = TrustBundle::from_spiffe("spiffe://acme.example".parse().unwrap(), document, backend::ring())?;
    /// assert_eq!(bundle.sequence(), Some(7));
    /// # Ok::<(), aims_credential::SpiffeBundleError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpiffeBundleError`] when the document as a whole is refused. Nothing of it may be used then; what was stored before
    /// stays in force.
    pub fn from_spiffe(origin: Origin, document: &str, backend: Backend) -> Result<Self, SpiffeBundleError> {
        let document = parse(document)?;
        read(origin, document.as_value(), Usage::of, backend)
    }

    /// As [`from_spiffe`](Self::from_spiffe), and refuses what go-spiffe refuses though the standard does not: an empty
    /// `keys`, a key without `kid`, and a second certificate in `x5c` (BND-4).
    ///
    /// # Errors
    ///
    /// As [`from_spiffe`](Self::from_spiffe); [`SpiffeBundleError::EmptyKeys`], [`SpiffeBundleError::KeyIdMissing`],
    /// [`SpiffeBundleError::SeveralCertificates`].
    pub fn from_spiffe_strict(
        origin: Origin,
        document: &str,
        backend: Backend,
    ) -> Result<Self, SpiffeBundleError> {
        let document = parse(document)?;
        // What either reader refuses comes first, a leak before all.
        let bundle = read(origin, document.as_value(), Usage::of, backend)?;
        check_strictly(&elements(document.as_value())?)?;
        Ok(bundle)
    }
}

fn parse(document: &str) -> Result<Object, SpiffeBundleError> {
    if document.len() > MAX_BUNDLE_TEXT {
        return Err(JwkError::TooLarge.into());
    }
    // BND-17
    Ok(Object::parse(document, &BUNDLE_LIMITS).map_err(JwkError::Json)?)
}

/// Reads a bundle that was parsed, within a map of bundles.
pub(crate) fn read_member(
    origin: Origin,
    document: Value<'_>,
    backend: Backend,
) -> Result<TrustBundle, SpiffeBundleError> {
    read(origin, document, Usage::of, backend)
}

/// Reads a bundle that was parsed; what an element is for, `usage_of` says.
fn read(
    origin: Origin,
    document: Value<'_>,
    usage_of: impl Fn(Value<'_>) -> Option<Usage> + Copy,
    backend: Backend,
) -> Result<TrustBundle, SpiffeBundleError> {
    let elements = elements(document)?;
    // A leak is reported whatever else is wrong with the bundle.
    elements.iter().try_for_each(|&element| refuse_secret(element))?;
    let sequence =
        integer(document, "spiffe_sequence").map_err(|NotAnInteger| SpiffeBundleError::Sequence)?;
    let hint =
        integer(document, "spiffe_refresh_hint").map_err(|NotAnInteger| SpiffeBundleError::RefreshHint)?;

    let shared_names = shared_names(&elements, usage_of);
    let mut found = Found::default();
    let mut skipped = Vec::new();
    for (index, &element) in elements.iter().enumerate() {
        if let Err(reason) = found.read(element, usage_of(element), &shared_names, backend) {
            skipped.push(SkippedKey { index, reason });
        }
    }

    let bundle = TrustBundle::new(origin, JwkSet::new(found.wit)?)
        .with_jwt_keys(JwkSet::new(found.jwt)?)
        .with_read(skipped, sequence, hint.filter(|&secs| secs > 0).map(Duration::from_secs));
    #[cfg(feature = "x509")]
    let bundle = bundle.with_x509_authorities(found.authorities);
    Ok(bundle)
}

/// What a document holds that counts for something.
#[derive(Default)]
struct Found {
    wit: Vec<Jwk>,
    jwt: Vec<Jwk>,
    #[cfg(feature = "x509")]
    authorities: Vec<crate::x509::X509Authority>,
}

impl Found {
    fn read(
        &mut self,
        element: Value<'_>,
        usage: Option<Usage>,
        shared_names: &HashSet<Cow<'_, str>>,
        backend: Backend,
    ) -> Result<(), SkipReason> {
        if element.as_object().is_none() {
            return Err(JwkError::NotAnObject.into());
        }
        let is_known = |kty: Value<'_>| KEY_TYPES.iter().any(|known| kty.is_str(known));
        if !element.get("kty").is_some_and(is_known) {
            return Err(JwkError::KeyType.into());
        }
        let usage = usage.ok_or(JwkError::Use)?;
        if usage == Usage::X509 {
            return self.read_authority(element, backend);
        }

        let kid = element.get("kid").ok_or(SkipReason::KeyIdMissing)?;
        if kid.as_str().is_some_and(|kid| shared_names.contains(&kid)) {
            return Err(JwkError::DuplicateKeyId.into());
        }
        let by_type = algorithm_by_type(element);
        let load = |algorithm| Jwk::from_value_for(usage.name(), element, algorithm, backend);
        let key = load(by_type)?;
        match usage {
            // BND-19: which of the two it is the header says, and the verifier whether it takes it.
            Usage::Jwt if by_type == Some(Algorithm::Ps256) => {
                self.jwt.extend([key, load(Some(Algorithm::Rs256))?]);
            }
            Usage::Jwt => self.jwt.push(key),
            Usage::Wit | Usage::X509 => self.wit.push(key),
        }
        Ok(())
    }

    #[cfg(feature = "x509")]
    fn read_authority(&mut self, element: Value<'_>, backend: Backend) -> Result<(), SkipReason> {
        self.authorities.push(x509::authority(element, backend)?);
        Ok(())
    }

    #[cfg(not(feature = "x509"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn read_authority(&mut self, _: Value<'_>, _: Backend) -> Result<(), SkipReason> {
        Err(SkipReason::X509Unsupported)
    }
}

fn elements(document: Value<'_>) -> Result<Vec<Value<'_>>, SpiffeBundleError> {
    let keys = document.get("keys").and_then(|keys| keys.as_array()).ok_or(JwkError::Set)?;
    let elements: Vec<_> = keys.take(MAX_KEYS + 1).collect();
    if elements.len() > MAX_KEYS { Err(JwkError::TooLarge.into()) } else { Ok(elements) }
}

/// BND-4: the three places where go-spiffe is stricter than the standard.
fn check_strictly(elements: &[Value<'_>]) -> Result<(), SpiffeBundleError> {
    if elements.is_empty() {
        return Err(SpiffeBundleError::EmptyKeys);
    }
    for element in elements {
        match Usage::of(*element) {
            Some(Usage::Jwt | Usage::Wit) if element.get("kid").is_none() => {
                return Err(SpiffeBundleError::KeyIdMissing);
            }
            Some(Usage::X509) => {
                let certificates = element.get("x5c").and_then(|x5c| x5c.as_array());
                if certificates.is_some_and(|certificates| certificates.count() > 1) {
                    return Err(SpiffeBundleError::SeveralCertificates);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// BND-19, JO-KEY-03: a secret in a public document has leaked, whatever the element is for.
fn refuse_secret(element: Value<'_>) -> Result<(), JwkError> {
    if element.get("kty").is_some_and(|kty| kty.is_str("oct")) {
        return Err(JwkError::Symmetric);
    }
    let is_secret = |name: &str| SECRET_MEMBERS.contains(&name);
    let leaks =
        element.as_object().is_some_and(|mut members| members.any(|(name, _)| is_secret(&name.as_str())));
    if leaks { Err(JwkError::Private) } else { Ok(()) }
}

/// BND-18: the names that more than one key for tokens has, be it usable or not.
fn shared_names<'d>(
    elements: &[Value<'d>],
    usage_of: impl Fn(Value<'_>) -> Option<Usage>,
) -> HashSet<Cow<'d, str>> {
    let mut seen = HashSet::new();
    let mut shared = HashSet::new();
    for element in elements {
        if !matches!(usage_of(*element), Some(Usage::Jwt | Usage::Wit)) {
            continue;
        }
        if let Some(kid) = element.get("kid").and_then(|kid| kid.as_str())
            && !seen.insert(kid.clone())
        {
            shared.insert(kid);
        }
    }
    shared
}

/// BND-10, BND-11: from 0 to 2^64-1, without sign, fraction or exponent.
fn integer(document: Value<'_>, name: &str) -> Result<Option<u64>, NotAnInteger> {
    let Some(value) = document.get(name) else { return Ok(None) };
    value.as_number().and_then(Number::as_u64).map(Some).ok_or(NotAnInteger)
}

struct NotAnInteger;

const KEY_TYPES: [&str; 4] = ["AKP", "EC", "OKP", "RSA"];

/// RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2; `priv` is the seed of ML-DSA (JO-KEY-06).
const SECRET_MEMBERS: [&str; 8] = ["d", "dp", "dq", "oth", "p", "priv", "q", "qi"];
