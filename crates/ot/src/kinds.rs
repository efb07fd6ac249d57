//! The kinds of message of this crate: codes 0x0200 to 0x02ff.

use sordino_wire::Kind;

pub(crate) const BASE_POINTS: Kind = Kind::new(0x0200, "base OT receiver points");
pub(crate) const BASE_KEY: Kind = Kind::new(0x0201, "base OT sender key");
pub(crate) const TREE_SUMS: Kind = Kind::new(0x0202, "SoftSpoken tree sums");
pub(crate) const SOFTSPOKEN: Kind = Kind::new(0x0203, "SoftSpoken choice corrections");
pub(crate) const FERRET_SUMS: Kind = Kind::new(0x0204, "Ferret tree sums");
pub(crate) const FERRET_CODE: Kind = Kind::new(0x0205, "Ferret code seed");
pub(crate) const ONE_OF_N_CHOICES: Kind = Kind::new(0x0210, "1-of-N OT choice corrections");
pub(crate) const ONE_OF_N_TABLES: Kind = Kind::new(0x0211, "1-of-N OT masked tables");
pub(crate) const AND_OPENINGS: Kind = Kind::new(0x0212, "AND openings");
pub(crate) const RING_CHOICES: Kind = Kind::new(0x0213, "ring COT choice corrections");
pub(crate) const RING_CORRECTIONS: Kind = Kind::new(0x0214, "ring COT corrections");
pub(crate) const PRODUCT_CHOICES: Kind = Kind::new(0x0215, "product choice corrections");
pub(crate) const PRODUCT_CORRECTIONS: Kind = Kind::new(0x0216, "product corrections");
pub(crate) const BLOCK_CHOICES: Kind = Kind::new(0x0217, "block OT choice corrections");
pub(crate) const BLOCK_PAIRS: Kind = Kind::new(0x0218, "block OT masked pairs");
pub(crate) const MATRIX_CHOICES: Kind = Kind::new(0x0219, "matrix product choice corrections");
pub(crate) const MATRIX_CORRECTIONS: Kind = Kind::new(0x021a, "matrix product corrections");
