//! Whether the coordinator that last claimed a workspace is alive: it is asked at the addresses that it left there.
//!
//! Who cannot be asked is not taken for dead: a loopback address of another machine reaches nobody, or somebody else, and
//! a TLS server whose certificate cannot be checked may be anybody.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tonic::transport::{ClientTlsConfig, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::leadership::CoordinatorRecord;
use crate::log::WriterId;

/// How long the last coordinator may take to say that it is alive.
const PATIENCE: Duration = Duration::from_secs(3);

/// A machine between two starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Host {
    /// Its name.
    pub(super) name: String,
    /// Changes whenever it starts.
    pub(super) boot: String,
}

impl Host {
    /// This machine; `None` where it does not say.
    pub(super) fn this() -> Option<Self> {
        let text = |path: &str| {
            let text = std::fs::read_to_string(path).ok()?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        Some(Self { name: text("/proc/sys/kernel/hostname")?, boot: text("/proc/sys/kernel/random/boot_id")? })
    }
}

/// What is known of a coordinator that was asked whether it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It says so itself.
    Alive,
    /// Nobody is at its addresses, or somebody else; or its machine has been started anew.
    Gone,
    /// It cannot be asked from here.
    Unknown,
}

/// How an address is to be reached from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not at all: it is an address of every machine.
    Not,
    Plain,
    Tls,
}

/// Asks a coordinator whether it is alive, from the machine `here`.
pub(super) async fn life_of(incumbent: &CoordinatorRecord, here: Option<&Host>, tls: Option<&ClientTlsConfig>) -> Life {
    let is_here = match (&incumbent.host, here) {
        (Some(there), Some(here)) if there.name == here.name && there.boot != here.boot => return Life::Gone,
        (Some(there), Some(here)) => there == here,
        // A coordinator of before these were written down, or a machine that does not say.
        (None, _) | (_, None) => true,
    };
    let addresses = incumbent.address.iter().chain([&incumbent.workers]);
    let answers = addresses.map(|address| async move {
        match reach(address, is_here) {
            Reach::Not => Life::Unknown,
            Reach::Plain => ask(address, &incumbent.writer, None).await,
            Reach::Tls => ask_by_tls(address, &incumbent.writer, tls).await,
        }
    });
    together(&futures::future::join_all(answers).await)
}

/// One that answers is alive; one whom nobody could ask may be.
fn together(answers: &[Life]) -> Life {
    let one = |life| answers.contains(&life);
    match (one(Life::Alive), one(Life::Gone)) {
        (true, _) => Life::Alive,
        (false, true) => Life::Gone,
        (false, false) => Life::Unknown,
    }
}

fn reach(address: &str, is_here: bool) -> Reach {
    let Ok(uri) = address.parse::<Uri>() else { return Reach::Not };
    let ip = uri.host().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let is_of_every_machine = ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
    match uri.scheme_str() {
        _ if is_of_every_machine && !is_here => Reach::Not,
        Some("https") => Reach::Tls,
        _ => Reach::Plain,
    }
}

/// Nobody at the port is nobody there; who is there and cannot be understood may be the one.
async fn ask_by_tls(address: &str, writer: &WriterId, tls: Option<&ClientTlsConfig>) -> Life {
    if !is_listened_on(address).await {
        return Life::Gone;
    }
    let Some(tls) = tls else { return Life::Unknown };
    ask(address, writer, Some(tls.clone())).await
}

async fn is_listened_on(address: &str) -> bool {
    let uri: Option<Uri> = address.parse().ok();
    let Some((host, port)) = uri.as_ref().and_then(|uri| Some((uri.host()?, uri.port_u16()?))) else { return false };
    let connecting = TcpStream::connect((host.trim_matches(['[', ']']), port));
    matches!(tokio::time::timeout(PATIENCE, connecting).await, Ok(Ok(_)))
}

/// Asks at one address for this very coordinator. By TLS a connection that fails says nothing: it may be the certificate.
async fn ask(address: &str, writer: &WriterId, tls: Option<ClientTlsConfig>) -> Life {
    let unreached = if tls.is_some() { Life::Unknown } else { Life::Gone };
    let Ok(endpoint) = Endpoint::from_shared(address.to_owned()) else { return unreached };
    let endpoint = match tls {
        Some(tls) => match endpoint.tls_config(tls) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::warn!(%error, "the certificates to ask another coordinator with cannot be used");
                return unreached;
            }
        },
        None => endpoint,
    };
    let asked = async {
        let Ok(channel) = endpoint.connect().await else { return unreached };
        let service = writer.as_str().to_owned();
        match HealthClient::new(channel).check(HealthCheckRequest { service }).await {
            Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => Life::Alive,
            Ok(_) => Life::Gone,
            // Another program, or another coordinator.
            Err(status) if status.code() == tonic::Code::NotFound => Life::Gone,
            Err(_) => unreached,
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or(unreached)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

    use super::*;
    use crate::service::WorkerServer;

    fn host(name: &str, boot: &str) -> Host {
        Host { name: name.to_owned(), boot: boot.to_owned() }
    }

    fn record(writer: &WriterId, address: Option<&str>, workers: &str, host: Option<Host>) -> CoordinatorRecord {
        let (address, workers) = (address.map(str::to_owned), workers.to_owned());
        CoordinatorRecord { writer: writer.clone(), address, workers, at: chrono::Utc::now(), host }
    }

    #[test]
    fn a_loopback_address_is_asked_on_its_own_machine_alone() {
        for (address, here, elsewhere) in [
            ("http://127.0.0.1:7460", Reach::Plain, Reach::Not),
            ("http://[::1]:7460", Reach::Plain, Reach::Not),
            ("https://0.0.0.0:7460", Reach::Tls, Reach::Not),
            ("http://10.0.0.7:7460", Reach::Plain, Reach::Plain),
            ("https://kindred.internal:7460", Reach::Tls, Reach::Tls),
        ] {
            assert_eq!((reach(address, true), reach(address, false)), (here, elsewhere), "{address}");
        }
    }

    #[test]
    fn who_answers_nowhere_and_could_not_be_asked_may_be_alive() {
        use Life::{Alive, Gone, Unknown};
        assert_eq!(together(&[Unknown, Unknown]), Unknown);
        assert_eq!(together(&[Unknown, Gone]), Gone);
        assert_eq!(together(&[Gone, Alive]), Alive);
    }

    #[tokio::test]
    async fn a_coordinator_of_another_machine_is_not_looked_for_on_this_one() {
        let (here, there) = (host("one", "boot-1"), host("two", "boot-2"));
        let writer = WriterId::new();
        let server = WorkerServer::start(WorkerServer::LOOPBACK, &writer).await.unwrap();
        let of = |host: &Host| record(&writer, None, &server.url(), Some(host.clone()));
        assert_eq!(life_of(&of(&here), Some(&here), None).await, Life::Alive);
        assert_eq!(life_of(&of(&there), Some(&here), None).await, Life::Unknown);
        let before = host("one", "boot-0");
        assert_eq!(life_of(&of(&before), Some(&here), None).await, Life::Gone, "its machine was started anew");
        let old = record(&WriterId::new(), None, &server.url(), None);
        assert_eq!(life_of(&old, Some(&here), None).await, Life::Gone, "a record of before");
    }

    #[tokio::test]
    async fn a_coordinator_with_tls_is_asked_by_tls_and_alive_where_that_cannot_be() {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
        let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (health, service) = tonic_health::server::health_reporter();
        let writer = WriterId::new();
        health.set_service_status(writer.as_str(), tonic_health::ServingStatus::Serving).await;
        let mut server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        let serving = tokio::spawn(server.add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        let trusted = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.pem()));
        assert_eq!(ask_by_tls(&url, &writer, Some(&trusted)).await, Life::Alive);
        assert_eq!(ask_by_tls(&url, &WriterId::new(), Some(&trusted)).await, Life::Gone, "it is another one");
        assert_eq!(ask_by_tls(&url, &writer, None).await, Life::Unknown);
        let other = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificate.pem()));
        assert_eq!(ask_by_tls(&url, &writer, Some(&other)).await, Life::Unknown, "nobody says who it is");
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
        assert_eq!(ask_by_tls(&url, &writer, None).await, Life::Gone);
    }
}
