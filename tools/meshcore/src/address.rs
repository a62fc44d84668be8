//! Addresses of servers and proxies, without the credentials that may stand in them.

use serde::Serialize;

/// An address as it may be shown and kept: it has neither the name and password of a user, nor a
/// query, nor what follows a `#`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Address(String);

/// Instead of what is not surely a host.
const HIDDEN: &str = "(not shown, as it may hold a password)";

impl Address {
    /// What may be shown of a text, which need not be a URL.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let is_scheme = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        };
        let colon = text.find("://").filter(|&colon| is_scheme(&text[..colon]));
        let start = colon.map_or(0, |colon| colon + 3);
        let (scheme, rest) = text.split_at(start);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, more) = rest.split_at(end);
        // A password may have any of these in it: what looks like a host is its beginning then.
        if more.contains('@') {
            return Self(format!("{scheme}{HIDDEN}"));
        }
        let host = authority.rsplit('@').next().unwrap_or_default();
        let path = more.split(['?', '#']).next().unwrap_or_default();
        Self(format!("{scheme}{host}{path}"))
    }

    /// The same as text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::ops::Deref for Address {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn users_and_queries_are_left_out() {
        let hidden = |scheme: &str| format!("{scheme}{HIDDEN}");
        for text in [
            "http://me:secret@proxy:3128/a@b",
            "http://me:se/cr:et@h",
            "http://me:se?cr#et@h/p",
            "https://me:secret#@h:1",
            "https://me:1234#@h:1",
            "https://me:secret?@h:1",
            "https://me:secret/@h:1",
        ] {
            let scheme = &text[..text.find("://").unwrap() + 3];
            assert_eq!(*Address::of(text), hidden(scheme), "{text}");
        }
        // The colon of the scheme was forgotten, or all of it.
        for text in ["https//me:secret@h:1", "//me:secret@h", ":///secret@h"] {
            assert_eq!(*Address::of(text), hidden(""), "{text}");
        }
        for (text, expected) in [
            ("http://me:secret@proxy:3128/a", "http://proxy:3128/a"),
            ("https://h", "https://h"),
            ("https://[::1]:6443/p", "https://[::1]:6443/p"),
            ("http://a@b:secret@h", "http://h"),
            ("unix:///etc/istio/x.sock", "unix:///etc/istio/x.sock"),
            ("me:secret@h:1", "h:1"),
            ("https://h/p?token=secret", "https://h/p"),
            ("https://h#secret", "https://h"),
            ("istiod.istio-system.svc:15012", "istiod.istio-system.svc:15012"),
        ] {
            assert_eq!(&*Address::of(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_password_is_shown(
            scheme in "(https?|socks5)://", user in "[a-z]{0,4}",
            password in "[S:/@a?#]{0,3}SECRET[a:/?#]{0,3}",
            end in "(/p)?(\\?token=SECRET)?(#@?SECRET)?"
        ) {
            let address = Address::of(&format!("{scheme}{user}:{password}@host:443{end}"));
            prop_assert!(!address.contains("SECRET"), "{address}");
        }
    }
}
