//! A disk that is full, and a place that nobody may write to.

use std::io::Write;
use std::process::Command;

use kindred_artifacts::error::FailureClass;
use kindred_artifacts::{Key, ObjectWriter, Workspace};

const SMALL_DISK: &str = "KINDRED_TEST_SMALL_DISK";

/// A disk of two megabytes, in a mount namespace that ends with the process in it.
#[test]
fn a_full_disk_is_named_and_leaves_no_half_object() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=2m none "$0" && exec "$@""#;
    let mounted = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", script]).arg(folder.path()).args(command).env(SMALL_DISK, folder.path());
        unshare.output()
    };
    if !mounted(&["true"]).is_ok_and(|output| output.status.success()) {
        let message = "a_full_disk_is_named: SKIPPED, this machine lets no test mount a small disk\n";
        std::io::stderr().write_all(message.as_bytes()).unwrap();
        return;
    }
    let this = std::env::current_exe().unwrap();
    let output = mounted(&[this.to_str().unwrap(), "--exact", "--ignored", "limits::on_a_small_disk"]).unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
}

/// Run by the test above in a process of its own.
#[tokio::test]
#[ignore = "needs a small disk"]
async fn on_a_small_disk() {
    let disk = std::env::var(SMALL_DISK).unwrap();
    let workspace = Workspace::open(&disk).unwrap();
    let key = |name: &str| name.parse::<Key>().unwrap();

    let error = workspace.write(&key("a/whole.bin"), vec![1; 3 << 20]).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Environment, "{error:?}");
    let expected = format!("cannot write file://{disk}/a/whole.bin: the disk or quota is full");
    assert!(error.to_string().starts_with(&expected), "{error}");

    let mut writer = ObjectWriter::create(&workspace, key("b/parts.bin"));
    let mut written = Ok(());
    for _ in 0..64 {
        written = writer.write(&vec![1; 1 << 20]).await;
        if written.is_err() {
            break;
        }
    }
    let error = match written {
        Ok(()) => writer.finish(0).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.class(), FailureClass::Environment, "{error:?}");

    let body = serde_json::json!({"text": "x".repeat(3 << 20)});
    let error = workspace.create_once(&key("c/entry.json"), &body).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Environment, "{error:?}");
    assert!(error.to_string().contains("c/entry.json cannot be created: there is no room"), "{error}");

    for folder in ["a", "b", "c"] {
        let left: Vec<_> = std::fs::read_dir(format!("{disk}/{folder}")).unwrap().collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
    workspace.write(&key("a/small.bin"), vec![1; 1 << 10]).await.unwrap();
}

#[tokio::test]
async fn a_workspace_that_cannot_be_written_to_says_so() {
    // A file where the folder should be stops every user, root too.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workspace");
    std::fs::write(&path, "a file").unwrap();
    let workspace = Workspace::open(path.to_str().unwrap()).unwrap();
    let error = workspace.check_writable().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Environment, "{error:?}");
    assert!(error.to_string().starts_with(&format!("not allowed to write file://{}", path.display())), "{error}");

    // So does the kernel's own file system.
    let error = Workspace::open("/proc/kindred").unwrap().check_writable().await.unwrap_err();
    assert!(error.to_string().contains("file:///proc/kindred"), "{error}");
}
