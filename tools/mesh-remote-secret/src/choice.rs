//! Which of a service account's token Secrets is given away.

use crate::expiry::{Claims, Expiry};
use meshkube::k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use meshkube::kube::ResourceExt as _;
use zeroize::Zeroizing;

/// The type of Secrets that the token controller fills in.
pub const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
/// Its annotation with the service account's name.
pub const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// Where API servers note, since Kubernetes 1.28, on which day somebody last had a token.
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";

/// What istiod is given, as far as the cluster knows it. No `Debug`.
#[derive(Clone)]
pub struct Credential {
    /// The bearer token.
    pub token: Zeroizing<String>,
    /// The cluster's CA as PEM, where it is known.
    pub ca: Option<Vec<u8>>,
    /// How long the token is good for.
    pub expiry: Option<Expiry>,
}

/// Which token Secret is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wish<'a> {
    /// This one.
    Named(&'a str),
    /// The newest of those that are ours, or the only one, or else a new one.
    Current,
    /// A new one, beside those there are.
    Another,
}

/// Which token Secret to take.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Existing(String),
    /// Make one of this name.
    Create(String),
}

/// Chooses among the token Secrets of a namespace. Those that belong to another account of the
/// same name (one that was deleted and made again) or are being deleted do not count.
///
/// Ours are numbered: the one that istioctl would make, and after each rotation one with the next
/// number. The highest number is the current one, so there is no mark to keep up to date.
///
/// # Errors
/// When a named one is not the account's, or when there are several and none is ours.
pub fn choose(
    account: &ServiceAccount,
    secrets: &[Secret],
    wish: Wish<'_>,
) -> Result<Choice, String> {
    let base = base_name(account);
    let account_name = account.name_any();
    let mine: Vec<&Secret> = secrets.iter().filter(|secret| belongs(secret, account)).collect();
    let newest = mine.iter().max_by_key(|s| number(&s.name_any(), &base));
    let newest = newest.filter(|s| number(&s.name_any(), &base).is_some());
    match wish {
        Wish::Named(name) if mine.iter().any(|secret| secret.name_any() == name) => {
            Ok(Choice::Existing(name.to_owned()))
        }
        Wish::Named(name) => {
            let these = if mine.is_empty() {
                String::new()
            } else {
                format!("; these are: {}", names(&mine))
            };
            Err(format!("secret {name} is no token of service account {account_name}{these}"))
        }
        // A rotation that did not come to its end goes on with what it made: nobody has it yet. So
        // runs whose result could not be applied leave one Secret behind and not one each.
        Wish::Another => {
            let newest = newest.filter(|one| filled(one).is_none() || is_unused(one, &mine));
            if let Some(free) = newest {
                return Ok(Choice::Existing(free.name_any()));
            }
            let taken = secrets.iter().filter_map(|s| number(&s.name_any(), &base)).max();
            let next = taken.map(|last| format!("{base}-{}", last + 1));
            Ok(Choice::Create(next.unwrap_or(base)))
        }
        Wish::Current => match (newest, mine.as_slice()) {
            (Some(secret), _) | (None, [secret]) => Ok(Choice::Existing(secret.name_any())),
            (None, []) => Ok(Choice::Create(base)),
            (None, several) => Err(format!(
                "service account {account_name} has {} token secrets: {}",
                several.len(),
                names(several)
            )),
        },
    }
}

/// The account's token Secrets that may be in use besides `current`: those of ours, and the one
/// that was given out before there was one of ours.
#[must_use]
pub fn superseded(account: &ServiceAccount, secrets: &[Secret], current: &str) -> Vec<String> {
    let base = base_name(account);
    let others: Vec<Secret> =
        secrets.iter().filter(|secret| secret.name_any() != current).cloned().collect();
    let mut old: Vec<(u32, String)> = others
        .iter()
        .filter(|secret| belongs(secret, account))
        .filter_map(|secret| Some((number(&secret.name_any(), &base)?, secret.name_any())))
        .collect();
    old.sort();
    if old.is_empty()
        && let Ok(Choice::Existing(name)) = choose(account, &others, Wish::Current)
    {
        return vec![name];
    }
    old.into_iter().map(|(_, name)| name).collect()
}

/// The name that istioctl gives it, too: with both tools in use there is still one token.
fn base_name(account: &ServiceAccount) -> String {
    format!("{}-istio-remote-secret-token", account.name_any())
}

/// Which of ours a name is: 1 for `base`, N for `base-N`.
fn number(name: &str, base: &str) -> Option<u32> {
    let rest = name.strip_prefix(base)?;
    if rest.is_empty() {
        return Some(1);
    }
    let digits = rest.strip_prefix('-')?;
    let number = digits.parse().ok().filter(|number| *number > 1)?;
    (u32::to_string(&number) == digits).then_some(number)
}

fn names(secrets: &[&Secret]) -> String {
    secrets.iter().map(|secret| secret.name_any()).collect::<Vec<_>>().join(", ")
}

/// Whether nobody has used its token, as far as the API server notes that: it does, where another
/// one of the account has been used.
fn is_unused(secret: &Secret, all: &[&Secret]) -> bool {
    let is_used = |secret: &Secret| secret.labels().contains_key(LAST_USED);
    !is_used(secret) && all.iter().any(|other| is_used(other))
}

fn belongs(secret: &Secret, account: &ServiceAccount) -> bool {
    let annotation = |key| secret.annotations().get(key).map(String::as_str);
    secret.type_.as_deref() == Some(TOKEN_TYPE)
        && secret.metadata.deletion_timestamp.is_none()
        && annotation(ACCOUNT_NAME) == account.metadata.name.as_deref()
        // A Secret that was made just now has no UID yet.
        && annotation(ACCOUNT_UID).is_none_or(|uid| Some(uid) == account.metadata.uid.as_deref())
}

/// The parts of a token Secret once the controller has filled it in.
#[must_use]
pub fn filled(secret: &Secret) -> Option<Credential> {
    let data = secret.data.as_ref()?;
    let part = |key: &str| data.get(key).map(|value| value.0.clone()).filter(|v| !v.is_empty());
    let token = String::from_utf8(part("token")?).ok()?;
    let expiry = Claims::of(&token).and_then(|claims| claims.expiry());
    Some(Credential { token: token.into(), ca: Some(part("ca.crt")?), expiry })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn account() -> ServiceAccount {
        serde_json::from_value(json!({
            "metadata": {"name": "reader", "namespace": "istio-system", "uid": "u1"},
        }))
        .unwrap()
    }

    fn secret(name: &str, account: &str, uid: Option<&str>) -> Secret {
        let mut annotations = json!({"kubernetes.io/service-account.name": account});
        if let Some(uid) = uid {
            annotations["kubernetes.io/service-account.uid"] = json!(uid);
        }
        serde_json::from_value(json!({
            "metadata": {"name": name, "annotations": annotations},
            "type": "kubernetes.io/service-account-token",
        }))
        .unwrap()
    }

    fn ours(number: u32) -> String {
        let base = base_name(&account());
        if number == 1 { base } else { format!("{base}-{number}") }
    }

    fn with_token(mut secret: Secret) -> Secret {
        let data = json!({"token": "dA==", "ca.crt": "Yw=="});
        secret.data = serde_json::from_value(data).unwrap();
        secret
    }

    fn mine(name: &str) -> Secret {
        with_token(secret(name, "reader", Some("u1")))
    }

    #[test]
    fn the_accounts_own_secret_is_taken() {
        let others = [
            secret("other", "someone", Some("u2")),
            secret("old", "reader", Some("u0")),
            mine("mine"),
        ];
        let mine = || Ok(Choice::Existing("mine".into()));
        assert_eq!(choose(&account(), &others, Wish::Current), mine());
        assert_eq!(choose(&account(), &others, Wish::Named("mine")), mine());
        let error = choose(&account(), &others, Wish::Named("old")).unwrap_err();
        assert_eq!(error, "secret old is no token of service account reader; these are: mine");
    }

    #[test]
    fn without_one_it_is_made() {
        let make = || Ok(Choice::Create(ours(1)));
        assert_eq!(choose(&account(), &[], Wish::Current), make());
        let mut going = mine("mine");
        going.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(choose(&account(), &[going], Wish::Current), make());
        assert_eq!(choose(&account(), &[], Wish::Another), make());
        assert!(choose(&account(), &[], Wish::Named("x")).is_err());
    }

    #[test]
    fn of_several_only_ours_is_chosen_unasked() {
        let two = [mine("a"), secret("b", "reader", None)];
        let error = choose(&account(), &two, Wish::Current).unwrap_err();
        assert_eq!(error, "service account reader has 2 token secrets: a, b");
        let with_ours = [mine("a"), mine(&ours(1))];
        let expected = Ok(Choice::Existing(ours(1)));
        assert_eq!(choose(&account(), &with_ours, Wish::Current), expected);
    }

    #[test]
    fn a_rotation_makes_the_next_and_that_is_current() {
        let server_made = [mine("reader-token-x7k2p")];
        assert_eq!(choose(&account(), &server_made, Wish::Another), Ok(Choice::Create(ours(1))));
        assert_eq!(superseded(&account(), &server_made, &ours(1)), ["reader-token-x7k2p"]);
        let nine = [mine(&ours(9)), mine(&ours(1)), mine("reader-token-x7k2p")];
        assert_eq!(choose(&account(), &nine, Wish::Current), Ok(Choice::Existing(ours(9))));
        assert_eq!(choose(&account(), &nine, Wish::Another), Ok(Choice::Create(ours(10))));
        let ten = [mine(&ours(10)), mine(&ours(9)), mine(&ours(1)), mine("reader-token-x7k2p")];
        assert_eq!(choose(&account(), &ten, Wish::Current), Ok(Choice::Existing(ours(10))));
        assert_eq!(superseded(&account(), &ten, &ours(10)), [ours(1), ours(9)]);
        assert_eq!(superseded(&account(), &[], &ours(1)), [] as [String; 0]);
    }

    #[test]
    fn an_unfinished_rotation_goes_on() {
        let waiting = [mine(&ours(1)), secret(&ours(2), "reader", None)];
        assert_eq!(choose(&account(), &waiting, Wish::Another), Ok(Choice::Existing(ours(2))));
        // A number that is taken by another account's is not used again.
        let taken = [mine(&ours(1)), with_token(secret(&ours(2), "someone", Some("u2")))];
        assert_eq!(choose(&account(), &taken, Wish::Another), Ok(Choice::Create(ours(3))));
    }

    #[test]
    fn a_token_that_nobody_has_used_is_given_and_no_other_is_made() {
        let used = |name: &str| {
            let mut secret = mine(name);
            secret.metadata.labels = Some([(LAST_USED.to_owned(), "2026-01-01".to_owned())].into());
            secret
        };
        let failed = [used(&ours(1)), mine(&ours(2))];
        assert_eq!(choose(&account(), &failed, Wish::Another), Ok(Choice::Existing(ours(2))));
        assert_eq!(superseded(&account(), &failed, &ours(2)), [ours(1)]);
        let given = [used(&ours(1)), used(&ours(2))];
        assert_eq!(choose(&account(), &given, Wish::Another), Ok(Choice::Create(ours(3))));
        // An older API server notes nothing, and every token may be in use.
        let unknown = [mine(&ours(1)), mine(&ours(2))];
        assert_eq!(choose(&account(), &unknown, Wish::Another), Ok(Choice::Create(ours(3))));
    }

    #[test]
    fn only_our_own_numbers_count() {
        for (name, expected) in [
            ("b", Some(1)),
            ("b-2", Some(2)),
            ("b-1", None),
            ("b-02", None),
            ("b-+2", None),
            ("b2", None),
            ("b-", None),
            ("a", None),
            ("b-99999999999", None),
        ] {
            assert_eq!(number(name, "b"), expected, "{name}");
        }
    }

    #[test]
    fn a_secret_is_filled_when_both_parts_are_there() {
        let with = |data: serde_json::Value| {
            let secret: Secret = serde_json::from_value(json!({"data": data})).unwrap();
            filled(&secret).is_some()
        };
        assert!(with(json!({"token": "dA==", "ca.crt": "Yw=="})));
        assert!(!with(json!({"token": "dA=="})));
        assert!(!with(json!({"ca.crt": "Yw=="})));
        assert!(!with(json!({"token": "", "ca.crt": "Yw=="})));
    }
}
