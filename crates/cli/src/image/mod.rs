//! From a picture file to the numbers a network expects.
//!
//! [`Picture`] is a decoded 8-bit picture; [`Preprocess`] says how it becomes an input tensor:
//! resized, cropped, channels ordered, scaled, shifted. The model owner writes it in a small TOML
//! beside the model ([`Settings`]) and the server sends it to the client, who owns the picture.

mod picture;
mod preprocess;
mod resize;
mod settings;

pub use picture::Picture;
pub use preprocess::{Channels, Layout, Preprocess};
pub use settings::Settings;

/// Errors of decoding and preparing pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a picture that can be read.
    #[error("not a readable picture: {0}; PNG and JPEG are understood")]
    Decode(String),
    /// The picture does not fit the network's input.
    #[error("{0}")]
    Size(String),
    /// A setting that contradicts the network or itself.
    #[error("preprocessing: {0}")]
    Settings(String),
}
