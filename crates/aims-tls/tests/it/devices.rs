//! Keys in devices (TPM-46).

use std::sync::Arc;

use aims_credential::x509::Svid;
use aims_credential::{CurrentCredential, Holder};
use aims_keys::{
    Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, SoftwareKey,
    backend,
};
use aims_testkit::{HandshakeError, handshake};
use aims_tls::{AnonymousTls, on_executor};
use rustls::Error;

use crate::support::{AGENT, TOOL, World, id, key, provider};

/// A key that says it is in a module.
#[derive(Debug)]
struct InModule(Arc<SoftwareKey>);

impl AsyncSigner for InModule {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn protection(&self) -> Protection {
        Protection::Hsm
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        AsyncSigner::sign(&*self.0, input)
    }
}

fn in_module(world: &World, name: &str) -> Holder {
    let key = key(Algorithm::Es256);
    let chain = world.chain(&world.acme, &id(name), &key);
    Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), Arc::new(InModule(key))).unwrap()
}

#[test]
fn tpm_46_both_ends_say_whether_a_device_signs_for_them() {
    let world = World::new();
    let (tool, agent) = (world.current(TOOL), world.current(AGENT));
    let server = world.tls(tool.clone(), &[AGENT]).server().unwrap();
    let client = world.tls(agent.clone(), &[TOOL]).client().unwrap();
    assert!(!server.signs_in_device() && !client.signs_in_device());
    tool.replace(in_module(&world, TOOL)).unwrap();
    agent.replace(in_module(&world, AGENT)).unwrap();
    assert!(server.signs_in_device() && client.signs_in_device());
    handshake(client.config(), server.config()).unwrap();

    // What has ended signs nothing, and nor does who has nothing.
    world.clock.advance(86_400);
    assert!(!server.signs_in_device() && !client.signs_in_device());
    tool.withdraw();
    assert!(!server.signs_in_device());
    let nobody = world.tls(CurrentCredential::default(), &[AGENT]).server().unwrap();
    assert!(!nobody.signs_in_device());
    let anonymous = AnonymousTls::new(world.svids(), aims_id::IdSet::new(), provider()).client().unwrap();
    assert!(!anonymous.signs_in_device());
}

#[test]
fn tpm_46_on_an_executor_a_key_in_a_device_fails_in_place_of_waiting() {
    let world = World::new();
    let server = world.tls(CurrentCredential::new(in_module(&world, TOOL)), &[AGENT]).server().unwrap();
    let client = world.client();
    let refused = on_executor(|| handshake(client.config(), server.config())).err().unwrap();
    assert_eq!(refused, HandshakeError::Server(Error::General("key_in_device".to_owned())));
    // It is the thread of that call alone, and only while it lasts: after a panic, too.
    let panicked = std::panic::catch_unwind(|| on_executor(|| panic!("a step that panics")));
    assert!(panicked.is_err());
    handshake(client.config(), server.config()).unwrap();
    on_executor(|| on_executor(|| ()));
    on_executor(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| handshake(client.config(), server.config()).unwrap()).join().unwrap();
        });
        handshake(client.config(), world.server().config()).unwrap();
    });
}
