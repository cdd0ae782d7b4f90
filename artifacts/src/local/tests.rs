use std::os::unix::fs::PermissionsExt;

use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use super::*;
use crate::error::FailureClass;

struct Folder {
    folder: tempfile::TempDir,
    store: DurableFileSystem,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: DurableFileSystem::new() }
    }

    fn path(&self, name: &str) -> Path {
        Path::from_absolute_path(self.folder.path().join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn create() -> PutOptions {
    PutOptions { mode: PutMode::Create, ..PutOptions::default() }
}

#[tokio::test]
async fn a_create_leaves_the_object_and_nothing_else() {
    let folder = Folder::new();
    let first = folder.store.put_opts(&folder.path("a"), "first".into(), create()).await;
    assert!(first.is_ok());
    let second = folder.store.put_opts(&folder.path("a"), "second".into(), create()).await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })));
    assert_eq!(folder.store.get(&folder.path("a")).await.unwrap().bytes().await.unwrap(), "first");
    assert_eq!(folder.names(), ["a"]);
}

#[tokio::test]
async fn tags_are_the_same_whether_written_listed_or_read() {
    let folder = Folder::new();
    let path = folder.path("deep/er/a");
    let put = folder.store.put(&path, "bytes".into()).await.unwrap();
    let head = folder.store.head(&path).await.unwrap();
    let listed: Vec<_> = folder.store.list(Some(&folder.path("deep"))).try_collect().await.unwrap();
    assert!(put.e_tag.is_some());
    assert_eq!(put.e_tag, head.e_tag);
    assert_eq!(listed, [head]);
}

#[tokio::test]
async fn an_upload_in_parts_is_whole_or_absent() {
    let folder = Folder::new();
    let mut upload = folder.store.put_multipart(&folder.path("big")).await.unwrap();
    let parts: Vec<_> = ["one ", "two ", "three"].into_iter().map(|part| upload.put_part(part.into())).collect();
    // Parts may arrive in any order.
    futures::stream::iter(parts.into_iter().rev()).buffer_unordered(3).try_collect::<Vec<_>>().await.unwrap();
    let listed: Vec<_> = folder.store.list(Some(&folder.path(""))).try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
    upload.complete().await.unwrap();
    assert_eq!(folder.store.get(&folder.path("big")).await.unwrap().bytes().await.unwrap(), "one two three");
    assert!(upload.complete().await.is_err());
    assert_eq!(folder.names(), ["big"]);
}

#[tokio::test]
async fn a_leftover_of_a_power_cut_is_no_object() {
    let folder = Folder::new();
    folder.store.put(&folder.path("a"), "whole".into()).await.unwrap();
    std::fs::write(folder.folder.path().join("b#123456789"), "half").unwrap();
    let listed: Vec<_> = folder.store.list(Some(&folder.path(""))).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    folder.store.put_opts(&folder.path("b"), "new".into(), create()).await.unwrap();
    assert_eq!(folder.store.get(&folder.path("b")).await.unwrap().bytes().await.unwrap(), "new");
}

#[tokio::test]
async fn what_it_cannot_do_is_refused() {
    let folder = Folder::new();
    let update = PutOptions { mode: PutMode::Update(PutResult { e_tag: None, version: None }.into()), ..create() };
    let put = folder.store.put_opts(&folder.path("a"), "x".into(), update).await;
    assert!(matches!(put, Err(Error::NotImplemented { .. })));
    let copied = folder.store.copy(&folder.path("a"), &folder.path("b")).await;
    assert!(matches!(copied, Err(Error::NotImplemented { .. })));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_an_error_of_the_environment() {
    let folder = Folder::new();
    std::fs::write(folder.folder.path().join("file"), "").unwrap();
    let below_a_file = folder.store.put(&folder.path("file/a"), "x".into()).await.unwrap_err();
    assert_eq!(FailureClass::of_store(&below_a_file), FailureClass::Environment, "{below_a_file:?}");

    let locked = folder.folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write anywhere, so a folder cannot be locked against it");
        return;
    }
    let denied = folder.store.put(&folder.path("locked/a"), "x".into()).await.unwrap_err();
    assert_eq!(FailureClass::of_store(&denied), FailureClass::Environment, "{denied:?}");
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_object() {
    // /dev/full takes no byte: a staged file in its place fails as one on a full disk does.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let folder = Folder::new();
    let staged = StagedFile::around(full, folder.folder.path().join("a"));
    let error = staged.write(0, &"bytes".into()).unwrap_err();
    assert_eq!(FailureClass::of_store(&error), FailureClass::Environment, "{error:?}");
    drop(staged);
    assert!(folder.names().is_empty());
}
