//! The worker's end of a TPM: a connection, and what is loaded over it.
//!
//! Nothing outside this module sees a type of the library below (TPM-2).

mod endorsement;
mod evidence;
mod fault;
mod info;
mod keys;
mod link;
mod pcrs;
mod seal;
mod template;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::fault::Fault;
use self::link::Link;
use crate::error::TpmError;
use crate::settings::TpmSettings;

/// A TPM that is connected to when it is first needed, and again after the connection was lost.
pub(crate) struct Device {
    settings: Arc<TpmSettings>,
    /// Whether there ever was a connection: then none now means that the TPM is gone.
    seen: Arc<AtomicBool>,
    link: Option<Link>,
}

impl Device {
    pub(crate) fn new(settings: Arc<TpmSettings>, seen: Arc<AtomicBool>) -> Self {
        Self { settings, seen, link: None }
    }

    /// Makes the first connection.
    pub(crate) fn connect(&mut self) -> Result<(), TpmError> {
        self.link()?;
        Ok(())
    }

    /// Does a piece of work. Where the connection broke, or the TPM forgot what was loaded, it is done once more over a new connection,
    /// and never a third time (TPM-17).
    fn run<T>(&mut self, work: impl Fn(&mut Link) -> Result<T, Fault>) -> Result<T, TpmError> {
        let fresh = self.link.is_none();
        match self.attempt(&work) {
            Err(fault) if fault.is_lost() && !fresh => self.attempt(&work).map_err(Fault::into_error),
            outcome => outcome.map_err(Fault::into_error),
        }
    }

    fn attempt<T>(&mut self, work: impl Fn(&mut Link) -> Result<T, Fault>) -> Result<T, Fault> {
        let link = self.link()?;
        let mut outcome = work(link);
        // Others may fill slots too. What is loaded here can be loaded again.
        if outcome.as_ref().is_err_and(Fault::is_full) {
            outcome = match link.unload_all() {
                Ok(true) => work(link),
                Ok(false) => outcome,
                Err(fault) => Err(fault),
            };
        }
        // The value may be wrong, or an answer was altered on its way and both ends of the session disagree: then it would be wrong for ever.
        let renewed = !outcome.as_ref().is_err_and(Fault::is_auth) || link.renew_session().is_ok();
        if !renewed || outcome.as_ref().is_err_and(Fault::is_lost) {
            self.link = None;
        }
        outcome
    }

    fn link(&mut self) -> Result<&mut Link, TpmError> {
        let link = match self.link.take() {
            Some(link) => link,
            None => match Link::open(&self.settings, self.seen.load(Ordering::Relaxed)) {
                Ok(link) => {
                    self.seen.store(true, Ordering::Relaxed);
                    link
                }
                Err(TpmError::NoTpm) if self.seen.load(Ordering::Relaxed) => {
                    return Err(TpmError::DeviceGone);
                }
                Err(error) => return Err(error),
            },
        };
        Ok(self.link.insert(link))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::cell::Cell;

    use aims_keys::Algorithm;
    use aims_testkit::{SoftTpm, assert_refused};

    use super::*;

    /// TPM-17: a TPM that forgets what is loaded each time it is asked is asked twice, and no more.
    #[test]
    fn tpm_17_what_is_lost_is_done_once_more_and_never_a_third_time() {
        let Some(soft) = SoftTpm::start() else { return };
        let settings = Arc::new(TpmSettings::new(soft.tcti().parse().unwrap()));
        let mut device = Device::new(settings, Arc::default());
        let key = device.create_signing_key(Algorithm::Es256, None, None).unwrap();
        let tries = Cell::new(0);
        let lost: Result<(), _> = device.run(|link| {
            tries.set(tries.get() + 1);
            link.load(&key, None)?;
            soft.power_cycle();
            link.in_session(|context| context.get_random(8)).map(drop)
        });
        assert_refused!(lost, "device_gone", "TPM-44");
        assert_eq!(tries.get(), 2);
        device.sign(&key, None, Algorithm::Es256, &[7; 32]).unwrap();
    }

    /// TPM-13, TPM-12: what no caller outside can ask for, the TPM refuses by itself.
    #[test]
    fn tpm_12_tpm_13_the_tpm_refuses_a_digest_from_outside_and_one_of_another_length() {
        let Some(soft) = SoftTpm::start() else { return };
        let settings = Arc::new(TpmSettings::new(soft.tcti().parse().unwrap()));
        let mut device = Device::new(settings, Arc::default());
        let ak = device.create_attestation_key().unwrap();
        let refused = device.sign(&ak, None, Algorithm::Es256, &[7; 32]);
        assert_refused!(refused, "tpm_key_restricted", "TPM-13");
        let key = device.create_signing_key(Algorithm::Es256, None, None).unwrap();
        for len in [31, 48] {
            let refused = device.sign(&key, None, Algorithm::Es256, &vec![7; len]);
            assert_refused!(refused, "tpm_data_length", "TPM-12", "{len}");
        }
        device.sign(&key, None, Algorithm::Es256, &[7; 32]).unwrap();
    }
}
