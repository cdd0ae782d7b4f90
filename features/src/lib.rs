//! Nothing but a list of dependencies: see `scripts/unify_features.py`.
