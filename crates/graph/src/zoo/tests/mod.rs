#![allow(clippy::unwrap_used)]

mod dash;
mod imagenet;
