//! A row as one JSON object on a line, read without building the object: files have hundreds of millions of them.

use super::columns::Layout;
use super::field::Field;
use super::row::Row;
use serde::Deserializer;
use serde::de::{Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Reads line `number`, an object.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8], number: u64, layout: &Layout) -> Result<Row, String> {
    let mut row = Row::at(number);
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let visitor = RowVisitor { row: &mut row, layout };
    deserializer.deserialize_map(visitor).and_then(|()| deserializer.end()).map_err(one_line)?;
    if row.get(Field::Va).is_none() {
        return Err("states no va; the file may be cut off".into());
    }
    Ok(row)
}

/// The keys of an object.
///
/// # Errors
/// What is wrong with it.
pub fn keys(line: &[u8]) -> Result<Vec<String>, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(line).map_err(one_line)?;
    Ok(object.into_iter().map(|(key, _)| key).collect())
}

/// Reads an object into a row.
struct RowVisitor<'a> {
    row: &'a mut Row,
    layout: &'a Layout,
}

impl<'de> Visitor<'de> for RowVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let Some(column) = self.layout.key(&key.0) else {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            match map.next_value::<JsonCell<'de>>()? {
                JsonCell::Nothing => {}
                // Numbers are numbers; whether they are decimal was decided by JSON.
                JsonCell::Number(number) if !matches!(column.field, Field::Kind | Field::Fault) => {
                    self.row.set(column.field, number);
                }
                JsonCell::Number(number) => {
                    column.state(self.row, number.to_string().as_bytes()).map_err(A::Error::custom)?;
                }
                JsonCell::Text(text) => {
                    column.state(self.row, text.trim().as_bytes()).map_err(A::Error::custom)?;
                }
            }
        }
        Ok(())
    }
}

/// A string, borrowed from the line where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match JsonCell::deserialize(deserializer)? {
            JsonCell::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("expected a key")),
        }
    }
}

/// A value.
enum JsonCell<'a> {
    Nothing,
    Number(u64),
    Text(Cow<'a, str>),
}

impl<'de> serde::Deserialize<'de> for JsonCell<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = JsonCell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number from 0 or null")
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(JsonCell::Number(number))
    }
    fn visit_bool<E>(self, is_set: bool) -> Result<Self::Value, E> {
        Ok(JsonCell::Text(Cow::Borrowed(if is_set { "true" } else { "false" })))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(JsonCell::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(JsonCell::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(JsonCell::Nothing)
    }
}

fn one_line(error: serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
