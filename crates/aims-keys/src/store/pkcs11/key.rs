//! Keys on a token: how they are found, what is said of them, and what they must be.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::fault::Fault;
use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::der::{OCTET_STRING, Reader};
use crate::public::{KeyError, PublicKey, PublicNumbers};
use crate::spki::{ED25519, P256_CURVE, P384_CURVE, coordinates};
use crate::store::KeyId;

/// A private key on a token.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) object: ObjectHandle,
    pub(super) public: PublicKey,
    pub(super) exportable: bool,
}

/// The private key of this name; the name is its label.
pub(super) fn find(session: &Session, id: &KeyId, backend: Backend) -> Result<Found, Fault> {
    describe(session, find_private(session, id)?, None, backend)
}

pub(super) fn find_private(session: &Session, id: &KeyId) -> Result<ObjectHandle, Fault> {
    let named = [private_key(), Attribute::Token(true), Attribute::Label(id.as_str().into())];
    match *search(session, &named)? {
        [] => Err(Fault::NoObject),
        [object] => Ok(object),
        // Which of them is meant, nobody knows.
        _ => Err(Fault::Several),
    }
}

/// The names of all private keys that have one.
pub(super) fn names(session: &Session) -> Result<Vec<KeyId>, Fault> {
    let mut ids = Vec::new();
    for object in search(session, &[private_key(), Attribute::Token(true)])? {
        let Some(Attribute::Label(label)) = attribute(session, object, AttributeType::Label)? else {
            continue;
        };
        // Labels that are no names of keys are none of our business.
        ids.extend(core::str::from_utf8(&label).ok().and_then(|label| label.parse::<KeyId>().ok()));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Deletes the key of this name, both halves.
pub(super) fn destroy(session: &Session, id: &KeyId) -> Result<(), Fault> {
    let private = find_private(session, id)?;
    let key_id = attribute(session, private, AttributeType::Id)?;
    session.destroy_object(private)?;
    if let Some(key_id @ Attribute::Id(_)) = key_id {
        // Certificates of the same number stay.
        for public in search(session, &[public_key(), Attribute::Token(true), key_id])? {
            session.destroy_object(public)?;
        }
    }
    Ok(())
}

/// Makes a key that never leaves the token, and looks whether it is one.
pub(super) fn generate(
    session: &Session,
    id: &KeyId,
    algorithm: Algorithm,
    backend: Backend,
) -> Result<Found, Fault> {
    let (curve, mechanism) = match algorithm {
        Algorithm::Es256 => (P256_CURVE, Mechanism::EccKeyPairGen),
        Algorithm::Es384 => (P384_CURVE, Mechanism::EccKeyPairGen),
        Algorithm::Ed25519 => (ED25519, Mechanism::EccEdwardsKeyPairGen),
        // `EdDSA` too: a token keeps no second name of an algorithm, and the key would open under another.
        _ => return Err(Fault::UnsupportedAlgorithm),
    };
    let name = || id.as_str().as_bytes().to_vec();
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(curve.to_vec()),
        Attribute::Id(name()),
        Attribute::Label(name()),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        // One key never plays two parts: no key agreement with it.
        Attribute::Derive(false),
        Attribute::Id(name()),
        Attribute::Label(name()),
    ];
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    // Another process may have made one of this name meanwhile: then ours is one too many.
    let made = find_private(session, id).and_then(|_| {
        let found = describe(session, private, Some(public), backend)?;
        let as_asked = !found.exportable && found.public.algorithm() == algorithm;
        if as_asked { Ok(found) } else { Err(Fault::Policy) }
    });
    made.map_err(|fault| {
        // Best effort: the first error is the one to tell.
        let _ = session.destroy_object(private);
        let _ = session.destroy_object(public);
        if find_private(session, id).is_ok() { Fault::Several } else { fault }
    })
}

/// The signature as the token gives it: `r || s` of fixed length for ECDSA.
pub(super) fn sign(
    session: &Session,
    object: ObjectHandle,
    algorithm: Algorithm,
    data: &[u8],
) -> Result<Vec<u8>, Fault> {
    let mechanism = match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => Mechanism::Ecdsa,
        Algorithm::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        _ => return Err(Fault::UnsupportedAlgorithm),
    };
    let signature = session.sign(&mechanism, object, data)?;
    if algorithm.signature_len() == Some(signature.len()) { Ok(signature) } else { Err(Fault::Backend) }
}

/// What the token says of a private key; `public` is its other half, where that is known.
fn describe(
    session: &Session,
    object: ObjectHandle,
    public: Option<ObjectHandle>,
    backend: Backend,
) -> Result<Found, Fault> {
    use AttributeType as A;

    let is = |kind| match attribute(session, object, kind)? {
        Some(
            Attribute::AlwaysAuthenticate(value)
            | Attribute::AlwaysSensitive(value)
            | Attribute::Extractable(value)
            | Attribute::NeverExtractable(value)
            | Attribute::Sensitive(value)
            | Attribute::Sign(value),
        ) => Ok(Some(value)),
        _ => Ok::<_, Fault>(None),
    };
    if is(A::Sign)? != Some(true) {
        return Err(Fault::WrongUse);
    }
    // Such keys want the PIN again for each signature: a person, not an agent.
    if is(A::AlwaysAuthenticate)? == Some(true) {
        return Err(Fault::AuthRequired);
    }
    // What the token does not say does not hold.
    let stays = is(A::Sensitive)? == Some(true)
        && is(A::AlwaysSensitive)? == Some(true)
        && is(A::Extractable)? == Some(false)
        && is(A::NeverExtractable)? == Some(true);

    let numbers = public_numbers(session, object, public)?;
    let algorithm = numbers.usual_algorithm();
    Ok(Found { object, public: PublicKey::load(numbers, algorithm, backend)?, exportable: !stays })
}

/// The public half: of the private key where the token has it there, else of the public key of the same `CKA_ID`.
fn public_numbers(
    session: &Session,
    private: ObjectHandle,
    public: Option<ObjectHandle>,
) -> Result<PublicNumbers, Fault> {
    let Some(Attribute::KeyType(kind)) = attribute(session, private, AttributeType::KeyType)? else {
        return Err(Fault::Backend);
    };
    if kind != KeyType::EC && kind != KeyType::EC_EDWARDS {
        return Err(Fault::UnsupportedAlgorithm);
    }
    if let (Some(curve), Some(point)) = curve_and_point(session, private)? {
        return numbers(&curve, &point);
    }
    let public = match public {
        Some(public) => public,
        None => find_public(session, private, kind)?,
    };
    match curve_and_point(session, public)? {
        (Some(curve), Some(point)) => numbers(&curve, &point),
        _ => Err(Fault::Key(KeyError::PublicMissing)),
    }
}

/// The public key of the same kind and `CKA_ID`.
fn find_public(session: &Session, private: ObjectHandle, kind: KeyType) -> Result<ObjectHandle, Fault> {
    let key_id = match attribute(session, private, AttributeType::Id)? {
        Some(Attribute::Id(id)) if !id.is_empty() => id,
        _ => return Err(Fault::Key(KeyError::PublicMissing)),
    };
    let same = [public_key(), Attribute::Token(true), Attribute::KeyType(kind), Attribute::Id(key_id)];
    match *search(session, &same)? {
        [] => Err(Fault::Key(KeyError::PublicMissing)),
        [public] => Ok(public),
        _ => Err(Fault::Several),
    }
}

type CurveAndPoint = (Option<Vec<u8>>, Option<Vec<u8>>);

fn curve_and_point(session: &Session, key: ObjectHandle) -> Result<CurveAndPoint, Fault> {
    let bytes = |kind| match attribute(session, key, kind)? {
        Some(Attribute::EcParams(bytes) | Attribute::EcPoint(bytes)) if !bytes.is_empty() => Ok(Some(bytes)),
        _ => Ok::<_, Fault>(None),
    };
    Ok((bytes(AttributeType::EcParams)?, bytes(AttributeType::EcPoint)?))
}

/// `CKA_EC_PARAMS` as the object identifier of a curve, or the name that PKCS #11 has for Ed25519; `CKA_EC_POINT` as the octets
/// of the point, in an OCTET STRING (v2.40) or bare (what some tokens give).
fn numbers(curve: &[u8], point: &[u8]) -> Result<PublicNumbers, Fault> {
    let wrapped = || {
        let mut reader = Reader::new(point);
        let inner = reader.read(OCTET_STRING)?;
        reader.finish().map(|()| inner)
    };
    if curve == P256_CURVE {
        let point = if point.len() == 65 { point } else { wrapped().ok_or(KeyError::Malformed)? };
        let (x, y) = coordinates(point)?;
        Ok(PublicNumbers::P256 { x, y })
    } else if curve == P384_CURVE {
        let point = if point.len() == 97 { point } else { wrapped().ok_or(KeyError::Malformed)? };
        let (x, y) = coordinates(point)?;
        Ok(PublicNumbers::P384 { x, y })
    } else if curve == ED25519 || curve == ED25519_NAME {
        let point = if point.len() == 32 { point } else { wrapped().ok_or(KeyError::Malformed)? };
        Ok(PublicNumbers::Ed25519 { x: point.try_into().map_err(|_| KeyError::Malformed)? })
    } else {
        Err(Fault::UnsupportedAlgorithm)
    }
}

/// One attribute; `None` where the object has none, or does not tell.
fn attribute(
    session: &Session,
    object: ObjectHandle,
    kind: AttributeType,
) -> Result<Option<Attribute>, Fault> {
    Ok(session.get_attributes(object, &[kind])?.pop())
}

fn search(session: &Session, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Fault> {
    let mut objects = Vec::new();
    for object in session.iter_objects(template)? {
        // No token of an agent has so many keys; one that goes on forever is broken.
        if objects.len() >= MOST_OBJECTS {
            return Err(Fault::Backend);
        }
        objects.push(object?);
    }
    Ok(objects)
}

fn private_key() -> Attribute {
    Attribute::Class(ObjectClass::PRIVATE_KEY)
}

fn public_key() -> Attribute {
    Attribute::Class(ObjectClass::PUBLIC_KEY)
}

const MOST_OBJECTS: usize = 4096;

/// `PrintableString` "edwards25519" (PKCS #11 v3.1 §6.3.5).
const ED25519_NAME: &[u8] = b"\x13\x0cedwards25519";
