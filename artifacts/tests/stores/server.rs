//! A real S3 server on loopback, started and stopped by a test.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, ObjectStoreExt};

const ACCESS_KEY: &str = "kindred";
const SECRET_KEY: &str = "not-a-secret";
/// How long the server may take to answer its first request.
const START: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(200);

/// A running server. It stops when this is dropped, and also when the test's process dies: its shell waits for the end of
/// a pipe that this process holds.
pub(crate) struct Server {
    shell: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts the server that `scripts/setup.py peers` installs. Without it the test is skipped, and says so; in CI it
    /// fails.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let weed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.setup/weed");
        if !weed.exists() {
            let message = format!("{test}: SKIPPED, no S3 server at {}; run scripts/setup.py peers\n", weed.display());
            assert!(std::env::var_os("CI").is_none(), "{message}");
            // Not by eprintln, which the test harness swallows.
            std::io::stderr().write_all(message.as_bytes()).unwrap();
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let shell = spawn(&weed, folder.path(), &ports);
        Some(Self { shell, port: ports[0], _folder: folder })
    }

    /// Polls with real requests until the server answers them, and makes the bucket.
    pub(crate) async fn wait_until_ready(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let store: Arc<dyn ObjectStore> = Arc::new(
            AmazonS3Builder::new()
                .with_endpoint(self.endpoint())
                .with_allow_http(true)
                .with_region("us-east-1")
                .with_bucket_name(bucket)
                .with_access_key_id(ACCESS_KEY)
                .with_secret_access_key(SECRET_KEY)
                .with_retry(object_store::RetryConfig { max_retries: 2, ..Default::default() })
                .build()
                .unwrap(),
        );
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
                    return store;
                }
                Err(error) => assert!(Instant::now() < deadline, "no answer within {START:?}: {error:?}"),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Runs an ignored test of this binary in a process that finds this server by the usual variables alone.
    pub(crate) fn run_again_with_its_variables(&self, test: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", test])
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && report.contains("1 passed"), "{report}");
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Eight ports that are free at this moment.
fn free_ports() -> Vec<u16> {
    let listeners: Vec<_> = (0..8).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

fn spawn(weed: &Path, folder: &Path, ports: &[u16]) -> Child {
    let config: PathBuf = folder.join("s3.json");
    let identity = serde_json::json!({
        "name": "kindred",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    });
    std::fs::write(&config, serde_json::json!({ "identities": [identity] }).to_string()).unwrap();
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
        .unwrap()
}
