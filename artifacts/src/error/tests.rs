use std::io::{self, ErrorKind};

use super::*;

fn generic(kind: ErrorKind) -> object_store::Error {
    object_store::Error::Generic { store: "test", source: Box::new(io::Error::from(kind)) }
}

#[test]
fn what_a_person_must_mend_is_not_retried() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let error = ArtifactsError::store(Action::Write, "file:///ws/a", generic(kind));
        assert!(matches!(error, ArtifactsError::Full { .. }), "{error}");
        assert_eq!(error.class(), FailureClass::Environment);
    }
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
        let error = ArtifactsError::store(Action::Write, "file:///ws/a", generic(kind));
        assert!(error.to_string().starts_with("not allowed to write file:///ws/a"), "{error}");
        assert!(!error.class().is_retryable());
    }
}

#[test]
fn what_may_pass_is_retried() {
    for kind in [ErrorKind::ConnectionReset, ErrorKind::TimedOut, ErrorKind::BrokenPipe, ErrorKind::Other] {
        let error = ArtifactsError::store(Action::Read, "s3://b/a", generic(kind));
        assert!(error.class().is_retryable(), "{kind:?}");
        assert_eq!(error.to_string(), "cannot read s3://b/a");
    }
}

#[test]
fn a_missing_object_is_told_apart() {
    let source = object_store::Error::NotFound { path: "a".to_owned(), source: "no such key".into() };
    let error = ArtifactsError::store(Action::Read, "s3://b/a", source);
    assert!(error.is_missing());
    assert_eq!(error.class(), FailureClass::Input);
}

#[test]
fn lists_of_what_there_is_are_in_the_message() {
    let model: ModelName = "repurchase".parse().unwrap();
    let none = ArtifactsError::NoModel { model: model.clone(), known: Vec::new() };
    assert_eq!(none.to_string(), "there is no model `repurchase`; there are no models yet");
    let known = vec!["candidate".to_owned(), "production".to_owned()];
    let alias = ArtifactsError::NoAlias { model, alias: "prod".parse().unwrap(), known };
    assert_eq!(alias.to_string(), "model `repurchase` has no alias `prod`; there are: candidate, production");
}
