//! The assertion of `tests/it/authenticated.rs` does not compile for a type that has the trait.

trait Ambiguous<A> {
    fn claim() {}
}
impl<T: ?Sized> Ambiguous<()> for T {}
struct Second;
impl<T: ?Sized + Default> Ambiguous<Second> for T {}

fn main() {
    <String as Ambiguous<_>>::claim();
}
