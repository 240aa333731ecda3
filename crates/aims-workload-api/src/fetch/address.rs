//! Which addresses are dialled.
//!
//! The tables are those of the registries of special-purpose addresses (RFC 6890), [IPv4] and [IPv6], as of 2025-10; what is not marked
//! as globally reachable there is not dialled. Of IPv6 nothing is but global unicast, `2000::/3`, and what embeds an address of
//! version 4 in the well-known prefix of NAT64 (RFC 6052), which counts for as much as that address.
//!
//! [IPv4]: https://www.iana.org/assignments/iana-ipv4-special-registry
//! [IPv6]: https://www.iana.org/assignments/iana-ipv6-special-registry

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network: an address and how many of its leading bits count, such as `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IpNetwork {
    address: IpAddr,
    /// INVARIANT: at most 32, or 128 for version 6.
    bits: u8,
}

impl IpNetwork {
    /// Whether an address is in it. One of version 4 within version 6 (`::ffff:0:0/96`) is what it embeds.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => is_in_v4(address, network, self.bits),
            (IpAddr::V6(network), IpAddr::V6(address)) => is_in_v6(address, network, self.bits),
            _ => false,
        }
    }
}

impl FromStr for IpNetwork {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let (address, bits) = text.split_once('/').ok_or(ParseNetworkError)?;
        let address: IpAddr = address.parse().map_err(|_| ParseNetworkError)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|bits| *bits <= all).ok_or(ParseNetworkError)?;
        // A network that says more than it covers is a slip of somebody's pen.
        let is_plain = match address {
            IpAddr::V4(v4) => v4.to_bits() & !mask_v4(bits) == 0,
            IpAddr::V6(v6) => v6.to_bits() & !mask_v6(bits) == 0 && v6.to_ipv4_mapped().is_none(),
        };
        if is_plain { Ok(Self { address, bits }) } else { Err(ParseNetworkError) }
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// A text is not a network: an address, a slash, and a number of bits beyond which the address is zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not a network such as 10.1.0.0/16")]
#[non_exhaustive]
pub struct ParseNetworkError;

impl ParseNetworkError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "malformed_network"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "FED-14"
    }
}

/// What kind of address it is, for the guard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// Of everybody.
    Global,
    /// Of those within one house: loopback, private use, shared, unique local.
    Private,
    /// For one link, for documentation, for tests, reserved, or embedding another address.
    Special,
    /// Of no single host: unspecified, multicast, broadcast. It is not dialled whatever is allowed.
    Never,
}

impl Reach {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let row = SPECIAL_V4.iter().find(|(a, bits, _)| is_in_v4(address, Ipv4Addr::from(*a), *bits));
        row.map_or(Self::Global, |(.., reach)| *reach)
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if is_in_v6(address, NAT64, 96) {
            return match Self::of_v4(embedded(address)) {
                Self::Global => Self::Global,
                Self::Never => Self::Never,
                // Somebody's own network behind a translator: allowing its host is not allowing that.
                Self::Private | Self::Special => Self::Special,
            };
        }
        let row = SPECIAL_V6.iter().find(|(a, bits, _)| is_in_v6(address, Ipv6Addr::from(*a), *bits));
        match row {
            Some((.., reach)) => *reach,
            None if is_in_v6(address, GLOBAL_UNICAST, 3) => Self::Global,
            None => Self::Special,
        }
    }
}

fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let [.., high, low] = address.segments();
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn is_in_v4(address: Ipv4Addr, network: Ipv4Addr, bits: u8) -> bool {
    (address.to_bits() ^ network.to_bits()) & mask_v4(bits) == 0
}

fn is_in_v6(address: Ipv6Addr, network: Ipv6Addr, bits: u8) -> bool {
    (address.to_bits() ^ network.to_bits()) & mask_v6(bits) == 0
}

fn mask_v4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask_v6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
const GLOBAL_UNICAST: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0);

/// The first row that holds counts.
const SPECIAL_V4: &[([u8; 4], u8, Reach)] = &[
    ([0, 0, 0, 0], 8, Reach::Never),          // this network (RFC 791): unspecified
    ([10, 0, 0, 0], 8, Reach::Private),       // private use (RFC 1918)
    ([100, 64, 0, 0], 10, Reach::Private),    // shared, carrier-grade NAT (RFC 6598)
    ([127, 0, 0, 0], 8, Reach::Private),      // loopback (RFC 1122)
    ([169, 254, 0, 0], 16, Reach::Special),   // link-local (RFC 3927): metadata of clouds
    ([172, 16, 0, 0], 12, Reach::Private),    // private use (RFC 1918)
    ([192, 0, 0, 0], 24, Reach::Special),     // protocol assignments (RFC 6890)
    ([192, 0, 2, 0], 24, Reach::Special),     // documentation (RFC 5737)
    ([192, 88, 99, 0], 24, Reach::Special),   // 6to4 relays (RFC 7526)
    ([192, 168, 0, 0], 16, Reach::Private),   // private use (RFC 1918)
    ([198, 18, 0, 0], 15, Reach::Special),    // benchmarks (RFC 2544)
    ([198, 51, 100, 0], 24, Reach::Special),  // documentation (RFC 5737)
    ([203, 0, 113, 0], 24, Reach::Special),   // documentation (RFC 5737)
    ([224, 0, 0, 0], 4, Reach::Never),        // multicast (RFC 5771)
    ([255, 255, 255, 255], 32, Reach::Never), // broadcast (RFC 8190)
    ([240, 0, 0, 0], 4, Reach::Special),      // reserved (RFC 1112)
];

/// The first row that holds counts.
const SPECIAL_V6: &[([u16; 8], u8, Reach)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Reach::Never), // unspecified (RFC 4291)
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Reach::Private), // loopback (RFC 4291)
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, Reach::Never),  // IPv4-compatible (RFC 4291, deprecated)
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Reach::Special), // protocol assignments (RFC 2928): Teredo, benchmarks, ORCHID
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Reach::Special), // documentation (RFC 3849)
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Reach::Special), // 6to4 (RFC 3056), which embeds any address of version 4
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Reach::Special), // documentation (RFC 9637)
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Reach::Private),  // unique local (RFC 4193)
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Reach::Special), // link-local (RFC 4291)
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Reach::Never),    // multicast (RFC 4291)
];

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Reach {
        Reach::of(text.parse().unwrap())
    }

    /// No test may dial these.
    #[test]
    fn fed_14_public_addresses_right_beside_the_special_ones_are_public() {
        let public = [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b::8.8.8.8",
            "2000::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2001:ffff::1",
            "2003::1",
            "2606:4700:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
        ];
        for text in public {
            assert_eq!(reach(text), Reach::Global, "{text}");
        }
    }

    #[test]
    fn fed_14_what_embeds_an_address_counts_for_no_more_than_that() {
        for (text, expected) in [
            ("::ffff:10.0.0.1", Reach::Private),
            ("64:ff9b::10.0.0.1", Reach::Special),
            ("64:ff9b::169.254.169.254", Reach::Special),
            ("64:ff9b::0.0.0.1", Reach::Never),
            ("64:ff9b::224.0.0.1", Reach::Never),
            ("64:ff9b:0:0:0:1:808:808", Reach::Special),
            ("2002:808:808::", Reach::Special),
            ("::8.8.8.8", Reach::Never),
            ("240.0.0.1", Reach::Special),
            ("255.255.255.255", Reach::Never),
        ] {
            assert_eq!(reach(text), expected, "{text}");
        }
    }
}
