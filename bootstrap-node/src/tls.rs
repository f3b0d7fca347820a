//! The certificate for addresses that ask for TLS: two files, read again when they change.
//!
//! Whoever renews certificates writes the two one after the other; in between they are not of each other. So what cannot be
//! used changes nothing and is tried again at the next look.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bayou_core::net::tls::{BadCertificate, Certificate, Roots};

use crate::config::Tls;

/// The most bytes of a file of certificates.
const MAX_FILE: u64 = 1024 * 1024;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error("{0} is larger than {MAX_FILE} bytes: is it a certificate?")]
    TooLarge(PathBuf),
    #[error("{0}: {1}")]
    Bad(PathBuf, BadCertificate),
}

/// What tells one state of a file from another.
type State = Option<(SystemTime, u64)>;

/// The two files, as they were read last.
pub(crate) struct Files {
    tls: Tls,
    /// Before they were read, so that a change meanwhile is seen.
    states: [State; 2],
}

impl Files {
    /// Reads them; `None` where the settings name none.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(crate) fn open(tls: &Tls) -> Result<Option<(Files, Certificate)>, TlsError> {
        if tls.certificate.as_os_str().is_empty() {
            return Ok(None);
        }
        let states = states(tls);
        let certificate = read(tls)?;
        Ok(Some((Files { tls: tls.clone(), states }, certificate)))
    }

    /// Returns the certificate if it is another than before, and can be used.
    ///
    /// # Errors
    /// When the files changed and cannot be used; that is told once, and tried again.
    pub(crate) fn changed(&mut self) -> Option<Result<Certificate, TlsError>> {
        let states = states(&self.tls);
        if states == self.states {
            return None;
        }
        self.states = states;
        Some(read(&self.tls))
    }
}

/// Reads certificates that are to be trusted.
///
/// # Errors
/// When there are none in the file.
pub(crate) fn roots(path: &Path) -> Result<Roots, TlsError> {
    Roots::from_pem(&bytes(path)?).map_err(|why| TlsError::Bad(path.to_owned(), why))
}

fn read(tls: &Tls) -> Result<Certificate, TlsError> {
    let (chain, key) = (bytes(&tls.certificate)?, bytes(&tls.key)?);
    Certificate::from_pem(&chain, &key).map_err(|why| {
        let of_key = matches!(why, BadCertificate::NoKey);
        TlsError::Bad(if of_key { &tls.key } else { &tls.certificate }.clone(), why)
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |reason| TlsError::Unreadable(path.to_owned(), reason);
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
        return Err(TlsError::TooLarge(path.to_owned()));
    }
    fs::read(path).map_err(unreadable)
}

fn states(tls: &Tls) -> [State; 2] {
    [&tls.certificate, &tls.key].map(|path| {
        let known = fs::metadata(path).ok()?;
        Some((known.modified().ok()?, known.len()))
    })
}
