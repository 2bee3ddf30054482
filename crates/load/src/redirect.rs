//! Where a redirect leads. Only to the same host and port: load goes nowhere that the user did not name.

/// The request that follows a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    To {
        path: String,
        /// The request becomes a GET without a body.
        as_get: bool,
    },
    /// To another host, port or scheme, or nowhere.
    Elsewhere,
}

/// Redirects followed for one request at most.
pub(crate) const MOST_HOPS: u8 = 10;

impl Redirect {
    /// What a reply with `status` and a `Location` asks for; None when it is no redirect.
    pub(crate) fn of(
        status: u16,
        location: Option<&[u8]>,
        authority: &str,
        secure: bool,
        path: &str,
        method: &str,
    ) -> Option<Self> {
        let as_get = match status {
            303 => method != "HEAD",
            301 | 302 => method == "POST",
            307 | 308 => false,
            _ => return None,
        };
        let Some(location) = location.and_then(|text| std::str::from_utf8(text).ok()) else {
            return Some(Self::Elsewhere);
        };
        let target = resolve(location.trim(), authority, secure, path);
        Some(match target {
            Some(path) if path.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Self::To { path, as_get }
            }
            _ => Self::Elsewhere,
        })
    }
}

/// The path that a Location names on the same host; None when it names another.
fn resolve(location: &str, authority: &str, secure: bool, path: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = if secure { "https:" } else { "http:" };
    let rest = match location.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => &location[scheme.len()..],
        _ => location,
    };
    if let Some(there) = rest.strip_prefix("//") {
        let end = there.find(['/', '?']).unwrap_or(there.len());
        if !there[..end].eq_ignore_ascii_case(authority) {
            return None;
        }
        return Some(match &there[end..] {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        });
    }
    if rest.len() != location.len() || location.is_empty() {
        return None;
    }
    if location.starts_with('/') {
        return Some(location.to_owned());
    }
    let here = path.split('?').next().unwrap_or("/");
    if location.starts_with('?') {
        return Some(format!("{here}{location}"));
    }
    // Another scheme, such as mailto:, has a colon before any slash.
    let before_slash = location.split('/').next().unwrap_or_default();
    if before_slash.contains(':') {
        return None;
    }
    let folder = &here[..here.rfind('/').map_or(0, |slash| slash + 1)];
    Some(format!("{folder}{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_on_the_same_host_is_a_path() {
        for (location, path) in [
            ("/b", "/b"),
            ("b?x=1", "/a/b?x=1"),
            ("?x", "/a/index?x"),
            ("http://h:80/c#part", "/c"),
            ("HTTP://H:80", "/"),
            ("//h:80?q", "/?q"),
        ] {
            let to = Redirect::of(
                302,
                Some(location.as_bytes()),
                "h:80",
                false,
                "/a/index?old",
                "GET",
            );
            assert_eq!(
                to,
                Some(Redirect::To {
                    path: path.to_owned(),
                    as_get: false
                }),
                "{location}"
            );
        }
    }

    #[test]
    fn another_host_port_or_scheme_is_not_followed() {
        for location in [
            "http://other/",
            "https://h:80/",
            "http://h:81/",
            "//h/",
            "mailto:a@b",
            "",
            "/with space",
        ] {
            let to = Redirect::of(301, Some(location.as_bytes()), "h:80", false, "/", "GET");
            assert_eq!(to, Some(Redirect::Elsewhere), "{location}");
        }
        assert_eq!(
            Redirect::of(308, None, "h", false, "/", "GET"),
            Some(Redirect::Elsewhere)
        );
    }

    #[test]
    fn only_redirects_redirect_and_some_of_them_drop_the_body() {
        for (status, method, as_get) in [
            (303, "PUT", Some(true)),
            (302, "POST", Some(true)),
            (302, "PUT", Some(false)),
            (307, "POST", Some(false)),
            (304, "GET", None),
            (200, "GET", None),
        ] {
            let found = Redirect::of(status, Some(b"/x"), "h", true, "/", method);
            let expected = as_get.map(|as_get| Redirect::To {
                path: "/x".to_owned(),
                as_get,
            });
            assert_eq!(found, expected, "{status} {method}");
        }
    }
}
