//! From PEM texts to what rustls takes.

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::TlsError;

/// All certificates of a PEM text, at least one. `what` names the text in an error.
pub(crate) fn certificates(
    text: &str,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { what, source })?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate(what));
    }
    Ok(found)
}

/// The first private key of a PEM text (PKCS#8, SEC1 or PKCS#1).
pub(crate) fn private_key(text: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|source| TlsError::Pem {
        what: "private key",
        source,
    })
}

/// The certificates of a PEM text as trust anchors. One that cannot serve as an anchor is an error, not skipped: a
/// bundle that is half understood would refuse peers for a reason nobody sees.
pub(crate) fn roots(text: &str, what: &'static str) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(text, what)? {
        store
            .add(certificate)
            .map_err(|source| TlsError::Anchor { what, source })?;
    }
    Ok(store)
}
