//! Name constraints on URIs (RFC 5280 §4.2.1.10): for which trust domains an authority may issue.

use std::net::Ipv4Addr;

use aims_keys::der::{Reader, SEQUENCE, write};

use super::certificate::URI;

/// The constraints of a certificate that has some on URIs and on no other form of names.
///
/// The path library processes those on other forms, and refuses every chain in which there is one on URIs.
#[derive(Clone, Copy, Debug)]
pub(super) struct UriConstraints<'a> {
    /// INVARIANT: each a sequence of whole `GeneralSubtree`s, all of them URIs.
    permitted: Option<&'a [u8]>,
    excluded: Option<&'a [u8]>,
}

impl<'a> UriConstraints<'a> {
    /// Reads the value of the extension; `None` where it has names of another form, or is malformed. That is for the library
    /// to judge, which lets no URI through that it has a constraint for.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(value);
        let mut fields = Reader::new(outer.read(SEQUENCE)?);
        outer.finish()?;
        let (permitted, excluded) = (fields.read_optional(PERMITTED)?, fields.read_optional(EXCLUDED)?);
        fields.finish()?;
        for subtrees in permitted.into_iter().chain(excluded) {
            let mut subtrees = Reader::new(subtrees);
            while !subtrees.is_empty() {
                let mut subtree = Reader::new(subtrees.read(SEQUENCE)?);
                subtree.read(URI)?;
                // No minimum, no maximum.
                subtree.finish()?;
            }
        }
        Some(Self { permitted, excluded })
    }

    /// Whether URIs of this trust domain may stand below.
    pub(super) fn allow(&self, trust_domain: &str) -> bool {
        // What is said of hosts by name says nothing of addresses: those are refused.
        if !is_host(trust_domain.as_bytes()) {
            return false;
        }
        // RFC 5280 has no constraints without any.
        let is_empty = |subtrees: Option<&[u8]>| subtrees.is_some_and(<[u8]>::is_empty);
        if (self.permitted.is_none() && self.excluded.is_none())
            || is_empty(self.permitted)
            || is_empty(self.excluded)
        {
            return false;
        }
        let all = || bases(self.permitted).chain(bases(self.excluded));
        // A constraint that nothing could meet, or that could be meant otherwise, refuses.
        if !all().all(|base| is_host(base.strip_prefix(b".").unwrap_or(base))) {
            return false;
        }
        let matches = |base: &[u8]| is_within(trust_domain.as_bytes(), base);
        (self.permitted.is_none() || bases(self.permitted).any(matches)) && !bases(self.excluded).any(matches)
    }
}

/// The value of an extension that permits URIs of this trust domain only; `None` where no constraint can name it.
pub(super) fn permitting(trust_domain: &str) -> Option<Vec<u8>> {
    is_host(trust_domain.as_bytes()).then(|| {
        let subtree = write(SEQUENCE, &[&write(URI, &[trust_domain.as_bytes()])]);
        write(SEQUENCE, &[&write(PERMITTED, &[&subtree])])
    })
}

fn bases(subtrees: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    let mut subtrees = Reader::new(subtrees.unwrap_or_default());
    std::iter::from_fn(move || Reader::new(subtrees.read(SEQUENCE)?).read(URI))
}

/// One host; or, where the constraint begins with a period, every host below that domain, but not the domain.
fn is_within(host: &[u8], base: &[u8]) -> bool {
    if base.starts_with(b".") {
        // A host does not begin with a period itself.
        host.len()
            .checked_sub(base.len())
            .and_then(|at| host.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(base))
    } else {
        host.eq_ignore_ascii_case(base)
    }
}

/// A host by name: labels of letters, digits, `-` and `_`, and not an address.
fn is_host(host: &[u8]) -> bool {
    let is_label = |label: &[u8]| {
        !label.is_empty()
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split(|&byte| byte == b'.').all(is_label)
        && !str::from_utf8(host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok())
}

const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;
