//! `sha256_hex`: published ids in SQL, so that what comes back about them finds the people whom they are of.

use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::DataType;
use artifacts::Digest;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

/// The function: text to the SHA-256 of its UTF-8 bytes in lower-case hex, as audiences publish it; null for null.
pub(crate) fn sha256_hex() -> ScalarUDF {
    create_udf("sha256_hex", vec![DataType::Utf8], DataType::Utf8, Volatility::Immutable, Arc::new(digests))
}

fn digests(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let digest = |text: Option<&str>| text.map(|text| Digest::of(text.as_bytes()).to_string());
    let digests: StringArray = arrays.iter().flat_map(|texts| texts.as_string::<i32>().iter().map(digest)).collect();
    Ok(ColumnarValue::Array(Arc::new(digests)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use futures::TryStreamExt;
    use serde_json::json;

    use crate::sandbox::{Sandbox, name, source};

    // printf '%s' jane.doe@example.com | sha256sum
    const JANE: &str = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d";

    #[tokio::test]
    async fn a_query_makes_the_ids_that_audiences_publish() {
        let sandbox = Sandbox::new();
        sandbox.write("people.csv", "id,email\n1, Jane.Doe@Example.com\n2,\n");
        let mut session = sandbox.session();
        session.add_table(&name("people"), &source(json!({"url": sandbox.url("people.csv")}))).await.unwrap();
        let sql = "SELECT sha256_hex(lower(trim(email))) AS email, sha256_hex(CAST(id AS VARCHAR)) AS hashed, \
                   sha256_hex('jane.doe@example.com') AS told FROM people ORDER BY id";
        let batches: Vec<_> = session.stream(sql).await.unwrap().try_collect().await.unwrap();
        let text = |column: usize, row: usize| batches[0].column(column).as_string::<i32>().value(row).to_owned();
        assert_eq!((text(0, 0), text(2, 1)), (JANE.to_owned(), JANE.to_owned()));
        assert!(batches[0].column(0).is_null(1));
        // printf 1 | sha256sum
        assert_eq!(text(1, 0), "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
    }
}
