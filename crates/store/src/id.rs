use crate::Error;
use std::fmt;
use std::str::FromStr;

/// The name of an entry: 16 bytes, written as 32 lower-case hexadecimal digits. Not secret; both
/// parties of a preprocessing run file their halves under the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

impl Id {
    /// A fresh id from the operating system's randomness.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(Error::Entropy)?;
        Ok(Self(bytes))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.as_bytes();
        let digit = |d: u8| match d {
            b'0'..=b'9' => Some(d - b'0'),
            b'a'..=b'f' => Some(d - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 16];
        let parsed = digits.len() == 32
            && bytes.iter_mut().zip(digits.chunks_exact(2)).all(|(byte, pair)| {
                let value = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low);
                value.inspect(|v| *byte = *v).is_some()
            });
        match parsed {
            true => Ok(Self(bytes)),
            false => Err(Error::Invalid(format!(
                "{text:?} is no id of an entry: 32 digits out of 0-9 and a-f are needed"
            ))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_back(bytes: [u8; 16]) {
            let id = Id::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<Id>().unwrap(), id);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let good = "00112233445566778899aabbccddeeff";
        assert_eq!(good.parse::<Id>().unwrap().to_bytes()[15], 0xff);
        for bad in [
            "",
            "0",
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}0"),
            "../../../../../../../../etc/passw",
        ] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
        assert!("é".repeat(16).parse::<Id>().is_err());
    }
}
