//! Serialization as plain strings; deserialization through the parsers, so that it accepts nothing else.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::{IdPattern, Origin, SpiffeId, TrustDomain, WorkloadId};

macro_rules! impl_serde {
    ($type:ident, $expecting:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct TextVisitor;

                impl Visitor<'_> for TextVisitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(TextVisitor)
            }
        }
    };
}

impl_serde!(IdPattern, "a pattern of workload identifiers");
impl_serde!(Origin, "an origin: a scheme and a trust domain");
impl_serde!(SpiffeId, "a SPIFFE ID");
impl_serde!(TrustDomain, "the name of a trust domain");
impl_serde!(WorkloadId, "a workload identifier");
