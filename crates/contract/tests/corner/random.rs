//! Random messages of any type, from one number.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// How deep messages contain messages.
const DEPTH_MAX: u32 = 3;

/// A random source that gives the same for the same seed (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number of any size, its limits more often than others.
    fn number(&mut self) -> i64 {
        match self.below(6) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => 0,
            _ => {
                let shift = self.below(64);
                i64::from_ne_bytes(self.next().to_ne_bytes()) >> shift
            }
        }
    }

    fn int32(&mut self) -> i32 {
        match self.below(4) {
            0 => i32::MIN,
            1 => i32::MAX,
            _ => i32::try_from(self.below(1 << 20)).unwrap() - (1 << 19),
        }
    }

    fn text(&mut self) -> String {
        const LETTERS: &[char] =
            &['a', 'Z', '0', '"', '\\', '/', '\n', '\t', '\u{1}', '\u{7f}', 'é', '城', '🦀', ' ', '<', '\u{2028}'];
        (0..self.below(6)).map(|_| LETTERS[usize::try_from(self.below(16)).unwrap()]).collect()
    }

    /// A message of the type, every field set more often than not.
    pub(crate) fn message(&mut self, desc: &MessageDescriptor, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(desc.clone());
        if desc.full_name() == "google.protobuf.Timestamp" {
            let seconds = i64::try_from(self.below(315_537_897_600)).unwrap() - 62_135_596_800;
            let unit: i32 = [1, 1_000, 1_000_000, 1_000_000_000][usize::try_from(self.below(4)).unwrap()];
            let nanos = i32::try_from(self.below(1_000_000_000)).unwrap();
            let nanos = nanos - nanos % unit;
            message.set_field_by_name("seconds", Value::I64(seconds));
            message.set_field_by_name("nanos", Value::I32(nanos));
            return message;
        }
        for field in desc.fields() {
            let is_deep = matches!(field.kind(), Kind::Message(_)) && depth >= DEPTH_MAX;
            if !is_deep && self.below(4) > 0 {
                let value = self.field(&field, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        let count = self.below(4);
        let kind = field.kind();
        if let Some(entry) = kind.as_message().filter(|message| message.is_map_entry()) {
            let (keys, values) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            return Value::Map(
                (0..count).map(|_| (self.key(&keys.kind()), self.value(&values.kind(), depth))).collect(),
            );
        }
        if field.is_list() {
            return Value::List((0..count).map(|_| self.value(&kind, depth)).collect());
        }
        self.value(&kind, depth)
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        match kind {
            Kind::Bool => MapKey::Bool(self.below(2) == 0),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(self.int32()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(self.number()),
            Kind::Uint32 | Kind::Fixed32 => MapKey::U32(self.int32().unsigned_abs()),
            Kind::Uint64 | Kind::Fixed64 => MapKey::U64(self.number().unsigned_abs()),
            Kind::Double | Kind::Float | Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => {
                MapKey::String(self.text())
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        clippy::float_arithmetic,
        reason = "eighths are exact"
    )]
    fn value(&mut self, kind: &Kind, depth: u32) -> Value {
        match kind {
            Kind::Double => Value::F64(self.int32() as f64 / 8.0),
            Kind::Float => Value::F32(self.below(1 << 20) as f32 / 8.0),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.int32()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.number()),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.int32().unsigned_abs()),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.number().unsigned_abs()),
            Kind::Bool => Value::Bool(self.below(2) == 0),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Enum(desc) => {
                let index = usize::try_from(self.below(u64::try_from(desc.values().len()).unwrap())).unwrap();
                Value::EnumNumber(desc.values().nth(index).unwrap().number())
            }
            Kind::Message(desc) => Value::Message(self.message(desc, depth + 1)),
        }
    }
}
