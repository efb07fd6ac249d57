//! What is not linear: programs of projection gates.

mod choose;
mod lookup;
mod pool;
mod relu;
mod residues;
mod sign;

pub use choose::{Form, forms, rescale_base};
pub use lookup::{lookup, quotient};
pub use pool::{convert, maximum};
pub use relu::{relu_maximum, rescale};
