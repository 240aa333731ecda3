//! What each kind of message has to cover, by revision.

use std::sync::LazyLock;

use aims_credential::WIT_FIELD;
use aims_httpsig::sf::BareItem;
use aims_httpsig::{AcceptSignature, Component, ComponentError, Policy, Tag};
use aims_keys::AlgorithmSet;

use super::{SIGNATURE_TAG, parameter};

/// Which revision of the draft a verifier follows. None takes what another asks for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignatureProfile {
    /// Draft -06, which covered the request target as one, and had the label `wimse`: for peers that have not moved yet.
    #[cfg(feature = "legacy-httpsig-06")]
    Draft06,
    /// Draft -08: path and query, and the tag alone.
    #[default]
    Draft08,
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Request,
    Response,
}

impl SignatureProfile {
    /// The components that say what is asked for: of a request, or of the request that a response answers.
    pub(super) fn target(self, is_connect: bool) -> &'static [Component<'static>] {
        match self {
            _ if is_connect => &COMPONENTS.authority,
            #[cfg(feature = "legacy-httpsig-06")]
            Self::Draft06 => &COMPONENTS.whole_target,
            Self::Draft08 => &COMPONENTS.path_and_query,
        }
    }

    /// Always covered: of requests, and of responses with the request they answer (HSIG-5).
    pub(super) fn covered(self, kind: Kind, is_connect: bool) -> Vec<Component<'static>> {
        let method = std::iter::once(Component::method());
        let request = method.chain(self.target(is_connect).iter().cloned());
        match kind {
            Kind::Request => request.collect(),
            Kind::Response => std::iter::once(Component::status())
                .chain(request.filter_map(|component| component.of_request().ok()))
                .chain(COMPONENTS.wit.iter().cloned())
                .collect(),
        }
    }

    /// What a client may put into `Accept-Signature`, to say that it would like a signed response: all that the profile demands, and no less (HSIG-26). It is no
    /// more than a wish: [`demand_signed_response`](super::NewRequestSignature::demand_signed_response) is what counts.
    #[must_use]
    pub fn accept_signature(self, is_connect: bool) -> AcceptSignature<'static> {
        let covered = self.covered(Kind::Response, is_connect).into_iter();
        let asked =
            AcceptSignature::new("sig1", covered.chain(Self::if_present(Kind::Response).iter().cloned()));
        // INVARIANT: these parameters have the types that they must have.
        let with = |asked: AcceptSignature<'static>, (name, value): (&'static str, BareItem<'static>)| {
            let kept = asked.clone();
            asked.with(name, value).unwrap_or(kept)
        };
        let parameters = [
            ("created", true.into()),
            ("expires", true.into()),
            ("tag", BareItem::String(SIGNATURE_TAG.into())),
        ];
        parameters.into_iter().fold(asked, with)
    }

    /// Covered where the message has them.
    pub(super) fn if_present(kind: Kind) -> &'static [Component<'static>] {
        match kind {
            Kind::Request => &COMPONENTS.request_fields,
            Kind::Response => &COMPONENTS.response_fields,
        }
    }

    /// Those of them that stand in one line; `Content-Digest` is a dictionary, which may stand in several.
    pub(super) fn single(kind: Kind) -> impl Iterator<Item = &'static Component<'static>> {
        Self::if_present(kind).iter().filter(|component| component.name() != "content-digest")
    }

    /// What a verifier demands (sections 6.1 and 6.2 of the digest).
    pub(super) fn policy(self, kind: Kind, is_connect: bool, algorithms: AlgorithmSet) -> Policy {
        let policy = Policy::new(Tag::Is(SIGNATURE_TAG.into()), self.covered(kind, is_connect), algorithms);
        let policy = Self::if_present(kind).iter().cloned().fold(policy, Policy::covering_if_present);
        let required = ["expires", "nonce"];
        let policy = required.into_iter().fold(policy, Policy::requiring);
        // The key comes with the WIT, and so does its algorithm.
        let policy = ["keyid", "alg"].into_iter().fold(policy, Policy::forbidding);
        match kind {
            Kind::Request => policy.requiring(parameter::AUDIENCE).forbidding(parameter::REQUEST_NONCE),
            Kind::Response => policy
                .requiring(parameter::REQUEST_NONCE)
                .forbidding(parameter::AUDIENCE)
                .forbidding(parameter::SIGN_RESPONSE),
        }
    }
}

/// Built once.
struct Components {
    authority: Vec<Component<'static>>,
    path_and_query: Vec<Component<'static>>,
    #[cfg(feature = "legacy-httpsig-06")]
    whole_target: Vec<Component<'static>>,
    request_fields: Vec<Component<'static>>,
    response_fields: Vec<Component<'static>>,
    wit: Vec<Component<'static>>,
}

static COMPONENTS: LazyLock<Components> = LazyLock::new(|| {
    // INVARIANT: the names are those of fields.
    let fields = |names: &[&'static str]| -> Vec<Component<'static>> {
        let components = names.iter().map(|&name| Component::field(name));
        components.collect::<Result<_, ComponentError>>().unwrap_or_default()
    };
    Components {
        authority: vec![Component::authority()],
        path_and_query: vec![Component::path(), Component::query()],
        #[cfg(feature = "legacy-httpsig-06")]
        whole_target: vec![Component::request_target()],
        request_fields: fields(&[
            "content-type",
            "content-digest",
            "authorization",
            crate::TXN_TOKEN_FIELD,
            WIT_FIELD,
        ]),
        response_fields: fields(&["content-type", "content-digest"]),
        wit: fields(&[WIT_FIELD]),
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsig_5_what_is_covered_is_what_the_draft_says() {
        let names = |components: &[Component<'_>]| {
            components.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let profile = SignatureProfile::Draft08;
        for (kind, is_connect, expected) in [
            (Kind::Request, false, r#""@method" "@path" "@query""#),
            (Kind::Request, true, r#""@method" "@authority""#),
            (
                Kind::Response,
                false,
                r#""@status" "@method";req "@path";req "@query";req "workload-identity-token""#,
            ),
            (Kind::Response, true, r#""@status" "@method";req "@authority";req "workload-identity-token""#),
        ] {
            assert_eq!(names(&profile.covered(kind, is_connect)), expected);
        }
        assert_eq!(
            names(SignatureProfile::if_present(Kind::Request)),
            r#""content-type" "content-digest" "authorization" "txn-token" "workload-identity-token""#
        );
        assert_eq!(names(SignatureProfile::if_present(Kind::Response)), r#""content-type" "content-digest""#);
    }
}
