//! Training of a [`crate::Network`]: seeded, resumable bit for bit, the same bits on any number of cores, stopping with a place to look
//! at when values are no longer numbers.

mod augment;
mod checkpoint;
mod data;
mod evaluate;
mod loss;
mod optimiser;
mod parts;
mod random;
mod schedule;
mod settings;
mod trainer;

pub use augment::Augment;
pub use data::Samples;
pub use evaluate::{Score, evaluate};
pub use loss::Distillation;
pub use optimiser::Rule;
pub use random::Random;
pub use schedule::Schedule;
pub use settings::Settings;
pub use trainer::{Progress, Trainer};

pub(crate) use trainer::Extra;
