//! The settings: what stands in `bayou-bootstrap.toml`, and over it what was set for this run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bayou_core::net::meeting;
use serde::Deserialize;

/// All settings with their explanations, as they are when nothing is set.
pub(crate) const DEFAULTS: &str = include_str!("../bayou-bootstrap.toml");

/// Where the settings stand unless another file is named.
pub(crate) const USUAL_PLACE: &str = "/etc/bayou-bootstrap/bayou-bootstrap.toml";

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {path}: {reason}; name another file with --config, or make one with --print-default-config")]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{place}: {reason}")]
    NotUnderstood { place: String, reason: String },
    #[error("`{0}` is no setting: expected KEY=VALUE, such as limits.connections=1000 or listen=[\"/ip4/…\"]")]
    NotASetting(String),
    #[error("{0}")]
    Impossible(String),
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) home: PathBuf,
    pub(crate) listen: Vec<String>,
    pub(crate) external: Vec<String>,
    pub(crate) nodes: Vec<String>,
    pub(crate) status: String,
    pub(crate) tls: Tls,
    pub(crate) roles: Roles,
    pub(crate) admission: Admission,
    limits: Limits,
    mailbox: Mailbox,
    pub(crate) full: Full,
    pub(crate) log: Log,
}

/// Where the certificate stands for addresses that ask for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Roles {
    pub(crate) rendezvous: bool,
    pub(crate) relay: bool,
    pub(crate) autonat: bool,
    pub(crate) mailbox: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admission {
    pub(crate) allow: PathBuf,
    pub(crate) block: PathBuf,
    pub(crate) tokens: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    connections: u32,
    connections_per_peer: u32,
    connections_per_subnet: u32,
    new_connections_per_subnet: u32,
    reservations: u32,
    reservations_per_peer: u32,
    new_reservations_per_subnet: u32,
    reservation_minutes: u32,
    circuits: u32,
    circuits_per_peer: u32,
    new_circuits_per_subnet: u32,
    circuit_hours: u32,
    circuit_mib: u32,
    registrations: u32,
    registrations_per_peer: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mailbox {
    disk_mib: u32,
    topic_mib: u32,
    days: u32,
    kib_per_minute_per_subnet: u32,
}

/// Beyond which no new reservations are given.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Full {
    pub(crate) load_per_core: f64,
    pub(crate) memory_mib: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) json: bool,
}

impl Config {
    /// Reads the settings: the defaults, over them the file, over it each of `set` (`KEY=VALUE`).
    ///
    /// # Errors
    /// When something is not understood, or cannot be so; the message says where and what to do.
    pub(crate) fn read(file: Option<&Path>, set: &[String]) -> Result<Config, ConfigError> {
        let mut table = parse(DEFAULTS, "the defaults")?;
        if let Some(path) = file {
            let text =
                fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
            let place = path.display().to_string();
            lay_over(&mut table, parse(&text, &place)?);
        }
        for setting in set {
            let not_one = || ConfigError::NotASetting(setting.clone());
            let (key, value) = setting.split_once('=').ok_or_else(not_one)?;
            // A bare word is taken for a text, since quotes rarely survive a shell.
            let over = [format!("{key} = {value}"), format!("{key} = {value:?}")];
            let over = over.iter().find_map(|text| toml::from_str(text).ok()).ok_or_else(not_one)?;
            lay_over(&mut table, over);
        }
        let place = file.map_or_else(|| "the settings".to_owned(), |path| path.display().to_string());
        let config: Config = table.try_into().map_err(|e| not_understood(&place, &e))?;
        config.check().map_err(ConfigError::Impossible)?;
        Ok(config)
    }

    /// Refuses what is understood and cannot work.
    fn check(&self) -> Result<(), String> {
        if self.listen.is_empty() {
            return Err("`listen` is empty: name at least one address, such as /ip4/0.0.0.0/udp/4001/quic-v1".into());
        }
        let roles = self.roles;
        if !(roles.rendezvous || roles.relay || roles.autonat || roles.mailbox) {
            return Err("all [roles] are switched off: switch on at least one".into());
        }
        self.status()?;
        let limits = &self.limits;
        for (name, value) in [
            ("limits.connections", limits.connections),
            ("limits.connections_per_peer", limits.connections_per_peer),
            ("limits.connections_per_subnet", limits.connections_per_subnet),
            ("limits.new_connections_per_subnet", limits.new_connections_per_subnet),
            ("limits.reservation_minutes", limits.reservation_minutes),
            ("limits.circuit_hours", limits.circuit_hours),
            ("mailbox.days", self.mailbox.days),
        ] {
            if value == 0 {
                return Err(format!("`{name}` is 0: it must be at least 1"));
            }
        }
        let [certificate, key] = [&self.tls.certificate, &self.tls.key].map(|path| !path.as_os_str().is_empty());
        if certificate != key {
            return Err("`tls.certificate` and `tls.key` go together: name both files, or neither".into());
        }
        let secured = self.listen.iter().find(|address| address.contains("/tls") || address.contains("/wss"));
        match secured.filter(|_| !certificate) {
            Some(address) => Err(format!(
                "`listen` asks for TLS ({address}): name the files of a certificate, `tls.certificate` and `tls.key`; or \
                 listen at /ip4/127.0.0.1/tcp/8443/ws, and let a web server with your certificate pass 443 on to it"
            )),
            None => Ok(()),
        }
    }

    /// Returns where the status is answered.
    ///
    /// # Errors
    /// When that is no address.
    pub(crate) fn status(&self) -> Result<Option<SocketAddr>, String> {
        if self.status.is_empty() {
            return Ok(None);
        }
        let wrong = |_| format!("`status` is `{}`: expected something like 127.0.0.1:9464, or \"\"", self.status);
        self.status.parse().map(Some).map_err(wrong)
    }

    /// Returns how much the meeting place does.
    pub(crate) fn bounds(&self) -> meeting::Bounds {
        let (l, minute) = (&self.limits, Duration::from_secs(60));
        meeting::Bounds {
            connections: l.connections,
            connections_per_peer: l.connections_per_peer,
            connections_per_subnet: l.connections_per_subnet,
            new_connections_per_subnet: l.new_connections_per_subnet,
            reservations: l.reservations,
            reservations_per_peer: l.reservations_per_peer,
            new_reservations_per_subnet: l.new_reservations_per_subnet,
            reservation: minute * l.reservation_minutes,
            circuits: l.circuits,
            circuits_per_peer: l.circuits_per_peer,
            new_circuits_per_subnet: l.new_circuits_per_subnet,
            circuit: 60 * minute * l.circuit_hours,
            circuit_bytes: u64::from(l.circuit_mib) << 20,
            registrations: l.registrations,
            registrations_per_peer: l.registrations_per_peer,
            mail_per_subnet: self.mailbox.kib_per_minute_per_subnet,
            ..meeting::Bounds::default()
        }
    }

    /// Returns how much the mailbox keeps.
    pub(crate) fn mailbox(&self) -> crate::mailbox::Bounds {
        let Mailbox { disk_mib, topic_mib, days, .. } = self.mailbox;
        crate::mailbox::Bounds { disk: u64::from(disk_mib) << 20, topic: u64::from(topic_mib) << 20, days: days.into() }
    }
}

fn parse(text: &str, place: &str) -> Result<toml::Table, ConfigError> {
    toml::from_str(text).map_err(|e| not_understood(place, &e))
}

fn not_understood(place: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::NotUnderstood { place: place.to_owned(), reason: error.to_string().trim_end().to_owned() }
}

/// Puts settings over others, table by table.
fn lay_over(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => lay_over(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(set: &[&str]) -> String {
        let set: Vec<String> = set.iter().map(|&text| text.to_owned()).collect();
        Config::read(None, &set).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let config = Config::read(None, &[]).unwrap();
        assert_eq!(config.bounds(), meeting::Bounds::default());
        assert_eq!(config.status().unwrap(), None);
    }

    #[test]
    fn what_is_set_lies_over_the_file_and_that_over_the_defaults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "status = \"127.0.0.1:9464\"\n[limits]\ncircuits = 7\nreservations = 8\n").unwrap();
        let set =
            ["limits.circuits=9".to_owned(), "home=/srv/node".to_owned(), "listen=[\"/ip4/1.2.3.4/tcp/1\"]".into()];
        let config = Config::read(Some(file.path()), &set).unwrap();
        assert_eq!((config.limits.circuits, config.limits.reservations, config.limits.connections), (9, 8, 8192));
        assert_eq!(config.status().unwrap(), Some("127.0.0.1:9464".parse().unwrap()));
        assert_eq!(config.home, Path::new("/srv/node"));
        assert_eq!(config.listen, ["/ip4/1.2.3.4/tcp/1"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        assert!(refused(&["limits.conections=1"]).contains("unknown field `conections`, expected one of"));
        assert!(refused(&["limits.connections=many"]).contains("invalid type: string \"many\""));
        assert!(refused(&["limits"]).contains("expected KEY=VALUE"));
        assert!(refused(&["listen=[]"]).contains("`listen` is empty: name at least one"));
        assert!(refused(&["status=here"]).contains("expected something like 127.0.0.1:9464"));
        assert!(refused(&["limits.circuit_hours=0"]).contains("`limits.circuit_hours` is 0"));
        assert!(
            refused(&["listen=[\"/ip4/0.0.0.0/tcp/443/tls/ws\"]"]).contains("let a web server with your certificate")
        );
        assert!(refused(&["tls.key=/etc/key.pem"]).contains("go together"));
        let off = ["rendezvous", "relay", "autonat", "mailbox"].map(|role| format!("roles.{role}=false"));
        assert!(refused(&off.each_ref().map(String::as_str)).contains("switch on at least one"));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "home = \n").unwrap();
        assert!(Config::read(Some(file.path()), &[]).unwrap_err().to_string().contains("line 1"));
        let missing = Config::read(Some(Path::new("/nowhere/at/all")), &[]).unwrap_err().to_string();
        assert!(missing.contains("--print-default-config"), "{missing}");
    }
}
