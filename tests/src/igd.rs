//! A router that opens ports when it is asked to (UPnP): Debian's `miniupnpd`, in the router's namespace.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The tables that it changes; what it lets through is let through by the router's own rules, which ask for DNAT.
const TABLES: &str = "\
table inet filter {
    chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; }
    chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority 100; policy accept; jump postrouting_miniupnpd; }
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
}
";

const SETTINGS: &str = "\
ext_ifname=eth0
listening_ip=lan
port=0
enable_upnp=yes
enable_natpmp=no
secure_mode=yes
uuid=6d3d63d4-9b33-4f4d-8d5c-2f6c0b0b0b0b
allow 1024-65535 0.0.0.0/0 1024-65535
";

/// The daemon, and its folder. Killed when dropped.
pub(crate) struct Igd {
    daemon: Child,
    _folder: TempDir,
}

impl Igd {
    /// Starts it in a namespace with `eth0` outside and `lan` inside.
    ///
    /// # Errors
    /// When this machine has no `miniupnpd` or no `nft`.
    pub(crate) fn start(router: &str) -> io::Result<Igd> {
        let folder = tempfile::Builder::new().prefix("bayou-igd-").tempdir()?;
        let file = |name: &str, text: &str| -> io::Result<_> {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let done = inside(router, "nft").arg("-f").arg(file("tables", TABLES)?).status()?;
        if !done.success() {
            return Err(io::Error::other("nft makes no tables here: apt-get install nftables"));
        }
        let mut daemon = inside(router, miniupnpd()?);
        daemon.arg("-d").arg("-f").arg(file("settings", SETTINGS)?).arg("-P").arg(folder.path().join("pid"));
        let daemon = daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Igd { daemon, _folder: folder })
    }
}

impl Drop for Igd {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        self.daemon.kill().ok();
        self.daemon.wait().ok();
    }
}

fn miniupnpd() -> io::Result<&'static str> {
    let path = "/usr/sbin/miniupnpd";
    let missing = || io::Error::other("there is no miniupnpd here: apt-get install miniupnpd");
    Path::new(path).exists().then_some(path).ok_or_else(missing)
}

fn inside(host: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", host, program]);
    command
}
