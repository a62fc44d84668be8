//! What shows of a token that nobody can read, by how it is written.

use super::REDACTED;

/// What a token shows by how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing but what is in it, if it is a JWT.
    Plain,
    /// That no request can carry it: Go sends no control characters but tabs in a header
    /// (golang.org/x/net/http/httpguts).
    Unsendable,
    /// That it is of `aws eks get-token`, and ends 15 minutes after it was made.
    Eks,
    /// That it is Google's, for people and machines, and ends within an hour.
    Google,
    /// That it is of `oc login`, and ends within a day unless OpenShift is told otherwise.
    OpenShift,
}

impl Form {
    /// How they begin. A redacted token begins as the one that it was; one that had characters
    /// which it cannot have says so.
    const BEGINNINGS: [(&str, Self); 4] = [
        ("unsendable.redacted-", Self::Unsendable),
        ("k8s-aws-v1.", Self::Eks),
        ("ya29.", Self::Google),
        ("sha256~", Self::OpenShift),
    ];

    /// That of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        if token.bytes().any(|b| b != b'\t' && b.is_ascii_control()) {
            return Self::Unsendable;
        }
        let known = Self::BEGINNINGS.iter().find(|(start, _)| token.starts_with(start));
        known.map_or(Self::Plain, |(_, form)| *form)
    }

    /// A token of this form that says no more than its mark; none of a plain one.
    pub(super) fn redacted(self, mark: &str) -> Option<String> {
        let (beginning, _) = Self::BEGINNINGS.iter().find(|(_, form)| *form == self)?;
        let beginning = beginning.trim_end_matches(REDACTED).trim_end_matches('.');
        Some(format!("{beginning}.{mark}"))
    }
}
