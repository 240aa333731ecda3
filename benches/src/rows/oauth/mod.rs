//! OAuth at a tool and at an authorization server.

mod assertion;
mod dpop;
mod huskarl;
mod kept;
mod message;
mod others;
mod token;

pub(super) use self::assertion::{make as assertion_make, verify as assertion_verify};
pub(super) use self::dpop::{
    admit as dpop_admit, make as dpop_make, request as dpop_request, verify as dpop_verify,
};
pub(super) use self::kept::{attach, introspected, token as kept_token};
pub(super) use self::message::{challenges, form, introspection, token_request};
pub(super) use self::others::{grant, id_token};
pub(super) use self::token::{again, issue, verify_aws_lc, verify_ring};
