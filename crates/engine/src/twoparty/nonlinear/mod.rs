//! Non-linear steps on shares: each file holds a protocol, what it consumes and what it sends.

pub(crate) mod activate;
pub(crate) mod compare;
pub(crate) mod garbled;
mod leaves;
pub(crate) mod product;
pub(crate) mod select;
pub(crate) mod tournament;
