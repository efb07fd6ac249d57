//! The portable twin, on the constant-time `aes` crate.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use crate::Block;

pub(crate) fn cipher(key: Block) -> Aes128 {
    Aes128::new(&Array(key.to_bytes()))
}

pub(crate) fn encrypt(cipher: &Aes128, block: Block) -> Block {
    let mut bytes = Array(block.to_bytes());
    cipher.encrypt_block(&mut bytes);
    Block::from_bytes(bytes.0)
}
