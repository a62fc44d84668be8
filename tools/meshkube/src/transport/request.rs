//! What a tool may ask an API server for.

use http::{Method, Uri};
use meshcore::{DnsLabel, is_api_word};

/// Parts of a resource that a tool asks for.
const PARTS: [&str; 2] = ["exec", "token"];

/// Keys of queries that kube and the tools write.
const KEYS: [&str; 20] = [
    "allowWatchBookmarks",
    "command",
    "container",
    "continue",
    "dryRun",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "force",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "stderr",
    "stdin",
    "stdout",
    "timeoutSeconds",
    "tty",
    "watch",
];

/// Whether a request, whose path begins with the server's own, is one that a tool may make: the
/// version, the groups, the resources of a version, a list, an object or a part of one. Only an
/// object can be changed or deleted, never a list.
pub fn check(method: &Method, uri: &Uri, base: &str) -> bool {
    let query = uri.query().unwrap_or_default();
    let is_known = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        KEYS.contains(&key) && !value.contains(['/', '?', '#'])
    };
    let Some(path) = uri.path().strip_prefix(base).and_then(|path| path.strip_prefix('/')) else {
        return false;
    };
    let segments: Vec<&str> = path.split('/').collect();
    query.split('&').all(|pair| pair.is_empty() || is_known(pair)) && leads(method, &segments)
}

/// Whether an answer comes as events, one after the other.
pub fn is_watch(uri: &Uri) -> bool {
    uri.query().unwrap_or_default().split('&').any(|pair| pair.starts_with("watch="))
}

/// The name of the object that a request is for, where it is for one; empty for a new one.
pub fn object(method: &Method, uri: &Uri, base: &str) -> Option<String> {
    let path = uri.path().strip_prefix(base)?.strip_prefix('/')?;
    let path: Vec<&str> = path.split('/').collect();
    match resource(&path)? {
        [_] if method == Method::POST => Some(String::new()),
        [_, name] => {
            let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            Some(name.into_owned())
        }
        _ => None,
    }
}

/// What follows the version and the namespace: a plural, and perhaps a name and a part.
fn resource<'a, 'b>(path: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let rest = match path {
        ["api", version, rest @ ..] if is_api_word(version) => rest,
        ["apis", group, version, rest @ ..] if is_group(group) && is_api_word(version) => rest,
        _ => return None,
    };
    match rest {
        // Namespaces are objects, too.
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => {
            DnsLabel::parse(namespace).is_ok().then_some(rest)
        }
        rest => Some(rest),
    }
}

fn leads(method: &Method, path: &[&str]) -> bool {
    if let ["version" | "apis"] = path {
        return method == Method::GET;
    }
    let Some(rest) = resource(path) else { return false };
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') || name.len() > 2;
    match rest {
        [] => method == Method::GET,
        [plural] => is_api_word(plural) && (method == Method::GET || method == Method::POST),
        [plural, name] => is_api_word(plural) && is_name(name) && method != Method::POST,
        [plural, name, part] => is_api_word(plural) && is_name(name) && PARTS.contains(part),
        _ => false,
    }
}

fn is_group(group: &str) -> bool {
    group.split('.').all(|label| DnsLabel::parse(label).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(method: &str, uri: &str) -> bool {
        check(&method.parse().unwrap(), &uri.parse().unwrap(), "/base")
    }

    #[test]
    fn what_the_tools_ask_for_is_allowed() {
        for (method, uri) in [
            ("GET", "/base/version"),
            ("GET", "/base/apis"),
            ("GET", "/base/api/v1"),
            ("GET", "/base/apis/apps/v1"),
            ("GET", "/base/api/v1/pods?&limit=500&continue=a%2Fb%3D"),
            ("GET", "/base/api/v1/namespaces/istio-system/secrets?fieldSelector=type%3Da%2Fb"),
            ("GET", "/base/api/v1/namespaces/kube-system"),
            ("GET", "/base/apis/networking.istio.io/v1/namespaces/n/workloadgroups/a"),
            ("GET", "/base/apis/rbac.authorization.k8s.io/v1/clusterroles/system:a%20b"),
            ("GET", "/base/api/v1/namespaces/n/secrets?&watch=true&resourceVersion=0"),
            ("GET", "/base/api/v1/namespaces/n/pods/a/exec?&stdout=true&command=curl&container=c"),
            ("POST", "/base/api/v1/namespaces/n/serviceaccounts/a/token?"),
            ("POST", "/base/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?"),
            ("PATCH", "/base/api/v1/namespaces/n?&fieldManager=meshutils&force=true"),
            ("DELETE", "/base/api/v1/namespaces/n/secrets/s?"),
        ] {
            assert!(is_allowed(method, uri), "{method} {uri}");
        }
    }

    #[test]
    fn the_object_of_a_path_is_known() {
        for (path, name) in [
            ("/base/api/v1/namespaces/n/secrets/s?&dryRun=All", Some("s")),
            ("/base/api/v1/namespaces/n", Some("n")),
            ("/base/apis/rbac.authorization.k8s.io/v1/clusterroles/a:b%20c", Some("a:b c")),
            ("/base/api/v1/namespaces/n/secrets", None),
            ("/base/api/v1/namespaces/n/pods/p/exec", None),
            ("/base/version", None),
        ] {
            let found = object(&Method::GET, &path.parse().unwrap(), "/base");
            assert_eq!(found, name.map(str::to_owned), "{path}");
        }
        let new = "/base/api/v1/namespaces/n/secrets?".parse().unwrap();
        assert_eq!(object(&Method::POST, &new, "/base"), Some(String::new()));
    }

    /// Of an attack: what kube made of names with `?`, `/` and `#` in them.
    #[test]
    fn what_leads_elsewhere_is_not() {
        for (method, uri) in [
            ("DELETE", "/base/api/v1/namespaces/victim?x=/configmaps/a?"),
            ("DELETE", "/base/api/v1/namespaces/v3/secrets/s?x=/configmaps/a?"),
            ("DELETE", "/base/api/v1/namespaces/v3/configmaps?x=/secrets/a?"),
            ("DELETE", "/base/api/v1/namespaces/v3/configmaps"),
            ("PATCH", "/base/api/v1/configmaps?fieldManager=meshutils"),
            ("PATCH", "/base/api/v1/namespaces/n/configmaps/a?fieldManager=evil&force=true?"),
            ("POST", "/base/api/v1/namespaces/n/serviceaccounts/admin/token?x=/token?"),
            ("GET", "/base/api/v1/namespaces/n/pods/a/log"),
            ("GET", "/base/api/v1/namespaces/../secrets"),
            ("GET", "/base/api/v1/namespaces/n/secrets/.."),
            ("GET", "/base/api/v1/namespaces/n/secrets/"),
            ("GET", "/base/api/v1/namespaces/n/pods/a/proxy/x"),
            ("GET", "/base/metrics"),
            ("GET", "/other/api/v1/pods"),
            ("GET", "/base/../api/v1/pods"),
            ("GET", "/base/api/v1?as=admin"),
        ] {
            assert!(!is_allowed(method, uri), "{method} {uri}");
        }
    }
}
