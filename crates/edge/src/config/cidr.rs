//! A network: an address and the length of its prefix (RFC 4632, RFC 4291).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A network such as `10.0.0.0/8` or `2001:db8::/32`; an address without a prefix length is a network of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

/// The text is not `address` or `address/bits`, or has address bits after the prefix.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum CidrError {
    /// The text is not an address with an optional prefix length.
    #[error("`{0}` is not a network such as 10.0.0.0/8 or 2001:db8::/32")]
    Syntax(String),
    /// Address bits after the prefix are set.
    #[error("`{given}` has address bits after the prefix; the network is `{network}`")]
    HostBits {
        /// The network as it was given.
        given: IpNet,
        /// The network that contains the address.
        network: IpNet,
    },
}

impl Cidr {
    /// Whether the network contains the address. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Whether one of the networks contains the address.
pub(crate) fn any_contains(networks: &[Cidr], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let single = || Some(IpNet::from(text.parse::<IpAddr>().ok()?));
        let given = text.parse().ok().or_else(single).ok_or_else(|| CidrError::Syntax(text.to_owned()))?;
        let network = given.trunc();
        if network == given { Ok(Self(network)) } else { Err(CidrError::HostBits { given, network }) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_and_outside_are_distinguished() {
        for (network, address, is_inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "::1", true),
        ] {
            let network: Cidr = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), is_inside, "{network} {address}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "host/8"] {
            assert_eq!(wrong.parse::<Cidr>(), Err(CidrError::Syntax(wrong.to_owned())), "{wrong:?}");
        }
        let error = "10.0.0.1/8".parse::<Cidr>().unwrap_err();
        assert_eq!(error.to_string(), "`10.0.0.1/8` has address bits after the prefix; the network is `10.0.0.0/8`");
    }
}
