//! Keys that other tools put on the token, and what is refused of them.

use aims_keys::store::{DeleteKeys, GenerateKeys, KeyStore, ListKeys};
use aims_keys::{Algorithm, SignInput};
use aims_testkit::assert_refused;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, Attribute as A, AttributeType as T, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::world::on_a_token;
use crate::store::id;

const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

/// A key pair by another tool: (public, private).
fn pair(
    session: &Session,
    curve: &[u8],
    (key_id, label): (&[u8], &str),
    more: &[Attribute],
) -> (ObjectHandle, ObjectHandle) {
    let label = Attribute::Label(label.into());
    let id = Attribute::Id(key_id.to_vec());
    let public = [Attribute::Token(true), Attribute::EcParams(curve.to_vec()), id.clone(), label.clone()];
    let mut private = vec![Attribute::Token(true), id, label];
    private.extend_from_slice(more);
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap()
}

#[test]
fn tpm_40_a_key_of_another_tool_opens_by_its_label_and_says_whether_it_can_leave() {
    on_a_token(tpm_40_a_key_of_another_tool_opens_by_its_label_and_says_whether_it_can_leave, |world| {
        let store = world.store();
        let session = world.session();
        let sign = Attribute::Sign(true);
        let stays = [sign.clone(), Attribute::Sensitive(true), Attribute::Extractable(false)];
        pair(&session, P256, (&[1], "stays"), &stays);
        let leaves = [sign.clone(), Attribute::Sensitive(true), Attribute::Extractable(true)];
        pair(&session, P256, (&[2], "leaves"), &leaves);
        let seen = [sign.clone(), Attribute::Sensitive(false), Attribute::Extractable(false)];
        pair(&session, P256, (&[3], "seen"), &seen);
        // What could leave once, may have left.
        let (_, late) = pair(&session, P256, (&[4], "late"), &leaves);
        session.update_attributes(late, &[Attribute::Extractable(false)]).unwrap();
        pair(&session, P256, (&[5], "not a name"), &stays);

        assert_eq!(store.list().unwrap(), [id("late"), id("leaves"), id("seen"), id("stays")]);
        for (name, exportable) in [("stays", false), ("leaves", true), ("seen", true), ("late", true)] {
            let key = store.open(&id(name)).unwrap();
            assert_eq!(key.is_exportable(), exportable, "{name}");
            let signature = key.signer().sign(SignInput::Message(b"m")).unwrap();
            assert_eq!(key.public_key().verify(b"m", signature.as_bytes()), Ok(()));
        }
    });
}

#[test]
fn tpm_40_keys_made_here_are_sensitive_and_never_were_extractable() {
    on_a_token(tpm_40_keys_made_here_are_sensitive_and_never_were_extractable, |world| {
        let store = world.store();
        store.generate(&id("k"), Algorithm::Es256).unwrap();
        let session = world.session();
        let private = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(b"k".to_vec())];
        let [key] = session.find_objects(&private).unwrap()[..] else { panic!("one key") };
        let kinds = [
            T::Token,
            T::Private,
            T::Sensitive,
            T::AlwaysSensitive,
            T::Extractable,
            T::NeverExtractable,
            T::Local,
            T::Sign,
            T::Derive,
            T::Id,
        ];
        let said = session.get_attributes(key, &kinds).unwrap();
        let expected = [
            A::Token(true),
            A::Private(true),
            A::Sensitive(true),
            A::AlwaysSensitive(true),
            A::Extractable(false),
            A::NeverExtractable(true),
            A::Local(true),
            A::Sign(true),
            A::Derive(false),
            A::Id(b"k".to_vec()),
        ];
        assert_eq!(said, expected);
        assert!(session.get_attributes(key, &[T::Value]).unwrap().is_empty(), "the token keeps it");
    });
}

#[test]
fn tpm_44_of_two_keys_of_one_name_none_opens_and_none_is_deleted() {
    on_a_token(tpm_44_of_two_keys_of_one_name_none_opens_and_none_is_deleted, |world| {
        let store = world.store();
        store.generate(&id("twice"), Algorithm::Es256).unwrap();
        let session = world.session();
        pair(&session, P256, (b"other", "twice"), &[Attribute::Sign(true)]);
        assert_refused!(store.open(&id("twice")), "key_ambiguous", "TPM-44");
        assert_refused!(store.delete(&id("twice")), "key_ambiguous", "TPM-44");
        assert_refused!(store.generate(&id("twice"), Algorithm::Es256), "key_exists", "TPM-44");
        assert_eq!(store.list().unwrap(), [id("twice")]);
        let private = [Attribute::Class(ObjectClass::PRIVATE_KEY)];
        assert_eq!(session.find_objects(&private).unwrap().len(), 2);
    });
}

#[test]
fn tpm_44_keys_that_are_not_for_signing_or_of_other_kinds_are_refused() {
    on_a_token(tpm_44_keys_that_are_not_for_signing_or_of_other_kinds_are_refused, |world| {
        let store = world.store();
        let session = world.session();
        pair(&session, P256, (&[1], "agreement"), &[Attribute::Sign(false), Attribute::Derive(true)]);
        assert_refused!(store.open(&id("agreement")), "wrong_use", "TPM-44");

        pair(&session, P521, (&[2], "p521"), &[Attribute::Sign(true)]);
        assert_refused!(store.open(&id("p521")), "unsupported_algorithm", "TPM-44");

        let name = [Attribute::Token(true), Attribute::Id(vec![3]), Attribute::Label(b"rsa".to_vec())];
        let public =
            [&name[..], &[Attribute::ModulusBits(2048.into()), Attribute::PublicExponent(vec![1, 0, 1])]];
        let private = [&name[..], &[Attribute::Sign(true)]];
        session
            .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public.concat(), &private.concat())
            .unwrap();
        assert_refused!(store.open(&id("rsa")), "unsupported_algorithm", "TPM-44");
    });
}

#[test]
fn tpm_44_a_private_key_without_its_public_half_or_beside_that_of_another_is_refused() {
    on_a_token(tpm_44_a_private_key_without_its_public_half_or_beside_that_of_another_is_refused, |world| {
        let store = world.store();
        let session = world.session();
        let (public, _) = pair(&session, P256, (&[1], "alone"), &[Attribute::Sign(true)]);
        session.destroy_object(public).unwrap();
        assert_refused!(store.open(&id("alone")), "key_public_missing", "JO-KEY-07");

        // Its public half is that of a key that somebody else has.
        let (public, _) = pair(&session, P256, (&[2], "swapped"), &[Attribute::Sign(true)]);
        let (theirs, _) = pair(&session, P256, (&[3], "theirs"), &[Attribute::Sign(true)]);
        session.destroy_object(public).unwrap();
        session.update_attributes(theirs, &[Attribute::Id(vec![2])]).unwrap();
        assert_refused!(store.open(&id("swapped")), "store_backend", "TPM-44");

        let (first, _) = pair(&session, P256, (&[4], "two"), &[Attribute::Sign(true)]);
        let (second, _) = pair(&session, P256, (&[4], "two-more"), &[Attribute::Sign(true)]);
        assert_ne!(first, second);
        assert_refused!(store.open(&id("two")), "key_ambiguous", "TPM-44");
    });
}

#[test]
fn tpm_44_deleting_a_key_takes_both_halves_and_nothing_else() {
    on_a_token(tpm_44_deleting_a_key_takes_both_halves_and_nothing_else, |world| {
        let store = world.store();
        store.generate(&id("a"), Algorithm::Es256).unwrap();
        store.generate(&id("b"), Algorithm::Es256).unwrap();
        let session = world.session();
        store.delete(&id("a")).unwrap();
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            assert_eq!(session.find_objects(&[Attribute::Class(class)]).unwrap().len(), 1);
        }
        assert!(store.open(&id("b")).is_ok());
    });
}
