//! A real S3 server on loopback (SeaweedFS), started and stopped by a test.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::sandbox::clone_folder;

const ACCESS_KEY: &str = "kindred";
const SECRET_KEY: &str = "not-a-secret";
/// How long the server may take to answer its first request.
const START: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(200);

/// A running server. It stops when this is dropped, and also when the test's process dies: its shell waits for the end of
/// a pipe that this process holds.
pub struct Server {
    shell: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts the server that `scripts/setup.py peers` installs. Without it the test is skipped, and says so; in CI it
    /// fails.
    ///
    /// # Panics
    /// In CI, where the server is not installed; where no port or folder can be had.
    pub fn start(test: &str) -> Option<Self> {
        let weed = clone_folder().join(".setup/weed");
        if !weed.exists() {
            let message = format!("{test}: SKIPPED, no S3 server at {}; run scripts/setup.py peers\n", weed.display());
            assert!(std::env::var_os("CI").is_none(), "{message}");
            // Not by eprintln, which the test harness swallows.
            std::io::stderr().write_all(message.as_bytes()).expect("standard error");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = free_ports();
        let shell = spawn(&weed, folder.path(), &ports);
        Some(Self { shell, port: ports[0], _folder: folder })
    }

    /// Polls with real requests until the server answers them, and makes the bucket.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn wait_until_ready(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let store = self.store(bucket);
        let probe = object_store::path::Path::from("ready");
        let deadline = Instant::now() + START;
        loop {
            let asked = async {
                store.put(&probe, "ready".into()).await?;
                store.get(&probe).await?.bytes().await
            };
            match asked.await {
                Ok(bytes) => {
                    assert_eq!(bytes, "ready");
                    store.delete(&probe).await.expect("what was put can be deleted");
                    return store;
                }
                Err(error) => assert!(Instant::now() < deadline, "no answer within {START:?}: {error:?}"),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// A bucket, asked directly.
    ///
    /// # Panics
    /// Never: the settings are constants.
    pub fn store(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let builder = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .with_retry(object_store::RetryConfig { max_retries: 2, ..Default::default() });
        Arc::new(builder.build().expect("complete settings"))
    }

    /// All objects of a bucket with their bytes.
    ///
    /// # Panics
    /// If one cannot be read.
    pub async fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let store = self.store(bucket);
        let listed: Vec<_> = store.list(None).try_collect().await.expect("a listing");
        let mut objects = BTreeMap::new();
        for meta in listed {
            let bytes = store.get(&meta.location).await.expect("an object").bytes().await.expect("its bytes");
            objects.insert(meta.location.to_string(), bytes.to_vec());
        }
        objects
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The usual environment variables, by which a process finds the server at `endpoint`.
pub fn variables(endpoint: &str) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ]
}

/// Eight ports that are free at this moment.
fn free_ports() -> Vec<u16> {
    let listeners: Vec<_> = (0..8).map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address").port()).collect()
}

fn spawn(weed: &Path, folder: &Path, ports: &[u16]) -> Child {
    let config: PathBuf = folder.join("s3.json");
    let identity = serde_json::json!({
        "name": "kindred",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    });
    let settings = serde_json::json!({ "identities": [identity] }).to_string();
    std::fs::write(&config, settings).expect("a file in a temporary folder");
    let named_ports = [
        "s3.port",
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ];
    let options = named_ports.iter().zip(ports).map(|(name, port)| format!("-{name}={port}"));
    Command::new("sh")
        .args(["-c", r#""$0" "$@" & server=$!; cat > /dev/null; kill "$server"; wait "$server""#])
        .arg(weed)
        .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.ip.bind=127.0.0.1"])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=64"])
        .args(["-volume.max=20"])
        .arg(format!("-dir={}", folder.display()))
        .arg(format!("-s3.config={}", config.display()))
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}
