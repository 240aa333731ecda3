//! Keys in hardware, by the word of the issuer (AIMS-10, ATT-115).

use std::sync::Arc;
use std::time::Duration;

use aims::{Audiences, BundleSet, Guard, HardwareKeys, JsonLines};
use aims_credential::{Attested, WitRequest};
use aims_keys::{Algorithm, AsyncSigner, SoftwareKey, UnixTime, backend};
use aims_testkit::{TestAgent, TestAuthority, TestClock, assert_refused};

use crate::support::{NOW, Records, callers, head, search};

struct World {
    authority: TestAuthority,
    records: Records,
    guard: Guard,
}

impl World {
    fn new(rule: impl FnOnce(HardwareKeys<aims::Callers>) -> HardwareKeys<aims::Callers>) -> Self {
        let authority = TestAuthority::new("spiffe://acme.example");
        let records = Records::default();
        let rule = rule(HardwareKeys::and(callers()));
        let trust = BundleSet::from(authority.trust());
        let guard = Guard::builder(Audiences::http("https://tools.example").unwrap(), trust, rule)
            .clock(TestClock::at(NOW).reader())
            .recorder(JsonLines::new(records.clone()))
            .build()
            .unwrap();
        Self { authority, records, guard }
    }

    fn agent(&self, path: &str, attested: Option<&Attested>) -> TestAgent {
        let key: Arc<dyn AsyncSigner> =
            Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        let id = format!("spiffe://acme.example{path}").parse().unwrap();
        let public = key.public_key().clone();
        let request = attested.into_iter().fold(WitRequest::new(&id, &public), WitRequest::attested);
        self.authority.agent_from(&request, key, NOW)
    }

    /// The reason for which the rule refuses, if it does.
    async fn asked(&self, agent: &TestAgent) -> Result<(), String> {
        let admitted = self.guard.admit(&head(&search(agent))).await;
        let reason = self.records.last()["decision"]["reasons"][0].as_str().map(ToOwned::to_owned);
        admitted.map(drop).map_err(|_| reason.unwrap())
    }
}

fn ago(age: u64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() - age)
}

#[tokio::test]
async fn aims_10_att_115_a_guard_asks_for_keys_that_hardware_holds() {
    let world = World::new(|rule| rule);
    let hardware = Attested::new(4, ago(60)).with_key_in_hardware().with_types(["tpm2-quote"]);
    let agent = world.agent("/agents/travel", Some(&hardware));
    world.asked(&agent).await.unwrap();
    let auth = &world.records.last()["agent"]["auth"];
    assert_eq!(auth["attested"], serde_json::json!({"level": 4, "key": "hardware"}));

    for (attested, reason) in [
        (None, "key_not_attested"),
        (Some(Attested::new(5, ago(60))), "key_not_in_hardware"),
        (Some(Attested::new(3, ago(60)).with_key_in_hardware()), "level_too_low"),
    ] {
        let agent = world.agent("/agents/travel", attested.as_ref());
        assert_eq!(world.asked(&agent).await.unwrap_err(), reason);
        let decision = &world.records.last()["decision"];
        assert_eq!(decision["policy_id"][0], "hardware-keys");
        assert_refused!(world.guard.admit(&head(&search(&agent))).await, reason, "WID-6");
    }
    // And whoever is not among the callers stays outside.
    let other = world.agent("/agents/other", Some(&hardware));
    assert_eq!(world.asked(&other).await.unwrap_err(), "caller_not_listed");
}

#[tokio::test]
async fn att_24_a_guard_says_how_old_evidence_may_be_and_how_good() {
    let at = |level, age| Attested::new(level, ago(age)).with_key_in_hardware();
    let world = World::new(|rule| rule.max_age(Duration::from_secs(300)).min_level(5));
    let asked = async |attested: &Attested| world.asked(&world.agent("/agents/travel", Some(attested))).await;
    assert_eq!(asked(&at(5, 300)).await, Ok(()));
    assert_eq!(asked(&at(5, 301)).await.unwrap_err(), "evidence_too_old");
    assert_eq!(asked(&at(4, 1)).await.unwrap_err(), "level_too_low");
    let ahead = |secs| Attested::new(5, NOW + Duration::from_secs(secs)).with_key_in_hardware();
    assert_eq!(asked(&ahead(60)).await, Ok(()));
    assert_eq!(asked(&ahead(61)).await.unwrap_err(), "evidence_too_old");
}
