//! The options that say whom to call, and how.

use std::path::PathBuf;

use super::{Written, address};
use crate::calls::plan::Plan;
use crate::failure::Failure;
use crate::options::CallTlsFiles;
use crate::quantity::parse_duration_ns;

const MOST_RETRIES: u64 = 100;
const MOST_CONNECTIONS: u64 = 65_535;
/// Without a call these say nothing.
const NEED_CALL: [&str; 7] = [
    "call-retries",
    "call-timeout",
    "call-connections",
    "call-tls-ca",
    "call-tls-cert",
    "call-tls-key",
    "call-tls-identity",
];

impl Written {
    pub(super) fn calls(&mut self) -> Result<Option<Plan>, Failure> {
        let mut plan = Plan::default();
        let any = self.any_address;
        for text in self.all("call") {
            plan.add(&text, |text| {
                address(text, any, "if this service may call others there")
            })
            .map_err(|why| Failure::Usage(format!("--call: {why}")))?;
        }
        let named = |name: &&&str| self.values.contains_key(**name);
        let alone = NEED_CALL.iter().find(named);
        match alone {
            Some(name) if plan.wanted.is_empty() => {
                return Err(Failure::Usage(format!("--{name} needs --call")));
            }
            _ => {}
        }
        plan.retries = self.number("call-retries", 0, 0..=MOST_RETRIES)? as u32;
        plan.connections = self.number("call-connections", 64, 1..=MOST_CONNECTIONS)? as usize;
        plan.timeout_ns = self.one("call-timeout", |text| match parse_duration_ns(text)? {
            0 => Err("it must be longer than 0".to_owned()),
            ns => Ok(ns),
        })?;
        Ok((!plan.wanted.is_empty()).then_some(plan))
    }

    pub(super) fn call_tls(&mut self) -> Result<Option<CallTlsFiles>, Failure> {
        let pair = match (self.take("call-tls-cert"), self.take("call-tls-key")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => {
                return Err(Failure::Usage(
                    "--call-tls-cert and --call-tls-key need each other".into(),
                ));
            }
        };
        let identities = self.all("call-tls-identity");
        match self.take("call-tls-ca").map(PathBuf::from) {
            Some(ca) => Ok(Some(CallTlsFiles {
                ca,
                pair,
                identities,
            })),
            None if pair.is_none() && identities.is_empty() => Ok(None),
            None => Err(Failure::Usage(
                "TLS to other services needs --call-tls-ca to check them by".into(),
            )),
        }
    }
}
