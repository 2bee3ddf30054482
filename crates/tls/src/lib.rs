//! TLS for both ends of a measured connection: the load engine as a client, the workload as a server.
//!
//! Both ends take the same settings and the same defaults, because curve, cipher suite and resumption must be equal in
//! two arms before their figures may be compared. The crate opens no files and no sockets: PEM texts go in, rustls
//! configurations come out.
//!
//! Why verifiers of our own: meshes name a workload by a SPIFFE id, a URI in its certificate, and not by a host name.
//! webpki checks the chain; the exact match of the URI is ours ([`identity`]).

#![forbid(unsafe_code)]

mod client;
mod error;
mod identity;
mod pem;
mod provider;
mod server;

pub use client::{ClientSettings, client_config, server_name};
pub use error::TlsError;
pub use identity::uri_names;
pub use rustls;
pub use server::{ServerSettings, server_config};

#[cfg(test)]
mod tests;
