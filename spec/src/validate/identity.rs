//! Ids: published ones, and steps that join them.

use super::{Checker, tables};
use crate::contradiction::IdentityContradiction;
use crate::identifier::{Country, IdColumn, IdHash, IdNormalization};
use crate::identity::Identity;
use crate::node::Path;

/// Checks what an audience's id columns say of themselves.
pub(super) fn check_columns(checker: &mut Checker<'_>, path: &Path, ids: &[IdColumn]) {
    let mut has_exploded = false;
    for (index, id) in ids.iter().enumerate() {
        let path = path.item(index);
        check_country(checker, &path, id.normalize, id.country);
        match (id.hash, &id.key) {
            (IdHash::HmacSha256, None) => checker.report_whole(&path, IdentityContradiction::NoKey.into()),
            (IdHash::Sha256 | IdHash::Md5 | IdHash::None, Some(_)) if !checker.is_damaged(&path.name("hash")) => {
                checker.report(&path.name("key"), IdentityContradiction::KeyOfAnotherHash.into());
            }
            (IdHash::HmacSha256, Some(_)) | (_, None) | (_, Some(_)) => {}
        }
        if id.explode && has_exploded {
            checker.report(&path.name("explode"), IdentityContradiction::ExplodedTwice.into());
        }
        has_exploded |= id.explode;
    }
}

/// Checks a step that joins ids; `known` are the tables before it.
pub(super) fn check_step(checker: &mut Checker<'_>, path: &Path, identity: &Identity, known: &tables::Known) {
    let kinds: Vec<String> = identity.kinds.keys().map(ToString::to_string).collect();
    for (name, kind) in &identity.kinds {
        let path = path.name("kinds").name(name.as_str());
        check_country(checker, &path, kind.normalize, kind.country);
        if !identity.tables.iter().any(|table| table.ids.contains_key(name)) {
            checker.report_whole(&path, IdentityContradiction::UnusedKind { name: name.to_string() }.into());
        }
    }
    for (index, table) in identity.tables.iter().enumerate() {
        let path = path.name("tables").item(index);
        tables::check_exists(checker, &path.name("table"), &table.table, known);
        for name in table.ids.keys().filter(|name| !identity.kinds.contains_key(*name)) {
            let unknown = IdentityContradiction::UnknownKind { name: name.to_string(), known: kinds.clone() };
            checker.report(&path.name("ids").name(name.as_str()), unknown.into());
        }
    }
}

fn check_country(checker: &mut Checker<'_>, path: &Path, normalize: IdNormalization, country: Option<Country>) {
    if country.is_some() && !normalize.is_of_phones() && !checker.is_damaged(&path.name("normalize")) {
        checker.report(&path.name("country"), IdentityContradiction::CountryOfNoPhone.into());
    }
}

#[cfg(test)]
mod tests;
