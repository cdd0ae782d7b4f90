//! TLS and mutual TLS, with certificates made here.

use coordinator::{Access, ApiLimits, ApiSettings, BoundServer, ServerError, TlsFiles};
use proto::api::v1;
use proto::api::v1::submission_service_client::SubmissionServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::served::Served;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Ca {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate chain and its key, as PEM.
fn issued(by: &Ca, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn files(folder: &TempDir, server: &Ca, clients: Option<&Ca>) -> TlsFiles {
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = issued(server, ExtendedKeyUsagePurpose::ServerAuth);
    TlsFiles {
        certificate: write("server.pem", certificate),
        key: write("server.key", key),
        client_ca: clients.map(|ca| write("clients.pem", ca.pem())),
    }
}

async fn listed(url: &str, config: ClientTlsConfig) -> Result<usize, String> {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap().tls_config(config).unwrap();
    let channel: Channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    let mut submissions = SubmissionServiceClient::new(channel);
    let answer = submissions.list_submissions(v1::ListSubmissionsRequest::default()).await;
    answer.map(|answer| answer.into_inner().submissions.len()).map_err(|status| format!("{status:?}"))
}

fn trusting(ca: &Ca) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.pem()))
}

#[tokio::test]
async fn a_client_talks_only_to_whom_it_trusts() {
    let (folder, server, other) = (tempfile::tempdir().unwrap(), ca(), ca());
    let tls = Some(files(&folder, &server, None));
    let served = Served::with(Access::Open, tls, ApiLimits::default()).await;
    assert!(served.url.starts_with("https://"));
    assert_eq!(listed(&served.url, trusting(&server)).await, Ok(0));
    assert!(listed(&served.url, trusting(&other)).await.is_err());
    let plain = Endpoint::from_shared(served.url.replace("https", "http")).unwrap().connect().await;
    if let Ok(channel) = plain {
        let mut submissions = SubmissionServiceClient::new(channel);
        assert!(submissions.list_submissions(v1::ListSubmissionsRequest::default()).await.is_err());
    }
    served.stop().await;
}

#[tokio::test]
async fn with_mutual_tls_only_certified_clients_are_heard() {
    let (folder, server, clients, other) = (tempfile::tempdir().unwrap(), ca(), ca(), ca());
    let tls = Some(files(&folder, &server, Some(&clients)));
    let served = Served::with(Access::Open, tls, ApiLimits::default()).await;
    let identity = |by: &Ca| {
        let (certificate, key) = issued(by, ExtendedKeyUsagePurpose::ClientAuth);
        Identity::from_pem(certificate, key)
    };
    assert!(listed(&served.url, trusting(&server)).await.is_err(), "no certificate");
    assert!(listed(&served.url, trusting(&server).identity(identity(&other))).await.is_err(), "another CA's");
    assert_eq!(listed(&served.url, trusting(&server).identity(identity(&clients))).await, Ok(0));
    served.stop().await;
}

#[tokio::test]
async fn certificates_that_are_none_are_refused_at_the_start() {
    let (folder, server) = (tempfile::tempdir().unwrap(), ca());
    let good = files(&folder, &server, None);
    let free = "127.0.0.1:0".parse().unwrap();
    let bind = async |tls| {
        let limits = ApiLimits::default();
        BoundServer::bind(ApiSettings { listen: free, http: free, access: Access::Open, tls: Some(tls), limits }).await
    };
    let missing = TlsFiles { certificate: folder.path().join("nowhere.pem"), ..good.clone() };
    let Err(ServerError::Pem(error)) = bind(missing).await else { panic!("it is not there") };
    assert!(error.to_string().contains("nowhere.pem"), "{error}");
    let swapped = TlsFiles { certificate: good.key.clone(), key: good.certificate.clone(), client_ca: None };
    assert!(matches!(bind(swapped).await, Err(ServerError::Tls(_))));
}
