use super::Random;
use crate::Error;

/// Random changes of pictures that leave their class alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Augment {
    /// Pixels by which a picture is moved at most along each axis.
    pub shift: usize,
    /// Whether it is mirrored from left to right every other time.
    pub flip: bool,
    /// Whether the channel is the last axis instead of the first.
    pub channels_last: bool,
    /// What moves in at the border, per channel: a black pixel after preprocessing. Zero where
    /// nothing is given.
    pub border: Vec<f32>,
}

impl Augment {
    /// Whether inputs stay as they are.
    pub fn is_none(&self) -> bool {
        self.shift == 0 && !self.flip
    }

    /// Refuses inputs that are no pictures, or borders of other channels.
    pub(crate) fn check(&self, shape: &[usize]) -> Result<(), Error> {
        if self.is_none() {
            return Ok(());
        }
        let &[1, a, b, c] = shape else {
            let why =
                format!("inputs of shape {shape:?} are no pictures; train without augmentation");
            return Err(Error::Config(why));
        };
        let channels = if self.channels_last { c } else { a };
        let sides = if self.channels_last { [a, b] } else { [b, c] };
        if sides.iter().any(|&s| self.shift >= s) {
            let shift = self.shift;
            let [height, width] = sides;
            return Err(Error::Config(format!(
                "pictures of {height} x {width} cannot be moved by {shift} pixels; take fewer"
            )));
        }
        if self.border.is_empty() || self.border.len() == channels {
            return Ok(());
        }
        let n = self.border.len();
        Err(Error::Config(format!("a border of {n} channels for pictures of {channels}")))
    }

    /// Changes one picture of `shape`, the same way for the same random numbers.
    pub(crate) fn apply(&self, picture: &mut [f32], shape: &[usize], random: &mut Random) {
        if self.is_none() {
            return;
        }
        let (down, across) = (self.offset(random), self.offset(random));
        let mirrored = self.flip && random.bits() & 1 == 1;
        let [height, width, channels] = match self.channels_last {
            true => [shape[1], shape[2], shape[3]],
            false => [shape[2], shape[3], shape[1]],
        };
        let at = |c: usize, y: usize, x: usize| match self.channels_last {
            true => (y * width + x) * channels + c,
            false => (c * height + y) * width + x,
        };
        let source = picture.to_vec();
        for c in 0..channels {
            let border = self.border.get(c).copied().unwrap_or(0.0);
            for y in 0..height {
                let from_y = y.checked_add_signed(down).filter(|&y| y < height);
                for x in 0..width {
                    let column = if mirrored { width - 1 - x } else { x };
                    let from_x = column.checked_add_signed(across).filter(|&x| x < width);
                    let from = from_y.zip(from_x);
                    picture[at(c, y, x)] = from.map_or(border, |(y, x)| source[at(c, y, x)]);
                }
            }
        }
    }

    fn offset(&self, random: &mut Random) -> isize {
        random.below(2 * self.shift + 1) as isize - self.shift as isize
    }
}
