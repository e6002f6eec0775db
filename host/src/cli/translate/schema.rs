//! What a job of `translate` may say, as serde reads it. Owns the names of the fields and what each accepts; every error
//! has the path of its field. What holds between fields is [`super::job`]'s.

use crate::cli::quantity::{self, ByteSize, QuantityError};
use pagewalk_arch::{AccessKind, ModeBit, PagingFormat, Privilege};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A job that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// No JSON.
    #[error("line {line}, column {column}: {problem}; the job must be one JSON object")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The parser's words.
        problem: String,
    },
    /// A field that is wrong.
    #[error("{path}: {problem}")]
    Field {
        /// Where, as `queries[3].va`.
        path: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// The error of the field at `path`.
pub fn invalid(path: impl Into<String>, problem: impl Into<String>) -> JobError {
    JobError::Field { path: path.into(), problem: problem.into() }
}

/// The whole job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with root, image and queries")]
pub struct JobText {
    #[serde(default, deserialize_with = "named")]
    pub format: PagingFormat,
    pub root: Number,
    pub memory_bytes: Option<Size>,
    pub physical_bits: Option<Narrow>,
    #[serde(default)]
    pub mode: Order,
    #[serde(default)]
    pub image: Vec<Object<Block>>,
    #[serde(default)]
    pub defaults: QueryText,
    #[serde(default)]
    pub queries: Vec<QueryText>,
}

impl JobText {
    /// Reads a job.
    ///
    /// # Errors
    /// [`JobError`]: no JSON, or the first field that is wrong.
    pub fn parse(text: &str) -> Result<Self, JobError> {
        let value = serde_json::from_str(text).map_err(|error| JobError::Syntax {
            line: error.line(),
            column: error.column(),
            problem: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
        })?;
        Self::of(value)
    }

    /// Reads a job that is JSON already.
    ///
    /// # Errors
    /// [`JobError::Field`].
    pub fn of(mut value: Value) -> Result<Self, JobError> {
        strip(&mut value);
        serde_path_to_error::deserialize(value).map(|Object(job)| job).map_err(|error| {
            let path = match error.path().iter().next() {
                Some(_) => error.path().to_string(),
                None => "the job".to_owned(),
            };
            invalid(path, error.into_inner().to_string())
        })
    }
}

/// Takes out what counts for nothing: null, and what is there for people, names, comments and what begins with an
/// underscore. All else that is not known is refused, for a misspelt field would silently count for nothing too.
fn strip(value: &mut Value) {
    let for_people = |name: &str| name.starts_with('_') || ["name", "id", "comment"].contains(&name);
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !value.is_null() && !for_people(name));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Whether queries see what those before them left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Every query sees the image as it is given.
    #[default]
    Fresh,
    /// A and D bits and TLB contents stay.
    Cumulative,
}

/// A piece of memory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with paddr and one of u64, u32 and hex")]
pub struct Block {
    pub paddr: Number,
    pub u64: Option<Vec<Number>>,
    pub u32: Option<Vec<Narrow>>,
    pub hex: Option<HexBytes>,
}

/// A query, or what all of them have in common.
#[derive(Clone, Debug, Default)]
pub struct QueryText {
    pub va: Option<Number>,
    pub access: Option<AccessKind>,
    pub privilege: Option<Privilege>,
    pub asid: Option<Number>,
    /// Mode bits, on or off.
    pub flags: Vec<(ModeBit, bool)>,
}

/// Fields of a query besides the mode bits.
const QUERY_FIELDS: [&str; 4] = ["va", "access", "priv", "asid"];

/// Mode bits that a job calls by the name of their extension or by the manual's other name.
const ALIASES: [(&str, &str); 3] = [("svadu", "adue"), ("svpbmt", "pbmte"), ("nx", "nxe")];

/// The mode bit that a job calls `name`.
fn flag(name: &str) -> Option<ModeBit> {
    ModeBit::named(ALIASES.iter().find(|alias| alias.0 == name).map_or(name, |alias| alias.1))
}

/// The name that a job has for `bit`.
fn flag_name(bit: &ModeBit) -> &'static str {
    ALIASES.iter().find(|alias| alias.1 == bit.name).map_or(bit.name, |alias| alias.0)
}

impl<'de> Deserialize<'de> for QueryText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(QueryVisitor)
    }
}

struct QueryVisitor;

impl<'de> Visitor<'de> for QueryVisitor {
    type Value = QueryText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"va\": \"0x1000\", \"access\": \"write\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<QueryText, A::Error> {
        let mut query = QueryText::default();
        while let Some(name) = map.next_key::<String>()? {
            match (name.as_str(), flag(&name)) {
                ("va", _) => query.va = Some(map.next_value()?),
                ("access", _) => query.access = Some(map.next_value_seed(OneOf(ACCESSES))?),
                ("priv", _) => query.privilege = Some(map.next_value_seed(OneOf(PRIVILEGES))?),
                ("asid", _) => query.asid = Some(map.next_value()?),
                (_, Some(bit)) => query.flags.push((bit, map.next_value::<Switch>()?.0)),
                (_, None) => map.next_value_seed(Unknown)?,
            }
        }
        Ok(query)
    }
}

/// A field that a query does not have: an error at its place.
struct Unknown;

impl<'de> DeserializeSeed<'de> for Unknown {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        let flags = ModeBit::ALL.iter().map(flag_name);
        let known: Vec<&str> = QUERY_FIELDS.into_iter().chain(flags).collect();
        Err(D::Error::custom(format_args!("is no field here; known are {}", known.join(", "))))
    }
}

/// What a job calls the kinds of access.
const ACCESSES: &[(&str, AccessKind)] = &[
    ("read", AccessKind::Load),
    ("write", AccessKind::Store),
    ("exec", AccessKind::Fetch),
    ("amo", AccessKind::Store),
    ("load", AccessKind::Load),
    ("store", AccessKind::Store),
    ("fetch", AccessKind::Fetch),
];

/// What a job calls who accesses.
const PRIVILEGES: &[(&str, Privilege)] = &[
    ("u", Privilege::User),
    ("s", Privilege::Supervisor),
    ("user", Privilege::User),
    ("supervisor", Privilege::Supervisor),
];

/// One of the values of a table, by its name.
struct OneOf<T: 'static>(&'static [(&'static str, T)]);

impl<'de, T: Copy> DeserializeSeed<'de> for OneOf<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = self.0.iter().find(|row| row.0 == name);
        found.map(|row| row.1).ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|row| row.0).collect();
            D::Error::custom(format_args!("is `{name}`: use one of {}", known.join(", ")))
        })
    }
}

/// A whole number, as one or as text such as `0x1000`.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, quantity::address)
    }
}

/// A number of bytes, as one or as text such as `16GiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let size = |text: &str| text.parse().map(|ByteSize(bytes)| bytes);
        number(deserializer, size).map(|Number(bytes)| Self(bytes))
    }
}

/// Reads a number; `of_text` where it is written as text.
fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    of_text: impl Fn(&str) -> Result<u64, QuantityError>,
) -> Result<Number, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => of_text(&text).map(Number).map_err(D::Error::custom),
        other => other.as_u64().map(Number).ok_or_else(|| {
            D::Error::custom("must be a whole number of at most 64 bits, or a string such as \"0x1000\"")
        }),
    }
}

/// A number of 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Narrow(pub u32);

impl<'de> Deserialize<'de> for Narrow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Number(value) = Number::deserialize(deserializer)?;
        let too_large = |_| D::Error::custom(format_args!("is {value:#x}, which has more than 32 bits"));
        u32::try_from(value).map(Self).map_err(too_large)
    }
}

/// A mode bit: 0, 1, true or false.
struct Switch(bool);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (value.as_bool(), value.as_u64()) {
            (Some(on), _) => Ok(Self(on)),
            (_, Some(bit @ (0 | 1))) => Ok(Self(bit == 1)),
            _ => Err(D::Error::custom("must be 0 or 1")),
        }
    }
}

/// The bytes that pairs of hexadecimal digits stand for; white space and `0x` at the front mean nothing.
#[derive(Debug)]
pub struct HexBytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let text = text.trim();
        let digits: String = text.strip_prefix("0x").unwrap_or(text).split_ascii_whitespace().collect();
        let wrong = |error| D::Error::custom(format_args!("must be pairs of hexadecimal digits: {error}"));
        hex::decode(digits).map(Self).map_err(wrong)
    }
}

/// What is written as its name.
fn named<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// An object: what is derived alone would take a list of its fields' values as well.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(AsObject(deserializer)).map(Self)
    }
}

struct AsObject<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsObject<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
