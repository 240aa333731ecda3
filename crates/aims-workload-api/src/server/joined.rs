//! Whoever has joined by a token, and goes on by its keys.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_attest::Selector;
use aims_keys::UnixTime;

/// The agents that have joined: each by the key that it used last, and for a while by the one before.
#[derive(Debug, Default)]
pub(super) struct Joined(Mutex<Agents>);

#[derive(Debug, Default)]
struct Agents {
    all: HashMap<u64, Agent>,
    /// At most two keys of each.
    by_key: HashMap<Thumbprint, u64>,
    /// The number of the last one.
    last: u64,
}

type Thumbprint = [u8; 32];

/// What an agent has joined with.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) selectors: Vec<Selector>,
    pub(super) until: UnixTime,
    /// Whose share its renewals count against.
    pub(super) account: String,
    /// Whether it was issued anything since it has joined.
    pub(super) provisioned: bool,
    key: Thumbprint,
    /// The key before, and until when it counts: the answer may have been lost on its way.
    before: Option<(Thumbprint, UnixTime)>,
}

impl Joined {
    pub(super) fn has_room(&self, now: UnixTime) -> bool {
        let mut agents = self.lock();
        if agents.all.len() >= MAX_JOINED {
            let Agents { all, by_key, .. } = &mut *agents;
            all.retain(|_, agent| now < agent.until);
            by_key.retain(|_, number| all.contains_key(number));
        }
        agents.all.len() < MAX_JOINED
    }

    /// One that has joined with `key`. If that is a key of another one, it takes its place: whoever holds it is both.
    pub(super) fn begin(&self, key: Thumbprint, selectors: Vec<Selector>, until: UnixTime) {
        let mut agents = self.lock();
        agents.release(&key);
        agents.last += 1;
        let number = agents.last;
        let account = format!("joined:{number}");
        agents.insert(number, Agent { selectors, until, account, provisioned: false, key, before: None });
    }

    /// Lets `key` take the place of `previous`, whose holder both are.
    ///
    /// The key before the last one counts again, for a while, where the last one was not used yet; then that one is what was lost, and it counts
    /// no more. So of two who hold the keys of one agent, one of whom has stolen them, only one goes on, and the other is heard of.
    pub(super) fn renew(&self, previous: &Thumbprint, key: Thumbprint, now: UnixTime) -> Option<Agent> {
        let mut agents = self.lock();
        let number = *agents.by_key.get(previous)?;
        let agent = agents.all.get(&number).filter(|agent| now < agent.until)?;
        let before = if agent.key == key {
            agent.before
        } else if agent.key == *previous {
            Some((*previous, now + GRACE))
        } else {
            Some(agent.before.filter(|(_, until)| now < *until)?)
        };
        let mut agent = agents.end(number)?;
        agents.release(&key);
        (agent.key, agent.before) = (key, before);
        agents.insert(number, agent.clone());
        Some(agent)
    }

    /// Says that the agent with this key, if there is one, was issued something.
    pub(super) fn set_provisioned(&self, key: &Thumbprint) {
        let mut agents = self.lock();
        let Agents { all, by_key, .. } = &mut *agents;
        if let Some(agent) = by_key.get(key).and_then(|number| all.get_mut(number)) {
            agent.provisioned = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Agents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agents {
    fn insert(&mut self, number: u64, agent: Agent) {
        for key in agent.keys() {
            self.by_key.insert(key, number);
        }
        self.all.insert(number, agent);
    }

    fn end(&mut self, number: u64) -> Option<Agent> {
        let agent = self.all.remove(&number)?;
        for key in agent.keys() {
            self.by_key.remove(&key);
        }
        Some(agent)
    }

    /// Ends the agent that has this key, if there is one.
    fn release(&mut self, key: &Thumbprint) {
        if let Some(number) = self.by_key.get(key).copied() {
            self.end(number);
        }
    }
}

impl Agent {
    fn keys(&self) -> impl Iterator<Item = Thumbprint> + use<> {
        self.before.map(|(key, _)| key).into_iter().chain([self.key])
    }
}

/// For an answer that was lost: the key before may be used again.
const GRACE: Duration = Duration::from_secs(3600);

const MAX_JOINED: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    fn key(number: u64) -> Thumbprint {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    #[test]
    fn att_23_an_agent_takes_up_the_room_of_one_however_often_it_renews() {
        let joined = Joined::default();
        let until = NOW + Duration::from_secs(86_400);
        joined.begin(key(0), Vec::new(), until);
        for number in 0..1000 {
            let agent = joined.renew(&key(number), key(number + 1), NOW).unwrap();
            assert_eq!((agent.until, agent.account.as_str()), (until, "joined:1"));
            // The same again, and with others: all of them but the last are lost.
            for other in [key(number + 1), key(9999), key(number + 1)] {
                joined.renew(&key(number), other, NOW).unwrap();
            }
            joined.renew(&key(number + 1), key(number + 1), NOW).unwrap();
        }
        let agents = joined.lock();
        assert_eq!((agents.all.len(), agents.by_key.len()), (1, 2));
    }

    #[test]
    fn att_96_a_key_belongs_to_one_agent() {
        let joined = Joined::default();
        let until = NOW + Duration::from_secs(60);
        joined.begin(key(1), Vec::new(), until);
        joined.begin(key(2), Vec::new(), until);
        // The second goes on by the key of the first.
        joined.renew(&key(2), key(1), NOW).unwrap();
        assert_eq!(joined.renew(&key(1), key(3), NOW).unwrap().account, "joined:2");
        joined.begin(key(3), Vec::new(), until);
        assert_eq!(joined.renew(&key(3), key(4), NOW).unwrap().account, "joined:3");
        assert!(joined.renew(&key(1), key(5), NOW).is_none());
        assert!(joined.renew(&key(4), key(5), until).is_none(), "it is over");
        let agents = joined.lock();
        assert_eq!((agents.all.len(), agents.by_key.len()), (1, 2));
    }

    #[test]
    fn att_23_whose_time_is_over_makes_room() {
        let joined = Joined::default();
        let until = |number: usize| NOW + Duration::from_secs(if number == 7 { 120 } else { 60 });
        for number in 0..MAX_JOINED {
            assert!(joined.has_room(NOW));
            joined.begin(key(number as u64), Vec::new(), until(number));
        }
        assert!(!joined.has_room(NOW) && !joined.has_room(NOW + Duration::from_secs(59)));
        assert!(joined.has_room(NOW + Duration::from_secs(60)));
        let agents = joined.lock();
        assert_eq!((agents.all.len(), agents.by_key.len()), (1, 1));
        assert!(agents.by_key.contains_key(&key(7)));
    }

    #[test]
    fn att_96_the_key_before_counts_for_an_hour() {
        let (joined, second) = (Joined::default(), Duration::from_secs(1));
        joined.begin(key(1), Vec::new(), NOW + GRACE * 10);
        joined.renew(&key(1), key(2), NOW).unwrap();
        joined.renew(&key(1), key(3), NOW + GRACE - second).unwrap();
        assert!(joined.renew(&key(1), key(4), NOW + GRACE).is_none());
        joined.renew(&key(3), key(4), NOW + GRACE).unwrap();
    }
}
