//! The home of a peer, as front ends see it: also before there is one.

use serde::{Deserialize, Serialize};

use super::Words;

/// Whether there is a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum HomeState {
    /// Nobody lives here: one can be made.
    None,
    /// It is locked by a passphrase.
    Locked,
    /// Its peer runs.
    Open,
}

/// How a new home is locked. With neither: by the keyring of this system, if one answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Lock {
    /// By this passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Words>,
    /// Not at all: whoever can read this disk can then read everything.
    #[serde(default)]
    #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
    pub no_passphrase: bool,
}

/// How many bytes a home takes on this machine's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Storage {
    /// What was kept last, as it came.
    pub journal: u64,
    /// What is older, with all its texts, packed.
    pub snapshots: u64,
    /// What is derived from both, to be found fast.
    pub index: u64,
    /// Keys, addresses and the like.
    pub other: u64,
}
