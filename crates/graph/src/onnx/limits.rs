use crate::Error;
use prost::encoding::{WireType, decode_key, decode_varint};

/// What importing one model may cost. The defaults admit every network that a two-party
/// protocol could run and stop hostile files early.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub file: usize,
    /// Messages and strings in the file; each costs up to a few hundred bytes decoded.
    pub messages: usize,
    /// Elements of all constants together, the folded ones included.
    pub elements: usize,
    /// Multiplications and moves spent on folding constants.
    pub work: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 2 << 30, messages: 1 << 20, elements: 1 << 30, work: 1 << 36 }
    }
}

/// Deepest nesting of messages; ONNX itself needs 6 without subgraphs.
const DEPTH: usize = 40;

/// How the fields of a message that this program decodes nest.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// Anything else: its fields are counted but not entered.
    Leaf,
}

impl Kind {
    fn of_field(self, field: u32) -> Self {
        match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Node, 5) => Self::Attribute,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Graph, 15) => Self::SparseTensor,
            (Self::SparseTensor, 1) => Self::Tensor,
            (Self::ValueInfo, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            _ => Self::Leaf,
        }
    }

    /// Packed numbers that decode to eight bytes from as little as one.
    fn is_packed(self, field: u32) -> bool {
        match self {
            Self::Tensor => matches!(field, 1 | 5 | 7 | 11),
            Self::Attribute => field == 8,
            _ => false,
        }
    }
}

/// Walks the wire format without decoding it and refuses what would cost too much memory.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    if bytes.len() > limits.file {
        let text = format!("the file has {} bytes, at most {}", bytes.len(), limits.file);
        return Err(Error::Limit(text));
    }
    let mut scan = Scan { messages: limits.messages, numbers: limits.elements };
    scan.message(bytes, Kind::Model, DEPTH)
}

struct Scan {
    messages: usize,
    numbers: usize,
}

impl Scan {
    fn message(&mut self, mut buf: &[u8], kind: Kind, depth: usize) -> Result<(), Error> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Error::Limit(format!("messages nest deeper than {DEPTH}")));
        };
        while !buf.is_empty() {
            let (field, wire) = decode_key(&mut buf).map_err(decode)?;
            match wire {
                WireType::LengthDelimited => {
                    let n = decode_varint(&mut buf).map_err(decode)?;
                    let n = usize::try_from(n).ok().filter(|&n| n <= buf.len());
                    let Some(n) = n else {
                        return Err(Error::Decode("the file is truncated".into()));
                    };
                    let (inner, rest) = buf.split_at(n);
                    buf = rest;
                    self.field(inner, kind, field, depth)?;
                }
                WireType::Varint => {
                    self.spend_number(1)?;
                    decode_varint(&mut buf).map_err(decode)?;
                }
                WireType::ThirtyTwoBit => buf = skip(buf, 4)?,
                WireType::SixtyFourBit => buf = skip(buf, 8)?,
                WireType::StartGroup | WireType::EndGroup => {
                    return Err(Error::Decode("protobuf groups do not occur in ONNX".into()));
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, inner: &[u8], kind: Kind, field: u32, depth: usize) -> Result<(), Error> {
        if kind.is_packed(field) {
            return self.spend_number(inner.len());
        }
        self.messages = self.messages.checked_sub(1).ok_or_else(|| {
            Error::Limit("the file holds more messages than a network of any size needs".into())
        })?;
        match kind.of_field(field) {
            Kind::Leaf => Ok(()),
            entered => self.message(inner, entered, depth),
        }
    }

    fn spend_number(&mut self, n: usize) -> Result<(), Error> {
        self.numbers = self
            .numbers
            .checked_sub(n)
            .ok_or_else(|| Error::Limit("the file holds too many numbers".into()))?;
        Ok(())
    }
}

fn skip(buf: &[u8], n: usize) -> Result<&[u8], Error> {
    buf.get(n..).ok_or_else(|| Error::Decode("the file is truncated".into()))
}

fn decode(e: prost::DecodeError) -> Error {
    Error::Decode(e.to_string())
}
