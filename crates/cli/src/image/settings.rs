use super::{Channels, Layout};
use serde::{Deserialize, Serialize};

/// What a model owner may say about the input: everything is optional, what is left out is
/// inferred from the shape of the network's input. The keys of the TOML file beside a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Length of the shorter side after resizing; left out: as large as the network's input needs.
    pub resize: Option<u32>,
    /// Refuse pictures that are not exactly of the network's input size.
    pub exact: Option<bool>,
    /// Order of axes.
    pub layout: Option<Layout>,
    /// Order of channels.
    pub channels: Option<Channels>,
    /// Turn dark on light into light on dark: `255 - v` before anything else.
    pub invert: Option<bool>,
    /// Factor applied to bytes 0..=255, 1/255 if left out.
    pub scale: Option<f32>,
    /// Subtracted after scaling: one value, or one per channel in the network's order.
    pub mean: Option<Vec<f32>>,
    /// Divided by after subtracting: one value, or one per channel in the network's order.
    pub std: Option<Vec<f32>>,
}

impl Settings {
    /// These settings, and `other`'s where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            resize: self.resize.or(other.resize),
            exact: self.exact.or(other.exact),
            layout: self.layout.or(other.layout),
            channels: self.channels.or(other.channels),
            invert: self.invert.or(other.invert),
            scale: self.scale.or(other.scale),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
        }
    }
}
