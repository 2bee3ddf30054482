//! From files on the command line to a TLS configuration.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use meshperf_tls::rustls::ServerConfig;
use meshperf_tls::{ServerSettings, server_config};

use crate::failure::Failure;
use crate::options::TlsFiles;

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

fn read(option: &'static str, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| Failure::File {
        option,
        path: path.to_owned(),
        source,
    })
}
