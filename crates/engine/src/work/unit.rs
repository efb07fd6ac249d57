use sordino_he::paillier::Strength;

/// Which steps of a layer run at the same time at both parties, and which in turns. Stages come one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Transfers are made: one party sends while the other reads.
    Making,
    /// Each party computes for itself, before it sends or after it has received.
    Alone,
    /// The client sends ciphertexts, or what corrects transfers, while the server reads them.
    Up,
    /// The server sends ciphertexts while the client reads them.
    Down,
    /// Parties work on each other's messages, of which there are several at any time.
    Pipeline,
    /// Parties answer each other.
    Turns,
}

macro_rules! units {
    ($($(#[doc = $doc:literal])+ $unit:ident = $name:literal, $stage:ident, $threads:ident;)+) => {
        /// A kind of work.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Unit {
            $($(#[doc = $doc])+ $unit,)+
        }

        impl Unit {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$unit),+];

            /// Its name in a machine's profile.
            pub fn name(self) -> &'static str {
                match self { $(Self::$unit => $name),+ }
            }

            /// In which stage of a layer it is done, unless something else is said where it is counted.
            pub fn stage(self) -> Stage {
                match self { $(Self::$unit => Stage::$stage),+ }
            }

            /// Whether it is spread over a party's threads.
            pub fn is_parallel(self) -> bool {
                match self { $(Self::$unit => units!($threads)),+ }
            }
        }
    };
    (one) => { false };
    (all) => { true };
}

units! {
    /// A byte sent.
    ByteSent = "byte-sent", Turns, one;
    /// A byte received.
    ByteReceived = "byte-received", Turns, one;
    /// A message sent or received.
    Message = "message", Turns, one;
    /// A session: greetings, and what is made once whatever the network.
    Session = "session", Turns, one;

    /// Base transfers in both directions, and what is made of them at once.
    Base = "base-transfers", Turns, one;
    /// A transfer of SoftSpoken with k = 1, sender.
    SoftSpoken1Sent = "softspoken-1-sent", Making, one;
    /// The same, receiver.
    SoftSpoken1Received = "softspoken-1-received", Making, one;
    /// A transfer of SoftSpoken with k = 2, sender.
    SoftSpoken2Sent = "softspoken-2-sent", Making, one;
    /// The same, receiver.
    SoftSpoken2Received = "softspoken-2-received", Making, one;
    /// A transfer of SoftSpoken with k = 4, sender.
    SoftSpoken4Sent = "softspoken-4-sent", Making, one;
    /// The same, receiver.
    SoftSpoken4Received = "softspoken-4-received", Making, one;
    /// A transfer of SoftSpoken with k = 8, sender.
    SoftSpoken8Sent = "softspoken-8-sent", Making, one;
    /// The same, receiver.
    SoftSpoken8Received = "softspoken-8-received", Making, one;
    /// A transfer of an iteration of Ferret, sender.
    FerretSent = "ferret-sent", Making, one;
    /// The same, receiver.
    FerretReceived = "ferret-received", Making, one;

    /// An entry of a random table is hashed, sender.
    TablePadSent = "table-pad-sent", Alone, one;
    /// A bit of an index into a random table is hashed, receiver.
    TablePadReceived = "table-pad-received", Alone, one;
    /// A vector triple is hashed.
    TriplePad = "triple-pad", Alone, one;
    /// A product of a bit and a ring element is hashed, sender.
    RingPadSent = "ring-pad-sent", Alone, one;
    /// The same, receiver.
    RingPadReceived = "ring-pad-received", Alone, one;
    /// A table is written, masked and sent.
    TableSent = "table-sent", Turns, one;
    /// A table's entry is chosen.
    TableReceived = "table-received", Turns, one;
    /// A vector triple is used.
    TripleUsed = "triple-used", Alone, one;
    /// A product of a bit and a ring element, sender.
    RingSent = "ring-sent", Alone, one;
    /// The same, receiver.
    RingReceived = "ring-received", Alone, one;

    /// A key for a set of lattice parameters, per residue of a polynomial.
    LatticeKey = "lattice-key", Turns, all;
    /// Encryption, per residue of half a ciphertext.
    LatticeEncrypt = "lattice-encrypt", Up, all;
    /// Reading and transforming a ciphertext, per residue of half of it.
    LatticeRead = "lattice-read", Up, all;
    /// Transforming kernel polynomials, per residue.
    LatticeKernel = "lattice-kernel", Down, all;
    /// A weight is put into a kernel polynomial, for a prime.
    LatticeWeight = "lattice-weight", Down, all;
    /// A product of residues.
    LatticeProduct = "lattice-product", Down, all;
    /// A product of residues in a layer of one tap.
    LatticeScaled = "lattice-scaled-product", Down, all;
    /// Masking and rounding a result, per residue of half of it.
    LatticeResult = "lattice-result", Down, all;
    /// Decryption, per residue of a product.
    LatticeDecrypt = "lattice-decrypt", Down, all;
    /// Reading a decrypted output.
    LatticeOutput = "lattice-output", Down, all;

    /// A transfer of a row of ring elements begins, sender.
    MatrixRowSent = "matrix-row-sent", Up, all;
    /// The same, receiver.
    MatrixRowReceived = "matrix-row-received", Up, all;
    /// A ring element under a bit of a weight, sender.
    MatrixSent = "matrix-sent", Up, all;
    /// The same, receiver.
    MatrixReceived = "matrix-received", Up, all;
    /// A product of the server's own share by a weight.
    Product = "clear-product", Turns, one;

    /// A key of 2048 bits.
    Paillier2048Key = "paillier-2048-key", Turns, one;
    /// A public key is read and checked, and its tables are made.
    Paillier2048Read = "paillier-2048-read", Turns, one;
    /// An encryption of zero by the key's owner, and a value's encryption by it.
    Paillier2048Encrypt = "paillier-2048-encrypt", Up, all;
    /// A decryption.
    Paillier2048Decrypt = "paillier-2048-decrypt", Down, all;
    /// A product modulo n^2.
    Paillier2048Product = "paillier-2048-product", Down, all;
    /// A key of 3072 bits.
    Paillier3072Key = "paillier-3072-key", Turns, one;
    /// A public key is read and checked, and its tables are made.
    Paillier3072Read = "paillier-3072-read", Turns, one;
    /// An encryption of zero by the key's owner, and a value's encryption by it.
    Paillier3072Encrypt = "paillier-3072-encrypt", Up, all;
    /// A decryption.
    Paillier3072Decrypt = "paillier-3072-decrypt", Down, all;
    /// A product modulo n^2.
    Paillier3072Product = "paillier-3072-product", Down, all;

    /// A weight is read and put into the circuit by the garbler.
    CircuitWeight = "circuit-weight", Turns, one;
    /// A row of a table is garbled.
    RowGarbled = "row-garbled", Turns, all;
    /// A gate is garbled, but for its rows.
    GateGarbled = "gate-garbled", Turns, all;
    /// A row of a table is put into fresh memory, where it waits to be evaluated.
    RowKept = "row-kept", Making, one;
    /// A gate is evaluated.
    GateEvaluated = "gate-evaluated", Turns, all;
    /// A product of a digit of a label by a weight.
    LabelProduct = "label-product", Turns, all;
    /// A digit of a label is moved or added.
    LabelDigit = "label-digit", Turns, one;
}

/// Units of Paillier's encryption with a key of some size.
#[derive(Clone, Copy)]
pub(crate) struct Paillier {
    pub(crate) key: Unit,
    pub(crate) read: Unit,
    pub(crate) encrypt: Unit,
    pub(crate) decrypt: Unit,
    pub(crate) product: Unit,
}

/// Those of this key's size.
pub(crate) fn paillier(strength: Strength) -> Paillier {
    match strength {
        Strength::Bits112 => Paillier {
            key: Unit::Paillier2048Key,
            read: Unit::Paillier2048Read,
            encrypt: Unit::Paillier2048Encrypt,
            decrypt: Unit::Paillier2048Decrypt,
            product: Unit::Paillier2048Product,
        },
        Strength::Bits128 => Paillier {
            key: Unit::Paillier3072Key,
            read: Unit::Paillier3072Read,
            encrypt: Unit::Paillier3072Encrypt,
            decrypt: Unit::Paillier3072Decrypt,
            product: Unit::Paillier3072Product,
        },
    }
}

/// Products modulo n^2, as long as those of layers, that an encryption of zero takes who does not own the key: 86 or 96 of them, each with a
/// pass over a table, but on operands that stay in the cache.
pub const RANDOMISING: usize = 92;
