//! Texts of others, without the credentials that may stand in an address within them.

use crate::Address;
use std::borrow::Cow;

/// Instead of an address in which it is not clear where the host is.
const HIDDEN: &str = "redacted";

/// A text as it may be kept and shown: of each of its words that is an address neither the name and
/// password of a user, nor the query.
///
/// Names with an `@` and no password before it stay as they are, as `me@example.com`; so do images
/// with a digest.
#[must_use]
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    // Almost all texts have none of these; to look at every byte is quicker than to stop at one.
    let may_have_one = text.bytes().fold(false, |may, b| may | matches!(b, b'@' | b'?' | b'#'));
    if !may_have_one || !text.split_whitespace().any(has_credentials) {
        return Cow::Borrowed(text);
    }
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let end = word.trim_end().len();
        of_word(&word[..end]).into_owned() + &word[end..]
    });
    Cow::Owned(words.collect())
}

fn of_word(word: &str) -> Cow<'_, str> {
    if !has_credentials(word) {
        return Cow::Borrowed(word);
    }
    let (name, digest) = image(word);
    let is_scheme =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let colon = name.find("://").filter(|&colon| is_scheme(&name[..colon]));
    let rest = &name[colon.map_or(0, |colon| colon + 3)..];
    // A password may have any of these in it, and a path another address.
    let is_clear = !rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..].contains('@');
    let shown = if is_clear { Address::of(name).into_string() } else { HIDDEN.to_owned() };
    Cow::Owned(shown + digest)
}

fn has_credentials(word: &str) -> bool {
    let (name, _) = image(word);
    let is_url = name.contains("://");
    let has_user = name.rsplit_once('@').is_some_and(|(user, _)| is_url || has_password(user));
    let has_query = if is_url {
        name.contains(['?', '#'])
    } else {
        name.split_once('?').is_some_and(|(_, query)| query.contains('='))
    };
    has_user || has_query
}

/// Whether there may be a password in what stands before an `@`: what follows a colon, unless that
/// is a port with a path behind it, as in `api.example:6443/me@example.com`.
fn has_password(user: &str) -> bool {
    let is_port = |text: &str| {
        let port = text.split_once('/').map_or("", |(port, _)| port);
        !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
    };
    user.match_indices(':').any(|(at, _)| !is_port(&user[at + 1..]))
}

/// The two parts of `REPOSITORY[:TAG]@ALGORITHM:DIGEST`, the second of which is empty for anything
/// else.
fn image(word: &str) -> (&str, &str) {
    let Some(at) = word.rfind('@') else { return (word, "") };
    let (name, digest) = word.split_at(at);
    let is_digest = digest[1..].split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    });
    if is_digest && !word.contains("://") { (name, digest) } else { (word, "") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn credentials_are_left_out() {
        let image = format!("u:SECRET@r.example/pilot:1.30@{DIGEST}");
        let shown = format!("r.example/pilot:1.30@{DIGEST}");
        for (text, expected) in [
            ("https://u:SECRET@h/?t=SECRET", "https://h/"),
            ("u:SECRET@h", "h"),
            ("u:SECRET@h:15012", "h:15012"),
            ("https://SECRET@h/p", "https://h/p"),
            ("https://h/p?t=SECRET", "https://h/p"),
            ("https://h/p#SECRET", "https://h/p"),
            ("h/p?t=SECRET", "h/p"),
            ("https://h/p http://u:SECRET@g\n- u:SECRET@f ", "https://h/p http://g\n- f "),
            (&image, &shown),
        ] {
            assert_eq!(without_credentials(text), expected, "{text}");
        }
        for text in [
            "exec,https://u:SECRET@h",
            "https://a/,https://u:SECRET@b",
            "a/http://u:SECRET@b/",
            "{\"a\":\"https://u:SECRET@h/?t=SECRET\",\"b\":1}",
            "https://h/p@u:SECRET@h",
        ] {
            let shown = without_credentials(text);
            assert!(!shown.contains("SECRET"), "{shown}");
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        let images = ["r.example:5000/pilot:1.30", "pilot"].map(|name| format!("{name}@{DIGEST}"));
        for text in [
            "",
            "cluster.local",
            "*.local",
            "kubernetes-admin@kubernetes",
            "reader@p.iam.gserviceaccount.com",
            "default/api.example:6443/me@example.com",
            "me@example.com@c.us-west-2.eksctl.io",
            "arn:aws:eks:us-east-1:1:cluster/c",
            "spiffe://cluster.local/ns/a/sa/b",
            "gce://p/us-central1-a/n",
            "azure:///subscriptions/s/n",
            "fd00::/8",
            "is it there? # no\n",
            &images[0],
            &images[1],
        ] {
            assert!(
                matches!(without_credentials(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_password_and_no_query_is_shown(
            before in "([a-z.]{1,4}[ ,/;\"={]{0,2}){0,2}", scheme in "(https?://|[a-z+]{1,5}://)?",
            user in "[a-z@]{0,4}", password in "[/@a?#]{0,2}SECRET[a:/?#@]{0,3}",
            end in "(/p)?(\\?token=SECRET)?", after in "([ ,;\"}][a-z.@]{1,4}){0,2}",
        ) {
            let text = format!("{before}{scheme}{user}:{password}@host:443{end}{after}");
            let shown = without_credentials(&text);
            prop_assert!(!shown.contains("SECRET"), "{} of {}", shown, text);
            prop_assert_eq!(without_credentials(&shown), &*shown);
        }
    }
}
