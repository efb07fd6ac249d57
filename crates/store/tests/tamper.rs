//! Files changed behind the store's back: never a wrong byte, always the error that says so.
#![allow(clippy::unwrap_used)]

mod common;

use common::{KIND, LABEL, MAX, Temp, put};
use proptest::prelude::*;
use sordino_store::{Error, Id};

const HEADER: usize = 128;
const FRAME: usize = 40;
const FOOTER: usize = 56;

/// An entry, and what its file holds.
struct Original {
    temp: Temp,
    id: Id,
    chunks: Vec<Vec<u8>>,
    file: Vec<u8>,
}

impl Original {
    fn new(sizes: &[usize]) -> Self {
        let temp = Temp::new();
        let chunks: Vec<Vec<u8>> =
            sizes.iter().enumerate().map(|(i, &size)| vec![i as u8 + 1; size]).collect();
        let id = put(&temp.store, &chunks);
        let file = std::fs::read(temp.ready(id)).unwrap();
        assert_eq!(file.len(), HEADER + sizes.iter().map(|s| s + FRAME).sum::<usize>() + FOOTER);
        Self { temp, id, chunks, file }
    }

    /// Puts `file` in the place of the entry, as if it had not been claimed, and reads it. Returns
    /// whether it was claimed at all, and how reading ended.
    fn read(&self, file: &[u8]) -> (bool, Result<(), Error>) {
        let _ = std::fs::remove_file(self.temp.root().join("spent").join(self.id.to_string()));
        std::fs::write(self.temp.ready(self.id), file).unwrap();
        let mut entry = match self.temp.store.claim(&self.id) {
            Ok(entry) => entry,
            Err(error) => return (false, Err(error)),
        };
        for expected in &self.chunks {
            match entry.next_chunk(MAX) {
                Ok(chunk) => assert_eq!(chunk.as_ref(), Some(expected)),
                Err(error) => {
                    assert!(entry.next_chunk(MAX).is_err(), "it went on after {error}");
                    return (true, Err(error));
                }
            }
        }
        (true, entry.next_chunk(MAX).map(|chunk| assert_eq!(chunk, None)))
    }

    fn check_refused(&self, file: &[u8], what: &str) -> bool {
        let (claimed, read) = self.read(file);
        let error = read.expect_err(what);
        assert!(matches!(error, Error::Corrupt { .. }), "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains(&self.id.to_string()) && text.contains("prepare again"), "{text}");
        claimed
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let original = Original::new(&[17, 0, 5]);
    original.read(&original.file).1.unwrap();
    for at in 0..original.file.len() {
        for bit in [0, 7] {
            let mut file = original.file.clone();
            file[at] ^= 1 << bit;
            let claimed = original.check_refused(&file, &format!("byte {at}, bit {bit}"));
            let described = at < HEADER || at >= file.len() - FOOTER;
            assert!(!(claimed && described), "byte {at} wasted the entry");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_noticed_before_the_claim() {
    let original = Original::new(&[17, 0, 5]);
    for length in 0..original.file.len() {
        assert!(!original.check_refused(&original.file[..length], &format!("cut to {length}")));
    }
    let footer = &original.file[original.file.len() - FOOTER..];
    for cut in [1, FRAME, 60] {
        let cut = [&original.file[..original.file.len() - FOOTER - cut], footer].concat();
        assert!(!original.check_refused(&cut, "cut before the footer"));
    }
    assert!(!original.check_refused(&[&original.file[..], footer].concat(), "another footer"));
    assert!(!original.check_refused(&[&original.file[..], &[0]].concat(), "one byte more"));
}

#[test]
fn chunks_keep_their_place() {
    let original = Original::new(&[50, 50, 50]);
    let frame = |i: usize| &original.file[HEADER + i * (50 + FRAME)..][..50 + FRAME];
    let (header, footer) = original.file.split_at(HEADER);
    let footer = &footer[3 * (50 + FRAME)..];
    let build = |order: [usize; 3]| {
        [header, frame(order[0]), frame(order[1]), frame(order[2]), footer].concat()
    };
    assert_eq!(build([0, 1, 2]), original.file);
    for order in [[1, 0, 2], [0, 2, 1], [0, 0, 2], [0, 1, 1], [2, 1, 0]] {
        assert!(original.check_refused(&build(order), &format!("{order:?}")));
    }
}

#[test]
fn boundaries_between_chunks_cannot_move() {
    // The same payload bytes and count, cut elsewhere: [9, 1] instead of [5, 5].
    let original = Original::new(&[5, 5]);
    let mut file = original.file.clone();
    file[HEADER] = 9;
    original.check_refused(&file, "a longer first chunk");
    file[HEADER] = 1;
    original.check_refused(&file, "a shorter first chunk");
}

#[test]
fn an_entry_is_bound_to_its_id() {
    let original = Original::new(&[10]);
    let other = put(&original.temp.store, &[vec![1; 10]]);
    std::fs::copy(original.temp.ready(original.id), original.temp.ready(other)).unwrap();
    assert!(matches!(original.temp.store.claim(&other), Err(Error::Corrupt { .. })));
    let fresh = Id::random().unwrap();
    std::fs::copy(original.temp.ready(original.id), original.temp.ready(fresh)).unwrap();
    assert!(matches!(original.temp.store.claim(&fresh), Err(Error::Corrupt { .. })));
    original.temp.store.claim(&original.id).unwrap();

    // Chunks of one entry do not pass in another of the same shape and contents.
    let second = put(&original.temp.store, &[vec![1; 10]]);
    let file = std::fs::read(original.temp.ready(second)).unwrap();
    let body = HEADER..HEADER + 10 + FRAME;
    let mut mixed = original.file.clone();
    mixed[body.clone()].copy_from_slice(&file[body]);
    assert!(original.check_refused(&mixed, "a chunk of another entry"));
}

#[test]
fn a_claimed_id_stays_claimed_when_its_file_returns() {
    let original = Original::new(&[10]);
    original.temp.store.claim(&original.id).unwrap().finish().unwrap();
    std::fs::write(original.temp.ready(original.id), &original.file).unwrap();
    assert!(matches!(original.temp.store.claim(&original.id), Err(Error::Consumed(_))));
    assert_eq!(original.temp.store.list().unwrap().len(), 0);
    assert!(original.temp.store.claim_any(KIND, &LABEL).unwrap().is_none());
    original.temp.reopen();
    assert!(!original.temp.ready(original.id).exists(), "the sweep leaves used material");
}

#[test]
fn damaged_entries_hide_no_others_and_can_be_removed() {
    let original = Original::new(&[10]);
    std::fs::write(original.temp.ready(original.id), b"nothing").unwrap();
    let store = &original.temp.store;
    assert!(matches!(store.claim_any(KIND, &LABEL), Err(Error::Corrupt { .. })));
    let good = put(store, &[vec![2; 3]]);
    assert_eq!(store.list().unwrap().len(), 1);
    assert_eq!(store.damaged().unwrap().len(), 1);
    assert_eq!(store.claim_any(KIND, &LABEL).unwrap().unwrap().info().id, good);
    store.remove(&original.id).unwrap();
    assert_eq!(store.damaged().unwrap().len(), 0);
}

#[test]
fn a_lengthy_chunk_is_refused_before_memory_is_taken() {
    let temp = Temp::new();
    let id = put(&temp.store, &[vec![1; 3], vec![2; 1000]]);
    let mut entry = temp.store.claim(&id).unwrap();
    let mut chunk = Vec::new();
    assert!(entry.next_chunk_into(3, &mut chunk).unwrap());
    let refused = entry.next_chunk_into(999, &mut chunk);
    assert!(matches!(refused, Err(Error::ChunkTooLarge { bytes: 1000, max: 999 })));
    assert!(chunk.capacity() < 999 && chunk.is_empty());
    assert_eq!(entry.next_chunk(1000).unwrap().unwrap(), [2; 1000]);
    assert_eq!(entry.next_chunk(0).unwrap(), None);
    assert_eq!(entry.next_chunk(0).unwrap(), None);

    // A length that only says so fails on what the footer says is there.
    let id = put(&temp.store, &[vec![1; 3]]);
    let mut file = std::fs::read(temp.ready(id)).unwrap();
    file[HEADER..HEADER + 8].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
    std::fs::write(temp.ready(id), file).unwrap();
    let mut entry = temp.store.claim(&id).unwrap();
    assert!(matches!(entry.next_chunk(usize::MAX), Err(Error::Corrupt { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn files_of_anything_do_no_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..400), keep in 0usize..HEADER + 1,
    ) {
        let temp = Temp::new();
        let id = put(&temp.store, &[]);
        let mut file = std::fs::read(temp.ready(id)).unwrap();
        file.truncate(keep);
        file.extend(bytes);
        std::fs::write(temp.ready(id), file).unwrap();
        let refused = matches!(temp.store.claim(&id), Err(Error::Corrupt { .. }));
        prop_assert!(refused);
    }
}
