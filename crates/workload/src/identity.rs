//! Who the caller is, and `/whoami`, which tells it what this server saw.
//!
//! *What it decides*: which identity a request may claim. *Why this way*: a header is only text, so it is believed from
//! one TCP peer address, that of this server's own sidecar; from anybody else it is shown and not believed. A TLS
//! identity is the certificate that this server itself verified.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use httparse::Header;
use serde::Serialize;

use crate::options::IdentityHeader;
use crate::transport::Transport;

#[derive(Serialize)]
struct WhoAmI<'a> {
    identity: Option<String>,
    identity_source: Option<&'static str>,
    tls_version: Option<&'static str>,
    tls_cipher: Option<String>,
    tls_group: Option<String>,
    peer: String,
    /// Names in lower case; values of a repeated name are joined by a comma, bytes outside UTF-8 replaced.
    headers: BTreeMap<String, String>,
    method: &'a str,
    target: &'a str,
}

/// The JSON that answers `/whoami`.
pub fn describe(
    request: &httparse::Request<'_, '_>,
    transport: &Transport,
    peer: SocketAddr,
    rule: Option<&IdentityHeader>,
) -> Vec<u8> {
    let tls = transport.tls_facts();
    let (identity, identity_source) = match (
        from_header(request.headers, peer, rule),
        transport.identity(),
    ) {
        (Some(identity), _) => (Some(identity), Some("header")),
        (None, Some(identity)) => (Some(identity), Some("tls")),
        (None, None) => (None, None),
    };
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for header in request.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        headers
            .entry(header.name.to_ascii_lowercase())
            .and_modify(|earlier| {
                earlier.push_str(", ");
                earlier.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let answer = WhoAmI {
        identity,
        identity_source,
        tls_version: tls.version,
        tls_cipher: tls.cipher,
        tls_group: tls.group,
        peer: peer.to_string(),
        headers,
        method: request.method.unwrap_or_default(),
        target: request.path.unwrap_or_default(),
    };
    serde_json::to_vec(&answer).expect("strings and maps of strings are always valid JSON")
}

/// The same for a request of HTTP/2, by its fields: those whose names begin with a colon stand for the request line.
pub fn describe_fields<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    transport: &Transport,
    peer: SocketAddr,
    rule: Option<&IdentityHeader>,
) -> Vec<u8> {
    let mut headers = Vec::new();
    let (mut method, mut path) = (None, None);
    for (name, value) in fields {
        // Names outside UTF-8 are malformed (RFC 9113 §8.2.1); they have no place in JSON either.
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        match name {
            ":method" => method = std::str::from_utf8(value).ok(),
            ":path" => path = std::str::from_utf8(value).ok(),
            _ => headers.push(Header { name, value }),
        }
    }
    let mut request = httparse::Request::new(&mut headers);
    (request.method, request.path) = (method, path);
    describe(&request, transport, peer, rule)
}

/// The identity in the agreed header, if the connection comes from the peer that may set it.
fn from_header(
    headers: &[Header<'_>],
    peer: SocketAddr,
    rule: Option<&IdentityHeader>,
) -> Option<String> {
    let rule = rule?;
    if peer.ip().to_canonical() != rule.trusted_peer.to_canonical() {
        return None;
    }
    // The last one: a proxy that appends adds its own observation after what the caller sent.
    let header = headers
        .iter()
        .rev()
        .find(|header| header.name.eq_ignore_ascii_case(&rule.name))?;
    let value = std::str::from_utf8(header.value).ok()?.trim();
    if rule.name.eq_ignore_ascii_case("x-forwarded-client-cert") {
        return uri_of_last_element(value);
    }
    (!value.is_empty()).then(|| value.to_owned())
}

/// `URI=` of the last element of an `x-forwarded-client-cert` value.
///
/// Elements are separated by commas and their pairs by semicolons; inside double quotes neither separates, and a
/// backslash takes the next character as it is.
fn uri_of_last_element(value: &str) -> Option<String> {
    let mut uri = None;
    let mut pair = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for character in value.chars().chain([';']) {
        match character {
            _ if escaped => {
                escaped = false;
                pair.push(character);
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' | ',' if !quoted => {
                if uri.is_none()
                    && let Some((key, text)) = pair.split_once('=')
                    && key.trim().eq_ignore_ascii_case("uri")
                {
                    uri = Some(text.trim().to_owned());
                }
                pair.clear();
                if character == ',' {
                    uri = None;
                }
            }
            _ => pair.push(character),
        }
    }
    uri.filter(|uri| !quoted && !uri.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{from_header, uri_of_last_element};
    use crate::options::IdentityHeader;
    use httparse::Header;

    const GOOD: &str =
        "By=spiffe://t/s;Hash=ab;Subject=\"CN=a,b;URI=spiffe://forged/x\";URI=spiffe://t/client";

    #[test]
    fn the_uri_is_that_of_the_nearest_proxy() {
        assert_eq!(
            uri_of_last_element(GOOD).as_deref(),
            Some("spiffe://t/client")
        );
        let appended = format!("URI=spiffe://forged/x,{GOOD}");
        assert_eq!(
            uri_of_last_element(&appended).as_deref(),
            Some("spiffe://t/client")
        );
        for without in [
            "",
            "By=spiffe://t/s",
            "URI=",
            "URI=spiffe://a,By=b",
            "Subject=\"URI=spiffe://a",
            "spiffe://a",
        ] {
            assert_eq!(uri_of_last_element(without), None, "{without}");
        }
        assert_eq!(
            uri_of_last_element("URI=spiffe://a;").as_deref(),
            Some("spiffe://a")
        );
    }

    #[test]
    fn a_header_is_believed_from_the_trusted_peer_only() {
        let rule = IdentityHeader {
            name: "x-forwarded-client-cert".to_owned(),
            trusted_peer: "127.0.0.2".parse().expect("an address"),
        };
        let headers = [Header {
            name: "X-Forwarded-Client-Cert",
            value: GOOD.as_bytes(),
        }];
        let identity =
            |peer: &str, rule| from_header(&headers, peer.parse().expect("an address"), rule);
        assert_eq!(
            identity("127.0.0.2:5", Some(&rule)).as_deref(),
            Some("spiffe://t/client")
        );
        assert_eq!(
            identity("[::ffff:127.0.0.2]:5", Some(&rule)).as_deref(),
            Some("spiffe://t/client")
        );
        assert_eq!(identity("127.0.0.3:5", Some(&rule)), None);
        assert_eq!(identity("127.0.0.2:5", None), None);
    }

    #[test]
    fn of_two_headers_the_later_counts_and_other_headers_are_taken_whole() {
        let mut rule = IdentityHeader {
            name: "x-forwarded-client-cert".to_owned(),
            trusted_peer: "127.0.0.2".parse().expect("an address"),
        };
        let headers = [
            Header {
                name: "x-forwarded-client-cert",
                value: b"URI=spiffe://forged/x",
            },
            Header {
                name: "x-forwarded-client-cert",
                value: GOOD.as_bytes(),
            },
            Header {
                name: "l5d-client-id",
                value: b" web.ns.serviceaccount ",
            },
        ];
        let peer = "127.0.0.2:5".parse().expect("an address");
        assert_eq!(
            from_header(&headers, peer, Some(&rule)).as_deref(),
            Some("spiffe://t/client")
        );
        rule.name = "l5d-client-id".to_owned();
        assert_eq!(
            from_header(&headers, peer, Some(&rule)).as_deref(),
            Some("web.ns.serviceaccount")
        );
    }
}
