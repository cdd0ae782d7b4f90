//! The package as another language reads it.
