//! What writers that were killed leave on a local file system: `<name>#<digits>`, which no listing shows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that a writer did not come to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagingFile {
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
}

/// The staging files below a folder that nobody has written to for so long. A folder that is not there has none.
///
/// # Errors
/// A folder that cannot be read.
pub fn find_staging(root: &Path, older_than: Duration, now: SystemTime) -> io::Result<Vec<StagingFile>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            // Somebody else may sweep as well.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if is_staging(&entry.file_name().to_string_lossy())
                && metadata.modified().is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age >= older_than))
            {
                found.push(StagingFile { path: entry.path(), bytes: metadata.len() });
            }
        }
    }
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Deletes staging files; one that is gone is deleted already.
///
/// # Errors
/// A file that cannot be deleted.
pub fn delete_staging(files: &[StagingFile]) -> io::Result<()> {
    for file in files {
        match fs::remove_file(&file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            deleted => deleted?,
        }
    }
    Ok(())
}

fn is_staging(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(target, digits)| {
        !target.is_empty() && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_staging_files_that_are_old_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("runs/r/data");
        fs::create_dir_all(&inner).unwrap();
        for name in ["part.parquet#123", "part.parquet", "a#b", "#1", "manifest.json#9"] {
            fs::write(inner.join(name), "rows").unwrap();
        }
        let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
        assert_eq!(find_staging(folder.path(), hour, now).unwrap(), []);
        let found = find_staging(folder.path(), hour, now + 2 * hour).unwrap();
        let names: Vec<_> = found.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["manifest.json#9", "part.parquet#123"]);
        assert!(found.iter().all(|file| file.bytes == 4));
        delete_staging(&found).unwrap();
        delete_staging(&found).unwrap();
        assert_eq!(find_staging(folder.path(), hour, now + 2 * hour).unwrap(), []);
        assert!(inner.join("part.parquet").exists() && inner.join("a#b").exists());
        assert_eq!(find_staging(&folder.path().join("nowhere"), hour, now).unwrap(), []);
    }
}
