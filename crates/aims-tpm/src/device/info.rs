//! What a TPM says about itself.

use aims_keys::Algorithm;
use tss_esapi::constants::ecc::EccCurveIdentifier;
use tss_esapi::constants::{CapabilityType, PropertyTag};
use tss_esapi::structures::CapabilityData;
use tss_esapi::structures::HandleList;

use super::Device;
use super::fault::Fault;
use super::link::Link;
use super::pcrs::hash_of;
use crate::error::TpmError;
use crate::info::TpmInfo;
use crate::pcr::PcrBank;

impl Device {
    pub(crate) fn info(&mut self) -> Result<TpmInfo, TpmError> {
        self.run(|link| {
            let manufacturer = link.text(&[PropertyTag::Manufacturer])?;
            let model = link.text(&[
                PropertyTag::VendorString1,
                PropertyTag::VendorString2,
                PropertyTag::VendorString3,
                PropertyTag::VendorString4,
            ])?;
            let [first, second] = [PropertyTag::FirmwareVersion1, PropertyTag::FirmwareVersion2]
                .map(|tag| link.property(tag).map(u64::from));
            Ok(TpmInfo {
                manufacturer,
                model,
                firmware: first? << 32 | second?,
                revision: link.property(PropertyTag::Revision)?,
                algorithms: link.algorithms()?,
                banks: link.banks()?,
            })
        })
    }

    pub(crate) fn supports(&mut self, algorithm: Algorithm) -> Result<bool, TpmError> {
        self.run(|link| Ok(link.algorithms()?.contains(&algorithm)))
    }
}

impl Link {
    /// Those of the algorithms of this crate that it has a curve for.
    fn algorithms(&mut self) -> Result<Vec<Algorithm>, Fault> {
        let (data, _) =
            self.without_session(|context| context.get_capability(CapabilityType::EccCurves, 0, 64))?;
        let CapabilityData::EccCurves(curves) = data else { return Err(TpmError::Backend.into()) };
        let has = |curve: EccCurveIdentifier| curves.contains(&curve);
        let known = [
            (EccCurveIdentifier::NistP256, Algorithm::Es256),
            (EccCurveIdentifier::NistP384, Algorithm::Es384),
        ];
        Ok(known.into_iter().filter(|(curve, _)| has(*curve)).map(|(_, algorithm)| algorithm).collect())
    }

    /// The banks that are active: that a TPM knows a hash function does not mean that it keeps one.
    fn banks(&mut self) -> Result<Vec<PcrBank>, Fault> {
        let (data, _) =
            self.without_session(|context| context.get_capability(CapabilityType::AssignedPcr, 0, 16))?;
        let CapabilityData::AssignedPcr(list) = data else { return Err(TpmError::Backend.into()) };
        let active = |bank: &PcrBank| {
            let of_bank = |hash| hash == hash_of(*bank);
            list.get_selections()
                .iter()
                .any(|selection| of_bank(selection.hashing_algorithm()) && !selection.is_empty())
        };
        Ok([PcrBank::Sha256, PcrBank::Sha384, PcrBank::Sha512].into_iter().filter(active).collect())
    }

    /// Whether there is an object or index of this handle. To ask for it would be an error, which the library prints.
    pub(super) fn exists(&mut self, handle: u32) -> Result<bool, Fault> {
        let (data, _) =
            self.without_session(|context| context.get_capability(CapabilityType::Handles, handle, 1))?;
        let CapabilityData::Handles(found) = data else { return Err(TpmError::Backend.into()) };
        Ok(first(&found) == Some(handle))
    }

    fn property(&mut self, tag: PropertyTag) -> Result<u32, Fault> {
        Ok(self.context()?.get_tpm_property(tag)?.unwrap_or_default())
    }

    /// Four characters in each, padded with zeros.
    fn text(&mut self, tags: &[PropertyTag]) -> Result<String, Fault> {
        let mut text = String::new();
        for tag in tags {
            let bytes = self.property(*tag)?.to_be_bytes();
            text.extend(bytes.into_iter().filter(u8::is_ascii_graphic).map(char::from));
        }
        Ok(text)
    }
}

fn first(handles: &HandleList) -> Option<u32> {
    handles.as_ref().first().copied().map(u32::from)
}
