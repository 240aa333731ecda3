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

use std::sync::{Arc, OnceLock};

use self::fault::Fault;
use self::link::Link;
use crate::error::TpmError;
use crate::queue::Tenure;
use crate::settings::TpmSettings;

/// A TPM that is connected to when it is first needed, and again after the connection was lost.
pub(crate) struct Device {
    settings: Arc<TpmSettings>,
    known: Known,
    tenure: Tenure,
    link: Option<Link>,
}

/// The name of the primary of the TPM that was there at first; none before there was a connection. Another TPM in its place would be given
/// the values of keys, and the data, that are for this one. The password of the owner it is shown before, for the primary is made with it.
pub(crate) type Known = Arc<OnceLock<Vec<u8>>>;

impl Device {
    pub(crate) fn new(settings: Arc<TpmSettings>, known: Known, tenure: Tenure) -> Self {
        Self { settings, known, tenure, link: None }
    }

    /// Makes the first connection.
    pub(crate) fn connect(&mut self) -> Result<(), TpmError> {
        self.link()?;
        Ok(())
    }

    /// Does a piece of work. Where the connection broke, the TPM forgot what was loaded, or it has no room, that is mended and the work done
    /// once more, and never a third time, whatever goes wrong then (TPM-17).
    fn run<T>(&mut self, work: impl Fn(&mut Link) -> Result<T, Fault>) -> Result<T, TpmError> {
        let fresh = self.link.is_none();
        let mut outcome = work(self.link()?);
        if let Err(fault) = &outcome
            && !self.tenure.is_over()
            && self.mend(fault, fresh)?
        {
            outcome = work(self.link()?);
        }
        // A TPM without a resource manager that stays full is full of what was left behind: connecting anew clears that.
        let left_behind = |fault: &Fault| fault.is_full() && !self.settings.tcti.is_managed();
        if outcome.as_ref().is_err_and(|fault| fault.is_lost() || left_behind(fault)) {
            self.link = None;
        }
        outcome.map_err(Fault::into_error)
    }

    /// Does what is to be done before another try, and says whether there is to be one.
    fn mend(&mut self, fault: &Fault, fresh: bool) -> Result<bool, TpmError> {
        let Some(link) = &mut self.link else { return Ok(false) };
        let mended = if fault.is_lost() {
            self.link = None;
            return Ok(!fresh);
        } else if fault.is_full() {
            // Others may fill slots too. What is loaded here can be loaded again.
            link.unload_all()
        } else if fault.is_auth() {
            // The value may be wrong, or an answer was altered on its way and both ends of the session disagree: then it would be wrong for
            // ever. A second try locks nothing, for no key of ours counts (TPM-15).
            link.renew_session().map(|()| true)
        } else {
            Ok(false)
        };
        if mended.as_ref().is_err_and(Fault::is_lost) {
            self.link = None;
        }
        mended.map_err(Fault::into_error)
    }

    fn link(&mut self) -> Result<&mut Link, TpmError> {
        if self.tenure.is_over() {
            return Err(TpmError::DeviceGone);
        }
        let link = match self.link.take() {
            Some(link) => link,
            None => self.connected()?,
        };
        Ok(self.link.insert(link))
    }

    fn connected(&self) -> Result<Link, TpmError> {
        let again = self.known.get().is_some();
        let link = Link::open(&self.settings, &self.tenure, again).map_err(|error| match error {
            TpmError::NoTpm if again => TpmError::DeviceGone,
            error => error,
        })?;
        let name = self.known.get_or_init(|| link.primary_name().to_vec());
        if name == link.primary_name() { Ok(link) } else { Err(TpmError::Replaced) }
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
        let mut device = Device::new(settings, Arc::default(), Tenure::default());
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
        let mut device = Device::new(settings, Arc::default(), Tenure::default());
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
