//! The guard against requests into private networks (SSRF).
//!
//! Addresses that users enter must not become a way to the machine's own network. Names are checked when they
//! are resolved, so that a name cannot pass the check and then point elsewhere; literal addresses are checked
//! before the request, since they are never resolved.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Whether an address is none of the public internet's: private, loopback, link-local, shared, reserved,
/// multicast.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_private_v4(embedded),
            None => is_private_v6(address),
        },
    }
}

/// By the IANA IPv4 special-purpose address registry.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && b & 0xc0 == 64; // 100.64.0.0/10, carrier-grade NAT
    let benchmark = a == 198 && b & 0xfe == 18; // 198.18.0.0/15
    let protocol = (a, b, c) == (192, 0, 0); // 192.0.0.0/24
    a == 0
        || a >= 224 // multicast, reserved, broadcast
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || benchmark
        || protocol
}

/// By the IANA IPv6 special-purpose address registry: only `2000::/3` is given out to the public.
fn is_private_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global_unicast = a & 0xe000 == 0x2000;
    let documentation = (a, b) == (0x2001, 0x0db8) || a == 0x3fff;
    !global_unicast || documentation
}

/// The IPv4 address that a mapped, translated (NAT64) or 6to4 address leads to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let v4 = |[high, low]: [u16; 2]| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match segments {
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4([high, low])),
        _ => address.to_ipv4_mapped(),
    }
}

/// Why this URL is refused, where its host is a private address written out.
pub(crate) fn literal_fault(url: &Url) -> Option<String> {
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return None,
    };
    is_private(address).then(|| refusal(&address.to_string()))
}

fn refusal(host: &str) -> String {
    format!("`{host}` is in a private network; set allow_private_networks where that is meant")
}

/// Resolves names by the system, and keeps only addresses of the public internet.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| !is_private(address.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::other(refusal(host)).into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_pass() {
        let private = [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.5.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "192.0.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ];
        let public = [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
        ];
        let check = |text: &str| is_private(text.parse().expect("an address"));
        assert_eq!(
            private.iter().filter(|text| !check(text)).collect::<Vec<_>>(),
            Vec::<&&str>::new()
        );
        assert_eq!(
            public.iter().filter(|text| check(text)).collect::<Vec<_>>(),
            Vec::<&&str>::new()
        );
    }
}
