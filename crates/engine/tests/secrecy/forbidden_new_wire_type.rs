//! Nobody outside `wire` declares what may be sent.
struct Leak(Vec<u8>);

impl sordino_wire::Wire for Leak {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn main() {}
