//! How ids, numbers and JSON lie in columns.

use fil_protocol::Seq;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// A number as SQLite stores it. What does not fit is larger than any number that exists.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An event's number as SQLite stores it.
pub(super) fn seq(seq: Seq) -> i64 {
    int(seq.0)
}

/// A bound on rows as SQLite takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Reads a number. Numbers are never written below zero.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// Reads a number that may be missing.
pub(super) fn maybe_number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
}

/// Reads an id.
pub(super) fn id<T: From<[u8; 16]>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    Ok(T::from(row.get::<_, [u8; 16]>(column)?))
}

/// A value as JSON text.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Engine(Box::new(error)))
}

/// A value from JSON text that this server wrote.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("a stored value does not decode".to_owned()))
}

/// A unit variant's name on the wire, which is its name in a column too.
pub(super) fn to_name(value: &impl Serialize) -> Result<String, StoreError> {
    Ok(to_json(value)?.trim_matches('"').to_owned())
}

/// A unit variant from its name.
pub(super) fn from_name<T: DeserializeOwned>(name: &str) -> rusqlite::Result<T> {
    let text = serde_json::Value::String(name.to_owned());
    serde_json::from_value(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}
