//! The connection to a coordinator: its address, certificates, and the token that goes with every request.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use proto::Token;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use crate::arguments::Contact;
use crate::failure::Failure;

/// The environment variable with a token's text.
const TOKEN_VARIABLE: &str = "KINDRED_TOKEN";

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// A coordinator that answers no ping for this long is gone, also while a stream is silent.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING: Duration = Duration::from_secs(20);

/// Puts the token into every request.
#[derive(Clone)]
pub(crate) struct Introduction {
    header: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Introduction {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(header) = &self.header {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}

/// The way to a coordinator.
pub(super) fn open(contact: &Contact) -> Result<(Channel, Introduction), Failure> {
    let url = &contact.coordinator;
    let wrong = || format!("`{url}` is no address of a coordinator: write http://HOST:PORT or https://HOST:PORT");
    let is_secure = match url.split_once("://") {
        Some(("https", _)) => true,
        Some(("http", _)) => false,
        _ => return Err(Failure::Usage(anyhow!(wrong()))),
    };
    let endpoint = Endpoint::from_shared(url.clone()).with_context(wrong).map_err(Failure::Usage)?;
    let endpoint = endpoint
        .connect_timeout(CONNECTING)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING)
        .tcp_nodelay(true);
    let endpoint = if is_secure {
        let config = certificates(contact)?;
        let unusable = || format!("the certificates for {url} cannot be used");
        endpoint.tls_config(config).with_context(unusable).map_err(Failure::Usage)?
    } else {
        endpoint
    };
    Ok((endpoint.connect_lazy(), introduction(contact)?))
}

fn certificates(contact: &Contact) -> Result<ClientTlsConfig, Failure> {
    let Some(ca) = &contact.ca else {
        let missing = "https needs --ca FILE (or KINDRED_CA): whose certificate the coordinator has to show";
        return Err(Failure::Usage(anyhow!(missing)));
    };
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
    Ok(match (&contact.client_cert, &contact.client_key) {
        (Some(certificate), Some(key)) => config.identity(Identity::from_pem(read(certificate)?, read(key)?)),
        _ => config,
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())).map_err(Failure::Usage)
}

fn introduction(contact: &Contact) -> Result<Introduction, Failure> {
    let (text, from) = match (&contact.token_file, std::env::var(TOKEN_VARIABLE)) {
        (Some(path), _) => (read(path)?, path.display().to_string()),
        (None, Ok(text)) if !text.is_empty() => (text, TOKEN_VARIABLE.to_owned()),
        (None, _) => return Ok(Introduction { header: None }),
    };
    let unusable = || Failure::Usage(anyhow!("{from} holds no token: `kindred coordinator token` makes one"));
    let token = Token::parse(text.trim()).ok_or_else(unusable)?;
    let mut header: MetadataValue<Ascii> = format!("Bearer {}", token.secret()).parse().map_err(|_| unusable())?;
    header.set_sensitive(true);
    Ok(Introduction { header: Some(header) })
}
