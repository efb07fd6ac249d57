use super::proto::attribute_proto::AttributeType;
use super::proto::{AttributeProto, NodeProto, TensorProto};
use crate::Error;
use std::cell::RefCell;

/// Attributes of one node. Reading marks them, so that one which nobody understood is noticed
/// instead of silently changing the result.
pub(super) struct Attributes<'a> {
    entries: Vec<&'a AttributeProto>,
    unread: RefCell<Vec<&'a str>>,
}

/// Bookkeeping of old exporters that does not change the meaning.
const IGNORED: &[&str] = &["consumed_inputs", "is_test"];

impl<'a> Attributes<'a> {
    pub(super) fn new(node: &'a NodeProto) -> Result<Self, Error> {
        let entries: Vec<_> = node.attribute.iter().collect();
        for (i, a) in entries.iter().enumerate() {
            if a.name().is_empty() || entries[..i].iter().any(|b| b.name() == a.name()) {
                let text = format!("attribute '{}' is nameless or given twice", a.name());
                return Err(Error::Invalid(text));
            }
            if a.ref_attr_name.as_deref().is_some_and(|r| !r.is_empty()) {
                return Err(Error::Invalid(format!(
                    "attribute '{}' refers to a function",
                    a.name()
                )));
            }
        }
        let names = entries.iter().map(|a| a.name()).filter(|n| !IGNORED.contains(n)).collect();
        Ok(Self { entries, unread: RefCell::new(names) })
    }

    /// The first attribute that nobody read.
    pub(super) fn unread(&self) -> Option<&'a str> {
        self.unread.borrow().first().copied()
    }

    /// Names a graph-valued attribute, if there is one.
    pub(super) fn subgraph(&self) -> Option<&'a str> {
        self.entries.iter().find(|a| a.g.is_some() || !a.graphs.is_empty()).map(|a| a.name())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|a| a.name() == name)
    }

    /// The attribute when present; files older than IR version 3 carry no types.
    fn get(&self, name: &str, kind: AttributeType) -> Result<Option<&'a AttributeProto>, Error> {
        self.unread.borrow_mut().retain(|n| *n != name);
        let Some(a) = self.entries.iter().find(|a| a.name() == name) else { return Ok(None) };
        let undefined = AttributeType::Undefined as i32;
        match a.r#type.unwrap_or(undefined) {
            t if t == undefined || t == kind as i32 => Ok(Some(a)),
            t => Err(Error::Invalid(format!(
                "attribute '{name}' has type {t}, expected {}",
                kind.as_str_name()
            ))),
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        Ok(self.get(name, AttributeType::Int)?.map(|a| a.i()))
    }

    pub(super) fn int_or(&self, name: &str, default: i64) -> Result<i64, Error> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        Ok(self.int_or(name, default.into())? != 0)
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f32>, Error> {
        Ok(self.get(name, AttributeType::Float)?.map(|a| a.f()))
    }

    pub(super) fn float_or(&self, name: &str, default: f32) -> Result<f32, Error> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Error> {
        Ok(self.get(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, Error> {
        Ok(self.get(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a str>, Error> {
        let Some(a) = self.get(name, AttributeType::String)? else { return Ok(None) };
        std::str::from_utf8(a.s.as_deref().unwrap_or_default())
            .map(Some)
            .map_err(|_| Error::Invalid(format!("attribute '{name}' is not text")))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'a TensorProto>, Error> {
        Ok(self.get(name, AttributeType::Tensor)?.and_then(|a| a.t.as_ref()))
    }
}
