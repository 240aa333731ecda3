//! The seven methods.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSet, JwtSvidVerifier, TrustBundle};
use aims_jose::json::Value;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::accept::Caller;
use super::issue::Due;
use super::state::{Known, Purpose, State};
use super::stream::{Messages, begin};
use crate::client::SECURITY_HEADER;
use crate::proto::workload as wire;
use crate::proto::workload::spiffe_workload_api_server::SpiffeWorkloadApi;

/// The Workload API of one server.
#[derive(Clone, Debug)]
pub(super) struct Service(pub(super) Arc<State>);

impl Service {
    fn stream<Q, M, F>(
        &self,
        request: &Request<Q>,
        purpose: Purpose,
        make: F,
    ) -> Result<Response<Messages<M>>, Status>
    where
        M: Send + 'static,
        F: Fn(&State, &Caller, &Known) -> Result<Due<M>, Status> + Send + 'static,
    {
        let caller = self.caller(request)?;
        Ok(Response::new(begin(&self.0, caller, purpose, make)?))
    }

    /// WE-2, and who it is.
    fn caller<Q>(&self, request: &Request<Q>) -> Result<Caller, Status> {
        if !has_security_header(request.metadata()) {
            self.0.refused("security_header_missing");
            return Err(Status::invalid_argument("security header missing from request"));
        }
        // Without one the service was mounted on a listener of somebody else's.
        request.extensions().get::<Caller>().cloned().ok_or_else(|| self.0.denied("caller_unknown"))
    }
}

/// Of bundles: again when something changes.
fn when_changed<M>(message: M) -> Due<M> {
    Due { message, after: Duration::MAX }
}

#[tonic::async_trait]
impl SpiffeWorkloadApi for Service {
    type FetchX509SVIDStream = Messages<wire::X509svidResponse>;
    type FetchX509BundlesStream = Messages<wire::X509BundlesResponse>;
    type FetchJWTBundlesStream = Messages<wire::JwtBundlesResponse>;
    type FetchWITSVIDStream = Messages<wire::WitsvidResponse>;
    type FetchWITBundlesStream = Messages<wire::WitBundlesResponse>;

    async fn fetch_x509svid(
        &self,
        request: Request<wire::X509svidRequest>,
    ) -> Result<Response<Self::FetchX509SVIDStream>, Status> {
        self.stream(&request, Purpose::Credentials, State::x509)
    }

    async fn fetch_x509_bundles(
        &self,
        request: Request<wire::X509BundlesRequest>,
    ) -> Result<Response<Self::FetchX509BundlesStream>, Status> {
        self.stream(&request, Purpose::Bundles, |_, _, known| Ok(when_changed(State::x509_bundles(known))))
    }

    async fn fetch_jwtsvid(
        &self,
        request: Request<wire::JwtsvidRequest>,
    ) -> Result<Response<wire::JwtsvidResponse>, Status> {
        let caller = self.caller(&request)?;
        let message = request.into_inner();
        let is_audience = |audience: &String| (1..=MAX_AUDIENCE).contains(&audience.len());
        if !(1..=MAX_AUDIENCES).contains(&message.audience.len()) || !message.audience.iter().all(is_audience)
        {
            self.0.refused("bad_audience");
            return Err(Status::invalid_argument("an audience must be specified"));
        }
        let known = self.0.known(&caller, caller.phase(), Purpose::Credentials).await?;
        let response = self.0.jwt(&caller, &known, &message)?;
        self.0.check(&caller)?;
        Ok(Response::new(response))
    }

    async fn fetch_jwt_bundles(
        &self,
        request: Request<wire::JwtBundlesRequest>,
    ) -> Result<Response<Self::FetchJWTBundlesStream>, Status> {
        self.stream(&request, Purpose::Bundles, |_, _, known| Ok(when_changed(State::jwt_bundles(known))))
    }

    async fn validate_jwtsvid(
        &self,
        request: Request<wire::ValidateJwtsvidRequest>,
    ) -> Result<Response<wire::ValidateJwtsvidResponse>, Status> {
        let caller = self.caller(&request)?;
        let message = request.into_inner();
        if !(1..=MAX_AUDIENCE).contains(&message.audience.len()) || message.svid.is_empty() {
            self.0.refused("bad_audience");
            return Err(Status::invalid_argument("audience and svid must be specified"));
        }
        // WA-10: by the bundles that this caller has, and no others.
        let known = self.0.known(&caller, caller.phase(), Purpose::Bundles).await?;
        let trusted = known.federated.iter().chain([&known.own]).map(|bundle| TrustBundle::clone(bundle));
        let bundles: BundleSet = trusted.collect();
        let verifier = JwtSvidVerifier::builder(bundles, message.audience.as_str()).build();
        let svid = verifier.verify(&message.svid, known.now).map_err(|error| {
            self.0.refused(error.code());
            Status::invalid_argument("the JWT-SVID is not valid")
        })?;
        let claims = structure(svid.claims().as_value()).unwrap_or_default();
        Ok(Response::new(wire::ValidateJwtsvidResponse {
            spiffe_id: svid.subject().to_string(),
            claims: Some(claims),
        }))
    }

    async fn fetch_witsvid(
        &self,
        request: Request<wire::WitsvidRequest>,
    ) -> Result<Response<Self::FetchWITSVIDStream>, Status> {
        let asked = request.get_ref().spiffe_id.clone();
        self.stream(&request, Purpose::Credentials, move |state, caller, known| {
            state.wit(caller, known, &asked)
        })
    }

    async fn fetch_wit_bundles(
        &self,
        request: Request<wire::WitBundlesRequest>,
    ) -> Result<Response<Self::FetchWITBundlesStream>, Status> {
        self.stream(&request, Purpose::Bundles, |_, _, known| Ok(when_changed(State::wit_bundles(known))))
    }
}

/// One, and to the letter.
pub(super) fn has_security_header(metadata: &MetadataMap) -> bool {
    let mut values = metadata.get_all(SECURITY_HEADER).iter();
    values.next().is_some_and(|value| value == "true") && values.next().is_none()
}

/// `google.protobuf.Struct`: numbers are floating-point there.
fn structure(value: Value<'_>) -> Option<Struct> {
    let fields = value.as_object()?.map(|(name, value)| (name.as_str().into_owned(), proto_value(value)));
    Some(Struct { fields: fields.collect() })
}

/// The depth is that of a token that was read, which is bounded.
fn proto_value(value: Value<'_>) -> ProtoValue {
    let kind = if let Some(text) = value.as_str() {
        Kind::StringValue(text.into_owned())
    } else if let Some(number) = value.as_number() {
        Kind::NumberValue(number.to_f64())
    } else if let Some(truth) = value.as_bool() {
        Kind::BoolValue(truth)
    } else if let Some(elements) = value.as_array() {
        Kind::ListValue(ListValue { values: elements.map(proto_value).collect() })
    } else if let Some(members) = structure(value) {
        Kind::StructValue(members)
    } else {
        Kind::NullValue(0)
    };
    ProtoValue { kind: Some(kind) }
}

const MAX_AUDIENCES: usize = 16;

const MAX_AUDIENCE: usize = 1024;

#[cfg(test)]
mod tests {
    use aims_jose::json::{JsonError, Limits, Object};

    use super::*;

    #[test]
    fn wa_13_claims_are_told_as_they_are() {
        let text =
            br#"{"text":"a","number":1.5,"yes":true,"none":null,"list":["b",2],"object":{"inner":[]}}"#;
        let object = Object::read(text.to_vec(), &Limits::new(), |_, _| Ok::<_, JsonError>(())).unwrap();
        let fields = structure(object.as_value()).unwrap().fields;
        let value = |kind| ProtoValue { kind: Some(kind) };
        let list = |values| value(Kind::ListValue(ListValue { values }));
        let inner = Struct { fields: [("inner".to_owned(), list(Vec::new()))].into() };
        let expected = [
            ("text", value(Kind::StringValue("a".into()))),
            ("number", value(Kind::NumberValue(1.5))),
            ("yes", value(Kind::BoolValue(true))),
            ("none", value(Kind::NullValue(0))),
            ("list", list(vec![value(Kind::StringValue("b".into())), value(Kind::NumberValue(2.0))])),
            ("object", value(Kind::StructValue(inner))),
        ];
        assert_eq!(fields.len(), expected.len());
        for (name, expected) in expected {
            assert_eq!(fields[name], expected, "{name}");
        }
    }
}
