//! Exact integer meaning of every operator.
