//! The tokens file as it is now: read again whenever it changes, so that a token counts, or does not any more, without a
//! restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use artifacts::clock::Clock;
use tokio::task::JoinHandle;

use super::tokens::{Tokens, TokensError};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// The tokens of a file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TokensFile {
    path: PathBuf,
    current: Arc<RwLock<Arc<Tokens>>>,
}

/// Looks at the file until it is dropped.
#[derive(Debug)]
pub struct FileWatch(JoinHandle<()>);

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl TokensFile {
    /// Reads a tokens file.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub fn open(path: &Path) -> Result<Self, TokensError> {
        let current = Arc::new(RwLock::new(Arc::new(Tokens::read(path)?)));
        Ok(Self { path: path.to_owned(), current })
    }

    /// The tokens that are let in.
    pub(super) fn tokens(&self) -> Arc<Tokens> {
        // What is in there is replaced whole, so a panic elsewhere does no harm.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again; says whether it lets others in now. What cannot be used changes nothing.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub fn reload(&self) -> Result<bool, TokensError> {
        let read = Arc::new(Tokens::read(&self.path)?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = **current != *read;
        *current = read;
        Ok(is_new)
    }

    /// Reads the file again every two seconds; a mistake is logged when it is new.
    pub fn watch(&self, clock: Arc<dyn Clock>) -> FileWatch {
        let file = self.clone();
        FileWatch(tokio::spawn(async move {
            let mut told = None;
            loop {
                clock.sleep(EVERY).await;
                let again = file.clone();
                match tokio::task::spawn_blocking(move || again.reload()).await {
                    Ok(Ok(is_new)) => {
                        told = None;
                        if is_new {
                            tracing::info!(path = %file.path.display(), "the tokens file has changed, and counts");
                        }
                    }
                    Ok(Err(error)) => file.tell(&error, &mut told),
                    Err(error) => tracing::error!(%error, "reading the tokens file broke down"),
                }
            }
        }))
    }

    fn tell(&self, error: &TokensError, told: &mut Option<String>) {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        let words = format!("{error}: {cause}");
        if told.as_ref() != Some(&words) {
            tracing::error!(error = words, "the tokens are those of before");
        }
        *told = Some(words);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Access, Denied, NewToken, Role, TokenEntry};
    use super::*;

    fn write(path: &Path, entries: &[&TokenEntry]) {
        let entries: Vec<String> = entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
        std::fs::write(path, format!("tokens: [{}]", entries.join(", "))).unwrap();
    }

    #[test]
    fn a_file_that_changes_lets_others_in_and_a_wrong_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        let [ana, ben] = ["ana", "ben"].map(|name| NewToken::make(name.parse().unwrap(), Role::Viewer));
        write(&path, &[&ana.entry]);
        let file = TokensFile::open(&path).unwrap();
        let access = Access::File(file.clone());
        let caller = |made: &NewToken| access.caller(Some(format!("Bearer {}", made.secret).as_bytes()));
        assert!(caller(&ana).is_ok() && caller(&ben).is_err());
        assert!(!file.reload().unwrap());
        write(&path, &[&ben.entry]);
        assert!(file.reload().unwrap());
        assert_eq!(caller(&ana), Err(Denied::UnknownToken));
        assert_eq!(caller(&ben).unwrap().name.as_str(), "ben");
        std::fs::write(&path, "tokens: []").unwrap();
        assert!(file.reload().is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(file.reload().is_err());
        assert!(caller(&ben).is_ok(), "as before");
    }

    #[tokio::test]
    async fn a_file_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        let [ana, ben] = ["ana", "ben"].map(|name| NewToken::make(name.parse().unwrap(), Role::Viewer));
        write(&path, &[&ana.entry]);
        let file = TokensFile::open(&path).unwrap();
        let before = file.tokens();
        let _watch = file.watch(Arc::new(Hasty));
        write(&path, &[&ben.entry]);
        while *file.tokens() == *before {
            tokio::task::yield_now().await;
        }
    }

    /// A clock whose sleeps take no time.
    #[derive(Debug)]
    struct Hasty;

    #[async_trait::async_trait]
    impl Clock for Hasty {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {
            tokio::task::yield_now().await;
        }
    }
}
