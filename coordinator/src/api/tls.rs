//! The certificates that a server shows and asks for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// How long a client may take to introduce itself.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// PEM files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain that it shows.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Whose certificates clients have to show (mutual TLS); `None` where they need none.
    pub client_ca: Option<PathBuf>,
}

/// A PEM file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
pub struct PemError {
    path: PathBuf,
    source: std::io::Error,
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<ServerTlsConfig, PemError> {
        let identity = Identity::from_pem(pem(&self.certificate)?, pem(&self.key)?);
        let config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE);
        Ok(match &self.client_ca {
            Some(path) => config.client_ca_root(Certificate::from_pem(pem(path)?)),
            None => config,
        })
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, PemError> {
    std::fs::read(path).map_err(|source| PemError { path: path.to_owned(), source })
}
