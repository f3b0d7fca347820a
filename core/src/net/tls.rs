//! TLS around WebSocket, so that what leaves a network on port 443 looks like any web page.
//!
//! Whom one talks to is proven inside, by Noise and the peer id of the address; TLS adds nothing to that. It is checked all
//! the same, as browsers do, against the public roots and the name in the address: who could put themselves in between,
//! with a certificate of their own, would see that somebody uses Bayou. Networks with an authority of their own, and
//! nodes without a name, need its certificate to be named ([`Roots`]).

use std::sync::{Arc, PoisonError, RwLock};

use futures_rustls::TlsAcceptor;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer};
use futures_rustls::rustls::crypto::ring;
use futures_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use futures_rustls::rustls::sign::CertifiedKey;
use futures_rustls::rustls::{Error, InconsistentKeys, ServerConfig};
use libp2p::websocket;

use super::NetError;

/// Certificates in one file.
const MAX_CERTIFICATES: usize = 256;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// There is none, or something else.
    #[error("it holds no certificates as PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// There is no private key, or one of another kind.
    #[error("it holds no private key as PEM (-----BEGIN PRIVATE KEY-----) that can be used")]
    NoKey,
    /// The two are not of each other.
    #[error("certificate and key are not of each other")]
    OfAnother,
}

/// The certificate of a node, with its chain and its key.
#[derive(Clone)]
pub struct Certificate(Arc<CertifiedKey>);

impl Certificate {
    /// Reads a chain, the node's own certificate first, and its private key; both as PEM.
    ///
    /// # Errors
    /// When one of them is something else, or the two are not of each other.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Certificate, BadCertificate> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadCertificate::NoKey)?;
        let key = ring::default_provider().key_provider.load_private_key(key).map_err(|_| BadCertificate::NoKey)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(BadCertificate::OfAnother),
            Err(Error::InvalidCertificate(_)) => Err(BadCertificate::NoCertificate),
            // Of some kinds of keys it cannot be told.
            _ => Ok(Certificate(Arc::new(certified))),
        }
    }
}

/// The certificate that is shown now.
pub(super) struct Shown(RwLock<Certificate>);

impl Shown {
    pub(super) fn new(certificate: Certificate) -> Arc<Shown> {
        Arc::new(Shown(RwLock::new(certificate)))
    }

    /// Shows another from now on. Connections that stand are not touched.
    pub(super) fn replace(&self, certificate: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }

    /// Returns who shakes hands with it.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, NetError> {
        let config = ServerConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().map_err(|e| NetError::Start(e.to_string()))?;
        Ok(Arc::new(config.with_no_client_auth().with_cert_resolver(self.clone())).into())
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).0.clone())
    }
}

/// Whom a peer trusts besides the public roots.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<websocket::tls::Certificate>);

impl Roots {
    /// Reads certificates as PEM.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_pem(bytes: &[u8]) -> Result<Roots, BadCertificate> {
        let certificates = certificates(bytes)?.into_iter();
        let roots = Roots(certificates.map(|der| websocket::tls::Certificate::new(der.to_vec())).collect());
        roots.config().map(|_| roots)
    }

    /// Returns how a peer shakes hands.
    pub(super) fn client(&self) -> websocket::tls::Config {
        // Those that do not fit were refused as they were read.
        self.config().unwrap_or_else(|_| websocket::tls::Config::client())
    }

    fn config(&self) -> Result<websocket::tls::Config, BadCertificate> {
        let mut builder = websocket::tls::Config::builder();
        for root in &self.0 {
            builder.add_trust(root).map_err(|_| BadCertificate::NoCertificate)?;
        }
        Ok(builder.finish())
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadCertificate> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).take(MAX_CERTIFICATES).collect();
    read.ok().filter(|chain| !chain.is_empty()).ok_or(BadCertificate::NoCertificate)
}
