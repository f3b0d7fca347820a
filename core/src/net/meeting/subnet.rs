//! A part of the network that counts as one guest: an IPv4 address, an IPv6 /64, or what an operator blocks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// Who has an IPv6 connection has so many bits of addresses for free.
const FREE_BITS: u8 = 64;

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    /// Its first address, IPv4 as mapped into IPv6.
    first: u128,
    /// How many bits all its addresses share, of 128.
    shared: u8,
}

/// The text is not a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or subnet; expected something like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
pub struct BadSubnet;

impl Subnet {
    /// Returns what counts as one guest together with this address.
    pub(super) fn of(ip: IpAddr) -> Subnet {
        match ip.to_canonical() {
            IpAddr::V4(_) => Subnet::new(ip, 128),
            IpAddr::V6(_) => Subnet::new(ip, FREE_BITS),
        }
    }

    /// Tells whether the address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        Subnet::new(ip, self.shared).first == self.first
    }

    fn new(ip: IpAddr, shared: u8) -> Subnet {
        let bits = mapped(ip).to_bits();
        let first = bits & u128::MAX.checked_shl(128 - u32::from(shared)).unwrap_or(0);
        Subnet { first, shared }
    }
}

impl FromStr for Subnet {
    type Err = BadSubnet;

    fn from_str(text: &str) -> Result<Subnet, BadSubnet> {
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let ip: IpAddr = ip.parse().map_err(|_| BadSubnet)?;
        let (all, before) = if ip.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits: u8 = bits.map_or(Ok(all), |bits| bits.parse().map_err(|_| BadSubnet))?;
        if bits > all { Err(BadSubnet) } else { Ok(Subnet::new(ip, before + bits)) }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (Ipv6Addr::from_bits(self.first).to_canonical(), self.shared) {
            (IpAddr::V4(ip), shared) if shared >= 96 => write!(f, "{ip}/{}", shared - 96),
            (ip, shared) => write!(f, "{ip}/{shared}"),
        }
    }
}

/// Returns the IP address of the machine at an address.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    })
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::to_ipv6_mapped(&ip),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_guest_is_an_ipv4_address_or_an_ipv6_half() {
        assert_eq!(Subnet::of(ip("192.0.2.7")), Subnet::of(ip("::ffff:192.0.2.7")));
        assert_ne!(Subnet::of(ip("192.0.2.7")), Subnet::of(ip("192.0.2.8")));
        assert_eq!(Subnet::of(ip("2001:db8::1")), Subnet::of(ip("2001:db8::ffff:1:2:3")));
        assert_ne!(Subnet::of(ip("2001:db8::1")), Subnet::of(ip("2001:db8:0:1::1")));
    }

    #[test]
    fn what_an_operator_writes_is_read_and_printed() {
        for (text, inside, outside, printed) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::", "2001:db8::/32"),
            ("0.0.0.0/0", "8.8.8.8", "2001:db8::1", "0.0.0.0/0"),
        ] {
            let subnet: Subnet = text.parse().unwrap();
            assert!(subnet.contains(ip(inside)) && !subnet.contains(ip(outside)), "{text}");
            assert_eq!(subnet.to_string(), printed);
        }
        for text in ["", "192.0.2", "192.0.2.0/33", "::/129", "192.0.2.0/", "host"] {
            assert_eq!(text.parse::<Subnet>(), Err(BadSubnet), "{text}");
        }
    }
}
