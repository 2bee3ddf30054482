//! From files on the command line to a TLS configuration.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use meshperf_tls::rustls::pki_types::ServerName;
use meshperf_tls::rustls::{ClientConfig, ServerConfig};
use meshperf_tls::{
    ClientSettings, ServerSettings, TlsError, client_config, server_config, server_name,
};

use crate::calls::plan::{Callee, Plan, Protocol};
use crate::failure::Failure;
use crate::options::{CallTlsFiles, TlsFiles};

/// The same without a protocol to agree on, for bytes that have none.
pub fn without_protocol(config: &Arc<ServerConfig>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::clone(config);
    config.alpn_protocols.clear();
    Arc::new(config)
}

pub fn configure(files: &TlsFiles) -> Result<Arc<ServerConfig>, Failure> {
    let client_ca = files
        .client_ca
        .as_deref()
        .map(|path| read("--tls-client-ca", path));
    let settings = ServerSettings {
        certificate_pem: read("--tls-cert", &files.certificate)?,
        key_pem: read("--tls-key", &files.key)?,
        client_ca_pem: client_ca.transpose()?,
        allowed_client_identities: files.client_identities.clone(),
        minimum_version: files.minimum.clone(),
        cipher_suites: files.ciphers.clone(),
        groups: files.groups.clone(),
        alpn: ["h2", "http/1.1", "http/1.0"].map(str::to_owned).to_vec(),
        // The load engine and the sidecars do not resume either: every handshake is a full one, in every arm.
        resumption: false,
    };
    server_config(&settings).map_err(|error| Failure::Tls(error.to_string()))
}

/// How one callee is called over TLS.
#[derive(Clone)]
pub struct CalleeTls {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

/// TLS towards each of the plan's callees, in their order.
pub fn configure_calls(files: &CallTlsFiles, plan: &Plan) -> Result<Vec<CalleeTls>, Failure> {
    let ca_pem = read("--call-tls-ca", &files.ca)?;
    let pair = match &files.pair {
        Some((certificate, key)) => Some((
            read("--call-tls-cert", certificate)?,
            read("--call-tls-key", key)?,
        )),
        None => None,
    };
    let is_callee = |name: &str| plan.callees.iter().any(|callee| callee.name == name);
    let (mut of_all, mut of_one) = (None, HashMap::new());
    for text in &files.identities {
        let earlier = match text.split_once('=').filter(|(name, _)| is_callee(name)) {
            Some((name, uri)) => of_one.insert(name, uri.to_owned()),
            None => of_all.replace(text.clone()),
        };
        if earlier.is_some() {
            return Err(Failure::Usage(format!(
                "--call-tls-identity: `{text}` is the second identity of the same callee"
            )));
        }
    }
    let refused = |error: TlsError| Failure::Tls(error.to_string());
    let configure = |callee: &Callee| {
        let host = callee.name.split(':').next().unwrap_or_default();
        let alpn = match callee.protocol {
            Protocol::Http1 => "http/1.1",
            Protocol::Http2 | Protocol::Grpc => "h2",
        };
        let identity = of_one.get(callee.name.as_str()).or(of_all.as_ref());
        let settings = ClientSettings {
            ca_pem: ca_pem.clone(),
            server_name: Some(host.to_owned()),
            server_identity: identity.cloned(),
            certificate_pem: pair.as_ref().map(|(certificate, _)| certificate.clone()),
            key_pem: pair.as_ref().map(|(_, key)| key.clone()),
            minimum_version: "1.3".to_owned(),
            maximum_version: "1.3".to_owned(),
            cipher_suites: Vec::new(),
            groups: Vec::new(),
            resumption: false,
            verify: true,
            alpn: vec![alpn.to_owned()],
        };
        Ok(CalleeTls {
            config: client_config(&settings).map_err(refused)?,
            name: server_name(&settings, callee.address.ip()).map_err(refused)?,
        })
    };
    plan.callees.iter().map(configure).collect()
}

fn read(option: &'static str, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| Failure::File {
        option,
        path: path.to_owned(),
        source,
    })
}
