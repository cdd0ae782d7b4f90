//! What can be wrong with a search.

/// A mistake in a search, without its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SearchMistake {
    /// The word that says which fields there are.
    #[error(
        "`{path}` says which fields there are: search the whole of `{of}`, such as {{choice: [{{{tag}: …}}, {{{tag}: …}}]}}"
    )]
    Tag {
        /// The path as written.
        path: String,
        /// What it is the kind of.
        of: String,
        /// The name of the word's field.
        tag: String,
    },
    /// A field of something that the document leaves out.
    #[error("the document has no `{of}`: write it there, or search the whole of it")]
    Absent {
        /// What is left out.
        of: String,
    },
    /// A field of something that has none.
    #[error("`{of}` has no fields of its own")]
    NoFields {
        /// What has none.
        of: String,
    },
    /// A field that no search may change.
    #[error("`{path}` is not searched: {reason}")]
    NotSearched {
        /// The path as written.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// Bounds for a field that is no number.
    #[error("the field is no number but {expected}: give a `choice`")]
    NoNumber {
        /// What the field takes.
        expected: String,
    },
    /// Bounds with nothing between them.
    #[error("{low} is not below {high}")]
    EmptyRange {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// A logarithm that is not there.
    #[error("`log_uniform` takes numbers above 0, and its lower end is {low}")]
    NotPositive {
        /// The lower end.
        low: f64,
    },
    /// A field and something that holds it.
    #[error("it is part of `{of}`, which is searched too: keep one of them")]
    Overlap {
        /// What holds it.
        of: String,
    },
    /// A first rung that is longer than the last.
    #[error("`min_epochs` {min_epochs} is above `training.epochs`, {epochs}")]
    LongestFirst {
        /// `method.min_epochs`
        min_epochs: u32,
        /// `training.epochs`
        epochs: u32,
    },
    /// Settings that make no valid document.
    #[error("trial {trial} ({settings}) would be no valid document: {problem}")]
    Trial {
        /// Its number.
        trial: u32,
        /// What it sets.
        settings: String,
        /// The document's first problem.
        problem: String,
    },
}
