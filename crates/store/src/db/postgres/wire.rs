//! Values on PostgreSQL's wire.
//!
//! The types of parameters are told to the server, never guessed by it: a guess would make `?1 + 5` an int4 and fail
//! for a large value. Only a parameter that has been NULL so far is left to the server.

use std::borrow::Cow;
use std::error::Error as StdError;

use bytes::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::super::Value;
use super::super::value::storable;

type Failure = Box<dyn StdError + Sync + Send>;

/// The type under which a value is sent; none for NULL.
pub(super) fn natural(value: &Value<'_>) -> Option<Type> {
    Some(match value {
        Value::Null => return None,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
        Value::IntArray(_) => Type::INT8_ARRAY,
        Value::TextArray(_) => Type::TEXT_ARRAY,
        Value::BlobArray(_) => Type::BYTEA_ARRAY,
    })
}

impl ToSql for Value<'_> {
    fn to_sql(&self, expected: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        if natural(self).is_some_and(|own| own != *expected) {
            return Err(format!("a value was given where the statement has {expected}").into());
        }
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(int) => int.to_sql(expected, out),
            Self::Text(text) => storable(text).to_sql(expected, out),
            Self::Blob(bytes) => bytes.to_sql(expected, out),
            Self::IntArray(ints) => ints.to_sql(expected, out),
            Self::TextArray(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| text.as_deref().map(storable)).collect();
                texts.to_sql(expected, out)
            }
            Self::BlobArray(blobs) => blobs.to_sql(expected, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // checked in `to_sql`, where the value is known
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'static> {
    fn from_sql(found: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(match *found {
            Type::INT8 => Self::Int(i64::from_sql(found, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(found, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(found, raw)?.into()),
            Type::OID => Self::Int(u32::from_sql(found, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(found, raw)?.into()),
            Type::NUMERIC => Self::Int(whole(raw)?),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                Self::Text(Cow::Owned(String::from_sql(found, raw)?))
            }
            Type::BYTEA => Self::Blob(Cow::Owned(raw.to_vec())),
            Type::VOID => Self::Null,
            _ => {
                return Err(
                    format!("a column of type {found} was answered; cast it to BIGINT or TEXT").into(),
                );
            }
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A NUMERIC without a fraction (what SUM makes of BIGINT). On the wire: the count of base-10000 digits, the weight of
/// the first, the sign, the scale, the digits; all 16 bits (`numeric_send` in PostgreSQL's `numeric.c`).
fn whole(raw: &[u8]) -> Result<i64, Failure> {
    let words: Vec<i16> = raw
        .chunks_exact(2)
        .map(|pair| i16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let [_, weight, sign, _, digits @ ..] = words.as_slice() else {
        return Err("a NUMERIC is cut short".into());
    };
    let negative = match *sign {
        0 => false,
        0x4000 => true,
        _ => return Err("a NUMERIC is not a number".into()),
    };
    let mut value: i128 = 0;
    for place in 0..=i32::from(*weight).max(-1) {
        let digit = usize::try_from(place)
            .ok()
            .and_then(|place| digits.get(place))
            .copied()
            .unwrap_or(0);
        value = value.checked_mul(10_000).ok_or("a NUMERIC is too large")? + i128::from(digit);
    }
    let whole_digits = usize::try_from(i32::from(*weight) + 1).unwrap_or(0);
    if digits.iter().skip(whole_digits).any(|digit| *digit != 0) {
        return Err("a NUMERIC has a fraction".into());
    }
    i64::try_from(if negative { -value } else { value })
        .map_err(|_| "a NUMERIC is too large for 64 bits".into())
}
