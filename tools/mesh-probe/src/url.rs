//! The address that is asked.

/// A checked `http://` or `https://` URL, kept as written. As it begins with its scheme, curl
/// cannot take it for a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Checks a URL; the error completes "URL …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| Err(reason.to_owned());
        let is_web = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        match text.parse::<http::Uri>() {
            _ if !is_web && !text.contains("://") => {
                wrong("needs its scheme: write http:// before it")
            }
            _ if !is_web => wrong("must begin with http:// or https://"),
            Err(_) => wrong("is no URL, such as http://helloworld.sample:5000/hello"),
            Ok(uri) if uri.authority().is_some_and(|host| host.as_str().contains('@')) => {
                wrong("must not hold a user or password: every record shows it")
            }
            // Read as a URL, what follows a # is gone already.
            Ok(_) if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                wrong("is no URL: it has blanks or control characters")
            }
            Ok(_) => Ok(Self(text.to_owned())),
        }
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_web_servers_are_taken() {
        for text in [
            "http://helloworld.sample:5000/hello",
            "https://10.0.0.1",
            "http://[2001:db8::1]:80/a?b=c;d&e",
        ] {
            assert_eq!(Url::parse(text).unwrap().as_str(), text);
        }
        for (text, reason) in [
            ("helloworld.sample:5000/hello", "write http://"),
            ("-K/etc/passwd", "write http://"),
            ("", "write http://"),
            ("file:///etc/passwd", "must begin with http://"),
            ("HTTP://a", "must begin with http://"),
            ("http://", "is no URL"),
            ("http://a b", "is no URL"),
            ("http://a/\n", "is no URL"),
            ("http://a#b ", "is no URL"),
            ("http://me:hush@a/", "user or password"),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(reason) && !error.contains("hush"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_passes(text in "\\PC{0,20}|(http://|-)[ -~]{0,20}") {
            if let Ok(url) = Url::parse(&text) {
                prop_assert!(url.as_str().starts_with("http"));
                prop_assert!(!text.contains(|c: char| c.is_whitespace() || c.is_control()));
            }
        }
    }
}
