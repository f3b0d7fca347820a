//! Certificates that nobody vouches for, made for one test.

use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

/// A certificate with its key, in two files as PEM. Gone when dropped.
pub struct Certificate(TempDir);

impl Certificate {
    /// Makes one for these names or addresses.
    ///
    /// # Errors
    /// When one of the names cannot be in a certificate.
    pub fn of(names: &[&str]) -> io::Result<Certificate> {
        let certificate = Certificate(tempfile::Builder::new().prefix("bayou-tls-").tempdir()?);
        certificate.renew(names)?;
        Ok(certificate)
    }

    /// Puts another in its place, the key first.
    ///
    /// # Errors
    /// As [`Certificate::of`].
    pub fn renew(&self, names: &[&str]) -> io::Result<()> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        std::fs::write(self.key(), made.key_pair.serialize_pem())?;
        std::fs::write(self.chain(), made.cert.pem())
    }

    /// Returns the file with the certificate.
    pub fn chain(&self) -> PathBuf {
        self.0.path().join("chain.pem")
    }

    /// Returns the file with its key.
    pub fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    /// Returns the settings of a node that shows it.
    pub fn settings(&self) -> [String; 2] {
        [format!("tls.certificate={}", self.chain().display()), format!("tls.key={}", self.key().display())]
    }
}
