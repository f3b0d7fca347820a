//! The keyring of the system: where a desktop keeps secrets while someone is logged in. On Linux that is the Secret
//! Service, spoken to over D-Bus without any library of the system.
//!
//! ```text
//! entry   service "bayou", user = account in hexadecimal → 32 bytes, the key that wraps the home's
//! ```
//!
//! A call may wait for the person to unlock the keyring. Each runs on a thread of its own, because the library blocks and
//! must not do so on a thread of the runtime.

use data_encoding::HEXLOWER;
use keyring_core::Entry;

use crate::crypto::Secret;

const SERVICE: &str = "bayou";

/// Under which name a home's entry is kept; drawn at random.
pub(super) type Account = [u8; 16];

/// Keeps a secret.
pub(super) fn put(account: Account, secret: &Secret) -> Result<(), String> {
    entry(account, |entry| entry.set_secret(secret.expose()))
}

/// Returns the secret that is kept for an account.
pub(super) fn get(account: Account) -> Result<Secret, String> {
    let bytes = zeroize::Zeroizing::new(entry(account, |entry| entry.get_secret())?);
    bytes.as_slice().try_into().map(Secret::new).map_err(|_| "it holds something else".into())
}

/// Forgets the secret of an account.
pub(super) fn remove(account: Account) -> Result<(), String> {
    entry(account, |entry| entry.delete_credential())
}

fn entry<T: Send>(account: Account, act: impl FnOnce(Entry) -> keyring_core::Result<T> + Send) -> Result<T, String> {
    let act = || {
        if keyring_core::get_default_store().is_none() {
            keyring::v1::Entry::store_status().as_ref().map_err(ToString::to_string)?;
        }
        let entry = Entry::new(SERVICE, &HEXLOWER.encode(&account)).map_err(|error| error.to_string())?;
        act(entry).map_err(|error| error.to_string())
    };
    std::thread::scope(|scope| scope.spawn(act).join()).unwrap_or_else(|_| Err("its library failed".into()))
}
