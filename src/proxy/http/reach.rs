//! How far away an address is: what a server names must not lead nearer to this machine than the server itself is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// How far away, nearest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reach {
    /// This machine.
    #[default]
    Machine,
    /// A network that is not everybody's.
    Network,
    /// The internet.
    Internet,
}

impl Reach {
    pub(super) fn of_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] | [0, ..] => Self::Machine,
            [10, ..] | [192, 168, ..] | [169, 254, ..] => Self::Network,
            [172, second, ..] if second & 0xf0 == 16 => Self::Network,
            // Between providers and their customers, where some clouds have services of the machine.
            [100, second, ..] if second & 0xc0 == 64 => Self::Network,
            // For protocols and tests, to many, and reserved.
            [192, 0, 0, _] | [198, 18..=19, ..] | [224..=255, ..] => Self::Network,
            _ => Self::Internet,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() || address.is_unspecified() {
            return Self::Machine;
        }
        let parts = address.segments();
        let inner = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match parts {
            // An address of the older kind inside one of this: mapped, compatible, translated, and 6to4.
            [0, 0, 0, 0, 0, 0xffff | 0, high, low] => inner(high, low),
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
            [0x2002, high, low, ..] => inner(high, low),
            [0x64, 0xff9b, ..] | [0x2001, 0, ..] => Self::Network,
            [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80 || first & 0xff00 == 0xff00 => {
                Self::Network
            }
            [first, ..] if first & 0xffc0 == 0xfec0 => Self::Network,
            _ => Self::Internet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_this_machine_of_a_network_or_of_the_internet() {
        let reach = |address: &str| Reach::of_address(address.parse().unwrap());
        for address in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert_eq!(reach(address), Reach::Machine, "{address}");
        }
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "fec0::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "64:ff9b:1::1",
        ] {
            assert_eq!(reach(address), Reach::Network, "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.2.7", "2606:4700::1111", "2001:db8::1"] {
            assert_eq!(reach(address), Reach::Internet, "{address}");
        }
        assert!(Reach::Machine < Reach::Network && Reach::Network < Reach::Internet);
    }
}
