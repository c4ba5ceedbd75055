//! proto3 JSON of messages: snake_case out, both spellings in, nothing unknown accepted.

mod read;
mod write;

use bytes::Bytes;
use pulse_kernel::{Error, Violation};

pub use read::{Fault, FieldNames, MapKey, Object, ReadJson, Reader};
pub use write::{WriteJson, WriteKey, close, enumeration, list, map};

use crate::errors;
use crate::route;
use crate::validate::Validate;

/// A message that can be written and read as proto3 JSON.
pub trait Json: WriteJson + ReadJson {
    /// The JSON of the message.
    #[must_use]
    fn to_json(&self) -> Bytes {
        let mut out = Vec::with_capacity(SIZE_GUESS);
        self.write_json(&mut out);
        out.into()
    }

    /// Reads the message; no bytes at all are the empty message `{}`.
    ///
    /// # Errors
    /// `MALFORMED_JSON` when it is not JSON, `VALIDATION_FAILED` with the path when a field is unknown or mistyped.
    fn from_json(json: &[u8]) -> Result<Self, Error> {
        read::document(if json.is_empty() { b"{}" } else { json })
    }
}

impl<T: WriteJson + ReadJson> Json for T {}

/// Most replies fit; a longer one grows its buffer a few times.
const SIZE_GUESS: usize = 1024;

/// Reads the body of a request that replaces or changes a resource: without a body there is nothing to write.
///
/// # Errors
/// As [`Json::from_json`], and `VALIDATION_FAILED` without a body.
pub fn from_required_body<T: ReadJson>(json: &[u8]) -> Result<T, Error> {
    if json.is_empty() {
        let violation =
            Violation { field: route::BODY.into(), code: "required".into(), message: "must be given".into() };
        return Err(errors::VALIDATION_FAILED.error("the request needs a body").with_violations([violation]));
    }
    read::document(json)
}

/// Reads the body of a request that is one of its fields; without a body, and with `null`, the field is absent.
///
/// # Errors
/// As [`Json::from_json`], with paths below the body.
pub fn from_body_field<T: ReadJson>(json: &[u8]) -> Result<Option<T>, Error> {
    if json.is_empty() || json.trim_ascii() == b"null" {
        return Ok(None);
    }
    read::document(json).map(Some)
}

/// An enum of the contract. Generated.
pub trait EnumValue: TryFrom<i32> + Into<i32> {
    /// The name of the value.
    fn name(self) -> &'static str;

    /// The value with this name.
    fn by_name(name: &str) -> Option<Self>;
}

/// A message by its name, for tools and tests that go through the whole contract.
#[derive(Clone, Copy, Debug)]
pub struct MessageSpec {
    /// The full name.
    pub name: &'static str,
    /// From the wire to JSON.
    pub to_json: fn(&[u8]) -> Result<Bytes, Error>,
    /// From JSON to the wire.
    pub from_json: fn(&[u8]) -> Result<Bytes, Error>,
    /// Checks the rules of a message on the wire.
    pub validate: fn(&[u8]) -> Result<(), Error>,
}

impl MessageSpec {
    /// The message `T`, whose full name is `name`.
    #[must_use]
    pub const fn of<T: prost::Message + Default + Json + Validate>(name: &'static str) -> Self {
        Self {
            name,
            to_json: |wire| Ok(decode::<T>(wire)?.to_json()),
            from_json: |json| Ok(T::from_json(json)?.encode_to_vec().into()),
            validate: |wire| decode::<T>(wire)?.validate(),
        }
    }
}

fn decode<T: prost::Message + Default>(wire: &[u8]) -> Result<T, Error> {
    T::decode(wire).map_err(|error| errors::VALIDATION_FAILED.error("the message cannot be read").caused_by(error))
}
