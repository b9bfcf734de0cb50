//! Whose program is at the other end of a connection, where the system tells.

use std::net::SocketAddr;

/// Whether another user of this machine has made the connection. Only Linux tells.
pub(super) fn is_foreign(here: SocketAddr, peer: SocketAddr) -> bool {
    #[cfg(target_os = "linux")]
    {
        // A program may reach 127.0.0.1 by a socket for IPv6.
        let tables =
            ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
        let owner = find_owner(&tables.concat(), here, peer);
        // The administrator can do anything anyway, and relays connections on some systems.
        owner.is_some_and(|owner| owner != Some(0) && owner != Some(rustix::process::geteuid().as_raw()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (here, peer);
        false
    }
}

/// Returns the user of the other end in a table of the kernel, `Some(None)` if it has let go of its end, which then is nobody's, and
/// `None` if the table does not even have our end.
#[cfg(any(target_os = "linux", test))]
fn find_owner(table: &str, here: SocketAddr, peer: SocketAddr) -> Option<Option<u32>> {
    let (here, peer) = (write_address(here)?, write_address(peer)?);
    let is_one =
        |field: Option<&str>, names: &[String; 2]| field.is_some_and(|field| names.iter().any(|name| name == field));
    let mut has_ours = false;
    for line in table.lines() {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote, state) = (fields.next(), fields.next(), fields.next());
        if is_one(local, &here) && is_one(remote, &peer) {
            has_ours = true;
        }
        if is_one(local, &peer) && is_one(remote, &here) {
            let uid = fields.nth(3).and_then(|uid| uid.parse().ok());
            return Some(uid.filter(|_| state == Some(ESTABLISHED)));
        }
    }
    has_ours.then_some(None)
}

/// The state of a connection of which both ends are open.
#[cfg(any(target_os = "linux", test))]
const ESTABLISHED: &str = "01";

/// Writes an address as the tables do: for IPv4, and for IPv4 within IPv6.
#[cfg(any(target_os = "linux", test))]
fn write_address(address: SocketAddr) -> Option<[String; 2]> {
    let std::net::IpAddr::V4(ip) = address.ip() else { return None };
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let (ip, port) = (word(ip.octets()), address.port());
    let mapped = format!("{:016}{}{ip}", 0, word([0, 0, 0xff, 0xff]));
    Some([format!("{ip}:{port:04X}"), format!("{mapped}:{port:04X}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_the_other_end_is_found() {
        let [here, peer]: [SocketAddr; 2] =
            ["127.0.0.1:8080", "127.0.0.1:40000"].map(|address| address.parse().unwrap());
        let ([h, h6], [p, p6]) = (write_address(here).unwrap(), write_address(peer).unwrap());
        let row = |local: &str, remote: &str, state: &str, uid: u32| {
            format!("   7: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  {uid}        0 25634 1 0\n")
        };
        let ours = row(&h, &p, "01", 1000);
        for (table, owner) in [
            (ours.clone() + &row(&p, &h, "01", 1001), Some(Some(1001))),
            (row(&p, &h, "01", 1000) + &ours, Some(Some(1000))),
            (ours.clone() + &row(&p6, &h6, "01", 1002), Some(Some(1002))),
            // It has closed its end: the kernel then names nobody, which is written as the administrator.
            (ours.clone() + &row(&p, &h, "04", 0), Some(None)),
            (ours, Some(None)),
            (String::new(), None),
            (row(&h, &h, "01", 1001), None),
        ] {
            assert_eq!(find_owner(&table, here, peer), owner, "{table}");
        }
    }

    #[test]
    fn a_connection_of_this_user_is_not_foreign() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        assert!(!is_foreign(accepted.local_addr().unwrap(), peer));
        drop(client);
    }
}
