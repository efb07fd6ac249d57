//! Correlated GGM trees: at every level the nodes add up to delta.
//!
//! The left child of a node x is H(x), the right child x + H(x). Nodes of a level are stored left children first, so that
//! bit `l` of a leaf's number is its turn at level `l`, least significant first.
//!
//! The receiver knows all nodes off its path. The place of the unknown node holds a value that the receiver can
//! recompute (the *ghost*), so that sums over whole halves need no knowledge of the place; corrections are added at
//! secret places by a pass over all places.

use sordino_kernels::Block;
use sordino_kernels::hash::Ccr;
use sordino_secret::SecretRng;

use super::without_choice;

/// Trees hashed so far under one delta, which keeps their hashes apart.
pub(crate) struct Forest {
    session: Block,
    trees: u64,
}

impl Forest {
    /// `session` is the public block of the base OTs.
    pub(crate) fn new(session: Block) -> Self {
        // Away from the keys under which COTs are hashed, which start at the public block and count up.
        Self { session: session ^ Block(1 << 127), trees: 0 }
    }

    /// The hash of the next tree.
    fn next(&mut self) -> Ccr {
        self.trees += 1;
        Ccr::new(self.session ^ Block(self.trees.into()))
    }
}

/// Grows a tree into `tree` (2^depth leaves) and writes the masked sum of the left children of every level.
///
/// `keys` are the sender's halves of `depth` COTs.
pub(crate) fn grow(
    forest: &mut Forest,
    rng: &mut SecretRng,
    delta: Block,
    keys: &[Block],
    tree: &mut [Block],
    sums: &mut [Block],
) {
    let (hash, root) = (forest.next(), rng.block());
    tree[0] = root;
    tree[1] = root ^ delta;
    let mut left = root;
    for (level, (key, sum)) in keys.iter().zip(sums).enumerate() {
        if level > 0 {
            let (nodes, right) = tree[..2 << level].split_at_mut(1 << level);
            left = hash.grow(nodes, right);
        }
        *sum = *key ^ left;
    }
    clear_choices(tree);
}

/// Grows what the receiver can know of the sender's tree; the leaf on its path is set so that it exceeds the sender's
/// by delta. The choices of the COTs `keys` (in their lowest bits) are the turns away from the path.
pub(crate) fn grow_punctured(
    forest: &mut Forest,
    keys: &[Block],
    sums: &[Block],
    tree: &mut [Block],
) {
    let hash = forest.next();
    tree[0] = Block::ZERO;
    // All nodes of the level above together, the ghost included.
    let mut all = Block::ZERO;
    let (mut path, mut ghost) = (0u32, Block::ZERO);
    for (level, (key, sum)) in keys.iter().zip(sums).enumerate() {
        let size = 1 << level;
        let away = (key.0 & 1) as u32;
        // The ghost's children, computed apart from the tree as its place is secret.
        let mut ghosts = [Block::ZERO; 2];
        let (left, right) = tree[..2 * size].split_at_mut(size);
        let mut lefts = Block::ZERO;
        if level > 0 {
            lefts = hash.grow(left, right);
            hash.hash(&[ghost], &mut ghosts[..1]);
            ghosts[1] = ghosts[0] ^ ghost;
        } else {
            right[0] = Block::ZERO;
        }
        // The sum of the children away from the path, the ghost's included, against what it should be without.
        let fix = *key ^ *sum ^ select(away, lefts, lefts ^ all);
        add_at(left, path, fix & mask(away ^ 1));
        add_at(right, path, fix & mask(away));
        all ^= fix;
        ghost = select(away ^ 1, ghosts[0], ghosts[1]);
        path |= (away ^ 1) << level;
    }
    // All leaves add up to delta; so the leaf on the path exceeds the sender's by the sum of the others. `all` holds the
    // ghost, as does the leaf's place: adding one to the other leaves the sum of the others.
    clear_choices(tree);
    add_at(tree, path, Block(without_choice(all).0 | super::CHOICE.0));
}

fn clear_choices(tree: &mut [Block]) {
    for leaf in tree {
        *leaf = without_choice(*leaf);
    }
}

/// As words, which the compiler turns into vectors where it keeps 128-bit integers scalar.
fn words_mut(blocks: &mut [Block]) -> &mut [u64] {
    bytemuck::must_cast_slice_mut(blocks)
}

/// All ones if `bit` is 1, else zero.
fn mask(bit: u32) -> Block {
    Block(u128::from(bit).wrapping_neg())
}

fn select(bit: u32, zero: Block, one: Block) -> Block {
    zero ^ ((zero ^ one) & mask(bit))
}

/// Adds `value` at the secret place `place`, touching every place.
fn add_at(blocks: &mut [Block], place: u32, value: Block) {
    const ROW: usize = 32;
    let mut row = [Block::ZERO; ROW];
    for (i, r) in (0u32..).zip(&mut row) {
        *r = value & equal(i, place % ROW as u32);
    }
    let row: &[u64] = bytemuck::must_cast_slice(&row);
    for (i, blocks) in (0u32..).zip(blocks.chunks_mut(ROW)) {
        let here = equal(i, place / ROW as u32).0 as u64;
        for (b, r) in words_mut(blocks).iter_mut().zip(row) {
            *b ^= r & here;
        }
    }
}

/// All ones if the numbers (below 2^31) are equal, without a branch.
fn equal(a: u32, b: u32) -> Block {
    mask((a ^ b).wrapping_sub(1) >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_differ_by_delta_at_one_place() {
        let mut rng = SecretRng::from_seed([7; 32]);
        let delta = Block(rng.block().0 | 1);
        for (depth, away) in [(1, 0), (1, 1), (5, 0b01101), (9, 0x155), (9, 0), (9, 0x1ff)] {
            let keys: Vec<Block> = (0..depth).map(|_| without_choice(rng.block())).collect();
            let theirs: Vec<Block> =
                keys.iter().enumerate().map(|(i, q)| *q ^ (delta & mask(away >> i & 1))).collect();
            let mut sums = vec![Block::ZERO; depth];
            let (mut full, mut punctured) =
                (vec![Block::ZERO; 1 << depth], vec![Block(5); 1 << depth]);
            grow(&mut Forest::new(Block(3)), &mut rng, delta, &keys, &mut full, &mut sums);
            grow_punctured(&mut Forest::new(Block(3)), &theirs, &sums, &mut punctured);
            let place = !away as usize & ((1 << depth) - 1);
            for (x, (a, b)) in full.iter().zip(&punctured).enumerate() {
                assert!(a.0 & 1 == 0);
                let want = if x == place { delta } else { Block::ZERO };
                assert!(*a ^ *b == want, "depth {depth} away {away:b} leaf {x}");
            }
        }
    }
}
