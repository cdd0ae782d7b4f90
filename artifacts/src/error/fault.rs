//! What exactly is wrong with a URL, a folder, a file, a package: the parts that errors are made of.

/// What is wrong with a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Nothing is written.
    #[error("it is empty")]
    Empty,
    /// A scheme that no store has.
    #[error("use a path, file://, s3://, gs:// or az://")]
    Scheme,
    /// No bucket or container.
    #[error("the bucket is missing")]
    NoBucket,
    /// A user name or password.
    #[error("write no credentials into a URL, which is stored and shown; use the store's environment variables")]
    Credentials,
    /// `file://` with a host.
    #[error("file URLs have three slashes")]
    FileHost,
    /// A path that cannot be an object's.
    #[error("its path has an empty, `.` or `..` segment or a control character")]
    Path,
    /// A pattern that is none.
    #[error("its pattern is malformed")]
    Pattern,
    /// A relative path, and no working directory.
    #[error("it is relative, and the working directory is gone")]
    Directory,
}

/// Why a table has no files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFiles {
    /// Nothing is there.
    #[error("there is no such file or folder")]
    Absent,
    /// A folder without files, or with hidden ones alone.
    #[error("the folder is empty (names that start with `_` or `.` do not count)")]
    Empty,
    /// A folder without files of the format.
    #[error("none of the {others} files in the folder ends in {extensions}")]
    Extension {
        /// How many other files there are.
        others: usize,
        /// What was looked for.
        extensions: String,
    },
    /// A pattern that matches nothing.
    #[error("nothing matches the pattern")]
    Unmatched,
}

/// How a file differs from the one that was planned with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Change {
    /// It is gone.
    #[error("it is gone")]
    Gone,
    /// It was written anew.
    #[error("it was written anew")]
    Rewritten,
    /// It has another size.
    #[error("it had {before} bytes and has {now}")]
    Size {
        /// Bytes when it was listed.
        before: u64,
        /// Bytes now.
        now: u64,
    },
}

/// What is wrong with an audience's package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageFault {
    /// No manifest.
    #[error("its manifest is missing")]
    NoManifest,
    /// No `_SUCCESS`.
    #[error("its _SUCCESS is missing")]
    NoSuccess,
    /// A manifest with other bytes than were published.
    #[error("its manifest was changed after it was published")]
    ManifestChanged,
    /// A file with other bytes than its manifest says.
    #[error("its {name} was changed after it was published")]
    FileChanged {
        /// The file.
        name: String,
    },
}

/// What made Parquet unreadable or unwritable.
#[derive(Debug, thiserror::Error)]
pub enum DecodeFault {
    /// The Parquet library's words.
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Arrow's words.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// The decoder broke off on bytes that no writer makes.
    #[error("its bytes make no sense to the decoder ({detail})")]
    Nonsense {
        /// The decoder's words.
        detail: String,
    },
    /// Fewer rows than the file's footer promises.
    #[error("its pages hold {found} rows and its footer promises {expected}")]
    Rows {
        /// Rows decoded.
        found: u64,
        /// Rows promised.
        expected: u64,
    },
    /// Fewer bytes than Parquet's own frame.
    #[error("it has {bytes} bytes, too few for a footer")]
    TooShort {
        /// The file's size.
        bytes: u64,
    },
}
